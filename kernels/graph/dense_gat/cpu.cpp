#include <algorithm>
#include <cmath>

#include "kernels/graph/dense_gat.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kEventsPerItem = 8;

struct Sizes {
    std::int64_t events, nodes, heads, channels, width;
};

Sizes sizes_of(TensorRef const& h, TensorRef const& y)
{
    return {h.shape[0], h.shape[1], h.shape[2], h.shape[3], y.shape[2]};
}

/// h[k] . attn[:, k] of every (node, head) of one event: (V, H).
void project(Sizes const& n, float const* h, float const* attn, float* out)
{
    for (std::int64_t node = 0; node < n.nodes; ++node)
        for (std::int64_t k = 0; k < n.heads; ++k) {
            float const* row = h + (node * n.heads + k) * n.channels;
            float sum = 0;
            for (std::int64_t c = 0; c < n.channels; ++c)
                sum += row[c] * attn[c * n.heads + k];
            out[node * n.heads + k] = sum;
        }
}

/// alpha[i, k, :] of one event, from the projections of both sides.
void attend(Sizes const& n,
            DenseGatOptions const& options,
            float const* a,
            float const* self,
            float const* neigh,
            float* alpha)
{
    for (std::int64_t i = 0; i < n.nodes; ++i)
        for (std::int64_t k = 0; k < n.heads; ++k) {
            float* row = alpha + (i * n.heads + k) * n.nodes;
            float largest = -INFINITY;
            for (std::int64_t j = 0; j < n.nodes; ++j) {
                bool const joined =
                    a[i * n.nodes + j] != 0 || (i == j && options.loops == SelfLoops::add);
                float const p = self[i * n.heads + k] + neigh[j * n.heads + k];
                row[j] = joined ? (p > 0 ? p : options.slope * p) : -INFINITY;
                largest = std::max(largest, row[j]);
            }
            float sum = 0;
            for (std::int64_t j = 0; j < n.nodes; ++j) {
                row[j] = row[j] > -INFINITY ? std::exp(row[j] - largest) : 0.0F;
                sum += row[j];
            }
            float const scale = sum > 0 ? 1 / sum : 0.0F;
            for (std::int64_t j = 0; j < n.nodes; ++j)
                row[j] *= scale;
        }
}

/// Where head k of node i lies in y, and what its values are multiplied with.
struct HeadPlace {
    std::int64_t offset;
    float scale;
};
HeadPlace place_of(Sizes const& n, HeadMerge merge, std::int64_t k)
{
    if (merge == HeadMerge::concat) return {k * n.channels, 1.0F};
    return {0, 1.0F / static_cast<float>(n.heads)};
}

/// What the backward pass of one event writes besides dh: its share of the parameter gradients.
struct ParameterSums {
    float* attn_self;   ///< (C, H)
    float* attn_neigh;  ///< (C, H)
    float* bias;        ///< (W)
};

/// Scratch of one event.
struct EventScratch {
    float* g;           ///< (V, W) gradient before the activation
    float* self;        ///< (V, H) projections
    float* neigh;       ///< (V, H)
    float* dself;       ///< (V, H) their gradients
    float* dneigh;      ///< (V, H)
    float* dalpha_row;  ///< (V)
    static std::int64_t size(Sizes const& n) { return n.nodes * (n.width + 4 * n.heads + 1); }
    EventScratch(Sizes const& n, float* memory)
        : g(memory)
        , self(g + n.nodes * n.width)
        , neigh(self + n.nodes * n.heads)
        , dself(neigh + n.nodes * n.heads)
        , dneigh(dself + n.nodes * n.heads)
        , dalpha_row(dneigh + n.nodes * n.heads)
    {}
};

/// Through z = alpha h and the softmax: fills dself, dneigh, adds to dh.
void backward_attention(Sizes const& n,
                        DenseGatOptions const& options,
                        float const* h,
                        float const* alpha,
                        EventScratch const& s,
                        float* dh)
{
    std::fill_n(s.dself, 2 * n.nodes * n.heads, 0.0F);  // dneigh follows dself
    std::int64_t const step = n.heads * n.channels;
    for (std::int64_t i = 0; i < n.nodes; ++i)
        for (std::int64_t k = 0; k < n.heads; ++k) {
            HeadPlace const place = place_of(n, options.merge, k);
            float const* dz = s.g + i * n.width + place.offset;
            float const* weight = alpha + (i * n.heads + k) * n.nodes;
            float average = 0;  // sum_j alpha dalpha
            for (std::int64_t j = 0; j < n.nodes; ++j) {
                float const* row = h + j * step + k * n.channels;
                float* drow = dh + j * step + k * n.channels;
                float const w = weight[j] * place.scale;
                float sum = 0;
                for (std::int64_t c = 0; c < n.channels; ++c) {
                    sum += dz[c] * row[c];
                    drow[c] += w * dz[c];
                }
                s.dalpha_row[j] = sum * place.scale;
                average += weight[j] * s.dalpha_row[j];
            }
            for (std::int64_t j = 0; j < n.nodes; ++j) {
                float const p = s.self[i * n.heads + k] + s.neigh[j * n.heads + k];
                float const dp =
                    weight[j] * (s.dalpha_row[j] - average) * (p > 0 ? 1.0F : options.slope);
                s.dself[i * n.heads + k] += dp;
                s.dneigh[j * n.heads + k] += dp;
            }
        }
}

/// Through p = h . attn: adds to dh and to the sums of attn.
void backward_projection(
    Sizes const& n, float const* h, float const* attn, float const* dp, float* dh, float* dattn)
{
    for (std::int64_t node = 0; node < n.nodes; ++node)
        for (std::int64_t k = 0; k < n.heads; ++k) {
            std::int64_t const at = (node * n.heads + k) * n.channels;
            float const d = dp[node * n.heads + k];
            for (std::int64_t c = 0; c < n.channels; ++c) {
                dh[at + c] += d * attn[c * n.heads + k];
                dattn[c * n.heads + k] += d * h[at + c];
            }
        }
}

/// to[e] += sum over items of from[item * stride + e], in the order of the items.
void add_partials(
    float const* from, std::int64_t items, std::int64_t stride, std::int64_t count, float* to)
{
    for (std::int64_t e = 0; e < count; ++e) {
        double sum = 0;
        for (std::int64_t item = 0; item < items; ++item)
            sum += from[item * stride + e];
        to[e] += static_cast<float>(sum);
    }
}
}  // namespace

void dense_gat_forward(Context& ctx, DenseGatArgs const& args)
{
    Sizes const n = sizes_of(args.h, args.y);
    DenseGatOptions const options = args.options;
    auto const* h_data = static_cast<float const*>(args.h.data);
    auto const* a_data = static_cast<float const*>(args.a.data);
    auto const* bias = static_cast<float const*>(args.bias.data);
    auto* alpha_data = static_cast<float*>(args.alpha.data);
    auto* y_data = static_cast<float*>(args.y.data);
    std::int64_t const a_step = args.a.rank == 3 ? n.nodes * n.nodes : 0;
    std::int64_t const step = n.heads * n.channels;
    std::int64_t const items = (n.events + kEventsPerItem - 1) / kEventsPerItem;
    auto const scratch = ctx.scratch<float>(items * 2 * n.nodes * n.heads);

    auto const run_event = [&](std::int64_t b, float* self, float* neigh) {
        float const* h = h_data + b * n.nodes * step;
        float* alpha = alpha_data + b * n.nodes * n.heads * n.nodes;
        project(n, h, static_cast<float const*>(args.attn_self.data), self);
        project(n, h, static_cast<float const*>(args.attn_neigh.data), neigh);
        attend(n, options, a_data + b * a_step, self, neigh, alpha);
        for (std::int64_t i = 0; i < n.nodes; ++i) {
            float* y = y_data + (b * n.nodes + i) * n.width;
            for (std::int64_t e = 0; e < n.width; ++e)
                y[e] = bias != nullptr ? bias[e] : 0.0F;
            for (std::int64_t k = 0; k < n.heads; ++k) {
                HeadPlace const place = place_of(n, options.merge, k);
                for (std::int64_t j = 0; j < n.nodes; ++j) {
                    float const w = alpha[(i * n.heads + k) * n.nodes + j] * place.scale;
                    float const* row = h + j * step + k * n.channels;
                    for (std::int64_t c = 0; c < n.channels; ++c)
                        y[place.offset + c] += w * row[c];
                }
            }
            if (options.activation == NodeActivation::relu)
                for (std::int64_t e = 0; e < n.width; ++e)
                    y[e] = activate<NodeActivation::relu>(y[e]);
        }
    };
    parallel_chunks(ctx, n.events, kEventsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t item) {
                        float* self = scratch.data() + item * 2 * n.nodes * n.heads;
                        for (std::int64_t b = begin; b < end; ++b)
                            run_event(b, self, self + n.nodes * n.heads);
                    });
}

void dense_gat_backward(Context& ctx, DenseGatGradArgs const& args)
{
    Sizes const n = sizes_of(args.h, args.y);
    DenseGatOptions const options = args.options;
    auto const* attn_self = static_cast<float const*>(args.attn_self.data);
    auto const* attn_neigh = static_cast<float const*>(args.attn_neigh.data);
    std::int64_t const step = n.heads * n.channels;
    std::int64_t const items = (n.events + kEventsPerItem - 1) / kEventsPerItem;
    std::int64_t const sums_size = 2 * step + n.width;  // attn_self, attn_neigh, bias
    auto const event_scratch = ctx.scratch<float>(items * EventScratch::size(n));
    auto const partial = ctx.scratch<float>(items * sums_size);

    auto const run_event = [&](std::int64_t b, EventScratch const& s, ParameterSums const& sums) {
        float const* h = static_cast<float const*>(args.h.data) + b * n.nodes * step;
        float const* alpha =
            static_cast<float const*>(args.alpha.data) + b * n.nodes * n.heads * n.nodes;
        float const* y = static_cast<float const*>(args.y.data) + b * n.nodes * n.width;
        float const* dy = static_cast<float const*>(args.dy.data) + b * n.nodes * n.width;
        float* dh = static_cast<float*>(args.dh.data) + b * n.nodes * step;
        for (std::int64_t e = 0; e < n.nodes * n.width; ++e) {
            bool const relu = options.activation == NodeActivation::relu;
            s.g[e] = relu ? activation_gradient<NodeActivation::relu>(dy[e], y[e]) : dy[e];
            sums.bias[e % n.width] += s.g[e];
        }
        project(n, h, attn_self, s.self);
        project(n, h, attn_neigh, s.neigh);
        backward_attention(n, options, h, alpha, s, dh);
        backward_projection(n, h, attn_self, s.dself, dh, sums.attn_self);
        backward_projection(n, h, attn_neigh, s.dneigh, dh, sums.attn_neigh);
    };
    parallel_chunks(ctx, n.events, kEventsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t item) {
                        float* sums = partial.data() + item * sums_size;
                        std::fill_n(sums, sums_size, 0.0F);
                        EventScratch const s(n,
                                             event_scratch.data() + item * EventScratch::size(n));
                        for (std::int64_t b = begin; b < end; ++b)
                            run_event(b, s, {sums, sums + step, sums + 2 * step});
                    });
    add_partials(partial.data(), items, sums_size, step, static_cast<float*>(args.dattn_self.data));
    add_partials(partial.data() + step, items, sums_size, step,
                 static_cast<float*>(args.dattn_neigh.data));
    if (!args.dbias.empty())
        add_partials(partial.data() + 2 * step, items, sums_size, n.width,
                     static_cast<float*>(args.dbias.data));
}
}  // namespace calofuse::cpu
