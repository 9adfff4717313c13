#include "kernels/graph/gcn.hpp"

#include <cmath>
#include <limits>

#include "runtime/isa.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/random_graph.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t kSpareNodes = 3;
constexpr std::int64_t kSpareEdges = 5;

struct Case {
    RandomGraph graph;
    std::int64_t channels;
    bool weighted, biased;
    bool turned = false;  ///< rows of nodes in reverse order
    SelfLoops loops = SelfLoops::add;

    std::vector<float> u() const
    {
        auto const values = random_values(size(), 11);
        return turned ? reversed_rows(values, channels) : values;
    }
    std::vector<float> dy() const { return random_values(size(), 12); }
    std::vector<float> w() const
    {
        return random_values(static_cast<std::size_t>(graph.edges()), 13, 0.2F, 2.0F);
    }
    std::vector<float> bias() const
    {
        return random_values(static_cast<std::size_t>(channels), 14);
    }
    std::size_t size() const { return static_cast<std::size_t>(graph.nodes() * channels); }
};

std::vector<double> as_double(std::vector<float> const& v)
{
    return {v.begin(), v.end()};
}

/// The definition with a dense matrix for each graph: y = S A S u + b.
std::vector<double> oracle(Case const& c,
                           std::vector<double> const& u,
                           std::vector<double> const& w,
                           std::vector<double> const& bias)
{
    auto const nodes = static_cast<std::size_t>(c.graph.nodes());
    auto const channels = static_cast<std::size_t>(c.channels);
    std::vector<double> a(nodes * nodes), degree(nodes), y(nodes * channels);
    for (std::size_t i = 0; i < nodes; ++i) {
        bool const add_loop = c.loops == SelfLoops::add;
        double loop = add_loop ? 1 : 0;
        for (std::int32_t e = c.graph.edge_ptr[i]; e < c.graph.edge_ptr[i + 1]; ++e) {
            auto const edge = static_cast<std::size_t>(e);
            double const weight = c.weighted ? w[edge] : 1.0;
            auto const j = static_cast<std::size_t>(c.graph.source[edge]);
            if (i == j && add_loop)
                loop = weight;
            else
                a[i * nodes + j] += weight;
        }
        a[i * nodes + i] += loop;
        for (std::size_t j = 0; j < nodes; ++j)
            degree[i] += a[i * nodes + j];
    }
    for (std::size_t i = 0; i < nodes; ++i)
        for (std::size_t f = 0; f < channels; ++f) {
            double& out = y[i * channels + f];
            out = c.biased ? bias[f] : 0.0;
            for (std::size_t j = 0; j < nodes; ++j)
                if (degree[i] > 0 && degree[j] > 0)
                    out +=
                        a[i * nodes + j] / std::sqrt(degree[i] * degree[j]) * u[j * channels + f];
        }
    return y;
}

struct Result {
    std::vector<float> y, du, dw, dbias;

    std::vector<float> all() const
    {
        std::vector<float> out = y;
        for (auto const* part : {&du, &dw, &dbias})
            out.insert(out.end(), part->begin(), part->end());
        return out;
    }
};

constexpr float kOld = 0.25F;  ///< what the gradients held before

std::vector<float> extended(std::vector<float> values, std::int64_t count, float with)
{
    values.resize(values.size() + static_cast<std::size_t>(count), with);
    return values;
}

/// Cuts the spare rows off, which must still hold `untouched`.
std::vector<float> cut(std::vector<float> values, std::size_t size, float untouched)
{
    for (std::size_t i = size; i < values.size(); ++i)
        EXPECT_EQ(values[i], untouched);
    values.resize(size);
    return values;
}

Result run(Context& ctx, Case const& c)
{
    std::int64_t const nodes = c.graph.nodes() + kSpareNodes;
    std::int64_t const edges = c.graph.edges() + kSpareEdges;
    std::int64_t const spare = kSpareNodes * c.channels;
    auto ends = c.graph.edge_ptr, sources = c.graph.source;
    ends.resize(static_cast<std::size_t>(nodes + 1), -1);
    sources.resize(static_cast<std::size_t>(edges), -1);
    OnDevice<std::int32_t> row_ptr(ctx, c.graph.row_ptr,
                                   {static_cast<std::int64_t>(c.graph.row_ptr.size())});
    OnDevice<std::int32_t> edge_ptr(ctx, ends, {nodes + 1}), source(ctx, sources, {edges});
    OnDevice<float> u(ctx, extended(c.u(), spare, kNan), {nodes, c.channels});
    OnDevice<float> dy(ctx, extended(c.dy(), spare, kNan), {nodes, c.channels});
    OnDevice<float> w(ctx, extended(c.w(), kSpareEdges, kNan), {edges});
    OnDevice<float> bias(ctx, c.bias(), {c.channels});
    OnDevice<float> y(ctx, std::vector<float>(c.size() + static_cast<std::size_t>(spare), 9),
                      {nodes, c.channels});
    OnDevice<float> du(ctx, std::vector<float>(c.size() + static_cast<std::size_t>(spare), kOld),
                       {nodes, c.channels});
    OnDevice<float> dw(ctx, std::vector<float>(static_cast<std::size_t>(edges), kOld), {edges});
    OnDevice<float> dbias(ctx, std::vector<float>(static_cast<std::size_t>(c.channels), kOld),
                          {c.channels});
    TensorRef const weights = c.weighted ? w.ref() : TensorRef{};
    gcn_forward(ctx, {.u = u.ref(),
                      .row_ptr = row_ptr.ref(),
                      .edge_ptr = edge_ptr.ref(),
                      .source = source.ref(),
                      .edge_weight = weights,
                      .bias = c.biased ? bias.ref() : TensorRef{},
                      .loops = c.loops,
                      .y = y.ref()});
    gcn_backward(ctx, {.u = u.ref(),
                       .row_ptr = row_ptr.ref(),
                       .edge_ptr = edge_ptr.ref(),
                       .source = source.ref(),
                       .edge_weight = weights,
                       .loops = c.loops,
                       .dy = dy.ref(),
                       .du = du.ref(),
                       .dedge_weight = c.weighted ? dw.ref() : TensorRef{},
                       .dbias = c.biased ? dbias.ref() : TensorRef{}});
    return {cut(y.fetch(), c.size(), 9), cut(du.fetch(), c.size(), kOld),
            cut(dw.fetch(), static_cast<std::size_t>(c.graph.edges()), kOld), dbias.fetch()};
}

double inner(std::vector<double> const& a, std::vector<double> const& b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += a[i] * b[i];
    return sum;
}

void expect_definition(Case const& c)
{
    Context ctx = make_context(2);
    Result const got = run(ctx, c);
    auto const u = as_double(c.u()), w = as_double(c.w()), b = as_double(c.bias());
    auto const dy = as_double(c.dy());
    double const tolerance = 4 * 1.2e-7 * 6;
    expect_close(got.y, oracle(c, u, w, b), tolerance, 4 * 1.2e-7);
    auto const plus_old = [](std::vector<double> gradient) {
        for (double& g : gradient)
            g += static_cast<double>(kOld);
        return gradient;
    };
    expect_close(
        got.du,
        plus_old(numeric_gradient([&](auto const& v) { return inner(oracle(c, v, w, b), dy); }, u)),
        tolerance, 4 * 1.2e-7);
    if (c.weighted)
        expect_close(got.dw,
                     plus_old(numeric_gradient(
                         [&](auto const& v) { return inner(oracle(c, u, v, b), dy); }, w)),
                     tolerance * std::sqrt(static_cast<double>(c.channels)), 4 * 1.2e-7);
    if (c.biased)
        expect_close(got.dbias,
                     plus_old(numeric_gradient(
                         [&](auto const& v) { return inner(oracle(c, u, w, v), dy); }, b)),
                     tolerance * std::sqrt(static_cast<double>(c.graph.nodes() + 1)), 4 * 1.2e-7);
}
}  // namespace

TEST(Gcn, agrees_with_the_definition)
{
    for (Isa const isa : {Isa::avx2, Isa::avx512}) {
        if (!cpu_has(isa)) continue;
        ForcedIsa const forced(isa);
        for (std::int64_t const channels : {1, 7, 16, 35})
            for (bool const weighted : {false, true})
                expect_definition(
                    {random_graph({0, 0, 1, 3, 3, 12, 20}, 3), channels, weighted, !weighted});
        expect_definition({random_graph({0, 4}, 1), 130, true, true});
        expect_definition({random_graph({0, 0}, 1), 5, true, true});
        expect_definition({random_graph({0}, 1), 5, false, true});
    }
}

TEST(Gcn, loops_as_given_are_edges_as_all_others)
{
    for (bool const weighted : {false, true})
        expect_definition({.graph = random_graph({0, 0, 1, 3, 3, 12, 20}, 3),
                           .channels = 7,
                           .weighted = weighted,
                           .biased = !weighted,
                           .loops = SelfLoops::as_given});
}

TEST(Gcn, nodes_with_very_many_edges)
{
    expect_definition({random_graph({0, 5}, 2, 700), 3, true, false});
}

TEST(Gcn, a_large_event_agrees_with_the_cpu)
{
    Case const c{random_graph({0, 2500, 2501, 2600}, 5), 5, true, true};
    Context ctx = make_context();
    Context cpu = Context::cpu();
    Result const got = run(ctx, c), want = run(cpu, c);
    // Sums of about ten terms of at most 2 in the same order, of 2600 in double.
    for (auto const part : {&Result::y, &Result::du, &Result::dw})
        expect_close(got.*part, want.*part, 10 * 2 * 1.2e-7, 4 * 1.2e-7);
    expect_close(got.dbias, want.dbias, 0, 1.2e-7);
}

TEST(Gcn, a_degree_of_zero_gives_zero)
{
    Context ctx = make_context(1);
    // Loop of weight 0 and nothing else at node 0; node 1 hears node 0.
    OnDevice<std::int32_t> row_ptr(ctx, {0, 2}, {2}), edge_ptr(ctx, {0, 1, 2}, {3}),
        source(ctx, {0, 0}, {2});
    OnDevice<float> u(ctx, {3, 5}, {2, 1}), w(ctx, {0, 1}, {2}), y(ctx, {9, 9}, {2, 1});
    gcn_forward(ctx, {.u = u.ref(),
                      .row_ptr = row_ptr.ref(),
                      .edge_ptr = edge_ptr.ref(),
                      .source = source.ref(),
                      .edge_weight = w.ref(),
                      .y = y.ref()});
    expect_close(y.fetch(), std::vector<double>{0, 2.5}, 1e-12, 4 * 1.2e-7);
}

TEST(Gcn, an_event_alone_gives_the_same_bits)
{
    Case const all{random_graph({0, 9, 9, 30, 31, 60}, 7), 40, true, true};
    Context ctx = make_context(2);
    auto const whole = run(ctx, all).y;
    for (std::size_t b = 0; b + 1 < all.graph.row_ptr.size(); ++b) {
        RandomGraph const graph = one_of(all.graph, b);
        auto const first = static_cast<std::size_t>(all.graph.row_ptr[b]);
        std::size_t const edge = static_cast<std::size_t>(all.graph.edge_ptr[first]);
        auto const values = all.u(), weights = all.w();
        auto const nodes = static_cast<std::int64_t>(graph.nodes());
        OnDevice<std::int32_t> row_ptr(ctx, graph.row_ptr, {2}),
            edge_ptr(ctx, graph.edge_ptr, {nodes + 1}), source(ctx, graph.source, {graph.edges()});
        auto const part = [](std::vector<float> const& v, std::size_t at, std::size_t count) {
            auto const begin = v.begin() + static_cast<std::ptrdiff_t>(at);
            return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(count));
        };
        std::size_t const size = static_cast<std::size_t>(nodes) * 40;
        OnDevice<float> u(ctx, part(values, first * 40, size), {nodes, 40}),
            w(ctx, part(weights, edge, static_cast<std::size_t>(graph.edges())), {graph.edges()}),
            bias(ctx, all.bias(), {40}), y(ctx, std::vector<float>(size), {nodes, 40});
        gcn_forward(ctx, {.u = u.ref(),
                          .row_ptr = row_ptr.ref(),
                          .edge_ptr = edge_ptr.ref(),
                          .source = source.ref(),
                          .edge_weight = graph.edges() > 0 ? w.ref() : TensorRef{},
                          .bias = bias.ref(),
                          .y = y.ref()});
        EXPECT_TRUE(same_bits(y.fetch(), part(whole, first * 40, size)));
    }
}

TEST(Gcn, permuting_the_nodes_permutes_the_result)
{
    Context ctx = make_context(1);
    RandomGraph const graph = random_graph({0, 30}, 7);
    auto const y = run(ctx, {graph, 20, false, true}).y;
    EXPECT_EQ(reversed_rows(run(ctx, {reversed_nodes(graph), 20, false, true, true}).y, 20), y);
}

TEST(Gcn, same_bits_for_any_number_of_threads)
{
    std::vector<std::int32_t> row_ptr{0};
    for (std::int32_t b = 0; b < 50; ++b)
        row_ptr.push_back(row_ptr.back() + b % 7);
    Case const c{random_graph(row_ptr, 7), 24, true, true};
    expect_same_for_any_threads([&](Context& ctx) { return run(ctx, c).all(); });
}

TEST(Gcn, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<std::int32_t> rows(ctx, {0, 2}, {2}), none(ctx, {}, {0}), ptr(ctx, {0, 1, 1}, {3}),
        source(ctx, {1}, {1});
    OnDevice<float> u(ctx, std::vector<float>(6), {2, 3}), y(ctx, std::vector<float>(6), {2, 3}),
        other(ctx, std::vector<float>(6), {3, 2}), one(ctx, {1}, {1}), two(ctx, {1, 1}, {2}),
        three(ctx, {1, 1, 1}, {3});
    GcnArgs const good{.u = u.ref(),
                       .row_ptr = rows.ref(),
                       .edge_ptr = ptr.ref(),
                       .source = source.ref(),
                       .edge_weight = one.ref(),
                       .bias = three.ref(),
                       .y = y.ref()};
    gcn_forward(ctx, good);
    auto const forward_throws = [&](auto change) {
        GcnArgs bad = good;
        change(bad);
        EXPECT_THROW(gcn_forward(ctx, bad), Error);
    };
    forward_throws([&](GcnArgs& a) { a.row_ptr = none.ref(); });
    forward_throws([&](GcnArgs& a) { a.edge_ptr = rows.ref(); });
    forward_throws([&](GcnArgs& a) { a.edge_weight = two.ref(); });
    forward_throws([&](GcnArgs& a) { a.bias = two.ref(); });
    forward_throws([&](GcnArgs& a) { a.y = other.ref(); });
    forward_throws([&](GcnArgs& a) { a.source = three.ref(); });
    GcnGradArgs const gradient{.u = u.ref(),
                               .row_ptr = rows.ref(),
                               .edge_ptr = ptr.ref(),
                               .source = source.ref(),
                               .edge_weight = one.ref(),
                               .dy = u.ref(),
                               .du = y.ref(),
                               .dedge_weight = one.ref(),
                               .dbias = three.ref()};
    auto const backward_throws = [&](auto change) {
        GcnGradArgs bad = gradient;
        change(bad);
        EXPECT_THROW(gcn_backward(ctx, bad), Error);
    };
    backward_throws([&](GcnGradArgs& a) { a.u = {}; });
    backward_throws([&](GcnGradArgs& a) { a.edge_weight = {}; });
    backward_throws([&](GcnGradArgs& a) { a.dedge_weight = two.ref(); });
    backward_throws([&](GcnGradArgs& a) { a.du = other.ref(); });
    backward_throws([&](GcnGradArgs& a) { a.dbias = two.ref(); });
}
}  // namespace calofuse::test
