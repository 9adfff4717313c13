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

/// f<V, B, kPart>(first head, first channel) over panels of B heads and V vectors of channels (with
/// kPart: a part of one); V * B <= 8 of them fit in registers.
template <int V, int B, bool kPart, class F>
void each_head_group(AttentionGraph const& g, int head, int channel, F const& f)
{
    for (; head + B <= g.heads; head += B)
        f.template operator()<V, B, kPart>(head, channel);
    if constexpr (B > 1) each_head_group<V, B / 2, kPart>(g, head, channel, f);
}
template <int kMaxHeads = 4, class F>
void each_panel(AttentionGraph const& g, F const& f)
{
    int channel = 0;
    for (; channel + 4 * kLanes <= g.channels; channel += 4 * kLanes)
        each_head_group<4, kMaxHeads == 4 ? 2 : kMaxHeads, false>(g, 0, channel, f);
    if (channel + 2 * kLanes <= g.channels) {
        each_head_group<2, kMaxHeads, false>(g, 0, channel, f);
        channel += 2 * kLanes;
    }
    if (channel + kLanes <= g.channels) {
        each_head_group<1, kMaxHeads, false>(g, 0, channel, f);
        channel += kLanes;
    }
    if (channel < g.channels) each_head_group<1, kMaxHeads, true>(g, 0, channel, f);
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
                               std::int64_t shift_stride,
                               float* alpha)
{
    for (int q = 0; q < g.stride; q += 4)
        for (std::int32_t i = block.begin; i < block.end; ++i) {
            Slots const s = slots_of(g, block, i);
            Quad const v = load_quad(shift + (i - block.begin) * shift_stride + q);
            float* const row = alpha + s.first * g.stride + q;
            for (int n = 0; n < s.count; ++n)
                store_quad(row + n * g.stride, load_quad(row + n * g.stride) - v);
        }
}

/// alpha = exp(alpha), 0 where that is no normal number.
inline void exponentiate(AttentionGraph const& g, Block const& block, float* alpha)
{
    for (std::int64_t e = 0; e < block.slots * g.stride; e += kLanes) {
        Vector const x = load(alpha + e);
        store(alpha + e, x > -87.0F ? exp_vector(x) : Vector{});
    }
}

inline void drop_out(AttentionGraph const& g, Block const& block, float* factor)
{
    auto const quads = static_cast<std::uint32_t>(g.stride / 4);
    fill_factors(g.dropout, static_cast<std::uint32_t>(block.first_slot) * quads,
                 block.slots * g.stride, factor);
}

/// From exponents in w.alpha and their maxima in w.top to exponentials in w.alpha, their sums in
/// w.norm, and log-sum-exps at lse (a row of every target, `lse_stride` apart).
inline void softmax_block(AttentionGraph const& g,
                          Block const& block,
                          AttentionWork const& w,
                          float* lse,
                          std::int64_t lse_stride)
{
    subtract_of_target(g, block, w.top, g.stride, w.alpha);
    exponentiate(g, block, w.alpha);
    std::int64_t const targets = block.end - block.begin;
    for (int q = 0; q < g.stride; q += 4)
        for (std::int32_t i = block.begin; i < block.end; ++i) {
            Slots const s = slots_of(g, block, i);
            float const* const row = w.alpha + s.first * g.stride + q;
            Quad sum = {};
            for (int n = 0; n < s.count; ++n)
                sum += load_quad(row + n * g.stride);
            store_quad(w.norm + (i - block.begin) * g.stride + q, sum);
        }
    for (std::int64_t e = 0; e < targets * g.stride; e += kLanes) {
        Vector const sum = load(w.norm + e);
        store(w.top + e, load(w.top + e) + log_vector(sum > 1.0F ? sum : splat(1.0F)));
    }
    for (std::int64_t t = 0; t < targets; ++t)
        for (int q = 0; q < g.stride; q += 4)
            store_quad(lse + t * lse_stride + q, load_quad(w.top + t * g.stride + q));
}

/// y of the block's targets = heads merged of sum_slots alpha rows[source] / norm + bias.
template <int V, int B, bool kPart>
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
                    sum[b][v] +=
                        alpha[b] * load_row<kPart>(row + b * g.channels + v * kLanes, lanes);
        }
        float const* const norm = w.norm + (i - block.begin) * g.stride + head;
        if (!g.mean_heads) {
            std::int64_t const at = head * g.channels + channel;
            for (int b = 0; b < B; ++b)
                for (int v = 0; v < V; ++v) {
                    std::int64_t const c = at + b * g.channels + v * kLanes;
                    Vector const z = sum[b][v] * (1.0F / (norm[b] + 1e-16F));
                    store_row<kPart>(y + i * step + c,
                                     bias != nullptr ? z + load_row<kPart>(bias + c, lanes) : z,
                                     lanes);
                }
            continue;
        }
        for (int v = 0; v < V; ++v) {
            int const c = channel + v * kLanes;
            float* const out = y + std::int64_t{i} * g.channels + c;
            Vector z = head > 0          ? load_row<kPart>(out, lanes)
                       : bias != nullptr ? load_row<kPart>(bias + c, lanes)
                                         : Vector{};
            for (int b = 0; b < B; ++b)
                z += sum[b][v] * (1.0F / ((norm[b] + 1e-16F) * static_cast<float>(g.heads)));
            store_row<kPart>(out, z, lanes);
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
    exponentiate(g, block, w.alpha);
    if (drops) drop_out(g, block, w.factor);
    for (std::int64_t e = 0; e < block.slots * g.stride; e += kLanes) {
        Vector const alpha = load(w.alpha + e);
        store(w.slope + e, load(w.slope + e) * alpha);
        if (drops) store(w.alpha + e, alpha * load(w.factor + e));
    }
}

/// w.gradient: from dL/d(weight after dropout) to w.slope * dL/d(exponent).
inline void softmax_backward(AttentionGraph const& g, Block const& block, AttentionWork const& w)
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
            for (int n = 0; n < s.count; ++n) {
                std::int64_t const at = first + n * g.stride;
                Quad d = load_quad(w.gradient + at);
                if (drops) d *= load_quad(w.factor + at);
                store_quad(w.gradient + at, load_quad(w.slope + at) * (d - average));
            }
        }
}

/// dz of head `head`, channel `channel` and on of target i; heads share it where they are averaged.
template <int V, int B, bool kPart>
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
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v)
            dz[b][v] =
                load_row<kPart>(row + (g.mean_heads ? 0 : b * g.channels) + v * kLanes, lanes)
                * scale;
}

/// Through z = sum alpha rows: w.gradient = dz . rows[source], drows[source] += alpha dz.
template <int V, int B, bool kPart>
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
    for (std::int32_t i = block.begin; i < block.end; ++i) {
        Slots const s = slots_of(g, block, i);
        Vector dz[B][V];
        load_dz<V, B, kPart>(g, dy, i, head, channel, lanes, dz);
        float const* alpha = w.alpha + s.first * g.stride + head;
        float* gradient = w.gradient + s.first * g.stride + head;
        for (int n = 0; n < s.count; ++n, alpha += g.stride, gradient += g.stride) {
            std::int64_t const at = s.from(n) * step + offset;
            Vector dot[B];
#pragma GCC unroll 4
            for (int b = 0; b < B; ++b)
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v) {
                    std::int64_t const c = at + b * g.channels + v * kLanes;
                    Vector const x = load_row<kPart>(rows + c, lanes);
                    dot[b] = v == 0 ? dz[b][v] * x : dot[b] + dz[b][v] * x;
                    store_row<kPart>(
                        drows + c, load_row<kPart>(drows + c, lanes) + alpha[b] * dz[b][v], lanes);
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
