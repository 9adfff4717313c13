/// \file tests/kernels/graph/attention_case.hpp
/// What the tests of attention layers share: a case, its random numbers, and the definition of the
/// softmax and of the weighted sum in double. The layers differ in their exponents only.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "kernels/graph/attention.hpp"
#include "kernels/math/event_dropout.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/random_graph.hpp"

namespace calofuse::test {
struct AttentionCase {
    RandomGraph graph;
    std::int64_t heads = 1, channels = 1, features = 0;
    SelfLoops loops = SelfLoops::add;
    HeadMerge merge = HeadMerge::concat;
    float rate = 0;
    std::int64_t first_event = 0;
    std::int64_t spare = 3;  ///< nodes and edges of the capacity that do not exist

    std::int64_t step() const { return heads * channels; }
    std::int64_t width() const { return merge == HeadMerge::concat ? step() : channels; }
    std::int64_t node_capacity() const { return graph.nodes() + spare; }
    std::int64_t edge_capacity() const { return graph.edges() + spare; }
};

constexpr std::uint64_t kSeed = 11;
constexpr std::uint32_t kStream = 18;
constexpr std::int64_t kStep = 7;
constexpr float kSlope = 0.2F;

using Values = std::vector<double>;
using Tensors = std::map<std::string, std::vector<float>>;
using WideTensors = std::map<std::string, Values>;

inline std::size_t at(std::int64_t i)
{
    return static_cast<std::size_t>(i);
}
inline WideTensors widened(Tensors const& tensors)
{
    WideTensors out;
    for (auto const& [name, v] : tensors)
        out[name] = Values(v.begin(), v.end());
    return out;
}

/// An incoming edge of a node as the layer sees it: `edge` < 0 is the loop that was added.
struct Incoming {
    std::int32_t from;
    std::int64_t edge, slot;
    Values features;
};

/// Edges that take part, in the order of their slots.
inline std::vector<Incoming> incoming(AttentionCase const& c,
                                      Values const& edge,
                                      std::int32_t event_begin,
                                      std::int32_t i)
{
    bool const add = c.loops == SelfLoops::add;
    std::int32_t const first = c.graph.edge_ptr[at(i)], end = c.graph.edge_ptr[at(i) + 1];
    std::int64_t slot = first - c.graph.edge_ptr[at(event_begin)] + (add ? i - event_begin : 0);
    std::vector<Incoming> out;
    Values mean(at(c.features));
    for (std::int32_t e = first; e < end; ++e, ++slot) {
        std::int32_t const from = c.graph.source[at(e)];
        if (add && from == i) continue;
        Incoming one{from, e, slot, {}};
        for (std::int64_t g = 0; g < c.features; ++g)
            one.features.push_back(edge[at(e * c.features + g)]);
        out.push_back(one);
    }
    for (Incoming const& one : out)
        for (std::size_t g = 0; g < mean.size(); ++g)
            mean[g] += one.features[g] / static_cast<double>(out.size());
    if (add) out.push_back({i, -1, slot, mean});
    return out;
}

inline bool is_kept(AttentionCase const& c,
                    std::int64_t event,
                    std::int64_t slot,
                    std::int64_t head)
{
    std::int64_t const element = slot * padded_heads(c.heads) + head;
    std::uint64_t const block = static_cast<std::uint64_t>(c.first_event + event) << 32U
                                | static_cast<std::uint64_t>(element / 4);
    return (dropout_keep4(kSeed, kStream, static_cast<std::uint32_t>(kStep), block,
                          dropout_threshold(c.rate))
                >> (element % 4)
            & 1U)
           != 0;
}

/// exponent(edge, target, head) of the layer; `message`: (N, H, C). Returns y of the nodes that
/// exist; alpha (E, H) and alpha_loop (N, H) as by-products.
inline Values attention_oracle(
    AttentionCase const& c,
    Values const& message,
    Values const& edge,
    Values const& bias,
    std::function<double(Incoming const&, std::int32_t, std::int64_t)> const& exponent,
    Values* alpha_out = nullptr,
    Values* loop_out = nullptr)
{
    Values y(at(c.graph.nodes() * c.width()));
    if (alpha_out != nullptr) alpha_out->assign(at(c.graph.edges() * c.heads), 0.0);
    if (loop_out != nullptr) loop_out->assign(at(c.graph.nodes() * c.heads), 0.0);
    for (std::size_t b = 0; b + 1 < c.graph.row_ptr.size(); ++b)
        for (std::int32_t i = c.graph.row_ptr[b]; i < c.graph.row_ptr[b + 1]; ++i) {
            double* const row = y.data() + i * c.width();
            for (std::int64_t f = 0; f < c.width(); ++f)
                row[f] = bias.empty() ? 0.0 : bias[at(f)];
            auto const edges = incoming(c, edge, c.graph.row_ptr[b], i);
            for (std::int64_t k = 0; k < c.heads; ++k) {
                double top = -INFINITY, sum = 1e-16;
                for (Incoming const& e : edges)
                    top = std::max(top, exponent(e, i, k));
                for (Incoming const& e : edges)
                    sum += std::exp(exponent(e, i, k) - top);
                for (Incoming const& e : edges) {
                    double alpha = std::exp(exponent(e, i, k) - top) / sum;
                    if (alpha_out != nullptr && e.edge >= 0)
                        (*alpha_out)[at(e.edge * c.heads + k)] = alpha;
                    if (loop_out != nullptr && e.edge < 0) (*loop_out)[at(i * c.heads + k)] = alpha;
                    if (c.rate > 0)
                        alpha *= is_kept(c, static_cast<std::int64_t>(b), e.slot, k)
                                     ? 1 / (1 - static_cast<double>(c.rate))
                                     : 0.0;
                    if (c.merge == HeadMerge::mean) alpha /= static_cast<double>(c.heads);
                    for (std::int64_t f = 0; f < c.channels; ++f)
                        row[(c.merge == HeadMerge::concat ? k * c.channels : 0) + f] +=
                            alpha * message[at((e.from * c.heads + k) * c.channels + f)];
                }
            }
        }
    return y;
}

/// `values` of the rows that exist, then NaN in the spare ones.
inline OnDevice<float> with_spare(Context& ctx,
                                  std::vector<float> values,
                                  std::vector<std::int64_t> const& shape)
{
    std::size_t count = 1;
    for (std::int64_t const extent : shape)
        count *= at(extent);
    values.resize(count, NAN);
    return {ctx, std::move(values), shape};
}
/// Rows that exist, all set to `start`, then NaN; the spare ones must stay that.
inline OnDevice<float> rows_of(Context& ctx,
                               std::int64_t rows,
                               float start,
                               std::vector<std::int64_t> const& shape)
{
    std::int64_t width = 1;
    for (std::size_t d = 1; d < shape.size(); ++d)
        width *= shape[d];
    return with_spare(ctx, std::vector<float>(at(rows * width), start), shape);
}
/// The rows that exist, after a look at the others.
inline std::vector<float> fetch_rows(OnDevice<float> const& t, std::int64_t rows)
{
    auto values = t.fetch();
    TensorRef const ref = t.ref();
    std::int64_t width = 1;
    for (int d = 1; d < ref.rank; ++d)
        width *= ref.shape[at(d)];
    for (std::size_t e = at(rows * width); e < values.size(); ++e)
        EXPECT_TRUE(std::isnan(values[e])) << "row past the last node was written";
    values.resize(at(rows * width));
    return values;
}
inline OnDevice<std::int32_t> int_rows(Context& ctx,
                                       std::vector<std::int32_t> v,
                                       std::int64_t spare)
{
    v.resize(v.size() + at(spare), -9999);
    auto const size = static_cast<std::int64_t>(v.size());
    return {ctx, std::move(v), {size}};
}

/// Gradients of CUDA and of the CPU, element by element, as far apart as expect_gradient allows; it
/// takes fewer directions there.
inline void expect_gradients_of_cpu(Tensors const& got, Tensors const& of_cpu)
{
    for (auto const& [name, gradient] : got) {
        SCOPED_TRACE(name);
        double squares = 0;
        for (float const g : gradient)
            squares += static_cast<double>(g) * static_cast<double>(g);
        double const mean =
            squares / static_cast<double>(std::max<std::size_t>(gradient.size(), 1));
        expect_close(gradient, of_cpu.at(name), 2e-5 * (std::sqrt(mean) + 1), 0);
    }
}

/// `got` holds 0.5 plus the gradient of loss() by the values at `name`: checked one by one where
/// they are few, else along a random direction.
inline void expect_gradient(std::function<double(WideTensors const&)> const& loss,
                            WideTensors const& point,
                            std::string const& name,
                            std::vector<float> const& got)
{
    constexpr double kStepSize = 1e-7;  // so small that hardly any rectifier flips
    auto const slope = [&](Values const& direction) {
        WideTensors up = point, down = point;
        for (std::size_t e = 0; e < direction.size(); ++e) {
            up[name][e] += kStepSize * direction[e];
            down[name][e] -= kStepSize * direction[e];
        }
        return (loss(up) - loss(down)) / (2 * kStepSize);
    };
    std::size_t const size = point.at(name).size();
    ASSERT_EQ(got.size(), size) << name;
    std::size_t const tries = std::min<std::size_t>(size, on_cuda() ? 3 : 12);
    for (std::size_t n = 0; n < tries; ++n) {
        Values direction(size);
        if (size <= tries)
            direction[n] = 1;
        else
            for (std::size_t e = 0; e < size; ++e)
                direction[e] = std::sin(static_cast<double>((n + 1) * (e + 3)));
        double expected = 0, scale = 0;
        for (std::size_t e = 0; e < size; ++e) {
            double const term = (static_cast<double>(got[e]) - 0.5) * direction[e];
            expected += term;
            scale += term * term;
        }
        // float sums of all edges, and of the exponent's rounding
        EXPECT_NEAR(expected, slope(direction), 2e-5 * (std::sqrt(scale) + 1))
            << name << ", direction " << n;
    }
}
}  // namespace calofuse::test
