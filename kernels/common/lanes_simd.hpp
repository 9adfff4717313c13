/// \file kernels/common/lanes_simd.hpp
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
    typedef std::uint8_t Byte __attribute__((vector_size(L)));
};
template <int L>
using Floats = typename LaneTypes<L>::Float;
template <int L>
using Ints = typename LaneTypes<L>::Int;
template <int L>
using Bytes = typename LaneTypes<L>::Byte;

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
template <int L>
inline float sum_lanes(Floats<L> v)
{
    if constexpr (L == 1) {
        return v[0];
    } else {
        auto const low = load_as<Floats<L / 2>>(reinterpret_cast<char const*>(&v));
        auto const high = load_as<Floats<L / 2>>(reinterpret_cast<char const*>(&v) + sizeof low);
        return sum_lanes<L / 2>(low + high);
    }
}

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
            narrow += sum_lanes<L>(product);
    }
    float sum() const { return sum_lanes<kWidest>(wide) + narrow; }
};
}  // namespace
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
