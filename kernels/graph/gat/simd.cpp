#include "kernels/graph/gat/simd.hpp"

#include "kernels/graph/attention/panels_simd.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
/// Rows of `saved`: s, t, log-sum-exp.
float* scores_of(AttentionGraph const& g, GatTensors const& in, std::int32_t i)
{
    return in.saved + std::int64_t{i} * 3 * g.stride;
}

/// s = att_source . h and t = att_target . h of every node.
template <int V, int B, Span kSpan>
void score_panel(AttentionGraph const& g, GatTensors const& in, int head, int channel)
{
    Lanes const lanes = last_lanes(g);
    std::int64_t const offset = head * g.channels + channel;
    std::int64_t const next = head_step<V, kSpan>(g);
    for (std::int32_t i = g.begin; i < g.end; ++i) {
        float const* const row = in.h + std::int64_t{i} * g.heads * g.channels + offset;
        Vector s[B], t[B];
#pragma GCC unroll 4
        for (int b = 0; b < B; ++b)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) {
                std::int64_t const c = b * next + v * kLanes;
                Vector const x = load_span<kSpan>(row + c, lanes);
                Vector const source = load_span<kSpan>(in.att_source + offset + c, lanes);
                Vector const target = load_span<kSpan>(in.att_target + offset + c, lanes);
                s[b] = v == 0 ? x * source : s[b] + x * source;
                t[b] = v == 0 ? x * target : t[b] + x * target;
            }
        float* const out = scores_of(g, in, i) + head;
        put<B>(out, lane_sums<B>(s), channel > 0);
        put<B>(out + g.stride, lane_sums<B>(t), channel > 0);
    }
}

/// u of four heads of an edge.
Quad edge_term(AttentionGraph const& g, GatTensors const& in, float const* features, int q)
{
    Quad sum = {};
    for (int k = 0; k < g.features; ++k)
        sum += features[k] * load_quad(in.edge_projection + k * g.stride + q);
    return sum;
}

/// f(place in a slot array, p before the leaky ReLU, left out) over the slots of a target, heads q to
/// q + 3.
template <bool kEdges, class F>
void each_logit(
    AttentionGraph const& g, GatTensors const& in, Slots const& slots, int q, F const& f)
{
    float const* const scores = in.saved + q;
    std::int64_t const step = 3 * std::int64_t{g.stride};
    Quad const t = load_quad(scores + slots.target * step + g.stride);
    float const* features = g.edge + (slots.source - g.source) * g.features;
    std::int32_t const left_out = g.add_loops ? slots.target : -1;
    std::int64_t at = slots.first * g.stride + q;
    Quad sum = {};
    int others = 0;
    for (int n = 0; n < slots.degree; ++n, at += g.stride) {
        std::int32_t const from = slots.source[n];
        Quad p = load_quad(scores + from * step) + t;
        if constexpr (kEdges) {
            if (from != left_out) {
                Quad const u = edge_term(g, in, features + n * g.features, q);
                p += u;
                sum += u;
                ++others;
            }
        }
        f(at, p, from == left_out);
    }
    if (slots.count == slots.degree) return;
    Quad p = load_quad(scores + slots.target * step) + t;
    if (kEdges && others > 0) p += sum * (1.0F / static_cast<float>(others));
    f(at, p, false);
}

/// Exponentials in w.alpha, their sums in w.norm.
template <bool kEdges>
void weigh(AttentionGraph const& g,
           GatTensors const& in,
           Block const& block,
           AttentionWork const& w)
{
    for (int q = 0; q < g.stride; q += 4)
        for (std::int32_t i = block.begin; i < block.end; ++i) {
            Slots const slots = slots_of(g, block, i);
            Quad top = splat_quad(slots.count > 0 ? kLeftOut : 0.0F);
            each_logit<kEdges>(g, in, slots, q, [&](std::int64_t at, Quad u, bool left_out) {
                Quad const p = left_out ? splat_quad(kLeftOut) : leaky_quad(u, g.slope);
                top = p > top ? p : top;
                store_quad(w.alpha + at, p);
            });
            std::int64_t const target = (i - block.begin) * std::int64_t{g.stride} + q;
            store_quad(w.top + target, top);
            if (g.stride == 4)
                store_quad(w.norm + target,
                           exponentiate_target(w.alpha + 4 * slots.first, slots.count, top));
        }
    if (g.stride > 4) exponentiate_and_sum(g, block, w);
}

/// Exponents minus the saved log-sum-exp, and the slope of the leaky ReLU.
template <bool kEdges>
void weigh_again(AttentionGraph const& g,
                 GatTensors const& in,
                 Block const& block,
                 AttentionWork const& w)
{
    Quad const slope = splat_quad(g.slope);
    for (int q = 0; q < g.stride; q += 4)
        for (std::int32_t i = block.begin; i < block.end; ++i) {
            Quad const lse = load_quad(scores_of(g, in, i) + 2 * g.stride + q);
            each_logit<kEdges>(
                g, in, slots_of(g, block, i), q, [&](std::int64_t at, Quad u, bool left_out) {
                    store_quad(w.alpha + at,
                               left_out ? splat_quad(kLeftOut) : leaky_quad(u, g.slope) - lse);
                    store_quad(w.slope + at, u > 0.0F ? splat_quad(1.0F) : slope);
                });
        }
    weights_again(g, block, w);
}

void forward(AttentionGraph const& g,
             AttentionWork const& w,
             GatTensors const& in,
             GatOutputs const& out)
{
    if (g.heads < g.stride)
        for (std::int32_t i = g.begin; i < g.end; ++i)
            fill_zero(scores_of(g, in, i), 2 * g.stride);
    each_panel(g, [&]<int V, int B, Span kSpan>(int head, int channel) {
        score_panel<V, B, kSpan>(g, in, head, channel);
    });
    each_block(g, [&](Block const& block) {
        g.features > 0 ? weigh<true>(g, in, block, w) : weigh<false>(g, in, block, w);
        store_lse(g, block, w, scores_of(g, in, block.begin) + 2 * g.stride,
                  3 * std::int64_t{g.stride});
        if (out.alpha != nullptr || out.alpha_loop != nullptr)
            store_alpha(g, block, w, out.alpha, out.alpha_loop);
        drop_weights(g, block, w);
        each_panel(g, [&]<int V, int B, Span kSpan>(int head, int channel) {
            aggregate_panel<V, B, kSpan>(g, block, w, in.h, out.bias, out.y, head, channel);
        });
    });
}

/// From dp to the gradients of the edge features and of their projection. A loop passes its share on
/// to the edges that it is the mean of.
void add_edge_gradients(AttentionGraph const& g,
                        Block const& block,
                        AttentionWork const& w,
                        GatTensors const& in,
                        GatGradients const& out)
{
    for (std::int32_t i = block.begin; i < block.end; ++i) {
        Slots const s = slots_of(g, block, i);
        int others = 0;
        for (int n = 0; n < s.degree; ++n)
            others += is_left_out(g, s, n) ? 0 : 1;
        float const share = others > 0 ? 1.0F / static_cast<float>(others) : 0.0F;
        for (int q = 0; q < g.stride; q += 4) {
            float const* const dp = w.gradient + s.first * g.stride + q;
            Quad const loop =
                s.count > s.degree ? load_quad(dp + s.degree * g.stride) * share : Quad{};
            for (int n = 0; n < s.degree; ++n) {
                if (is_left_out(g, s, n)) continue;
                Quad const d = load_quad(dp + n * g.stride) + loop;
                std::int64_t const at = (std::int64_t{g.edge_ptr[i]} + n) * g.features;
                for (int k = 0; k < g.features; ++k) {
                    float* const sum = out.dedge_projection + k * g.stride + q;
                    store_quad(sum, load_quad(sum) + g.edge[at + k] * d);
                    if (out.dedge == nullptr) continue;
                    Quad const v = d * load_quad(in.edge_projection + k * g.stride + q);
                    out.dedge[at + k] += (v[0] + v[1]) + (v[2] + v[3]);
                }
            }
        }
    }
}

/// Through s and t: dh += ds att_source + dt att_target, and the sums of both att's.
template <int V, Span kSpan>
void score_backward_panel(AttentionGraph const& g,
                          AttentionWork const& w,
                          GatTensors const& in,
                          GatGradients const& out,
                          int head,
                          int channel)
{
    Lanes const lanes = last_lanes(g);
    std::int64_t const offset = head * g.channels + channel;
    Vector source[V], target[V], dsource[V], dtarget[V];
    for (int v = 0; v < V; ++v) {
        std::int64_t const c = offset + v * kLanes;
        source[v] = load_span<kSpan>(in.att_source + c, lanes);
        target[v] = load_span<kSpan>(in.att_target + c, lanes);
        dsource[v] = load_span<kSpan>(out.datt_source + c, lanes);
        dtarget[v] = load_span<kSpan>(out.datt_target + c, lanes);
    }
    for (std::int32_t i = g.begin; i < g.end; ++i) {
        float const ds = w.dsource[(i - g.begin) * g.stride + head];
        float const dt = w.dtarget[(i - g.begin) * g.stride + head];
        std::int64_t const at = std::int64_t{i} * g.heads * g.channels + offset;
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            std::int64_t const c = at + v * kLanes;
            Vector const x = load_span<kSpan>(in.h + c, lanes);
            dsource[v] += ds * x;
            dtarget[v] += dt * x;
            store_span<kSpan>(
                out.dh + c, load_span<kSpan>(out.dh + c, lanes) + (ds * source[v] + dt * target[v]),
                lanes);
        }
    }
    for (int v = 0; v < V; ++v) {
        store_span<kSpan>(out.datt_source + offset + v * kLanes, dsource[v], lanes);
        store_span<kSpan>(out.datt_target + offset + v * kLanes, dtarget[v], lanes);
    }
}

void backward(AttentionGraph const& g,
              AttentionWork const& w,
              GatTensors const& in,
              GatGradients const& out)
{
    fill_zero(w.dsource, std::int64_t{g.end - g.begin} * g.stride);
    each_block(g, [&](Block const& block) {
        if (g.heads < g.stride) fill_zero(w.gradient, block.slots * g.stride);
        g.features > 0 ? weigh_again<true>(g, in, block, w) : weigh_again<false>(g, in, block, w);
        each_panel(g, [&]<int V, int B, Span kSpan>(int head, int channel) {
            aggregate_backward_panel<V, B, kSpan>(g, block, w, in.h, out.dy, out.dh, head, channel);
        });
        softmax_backward(g, block, w, [&](std::int32_t from, int q, Quad d) {
            float* const to = w.dsource + (from - g.begin) * g.stride + q;
            store_quad(to, load_quad(to) + d);
        });
        if (g.features > 0) add_edge_gradients(g, block, w, in, out);
    });
    each_panel<1>(g, [&]<int V, int, Span kSpan>(int head, int channel) {
        score_backward_panel<V, kSpan>(g, w, in, out, head, channel);
    });
    if (out.dbias != nullptr) add_bias_gradient(g, out.dy, out.dbias);
}
}  // namespace

extern GatKernels const gat_kernels;
GatKernels const gat_kernels = {forward, backward};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
