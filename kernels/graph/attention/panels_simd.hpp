/// \file kernels/graph/attention/panels_simd.hpp
/// The weighted sum of the neighbours' rows, forward and backward, by panels of heads and channels
/// whose sums stay in registers. For sources named *_simd.cpp only: everything here is local to the
/// file that includes it.
#pragma once

#include "kernels/graph/attention/simd.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
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
}  // namespace
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
