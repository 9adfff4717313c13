/// \file kernels/graph/attention/simd.hpp
/// What attention layers over one graph have in common: blocks of targets and the softmax over their
/// incoming edges, forward and backward. For sources named *_simd.cpp only: everything
/// here is local to the file that includes it.
#pragma once

#include "kernels/graph/attention/graph.hpp"
#include "kernels/vector/vector_math.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
constexpr float kLeftOut = -3e38F;  ///< exponent of a loop that is left out: its weight is 0

/// Targets begin .. end - 1 of the graph.
struct Block {
    std::int32_t begin, end;
    std::int32_t first_edge;
    std::int64_t slots;
    std::int64_t first_slot;  ///< in the graph
};

struct Slots {
    std::int64_t first;  ///< in the block
    int degree, count;   ///< edges; edges and loop
    std::int32_t const* source;
    std::int32_t target;

    std::int32_t from(int n) const { return n < degree ? source[n] : target; }
};

inline Slots slots_of(AttentionGraph const& g, Block const& block, std::int32_t i)
{
    std::int32_t const edge = g.edge_ptr[i];
    int const degree = g.edge_ptr[i + 1] - edge;
    return {edge - block.first_edge + (g.add_loops ? i - block.begin : 0), degree,
            degree + (g.add_loops ? 1 : 0), g.source + edge, i};
}
inline bool is_left_out(AttentionGraph const& g, Slots const& slots, int n)
{
    return g.add_loops && n < slots.degree && slots.source[n] == slots.target;
}

/// f(block) over the blocks of a graph.
template <class F>
void each_block(AttentionGraph const& g, F const& f)
{
    std::int32_t const loops = g.add_loops ? 1 : 0;
    std::int64_t first_slot = 0;
    for (std::int32_t i = g.begin; i < g.end;) {
        Block block{i, i, g.edge_ptr[i], 0, first_slot};
        do {
            block.slots += g.edge_ptr[i + 1] - g.edge_ptr[i] + loops;
            ++i;
        } while (i < g.end && i - block.begin < kAttentionBlockSlots
                 && block.slots + g.edge_ptr[i + 1] - g.edge_ptr[i] + loops
                        <= kAttentionBlockSlots);
        block.end = i;
        f(block);
        first_slot += block.slots;
    }
}

inline Quad leaky_quad(Quad v, float slope)
{
    return v > 0.0F ? v : v * slope;
}

/// alpha[slot] -= row of its target in `shift`.
inline void subtract_of_target(AttentionGraph const& g,
                               Block const& block,
                               float const* shift,
                               float* alpha)
{
    for (int q = 0; q < g.stride; q += 4)
        for (std::int32_t i = block.begin; i < block.end; ++i) {
            Slots const s = slots_of(g, block, i);
            Quad const v = load_quad(shift + (i - block.begin) * g.stride + q);
            float* const row = alpha + s.first * g.stride + q;
            for (int n = 0; n < s.count; ++n)
                store_quad(row + n * g.stride, load_quad(row + n * g.stride) - v);
        }
}

/// exp(x), 0 where that is no normal number.
inline Vector exp_or_zero(Vector x)
{
    return x > -87.0F ? exp_vector(x) : Vector{};
}
inline void exponentiate(AttentionGraph const& g, Block const& block, float* alpha)
{
    for (std::int64_t e = 0; e < block.slots * g.stride; e += kLanes)
        store(alpha + e, exp_or_zero(load(alpha + e)));
}

/// Up to four heads: exp(alpha - top) of one target in place; returns the sums. Writes up to
/// kLanes - 4 numbers more, so targets are handled in order.
inline Quad exponentiate_target(float* alpha, int slots, Quad top)
{
#ifdef __AVX512F__
    Vector const shift =
        __builtin_shufflevector(top, top, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
#else
    Vector const shift = __builtin_shufflevector(top, top, 0, 1, 2, 3, 0, 1, 2, 3);
#endif
    int const count = 4 * slots;
    Vector sum = {};
    int e = 0;
    for (; e + kLanes <= count; e += kLanes) {
        Vector const x = exp_or_zero(load(alpha + e) - shift);
        store(alpha + e, x);
        sum += x;
    }
    if (e < count) {
        Lanes const lanes(count - e);
        Vector const x = only_lanes(exp_or_zero(load(alpha + e) - shift), lanes);
        store(alpha + e, x);
        sum += x;
    }
    return fold(sum);
}

inline void drop_out(AttentionGraph const& g, Block const& block, float* factor)
{
    auto const quads = static_cast<std::uint32_t>(g.stride / 4);
    fill_factors(g.dropout, static_cast<std::uint32_t>(block.first_slot) * quads,
                 block.slots * g.stride, factor);
}

/// exp(alpha - top) and sums in w.norm, for more than four heads.
inline void exponentiate_and_sum(AttentionGraph const& g,
                                 Block const& block,
                                 AttentionWork const& w)
{
    subtract_of_target(g, block, w.top, w.alpha);
    exponentiate(g, block, w.alpha);
    for (int q = 0; q < g.stride; q += 4)
        for (std::int32_t i = block.begin; i < block.end; ++i) {
            Slots const s = slots_of(g, block, i);
            float const* const row = w.alpha + s.first * g.stride + q;
            Quad sum = {};
            for (int n = 0; n < s.count; ++n)
                sum += load_quad(row + n * g.stride);
            store_quad(w.norm + (i - block.begin) * g.stride + q, sum);
        }
}

/// w.top + log(w.norm) at lse, a row of every target, `lse_stride` apart.
inline void store_lse(AttentionGraph const& g,
                      Block const& block,
                      AttentionWork const& w,
                      float* lse,
                      std::int64_t lse_stride)
{
    std::int64_t const targets = block.end - block.begin;
    for (std::int64_t e = 0; e < targets * g.stride; e += kLanes) {
        Vector const sum = load(w.norm + e);
        store(w.top + e, load(w.top + e) + log_vector(sum > 1.0F ? sum : splat(1.0F)));
    }
    for (std::int64_t t = 0; t < targets; ++t)
        for (int q = 0; q < g.stride; q += 4)
            store_quad(lse + t * lse_stride + q, load_quad(w.top + t * g.stride + q));
}

/// Dropout of the weights.
inline void drop_weights(AttentionGraph const& g, Block const& block, AttentionWork const& w)
{
    if (g.dropout.threshold == 0) return;
    drop_out(g, block, w.factor);
    for (std::int64_t e = 0; e < block.slots * g.stride; e += kLanes)
        store(w.alpha + e, load(w.alpha + e) * load(w.factor + e));
}

/// Normalised weights for whoever looks at them: alpha (E, H), loops (N, H); either may be null.
inline void store_alpha(
    AttentionGraph const& g, Block const& block, AttentionWork const& w, float* alpha, float* loop)
{
    for (std::int32_t i = block.begin; i < block.end; ++i) {
        Slots const s = slots_of(g, block, i);
        for (int n = 0; n < s.count; ++n) {
            float* const to = n < s.degree ? alpha : loop;
            std::int64_t const row = n < s.degree ? std::int64_t{g.edge_ptr[i]} + n : i;
            for (int h = 0; to != nullptr && h < g.heads; ++h)
                to[row * g.heads + h] = w.alpha[(s.first + n) * g.stride + h]
                                        / (w.norm[(i - block.begin) * g.stride + h] + 1e-16F);
        }
    }
}

/// w.alpha: from exponent minus log-sum-exp to the weights after dropout; w.slope: times alpha.
inline void weights_again(AttentionGraph const& g, Block const& block, AttentionWork const& w)
{
    bool const drops = g.dropout.threshold > 0;
    if (drops) drop_out(g, block, w.factor);
    for (std::int64_t e = 0; e < block.slots * g.stride; e += kLanes) {
        Vector const alpha = exp_or_zero(load(w.alpha + e));
        store(w.slope + e, load(w.slope + e) * alpha);
        store(w.alpha + e, drops ? alpha * load(w.factor + e) : alpha);
    }
}

/// w.gradient: from dL/d(weight after dropout) to d = w.slope * dL/d(exponent); w.dtarget = sums of
/// d over the slots. f(source, q, d) sees d of heads q to q + 3.
template <class F>
void softmax_backward(AttentionGraph const& g,
                      Block const& block,
                      AttentionWork const& w,
                      F const& f)
{
    bool const drops = g.dropout.threshold > 0;
    for (int q = 0; q < g.stride; q += 4)
        for (std::int32_t i = block.begin; i < block.end; ++i) {
            Slots const s = slots_of(g, block, i);
            std::int64_t const first = s.first * g.stride + q;
            Quad average = {};
            for (int n = 0; n < s.count; ++n)
                average += load_quad(w.alpha + first + n * g.stride)
                           * load_quad(w.gradient + first + n * g.stride);
            Quad sum = {};
            for (int n = 0; n < s.count; ++n) {
                std::int64_t const at = first + n * g.stride;
                Quad d = load_quad(w.gradient + at);
                if (drops) d *= load_quad(w.factor + at);
                d = load_quad(w.slope + at) * (d - average);
                store_quad(w.gradient + at, d);
                sum += d;
                f(s.from(n), q, d);
            }
            store_quad(w.dtarget + (i - g.begin) * g.stride + q, sum);
        }
}

inline void fill_zero(float* p, std::int64_t count)
{
    for (std::int64_t i = 0; i < count; ++i)
        p[i] = 0;
}
}  // namespace
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
