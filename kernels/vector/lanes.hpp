/// \file kernels/vector/lanes.hpp
/// Loops over the channels of one row, whatever their number: whole vectors first, then 8, 4 and 1
/// channels. For sources named *_simd.cpp only: everything here is local to the file that includes
/// it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
#ifdef __AVX512F__
constexpr int kWidest = 16;
#else
constexpr int kWidest = 8;
#endif

template <int L>
struct LaneTypes {
    typedef float Float __attribute__((vector_size(4 * L)));
    typedef std::int32_t Int __attribute__((vector_size(4 * L)));
};
template <int L>
using Floats = typename LaneTypes<L>::Float;
template <int L>
using Ints = typename LaneTypes<L>::Int;

/// No alignment is asked for.
template <class V, class T>
inline V load_as(T const* p)
{
    V v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
template <class V, class T>
inline void store_as(T* p, V v)
{
    __builtin_memcpy(p, &v, sizeof v);
}

/// Halves are added to each other until one number is left.
inline float sum_lanes(Floats<1> v)
{
    return v[0];
}
inline float sum_lanes(Floats<4> v)
{
    Floats<4> const pairs = v + __builtin_shufflevector(v, v, 2, 3, 0, 1);
    return pairs[0] + pairs[1];
}
inline float sum_lanes(Floats<8> v)
{
    return sum_lanes(Floats<4>(__builtin_shufflevector(v, v, 0, 1, 2, 3)
                               + __builtin_shufflevector(v, v, 4, 5, 6, 7)));
}
#ifdef __AVX512F__
inline float sum_lanes(Floats<16> v)
{
    return sum_lanes(Floats<8>(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
                               + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)));
}
#endif

/// body.operator()<L>(c) for blocks of L channels from c that cover 0 .. count - 1.
template <class Body>
inline void each_block(std::int64_t count, Body const& body)
{
    std::int64_t c = 0;
    for (; c + kWidest <= count; c += kWidest)
        body.template operator()<kWidest>(c);
    if (kWidest > 8 && c + 8 <= count) {
        body.template operator()<8>(c);
        c += 8;
    }
    if (c + 4 <= count) {
        body.template operator()<4>(c);
        c += 4;
    }
    for (; c < count; ++c)
        body.template operator()<1>(c);
}

/// Sum of the products that blocks of one row hand in.
struct DotProduct {
    Floats<kWidest> wide = {};
    float narrow = 0;

    template <int L>
    void add(Floats<L> product)
    {
        if constexpr (L == kWidest)
            wide += product;
        else
            narrow += sum_lanes(product);
    }
    float sum() const { return sum_lanes(wide) + narrow; }
};
}  // namespace
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
