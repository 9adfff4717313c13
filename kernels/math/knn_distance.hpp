/// \file kernels/math/knn_distance.hpp
/// The key of every nearest-neighbour search: (d2, index), smaller first, with
///   d2 = ((x0 - y0)^2 + (x1 - y1)^2) + ..., every single operation rounded to float.
/// A fused multiply-add would round differently from one loop to the next, so the squares are
/// hidden from the compiler before they are added. All names are local to the file that includes
/// this one, which *_simd.cpp files may do.
#pragma once

#include "runtime/config.hpp"

namespace calofuse {
/// d * d as a number of its own: never fused into an addition. T: float or a vector of floats.
template <class T>
CALOFUSE_HD static inline T rounded_square(T d)
{
#ifdef __CUDA_ARCH__
    return __fmul_rn(d, d);
#else
    T square = d * d;
    asm("" : "+v"(square));
    return square;
#endif
}

/// d2 of two points of `dims` coordinates; NaN where a coordinate is NaN.
CALOFUSE_HD [[maybe_unused]] static inline float knn_distance(float const* a,
                                                              float const* b,
                                                              int dims)
{
    float sum = rounded_square(a[0] - b[0]);
    for (int d = 1; d < dims; ++d)
        sum += rounded_square(a[d] - b[d]);
    return sum;
}
}  // namespace calofuse
