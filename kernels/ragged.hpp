/// \file kernels/ragged.hpp
/// Node tensors of a ragged batch have room for N rows; how many exist is the last entry of row_ptr.
#pragma once

#include "runtime/tensor.hpp"

namespace calofuse {
/// Rows that exist of `capacity`: all where there is no row_ptr. Host only: reads row_ptr.
inline std::int64_t ragged_rows(TensorRef const& row_ptr, std::int64_t capacity)
{
    if (row_ptr.empty()) return capacity;
    auto const ptr = row_ptr.view<std::int32_t const, 1>();
    return ptr[ptr.size() - 1];
}
}  // namespace calofuse
