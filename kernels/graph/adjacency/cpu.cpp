#include <algorithm>

#include "kernels/graph/adjacency.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kEventsPerItem = 32;
constexpr std::int64_t kBlock = 32;  ///< features held in registers: four AVX2 vectors

template <class F>
void with_activation(NodeActivation kind, F&& f)
{
    if (kind == NodeActivation::relu)
        f.template operator()<NodeActivation::relu>();
    else
        f.template operator()<NodeActivation::none>();
}

/// Whole blocks are compiled with their length known, the last one with what is left.
template <class F>
void for_blocks(std::int64_t features, F&& f)
{
    std::int64_t c = 0;
    for (; c + kBlock <= features; c += kBlock)
        f(c, kBlock);
    if (c < features) f(c, features - c);
}

/// sum[0 .. width) += sum_j a[j * stride] x[j, 0 .. width); rows of x are `features` apart.
inline void gather(float* sum,
                   float const* a,
                   std::int64_t stride,
                   float const* x,
                   std::int64_t nodes,
                   std::int64_t features,
                   std::int64_t width)
{
    for (std::int64_t j = 0; j < nodes; ++j) {
        float const weight = a[j * stride];
        if (weight == 0) continue;
        float const* row = x + j * features;
        for (std::int64_t c = 0; c < width; ++c)
            sum[c] += weight * row[c];
    }
}
}  // namespace

void adjacency_forward(Context& ctx, AdjacencyArgs const& args)
{
    auto const u = args.u.view<float const, 3>();
    std::int64_t const nodes = u.shape[1];
    std::int64_t const features = u.shape[2];
    std::int64_t const event_size = nodes * features;
    std::int64_t const a_step = args.a.rank == 3 ? nodes * nodes : 0;
    auto const* a_data = static_cast<float const*>(args.a.data);
    auto const* r = static_cast<float const*>(args.r.data);
    auto const* bias = static_cast<float const*>(args.bias.data);
    auto* y = static_cast<float*>(args.y.data);

    with_activation(args.activation, [&]<NodeActivation kActivation>() {
        auto const run_event = [&](std::int64_t b) {
            float const* a = a_data + b * a_step;
            for (std::int64_t i = 0; i < nodes; ++i) {
                for_blocks(features, [&](std::int64_t c0, std::int64_t width) {
                    std::int64_t const at = b * event_size + i * features + c0;
                    float sum[kBlock];
                    for (std::int64_t c = 0; c < width; ++c)
                        sum[c] = (bias != nullptr ? bias[c0 + c] : 0.0F)
                                 + (r != nullptr ? r[at + c] : 0.0F);
                    gather(sum, a + i * nodes, 1, u.data + b * event_size + c0, nodes, features,
                           width);
                    for (std::int64_t c = 0; c < width; ++c)
                        y[at + c] = activate<kActivation>(sum[c]);
                });
            }
        };
        parallel_chunks(ctx, u.shape[0], kEventsPerItem,
                        [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                            for (std::int64_t b = begin; b < end; ++b)
                                run_event(b);
                        });
    });
}

void adjacency_backward(Context& ctx, AdjacencyGradArgs const& args)
{
    auto const dy = args.dy.view<float const, 3>();
    std::int64_t const events = dy.shape[0];
    std::int64_t const nodes = dy.shape[1];
    std::int64_t const features = dy.shape[2];
    std::int64_t const event_size = nodes * features;
    std::int64_t const a_step = args.a.rank == 3 ? nodes * nodes : 0;
    auto const* a_data = static_cast<float const*>(args.a.data);
    auto const* y = static_cast<float const*>(args.y.data);
    auto* du = static_cast<float*>(args.du.data);
    auto* dr = static_cast<float*>(args.dr.data);
    auto* dbias = static_cast<float*>(args.dbias.data);

    std::int64_t const items = (events + kEventsPerItem - 1) / kEventsPerItem;
    auto const partial_bias = ctx.scratch<float>(dbias != nullptr ? items * features : 0);
    // dL/d(sum before the activation) of one event, for each item its own
    auto const gradient = ctx.scratch<float>(items * event_size);

    with_activation(args.activation, [&]<NodeActivation kActivation>() {
        auto const run_event = [&](std::int64_t b, float* g, float* bias_sum) {
            std::int64_t const at = b * event_size;
            for (std::int64_t e = 0; e < event_size; ++e)
                g[e] = activation_gradient<kActivation>(dy.data[at + e],
                                                        y != nullptr ? y[at + e] : 1.0F);
            if (dr != nullptr)
                for (std::int64_t e = 0; e < event_size; ++e)
                    dr[at + e] += g[e];
            if (bias_sum != nullptr)
                for (std::int64_t i = 0; i < nodes; ++i)
                    for (std::int64_t c = 0; c < features; ++c)
                        bias_sum[c] += g[i * features + c];
            if (du == nullptr) return;
            float const* a = a_data + b * a_step;
            for (std::int64_t j = 0; j < nodes; ++j) {
                for_blocks(features, [&](std::int64_t c0, std::int64_t width) {
                    float sum[kBlock] = {};
                    gather(sum, a + j, nodes, g + c0, nodes, features, width);
                    float* out = du + at + j * features + c0;
                    for (std::int64_t c = 0; c < width; ++c)
                        out[c] += sum[c];
                });
            }
        };
        parallel_chunks(ctx, events, kEventsPerItem,
                        [&](std::int64_t begin, std::int64_t end, std::int64_t item) {
                            float* bias_sum =
                                dbias != nullptr ? partial_bias.data() + item * features : nullptr;
                            if (bias_sum != nullptr) std::fill_n(bias_sum, features, 0.0F);
                            for (std::int64_t b = begin; b < end; ++b)
                                run_event(b, gradient.data() + item * event_size, bias_sum);
                        });
    });
    for (std::int64_t c = 0; dbias != nullptr && c < features; ++c) {
        double sum = 0;
        for (std::int64_t item = 0; item < items; ++item)
            sum += partial_bias.data()[item * features + c];
        dbias[c] += static_cast<float>(sum);
    }
}
}  // namespace calofuse::cpu
