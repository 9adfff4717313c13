/// \file kernels/check.hpp
/// What operators ask of their tensors at the API edge.
#pragma once

#include <initializer_list>

#include "runtime/tensor.hpp"

namespace calofuse {
/// Throws unless `t` has this element type and exactly this shape.
inline void check_tensor(TensorRef const& t,
                         DType dtype,
                         std::initializer_list<std::int64_t> shape,
                         char const* name)
{
    bool fits = t.dtype == dtype && t.rank == static_cast<int>(shape.size());
    for (int d = 0; fits && d < t.rank; ++d)
        fits = t.shape[static_cast<std::size_t>(d)] == shape.begin()[d];
    TensorRef wanted{nullptr, dtype, static_cast<int>(shape.size()), {}};
    for (std::size_t d = 0; d < shape.size() && d < kMaxRank; ++d)
        wanted.shape[d] = shape.begin()[d];
    CALOFUSE_CHECK(fits, name << " is " << t.describe() << ", wanted " << wanted.describe());
    CALOFUSE_CHECK(!t.empty() || t.size() == 0, name << " has no memory");
}

/// Throws unless `t` has type and shape of `like`.
inline void check_like(TensorRef const& t,
                       TensorRef const& like,
                       char const* name,
                       char const* like_name)
{
    CALOFUSE_CHECK(t.dtype == like.dtype && t.same_shape(like), name << " is " << t.describe()
                                                                     << " but " << like_name
                                                                     << " is " << like.describe());
    CALOFUSE_CHECK(!t.empty() || t.size() == 0, name << " has no memory");
}
}  // namespace calofuse
