/// \file kernels/common/attention_simd.hpp
/// What attention layers over one graph have in common: the softmax over incoming edges, forward and
/// backward, and the weighted sum of the neighbours. For sources named *_simd.cpp only: everything
/// here is local to the file that includes it.
#pragma once

#include "kernels/common/attention_graph.hpp"
#include "kernels/common/vector_math_simd.hpp"

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

/// What V vectors of a panel are of their head: all of it, some, or (V = 1) less than a vector.
enum class Span { head, inside, part };

/// Channels from one head to the next, known when this is compiled where that is possible.
template <int V, Span kSpan>
inline std::int64_t head_step(AttentionGraph const& g)
{
    return kSpan == Span::head ? V * kLanes : g.channels;
}
template <Span kSpan>
inline Vector load_span(float const* p, Lanes lanes)
{
    return load_row<kSpan == Span::part>(p, lanes);
}
template <Span kSpan>
inline void store_span(float* p, Vector v, Lanes lanes)
{
    store_row<kSpan == Span::part>(p, v, lanes);
}

/// f<V, B, kSpan>(first head, first channel) over panels of B heads and V vectors of channels; V * B
/// <= 8 of them fit in registers.
template <int V, int B, Span kSpan, class F>
void each_head_group(AttentionGraph const& g, int head, int channel, F const& f)
{
    for (; head + B <= g.heads; head += B)
        f.template operator()<V, B, kSpan>(head, channel);
    if constexpr (B > 1) each_head_group<V, B / 2, kSpan>(g, head, channel, f);
}
template <int kMaxHeads = 4, class F>
void each_panel(AttentionGraph const& g, F const& f)
{
    constexpr int kWideHeads = kMaxHeads == 4 ? 2 : kMaxHeads;
    if (g.channels == kLanes) return each_head_group<1, kMaxHeads, Span::head>(g, 0, 0, f);
    if (g.channels == 2 * kLanes) return each_head_group<2, kMaxHeads, Span::head>(g, 0, 0, f);
    if (g.channels == 4 * kLanes) return each_head_group<4, kWideHeads, Span::head>(g, 0, 0, f);
    int channel = 0;
    for (; channel + 2 * kLanes <= g.channels; channel += 2 * kLanes)
        each_head_group<2, kMaxHeads, Span::inside>(g, 0, channel, f);
    if (channel + kLanes <= g.channels) {
        each_head_group<1, kMaxHeads, Span::inside>(g, 0, channel, f);
        channel += kLanes;
    }
    if (channel < g.channels) each_head_group<1, kMaxHeads, Span::part>(g, 0, channel, f);
}
inline Lanes last_lanes(AttentionGraph const& g)
{
    int const left = g.channels % kLanes;
    return Lanes(left == 0 ? kLanes : left);
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

/// y of the block's targets = heads merged of sum_slots alpha rows[source] / norm + bias.
template <int V, int B, Span kSpan>
void aggregate_panel(AttentionGraph const& g,
                     Block const& block,
                     AttentionWork const& w,
                     float const* rows,
                     float const* bias,
                     float* y,
                     int head,
                     int channel)
{
    Lanes const lanes = last_lanes(g);
    std::int64_t const step = std::int64_t{g.heads} * g.channels;
    std::int64_t const next = head_step<V, kSpan>(g);
    for (std::int32_t i = block.begin; i < block.end; ++i) {
        Slots const s = slots_of(g, block, i);
        Vector sum[B][V] = {};
        float const* alpha = w.alpha + s.first * g.stride + head;
        for (int n = 0; n < s.count; ++n, alpha += g.stride) {
            float const* const row = rows + s.from(n) * step + head * g.channels + channel;
#pragma GCC unroll 4
            for (int b = 0; b < B; ++b)
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v)
                    sum[b][v] += alpha[b] * load_span<kSpan>(row + b * next + v * kLanes, lanes);
        }
        float const* const norm = w.norm + (i - block.begin) * g.stride + head;
        if (!g.mean_heads) {
            std::int64_t const at = head * g.channels + channel;
            for (int b = 0; b < B; ++b)
                for (int v = 0; v < V; ++v) {
                    std::int64_t const c = at + b * next + v * kLanes;
                    Vector const z = sum[b][v] * (1.0F / (norm[b] + 1e-16F));
                    store_span<kSpan>(y + i * step + c,
                                      bias != nullptr ? z + load_span<kSpan>(bias + c, lanes) : z,
                                      lanes);
                }
            continue;
        }
        for (int v = 0; v < V; ++v) {
            int const c = channel + v * kLanes;
            float* const out = y + std::int64_t{i} * g.channels + c;
            Vector z = head > 0          ? load_span<kSpan>(out, lanes)
                       : bias != nullptr ? load_span<kSpan>(bias + c, lanes)
                                         : Vector{};
            for (int b = 0; b < B; ++b)
                z += sum[b][v] * (1.0F / ((norm[b] + 1e-16F) * static_cast<float>(g.heads)));
            store_span<kSpan>(out, z, lanes);
        }
    }
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

/// dz of head `head`, channel `channel` and on of target i; heads share it where they are averaged.
template <int V, int B, Span kSpan>
inline void load_dz(AttentionGraph const& g,
                    float const* dy,
                    std::int32_t i,
                    int head,
                    int channel,
                    Lanes lanes,
                    Vector (&dz)[B][V])
{
    float const* const row = g.mean_heads
                                 ? dy + std::int64_t{i} * g.channels + channel
                                 : dy + (std::int64_t{i} * g.heads + head) * g.channels + channel;
    float const scale = g.mean_heads ? 1.0F / static_cast<float>(g.heads) : 1.0F;
    std::int64_t const next = g.mean_heads ? 0 : head_step<V, kSpan>(g);
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v)
            dz[b][v] = load_span<kSpan>(row + b * next + v * kLanes, lanes) * scale;
}

/// Through z = sum alpha rows: w.gradient = dz . rows[source], drows[source] += alpha dz.
template <int V, int B, Span kSpan>
void aggregate_backward_panel(AttentionGraph const& g,
                              Block const& block,
                              AttentionWork const& w,
                              float const* rows,
                              float const* dy,
                              float* drows,
                              int head,
                              int channel)
{
    Lanes const lanes = last_lanes(g);
    std::int64_t const step = std::int64_t{g.heads} * g.channels;
    std::int64_t const offset = head * g.channels + channel;
    std::int64_t const next = head_step<V, kSpan>(g);
    for (std::int32_t i = block.begin; i < block.end; ++i) {
        Slots const s = slots_of(g, block, i);
        Vector dz[B][V];
        load_dz<V, B, kSpan>(g, dy, i, head, channel, lanes, dz);
        float const* alpha = w.alpha + s.first * g.stride + head;
        float* gradient = w.gradient + s.first * g.stride + head;
        for (int n = 0; n < s.count; ++n, alpha += g.stride, gradient += g.stride) {
            std::int64_t const at = s.from(n) * step + offset;
            Vector dot[B];
#pragma GCC unroll 4
            for (int b = 0; b < B; ++b)
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v) {
                    std::int64_t const c = at + b * next + v * kLanes;
                    Vector const x = load_span<kSpan>(rows + c, lanes);
                    dot[b] = v == 0 ? dz[b][v] * x : dot[b] + dz[b][v] * x;
                    store_span<kSpan>(
                        drows + c, load_span<kSpan>(drows + c, lanes) + alpha[b] * dz[b][v], lanes);
                }
            put<B>(gradient, lane_sums<B>(dot), channel > 0);
        }
    }
}

/// dbias += column sums of dy over the graph.
inline void add_bias_gradient(AttentionGraph const& g, float const* dy, float* dbias)
{
    int const width = g.mean_heads ? g.channels : g.heads * g.channels;
    for (int c = 0; c < width; c += kLanes) {
        Lanes const lanes(width - c < kLanes ? width - c : kLanes);
        Vector sum = load_lanes(dbias + c, lanes);
        for (std::int32_t i = g.begin; i < g.end; ++i)
            sum += load_lanes(dy + std::int64_t{i} * width + c, lanes);
        store_lanes(dbias + c, sum, lanes);
    }
}
inline void fill_zero(float* p, std::int64_t count)
{
    for (std::int64_t i = 0; i < count; ++i)
        p[i] = 0;
}
}  // namespace
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
