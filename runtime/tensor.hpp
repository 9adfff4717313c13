/// \file runtime/tensor.hpp
/// `TensorRef`: a typeless, non-owning reference that crosses APIs. `View<T, R>`: its typed form,
/// used in loops. Both are row-major and contiguous.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>

#include "runtime/dtype.hpp"

namespace calofuse {
inline constexpr int kMaxRank = 5;

/// Trivially copyable: goes by value into kernels.
template <class T, int kRank>
struct View {
    T* data = nullptr;
    std::int64_t shape[kRank] = {};

    CALOFUSE_HD constexpr T& operator[](std::int64_t i) const { return data[i]; }
    template <class... Index>
    requires(sizeof...(Index) == kRank) CALOFUSE_HD constexpr T& operator()(Index... index) const
    {
        std::int64_t const at[kRank] = {static_cast<std::int64_t>(index)...};
        std::int64_t flat = 0;
        for (int d = 0; d < kRank; ++d)
            flat = flat * shape[d] + at[d];
        return data[flat];
    }
    CALOFUSE_HD constexpr std::int64_t size() const
    {
        std::int64_t n = 1;
        for (int d = 0; d < kRank; ++d)
            n *= shape[d];
        return n;
    }
};

/// Element type and rank are checked once, in `view<T, R>()`.
struct TensorRef {
    void* data = nullptr;
    DType dtype = DType::f32;
    int rank = 0;
    std::array<std::int64_t, kMaxRank> shape = {};

    std::int64_t size() const
    {
        std::int64_t n = rank == 0 ? 0 : 1;
        for (int d = 0; d < rank; ++d)
            n *= shape[static_cast<std::size_t>(d)];
        return n;
    }
    bool empty() const { return data == nullptr; }
    bool same_shape(TensorRef const& other) const
    {
        return rank == other.rank && shape == other.shape;
    }
    /// "(32, 249) f32"
    std::string describe() const;

    /// The same memory under another shape of equal size.
    TensorRef reshaped(std::initializer_list<std::int64_t> new_shape) const;

    template <class T, int kRank>
    View<T, kRank> view() const
    {
        using Element = std::remove_const_t<T>;
        CALOFUSE_CHECK(dtype == kDTypeOf<Element>,
                       "tensor is " << describe() << ", wanted " << name_of(kDTypeOf<Element>));
        CALOFUSE_CHECK(rank == kRank, "tensor is " << describe() << ", wanted rank " << kRank);
        View<T, kRank> out{static_cast<T*>(data), {}};
        for (int d = 0; d < kRank; ++d)
            out.shape[d] = shape[static_cast<std::size_t>(d)];
        return out;
    }
    /// All elements as one row, whatever the rank.
    template <class T>
    View<T, 1> flat() const
    {
        using Element = std::remove_const_t<T>;
        CALOFUSE_CHECK(dtype == kDTypeOf<Element>,
                       "tensor is " << describe() << ", wanted " << name_of(kDTypeOf<Element>));
        return View<T, 1>{static_cast<T*>(data), {size()}};
    }
};

template <class T>
TensorRef tensor_ref(T* data, std::initializer_list<std::int64_t> shape)
{
    using Element = std::remove_const_t<T>;
    CALOFUSE_CHECK(shape.size() <= kMaxRank, "rank " << shape.size() << " exceeds " << kMaxRank);
    TensorRef ref{
        const_cast<Element*>(data), kDTypeOf<Element>, static_cast<int>(shape.size()), {}};
    std::size_t d = 0;
    for (auto extent : shape)
        ref.shape[d++] = extent;
    return ref;
}
}  // namespace calofuse
