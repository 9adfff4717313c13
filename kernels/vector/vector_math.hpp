/// \file kernels/vector/vector_math.hpp
/// Vector code that several operators share: part rows, exp, log, sums of lanes and Philox. For
/// sources named *_simd.cpp only: everything here is local to the file that includes it.
#pragma once

// g++ 12 takes the deliberately undefined registers of this header for a mistake (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "kernels/math/dropout_key.hpp"
#include "kernels/vector/micro_kernel.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
typedef std::uint32_t UintVector __attribute__((vector_size(4 * kLanes)));
typedef float Quad __attribute__((vector_size(16)));
typedef float LooseQuad __attribute__((vector_size(16), aligned(4), may_alias));

inline Quad load_quad(float const* p)
{
    return *reinterpret_cast<LooseQuad const*>(p);
}
inline void store_quad(float* p, Quad v)
{
    *reinterpret_cast<LooseQuad*>(p) = v;
}
inline Quad splat_quad(float x)
{
    return x - Quad{};
}

/// The first `count` lanes of a vector: 1 <= count <= kLanes.
#ifdef __AVX512F__
struct Lanes {
    __mmask16 bits;
    explicit Lanes(int count) : bits(static_cast<__mmask16>((1U << count) - 1U)) {}
};
inline Vector load_lanes(float const* p, Lanes lanes)
{
    return static_cast<Vector>(_mm512_maskz_loadu_ps(lanes.bits, p));
}
inline void store_lanes(float* p, Vector v, Lanes lanes)
{
    _mm512_mask_storeu_ps(p, lanes.bits, static_cast<__m512>(v));
}
/// The others become 0.
inline Vector only_lanes(Vector v, Lanes lanes)
{
    return static_cast<Vector>(_mm512_maskz_mov_ps(lanes.bits, static_cast<__m512>(v)));
}
/// v where bit (c + lane) % 16 of word (c + lane) / 16 is set, else 0; c is a multiple of kLanes.
inline Vector where_kept(std::uint16_t const* words, std::int64_t c, Vector v)
{
    return static_cast<Vector>(_mm512_maskz_mov_ps(words[c / 16], static_cast<__m512>(v)));
}
#else
struct Lanes {
    __m256i mask;
    explicit Lanes(int count)
        : mask(
            _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)))
    {}
};
inline Vector load_lanes(float const* p, Lanes lanes)
{
    return static_cast<Vector>(_mm256_maskload_ps(p, lanes.mask));
}
inline void store_lanes(float* p, Vector v, Lanes lanes)
{
    _mm256_maskstore_ps(p, lanes.mask, static_cast<__m256>(v));
}
inline Vector only_lanes(Vector v, Lanes lanes)
{
    return static_cast<Vector>(
        _mm256_and_ps(static_cast<__m256>(v), _mm256_castsi256_ps(lanes.mask)));
}
inline Vector where_kept(std::uint16_t const* words, std::int64_t c, Vector v)
{
    IntVector const bit = {1, 2, 4, 8, 16, 32, 64, 128};
    return ((words[c / 16] >> (c % 16)) & bit) != 0 ? v : Vector{};
}
#endif
/// Whole vectors or, with kPart, the given lanes; the others read 0 and are not written.
template <bool kPart>
inline Vector load_row(float const* p, Lanes lanes)
{
    if constexpr (kPart)
        return load_lanes(p, lanes);
    else
        return load(p);
}
template <bool kPart>
inline void store_row(float* p, Vector v, Lanes lanes)
{
    if constexpr (kPart)
        store_lanes(p, v, lanes);
    else
        store(p, v);
}

struct ExpVectors {
    Vector scale;      ///< 2^k
    Vector minus_one;  ///< exp(r) - 1, x = k log 2 + r
};
/// As exp_float in float_math.hpp, for x in [-87, 88] after clamping.
inline ExpVectors exp_vectors(Vector x)
{
    constexpr float kRound = 12582912.0F;
    Vector const low = x < -87.0F ? splat(-87.0F) : x;
    Vector const clamped = low > 88.0F ? splat(88.0F) : low;
    Vector const shifted = clamped * 1.44269504F + kRound;
    Vector const k = shifted - kRound;
    Vector const r = (clamped - k * 0.693359375F) + k * 2.12194440e-4F;
    Vector p = splat(1.0F / 5040);
    p = p * r + 1.0F / 720;
    p = p * r + 1.0F / 120;
    p = p * r + 1.0F / 24;
    p = p * r + 1.0F / 6;
    p = p * r + 0.5F;
    p = p * (r * r) + r;
    UintVector const bits = (reinterpret_cast<UintVector>(shifted) << 23) + 0x3F800000U;
    return {reinterpret_cast<Vector>(bits), p};
}
inline Vector exp_vector(Vector x)
{
    ExpVectors const e = exp_vectors(x);
    return e.scale + e.scale * e.minus_one;
}
inline Vector expm1_vector(Vector x)
{
    ExpVectors const e = exp_vectors(x);
    return (e.scale - 1.0F) + e.scale * e.minus_one;
}

/// log(x) for normal x >= 1, as log1p_nonnegative in asinh.hpp.
inline Vector log_vector(Vector x)
{
    constexpr std::int32_t kSqrtHalfBits = 0x3f3504f3;
    IntVector const bits = reinterpret_cast<IntVector>(x);
    IntVector const k = (bits - kSqrtHalfBits) >> 23;
    Vector const f = reinterpret_cast<Vector>(bits - (k << 23)) - 1.0F;
    Vector p = splat(-0x1.38b614p-4F);
    p = p * f + 0x1.055d10p-3F;
    p = p * f - 0x1.0d85ecp-3F;
    p = p * f + 0x1.22d9eep-3F;
    p = p * f - 0x1.54722ep-3F;
    p = p * f + 0x1.99a00ap-3F;
    p = p * f - 0x1.000228p-2F;
    p = p * f + 0x1.555554p-2F;
    Vector const log_f = f * f * (f * p - 0.5F) + f;
    Vector const scale = __builtin_convertvector(k, Vector);
    return scale * 0x1.62e430p-1F + (scale * -0x1.05c610p-29F + log_f);
}

/// Lanes of all groups of four added up.
inline Quad fold(Vector v)
{
#ifdef __AVX512F__
    typedef float Half __attribute__((vector_size(32)));
    Half const half = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
                      + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    Vector const half = v;
#endif
    return __builtin_shufflevector(half, half, 0, 1, 2, 3)
           + __builtin_shufflevector(half, half, 4, 5, 6, 7);
}
#ifdef __AVX512F__
inline Vector unpack_low(Vector a, Vector b)
{
    return static_cast<Vector>(_mm512_unpacklo_ps(static_cast<__m512>(a), static_cast<__m512>(b)));
}
inline Vector unpack_high(Vector a, Vector b)
{
    return static_cast<Vector>(_mm512_unpackhi_ps(static_cast<__m512>(a), static_cast<__m512>(b)));
}
inline Vector unpack_low_pairs(Vector a, Vector b)
{
    return reinterpret_cast<Vector>(
        _mm512_unpacklo_pd(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b)));
}
inline Vector unpack_high_pairs(Vector a, Vector b)
{
    return reinterpret_cast<Vector>(
        _mm512_unpackhi_pd(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b)));
}
#else
inline Vector unpack_low(Vector a, Vector b)
{
    return static_cast<Vector>(_mm256_unpacklo_ps(static_cast<__m256>(a), static_cast<__m256>(b)));
}
inline Vector unpack_high(Vector a, Vector b)
{
    return static_cast<Vector>(_mm256_unpackhi_ps(static_cast<__m256>(a), static_cast<__m256>(b)));
}
inline Vector unpack_low_pairs(Vector a, Vector b)
{
    return reinterpret_cast<Vector>(
        _mm256_unpacklo_pd(reinterpret_cast<__m256d>(a), reinterpret_cast<__m256d>(b)));
}
inline Vector unpack_high_pairs(Vector a, Vector b)
{
    return reinterpret_cast<Vector>(
        _mm256_unpackhi_pd(reinterpret_cast<__m256d>(a), reinterpret_cast<__m256d>(b)));
}
#endif

/// Lane b = sum of all lanes of v[b], b < B; the other lanes are of no meaning.
template <int B>
inline Quad lane_sums(Vector const (&v)[B])
{
    static_assert(B == 1 || B == 2 || B == 4);
    if constexpr (B == 4) {
        Vector const a = unpack_low(v[0], v[1]) + unpack_high(v[0], v[1]);
        Vector const b = unpack_low(v[2], v[3]) + unpack_high(v[2], v[3]);
        return fold(unpack_low_pairs(a, b) + unpack_high_pairs(a, b));
    } else if constexpr (B == 2) {
        Quad const a = fold(unpack_low(v[0], v[1]) + unpack_high(v[0], v[1]));
        return a + __builtin_shufflevector(a, a, 2, 3, 2, 3);
    } else {
        Quad const a = fold(v[0]);
        Quad const b = a + __builtin_shufflevector(a, a, 2, 3, 2, 3);
        return b + __builtin_shufflevector(b, b, 1, 1, 1, 1);
    }
}
inline float lane_sum(Vector v)
{
    Vector const one[1] = {v};
    return lane_sums<1>(one)[0];
}
/// to[b] = (add ? to[b] : 0) + v[b] for b < B
template <int B>
inline void put(float* to, Quad v, bool add)
{
    if constexpr (B == 4) return store_quad(to, add ? load_quad(to) + v : v);
    for (int b = 0; b < B; ++b)
        to[b] = add ? to[b] + v[b] : v[b];
}

struct WideProduct {
    UintVector high, low;
};
/// 32 x 32 -> 64 bit in every lane.
inline WideProduct multiply_wide(UintVector a, std::uint32_t factor)
{
#ifdef __AVX512F__
    auto const x = reinterpret_cast<__m512i>(a);
    __m512i const m = _mm512_set1_epi32(static_cast<int>(factor));
    __m512i const even = _mm512_mul_epu32(x, m);
    __m512i const odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), m);
    return {
        reinterpret_cast<UintVector>(_mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB)),
        reinterpret_cast<UintVector>(_mm512_mask_shuffle_epi32(even, 0xAAAA, odd, _MM_PERM_CCAA))};
#else
    auto const x = reinterpret_cast<__m256i>(a);
    __m256i const m = _mm256_set1_epi32(static_cast<int>(factor));
    __m256i const even = _mm256_mul_epu32(x, m);
    __m256i const odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), m);
    return {
        reinterpret_cast<UintVector>(_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA)),
        reinterpret_cast<UintVector>(_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA))};
#endif
}

constexpr int kBatchBlocks = kLanes;  ///< random blocks of four words that are made at a time
constexpr int kBatchWords = 4 * kBatchBlocks;

/// The words of kBatchBlocks consecutive blocks of an event, in the order of the elements.
struct RandomBatch {
    UintVector word[4];
};
inline RandomBatch random_batch(DropoutKey const& key, std::uint32_t first_block)
{
    // Lane 4 l + k works on block kLanes / 4 * k + l: then transposing inside the groups of four
    // lanes puts the words in order.
#ifdef __AVX512F__
    UintVector const order = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
#else
    UintVector const order = {0, 2, 4, 6, 1, 3, 5, 7};
#endif
    UintVector c[4] = {order + first_block, UintVector{} + key.event, UintVector{} + key.step,
                       UintVector{} + key.stream};
    auto key0 = static_cast<std::uint32_t>(key.seed);
    auto key1 = static_cast<std::uint32_t>(key.seed >> 32U);
    for (int round = 0; round < 10; ++round) {
        WideProduct const p0 = multiply_wide(c[0], 0xD2511F53U);
        WideProduct const p1 = multiply_wide(c[2], 0xCD9E8D57U);
        c[0] = p1.high ^ c[1] ^ key0;
        c[1] = p1.low;
        c[2] = p0.high ^ c[3] ^ key1;
        c[3] = p0.low;
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
    auto const as_float = [&](int w) {
        return reinterpret_cast<Vector>(c[w]);
    };
    Vector const ab_low = unpack_low(as_float(0), as_float(1));
    Vector const ab_high = unpack_high(as_float(0), as_float(1));
    Vector const cd_low = unpack_low(as_float(2), as_float(3));
    Vector const cd_high = unpack_high(as_float(2), as_float(3));
    return {{reinterpret_cast<UintVector>(unpack_low_pairs(ab_low, cd_low)),
             reinterpret_cast<UintVector>(unpack_high_pairs(ab_low, cd_low)),
             reinterpret_cast<UintVector>(unpack_low_pairs(ab_high, cd_high)),
             reinterpret_cast<UintVector>(unpack_high_pairs(ab_high, cd_high))}};
}

/// factors[e] = key.factor where element 4 * first_block + e of the event is kept, else 0, for
/// e < count; writes up to kBatchWords - 1 numbers more.
inline void fill_factors(DropoutKey const& key,
                         std::uint32_t first_block,
                         std::int64_t count,
                         float* factors)
{
    for (std::int64_t e = 0; e < count; e += kBatchWords) {
        RandomBatch const batch =
            random_batch(key, first_block + static_cast<std::uint32_t>(e / 4));
        for (int w = 0; w < 4; ++w)
            store(factors + e + w * kLanes,
                  (batch.word[w] >> 8) >= key.threshold ? splat(key.factor) : Vector{});
    }
}

/// Bit e % 16 of words[e / 16] is set where element 4 * first_block + e is kept, for e < count;
/// writes up to kBatchWords / 16 - 1 words more.
inline void fill_kept(DropoutKey const& key,
                      std::uint32_t first_block,
                      std::int64_t count,
                      std::uint16_t* words)
{
    for (std::int64_t e = 0; e < count; e += kBatchWords) {
        RandomBatch const batch =
            random_batch(key, first_block + static_cast<std::uint32_t>(e / 4));
        std::uint32_t bits[4];
        for (int w = 0; w < 4; ++w) {
            IntVector const kept = (batch.word[w] >> 8) >= key.threshold;
#ifdef __AVX512F__
            bits[w] = _mm512_movepi32_mask(reinterpret_cast<__m512i>(kept));
#else
            bits[w] =
                static_cast<std::uint32_t>(_mm256_movemask_ps(reinterpret_cast<__m256>(kept)));
#endif
        }
        if constexpr (kLanes == 16)
            for (int w = 0; w < 4; ++w)
                words[e / 16 + w] = static_cast<std::uint16_t>(bits[w]);
        else
            for (int w = 0; w < 2; ++w)
                words[e / 16 + w] = static_cast<std::uint16_t>(bits[2 * w] | bits[2 * w + 1] << 8);
    }
}
}  // namespace
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
