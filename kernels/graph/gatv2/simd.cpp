#include "kernels/graph/gatv2/simd.hpp"

#include "kernels/graph/attention/panels_simd.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
/// Edge features of slot n of target i: a row of G numbers.
float const* features_of(
    AttentionGraph const& g, Gatv2Tensors const& in, Block const& block, Slots const& s, int n)
{
    if (n < s.degree) return g.edge + (g.edge_ptr[s.target] + std::int64_t{n}) * g.features;
    return in.loop_features + std::int64_t{s.target - block.begin} * g.features;
}

int others_of(AttentionGraph const& g, Slots const& s)
{
    int count = 0;
    for (int n = 0; n < s.degree; ++n)
        count += is_left_out(g, s, n) ? 0 : 1;
    return count;
}

/// Mean over the edges of a target of their features.
void fill_loop_features(AttentionGraph const& g, Gatv2Tensors const& in, Block const& block)
{
    if (g.features == 0 || !g.add_loops) return;
    for (std::int32_t i = block.begin; i < block.end; ++i) {
        Slots const s = slots_of(g, block, i);
        float* const mean = in.loop_features + std::int64_t{i - block.begin} * g.features;
        int const others = others_of(g, s);
        fill_zero(mean, g.features);
        for (int n = 0; n < s.degree; ++n)
            if (!is_left_out(g, s, n))
                for (int k = 0; k < g.features; ++k)
                    mean[k] += features_of(g, in, block, s, n)[k];
        for (int k = 0; others > 0 && k < g.features; ++k)
            mean[k] /= static_cast<float>(others);
    }
}

/// left + right + edge term of one vector of channels, `at` of H * C.
template <Span kSpan>
Vector sum_of_ends(AttentionGraph const& g,
                   Gatv2Tensors const& in,
                   float const* features,
                   std::int64_t at,
                   Vector right,
                   Vector left,
                   Lanes lanes)
{
    Vector u = left + right;
    for (int k = 0; k < g.features; ++k)
        u +=
            features[k]
            * load_span<kSpan>(in.edge_weight + k * std::int64_t{g.heads} * g.channels + at, lanes);
    return u;
}

/// p of every slot of the block, left-out loops included.
template <int V, int B, Span kSpan>
void exponent_panel(AttentionGraph const& g,
                    Block const& block,
                    AttentionWork const& w,
                    Gatv2Tensors const& in,
                    int head,
                    int channel)
{
    Lanes const lanes = last_lanes(g);
    std::int64_t const step = std::int64_t{g.heads} * g.channels;
    std::int64_t const offset = head * g.channels + channel;
    std::int64_t const next = head_step<V, kSpan>(g);
    for (std::int32_t i = block.begin; i < block.end; ++i) {
        Slots const s = slots_of(g, block, i);
        Vector right[B][V];
#pragma GCC unroll 4
        for (int b = 0; b < B; ++b)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v)
                right[b][v] =
                    load_span<kSpan>(in.right + i * step + offset + b * next + v * kLanes, lanes);
        for (int n = 0; n < s.count; ++n) {
            float const* const features = features_of(g, in, block, s, n);
            float const* const left = in.left + s.from(n) * step;
            Vector dot[B];
#pragma GCC unroll 4
            for (int b = 0; b < B; ++b)
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v) {
                    std::int64_t const at = offset + b * next + v * kLanes;
                    Vector const u = sum_of_ends<kSpan>(g, in, features, at, right[b][v],
                                                        load_span<kSpan>(left + at, lanes), lanes);
                    Vector const p =
                        (u > 0.0F ? u : u * g.slope) * load_span<kSpan>(in.att + at, lanes);
                    dot[b] = v == 0 ? p : dot[b] + p;
                }
            put<B>(w.alpha + (s.first + n) * g.stride + head, lane_sums<B>(dot), channel > 0);
        }
    }
}

void exponents(AttentionGraph const& g,
               Block const& block,
               AttentionWork const& w,
               Gatv2Tensors const& in)
{
    fill_loop_features(g, in, block);
    if (g.heads < g.stride) fill_zero(w.alpha, block.slots * g.stride);
    each_panel(g, [&]<int V, int B, Span kSpan>(int head, int channel) {
        exponent_panel<V, B, kSpan>(g, block, w, in, head, channel);
    });
    if (!g.add_loops) return;
    for (std::int32_t i = block.begin; i < block.end; ++i) {
        Slots const s = slots_of(g, block, i);
        for (int n = 0; n < s.degree; ++n)
            for (int q = 0; is_left_out(g, s, n) && q < g.stride; q += 4)
                store_quad(w.alpha + (s.first + n) * g.stride + q, splat_quad(kLeftOut));
    }
}

/// From exponents to exponentials in w.alpha, their maxima and sums in w.top and w.norm.
void weigh(AttentionGraph const& g, Block const& block, AttentionWork const& w)
{
    for (int q = 0; q < g.stride; q += 4)
        for (std::int32_t i = block.begin; i < block.end; ++i) {
            Slots const s = slots_of(g, block, i);
            float* const row = w.alpha + s.first * g.stride + q;
            Quad top = splat_quad(s.count > 0 ? kLeftOut : 0.0F);
            for (int n = 0; n < s.count; ++n) {
                Quad const p = load_quad(row + n * g.stride);
                top = p > top ? p : top;
            }
            store_quad(w.top + (i - block.begin) * g.stride + q, top);
        }
    exponentiate_and_sum(g, block, w);
}

void forward(AttentionGraph const& g,
             AttentionWork const& w,
             Gatv2Tensors const& in,
             Gatv2Outputs const& out)
{
    each_block(g, [&](Block const& block) {
        exponents(g, block, w, in);
        weigh(g, block, w);
        store_lse(g, block, w, in.saved + std::int64_t{block.begin} * g.stride, g.stride);
        if (out.alpha != nullptr || out.alpha_loop != nullptr)
            store_alpha(g, block, w, out.alpha, out.alpha_loop);
        drop_weights(g, block, w);
        each_panel(g, [&]<int V, int B, Span kSpan>(int head, int channel) {
            aggregate_panel<V, B, kSpan>(g, block, w, in.left, out.bias, out.y, head, channel);
        });
    });
}

/// Edge weights and features of one slot: dedge_weight += features du, dfeatures += du edge_weight.
template <int V, Span kSpan>
void add_edge_gradients(AttentionGraph const& g,
                        Gatv2Tensors const& in,
                        Gatv2Gradients const& out,
                        float const* features,
                        float* dfeatures,
                        std::int64_t offset,
                        Vector const (&du)[V],
                        Lanes lanes)
{
    for (int k = 0; k < g.features; ++k) {
        std::int64_t const at = k * std::int64_t{g.heads} * g.channels + offset;
        Vector sum = {};
        for (int v = 0; v < V; ++v) {
            float* const to = out.dedge_weight + at + v * kLanes;
            store_span<kSpan>(to, load_span<kSpan>(to, lanes) + features[k] * du[v], lanes);
            sum += du[v] * load_span<kSpan>(in.edge_weight + at + v * kLanes, lanes);
        }
        if (dfeatures != nullptr) dfeatures[k] += lane_sum(sum);
    }
}

/// From dp in w.gradient to the gradients of both ends, of att and of the edge term.
template <int V, Span kSpan>
void exponent_backward_panel(AttentionGraph const& g,
                             Block const& block,
                             AttentionWork const& w,
                             Gatv2Tensors const& in,
                             Gatv2Gradients const& out,
                             int head,
                             int channel)
{
    Lanes const lanes = last_lanes(g);
    std::int64_t const step = std::int64_t{g.heads} * g.channels;
    std::int64_t const offset = head * g.channels + channel;
    Vector att[V], datt[V];
    for (int v = 0; v < V; ++v) {
        att[v] = load_span<kSpan>(in.att + offset + v * kLanes, lanes);
        datt[v] = load_span<kSpan>(out.datt + offset + v * kLanes, lanes);
    }
    for (std::int32_t i = block.begin; i < block.end; ++i) {
        Slots const s = slots_of(g, block, i);
        Vector right[V], dright[V] = {};
        for (int v = 0; v < V; ++v)
            right[v] = load_span<kSpan>(in.right + i * step + offset + v * kLanes, lanes);
        for (int n = 0; n < s.count; ++n) {
            if (is_left_out(g, s, n)) continue;
            float const* const features = features_of(g, in, block, s, n);
            float const dp = w.gradient[(s.first + n) * g.stride + head];
            std::int64_t const from = s.from(n) * step + offset;
            Vector du[V];
            for (int v = 0; v < V; ++v) {
                std::int64_t const c = v * kLanes;
                Vector const u =
                    sum_of_ends<kSpan>(g, in, features, offset + c, right[v],
                                       load_span<kSpan>(in.left + from + c, lanes), lanes);
                Vector const d = dp * att[v];
                du[v] = u > 0.0F ? d : d * g.slope;
                datt[v] += dp * (u > 0.0F ? u : u * g.slope);
                dright[v] += du[v];
                store_span<kSpan>(out.dleft + from + c,
                                  load_span<kSpan>(out.dleft + from + c, lanes) + du[v], lanes);
            }
            if (g.features == 0) continue;
            float* dfeatures = nullptr;
            if (out.dedge != nullptr)
                dfeatures = n < s.degree ? out.dedge + (features - g.edge)
                                         : out.dloop_features + (features - in.loop_features);
            add_edge_gradients<V, kSpan>(g, in, out, features, dfeatures, offset, du, lanes);
        }
        for (int v = 0; v < V; ++v) {
            float* const to = out.dright + i * step + offset + v * kLanes;
            store_span<kSpan>(to, load_span<kSpan>(to, lanes) + dright[v], lanes);
        }
    }
    for (int v = 0; v < V; ++v)
        store_span<kSpan>(out.datt + offset + v * kLanes, datt[v], lanes);
}

/// A loop passes the gradient of its features on to the edges that they are the mean of.
void add_loop_feature_gradients(AttentionGraph const& g,
                                Block const& block,
                                Gatv2Gradients const& out)
{
    for (std::int32_t i = block.begin; i < block.end; ++i) {
        Slots const s = slots_of(g, block, i);
        int const others = others_of(g, s);
        float const* const d = out.dloop_features + std::int64_t{i - block.begin} * g.features;
        for (int n = 0; n < s.degree; ++n)
            if (!is_left_out(g, s, n))
                for (int k = 0; k < g.features; ++k)
                    out.dedge[(g.edge_ptr[i] + std::int64_t{n}) * g.features + k] +=
                        d[k] / static_cast<float>(others);
    }
}

void backward(AttentionGraph const& g,
              AttentionWork const& w,
              Gatv2Tensors const& in,
              Gatv2Gradients const& out)
{
    each_block(g, [&](Block const& block) {
        exponents(g, block, w, in);
        subtract_of_target(g, block, in.saved + std::int64_t{block.begin} * g.stride, w.alpha);
        for (std::int64_t e = 0; e < block.slots * g.stride; e += kLanes)
            store(w.slope + e, splat(1.0F));
        weights_again(g, block, w);
        if (g.heads < g.stride) fill_zero(w.gradient, block.slots * g.stride);
        each_panel(g, [&]<int V, int B, Span kSpan>(int head, int channel) {
            aggregate_backward_panel<V, B, kSpan>(g, block, w, in.left, out.dy, out.dleft, head,
                                                  channel);
        });
        softmax_backward(g, block, w, [](std::int32_t, int, Quad) {});
        bool const loop_features = out.dedge != nullptr && g.add_loops;
        if (loop_features)
            fill_zero(out.dloop_features, std::int64_t{block.end - block.begin} * g.features);
        each_panel<1>(g, [&]<int V, int, Span kSpan>(int head, int channel) {
            exponent_backward_panel<V, kSpan>(g, block, w, in, out, head, channel);
        });
        if (loop_features) add_loop_feature_gradients(g, block, out);
    });
    if (out.dbias != nullptr) add_bias_gradient(g, out.dy, out.dbias);
}
}  // namespace

extern Gatv2Kernels const gatv2_kernels;
Gatv2Kernels const gatv2_kernels = {forward, backward};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
