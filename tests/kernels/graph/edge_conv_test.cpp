#include "kernels/graph/edge_conv.hpp"

#include <algorithm>
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
constexpr float kOld = 0.25F;  ///< what the gradients held before
constexpr std::int64_t kSpareNodes = 3;
constexpr std::int64_t kSpareEdges = 5;

struct Case {
    RandomGraph graph;
    std::int64_t hidden, outputs;
    EdgeAggregate aggregate;
    bool turned = false;  ///< rows of nodes in reverse order

    std::vector<float> t() const { return rows(hidden, 11); }
    std::vector<float> s() const { return rows(hidden, 12); }
    std::vector<float> dy() const { return rows(outputs, 13); }
    std::vector<float> rows(std::int64_t columns, std::uint32_t seed) const
    {
        auto const values = random_values(size(columns), seed);
        return turned ? reversed_rows(values, columns) : values;
    }
    std::vector<float> w() const
    {
        return random_values(static_cast<std::size_t>(hidden * outputs), 14);
    }
    std::vector<float> bias() const { return random_values(static_cast<std::size_t>(outputs), 15); }
    std::size_t size(std::int64_t columns) const
    {
        return static_cast<std::size_t>(graph.nodes() * columns);
    }
};

std::vector<double> as_double(std::vector<float> const& v)
{
    return {v.begin(), v.end()};
}

struct Values {
    std::vector<double> t, s, w, bias;
};

Values values_of(Case const& c)
{
    return {as_double(c.t()), as_double(c.s()), as_double(c.w()), as_double(c.bias())};
}

/// The definition, edge by edge.
std::vector<double> oracle(Case const& c, Values const& v)
{
    auto const hidden = static_cast<std::size_t>(c.hidden);
    auto const outputs = static_cast<std::size_t>(c.outputs);
    std::vector<double> y(c.size(c.outputs));
    for (std::size_t i = 0; i < static_cast<std::size_t>(c.graph.nodes()); ++i) {
        auto const begin = static_cast<std::size_t>(c.graph.edge_ptr[i]);
        auto const end = static_cast<std::size_t>(c.graph.edge_ptr[i + 1]);
        for (std::size_t e = begin; e < end; ++e) {
            auto const j = static_cast<std::size_t>(c.graph.source[e]);
            for (std::size_t o = 0; o < outputs; ++o) {
                double z = v.bias[o];
                for (std::size_t h = 0; h < hidden; ++h)
                    z += v.w[h * outputs + o]
                         * std::max(
                             0.0, v.t[i * hidden + h] + v.s[j * hidden + h] - v.s[i * hidden + h]);
                double& out = y[i * outputs + o];
                if (c.aggregate == EdgeAggregate::max)
                    out = e == begin ? z : std::max(out, z);
                else
                    out += c.aggregate == EdgeAggregate::sum ? z
                                                             : z / static_cast<double>(end - begin);
            }
        }
    }
    return y;
}

struct Result {
    std::vector<float> y, dt, ds, dw, dbias;
    std::vector<std::int32_t> winner;

    std::vector<float> all() const
    {
        std::vector<float> out = y;
        for (auto const* part : {&dt, &ds, &dw, &dbias})
            out.insert(out.end(), part->begin(), part->end());
        return out;
    }
};

std::vector<float> extended(std::vector<float> values, std::int64_t count, float with)
{
    values.resize(values.size() + static_cast<std::size_t>(count), with);
    return values;
}

/// Cuts the spare rows off, which must still hold `untouched`.
template <class T>
std::vector<T> cut(std::vector<T> values, std::size_t size, T untouched)
{
    for (std::size_t i = size; i < values.size(); ++i)
        EXPECT_EQ(values[i], untouched);
    values.resize(size);
    return values;
}

/// All tensors of a case on a backend, with spare rows of NaN.
struct Tensors {
    std::int64_t nodes, edges;
    std::vector<std::int32_t> ends, sources;
    OnDevice<std::int32_t> row_ptr, edge_ptr, source, winner;
    OnDevice<float> t, s, w, bias, y, dy, dt, ds, dw, dbias;

    static std::vector<std::int32_t> with_spares(std::vector<std::int32_t> v, std::int64_t count)
    {
        v.resize(static_cast<std::size_t>(count), -1);
        return v;
    }
    static std::vector<float> filled(std::int64_t count, float with)
    {
        return std::vector<float>(static_cast<std::size_t>(count), with);
    }
    Tensors(Context& ctx, Case const& c)
        : nodes(c.graph.nodes() + kSpareNodes)
        , edges(c.graph.edges() + kSpareEdges)
        , ends(with_spares(c.graph.edge_ptr, nodes + 1))
        , sources(with_spares(c.graph.source, edges))
        , row_ptr(ctx, c.graph.row_ptr, {static_cast<std::int64_t>(c.graph.row_ptr.size())})
        , edge_ptr(ctx, ends, {nodes + 1})
        , source(ctx, sources, {edges})
        , winner(ctx,
                 std::vector<std::int32_t>(static_cast<std::size_t>(nodes * c.outputs), 77),
                 {nodes, c.outputs})
        , t(ctx, extended(c.t(), kSpareNodes * c.hidden, kNan), {nodes, c.hidden})
        , s(ctx, extended(c.s(), kSpareNodes * c.hidden, kNan), {nodes, c.hidden})
        , w(ctx, c.w(), {c.hidden, c.outputs})
        , bias(ctx, c.bias(), {c.outputs})
        , y(ctx, filled(nodes * c.outputs, 9), {nodes, c.outputs})
        , dy(ctx, extended(c.dy(), kSpareNodes * c.outputs, kNan), {nodes, c.outputs})
        , dt(ctx, filled(nodes * c.hidden, kOld), {nodes, c.hidden})
        , ds(ctx, filled(nodes * c.hidden, kOld), {nodes, c.hidden})
        , dw(ctx, filled(c.hidden * c.outputs, kOld), {c.hidden, c.outputs})
        , dbias(ctx, filled(c.outputs, kOld), {c.outputs})
    {}
    EdgeConvArgs forward(EdgeAggregate aggregate) const
    {
        return {.target = t.ref(),
                .neighbour = s.ref(),
                .row_ptr = row_ptr.ref(),
                .edge_ptr = edge_ptr.ref(),
                .source = source.ref(),
                .w = w.ref(),
                .bias = bias.ref(),
                .aggregate = aggregate,
                .y = y.ref(),
                .winner = winner.ref()};
    }
    EdgeConvGradArgs backward(EdgeAggregate aggregate) const
    {
        return {.target = t.ref(),
                .neighbour = s.ref(),
                .row_ptr = row_ptr.ref(),
                .edge_ptr = edge_ptr.ref(),
                .source = source.ref(),
                .w = w.ref(),
                .aggregate = aggregate,
                .winner = winner.ref(),
                .dy = dy.ref(),
                .dtarget = dt.ref(),
                .dneighbour = ds.ref(),
                .dw = dw.ref(),
                .dbias = dbias.ref()};
    }
};

Result run(Context& ctx, Case const& c)
{
    Tensors const setup(ctx, c);
    edge_conv_forward(ctx, setup.forward(c.aggregate));
    edge_conv_backward(ctx, setup.backward(c.aggregate));
    std::size_t const hidden = c.size(c.hidden), outputs = c.size(c.outputs);
    return {cut(setup.y.fetch(), outputs, 9.0F),
            cut(setup.dt.fetch(), hidden, kOld),
            cut(setup.ds.fetch(), hidden, kOld),
            setup.dw.fetch(),
            setup.dbias.fetch(),
            cut(setup.winner.fetch(), outputs, 77)};
}

double inner(std::vector<double> const& a, std::vector<double> const& b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += a[i] * b[i];
    return sum;
}

/// Gradient of <oracle, dy> by one of its inputs, on top of what was there.
std::vector<double> gradient(Case const& c, std::vector<double> Values::*input)
{
    auto const dy = as_double(c.dy());
    Values values = values_of(c);
    std::vector<double> const at = values.*input;
    auto out = numeric_gradient(
        [&](std::vector<double> const& x) {
            values.*input = x;
            return inner(oracle(c, values), dy);
        },
        at);
    for (double& g : out)
        g += static_cast<double>(kOld);
    return out;
}

/// `growth`: largest running sum of a result, which its roundings are relative to.
void expect_definition(Case const& c, bool with_gradients = true, double growth = 1)
{
    Context ctx = make_context(2);
    Result const got = run(ctx, c);
    double const edges = static_cast<double>(c.graph.edges()) + 1;
    double const eps = 4 * 1.2e-7 * growth;
    expect_close(got.y, oracle(c, values_of(c)),
                 eps * 8 * std::sqrt(static_cast<double>(c.hidden) + 1), eps);
    if (!with_gradients) return;
    double const of_node = eps * std::sqrt(static_cast<double>(c.outputs) * edges) + 1e-8;
    expect_close(got.dt, gradient(c, &Values::t), of_node, eps);
    expect_close(got.ds, gradient(c, &Values::s), of_node, eps);
    expect_close(got.dw, gradient(c, &Values::w), eps * 2 * std::sqrt(edges) + 1e-8, eps);
    expect_close(got.dbias, gradient(c, &Values::bias), eps * std::sqrt(edges) + 1e-8, eps);
}

constexpr EdgeAggregate kAll[] = {EdgeAggregate::max, EdgeAggregate::sum, EdgeAggregate::mean};
}  // namespace

TEST(EdgeConv, agrees_with_the_definition)
{
    for (Isa const isa : {Isa::avx2, Isa::avx512}) {
        if (!cpu_has(isa)) continue;
        ForcedIsa const forced(isa);
        for (EdgeAggregate const aggregate : kAll) {
            for (auto const& [hidden, outputs] : {std::pair{1, 1}, {9, 6}, {16, 33}, {35, 16}})
                expect_definition(
                    {random_graph({0, 0, 1, 3, 3, 12}, 3), hidden, outputs, aggregate});
            expect_definition({random_graph({0, 40, 60}, 4), 20, 10, aggregate}, false);
            expect_definition({random_graph({0, 0}, 1), 5, 3, aggregate});
            expect_definition({random_graph({0}, 1), 5, 3, aggregate});
        }
    }
}

TEST(EdgeConv, nodes_with_more_edges_than_a_block)
{
    for (EdgeAggregate const aggregate : kAll)
        expect_definition({random_graph({0, 4, 7}, 2, 150), 5, 4, aggregate}, true, 4);
}

TEST(EdgeConv, a_large_event_agrees_with_the_cpu)
{
    Context ctx = make_context();
    Context cpu = Context::cpu();
    for (EdgeAggregate const aggregate : kAll) {
        Case const c{random_graph({0, 1100, 1101, 1150}, 5), 6, 5, aggregate};
        Result const got = run(ctx, c), want = run(cpu, c);
        // Sums of up to 6 edges of 6 terms below 3, in another order; of all edges for dw and dbias.
        for (auto const part : {&Result::y, &Result::dt, &Result::ds})
            expect_close(got.*part, want.*part, 1.2e-7 * 36 * 3, 1.2e-7);
        double const of_all = 1.2e-7 * 15 * std::sqrt(static_cast<double>(c.graph.edges()));
        expect_close(got.dw, want.dw, of_all, of_all);
        expect_close(got.dbias, want.dbias, of_all, of_all);
        if (aggregate == EdgeAggregate::max) {
            EXPECT_EQ(got.winner, want.winner);
        }
    }
}

TEST(EdgeConv, the_first_of_equal_edges_wins)
{
    Context ctx = make_context(1);
    RandomGraph const graph{{0, 3}, {0, 3, 4, 4}, {1, 1, 1, 0}};
    Result const got = run(ctx, {graph, 2, 3, EdgeAggregate::max});
    EXPECT_EQ(got.winner, (std::vector<std::int32_t>{0, 0, 0, 3, 3, 3, -1, -1, -1}));
    EXPECT_EQ(std::vector<float>(got.y.end() - 3, got.y.end()), (std::vector<float>{0, 0, 0}));
}

TEST(EdgeConv, an_event_alone_gives_the_same_bits)
{
    Context ctx = make_context(2);
    for (EdgeAggregate const aggregate : kAll) {
        Case const all{random_graph({0, 9, 9, 30, 31, 60}, 7), 20, 24, aggregate};
        auto const whole = run(ctx, all);
        for (std::size_t b = 0; b + 1 < all.graph.row_ptr.size(); ++b) {
            Tensors const setup(ctx, all);
            // The same rows in memory, seen as a batch of one graph.
            auto const first = static_cast<std::int64_t>(all.graph.row_ptr[b]);
            auto const nodes = all.graph.row_ptr[b + 1] - all.graph.row_ptr[b];
            RandomGraph const graph = one_of(all.graph, b);
            OnDevice<std::int32_t> const row_ptr(ctx, graph.row_ptr, {2}),
                edge_ptr(ctx, graph.edge_ptr, {nodes + 1}),
                source(ctx, graph.source, {graph.edges()});
            auto const rows = [&](TensorRef const& x) {
                TensorRef part = x;
                part.data = static_cast<char*>(x.data)
                            + first * x.shape[1] * static_cast<std::int64_t>(sizeof(float));
                part.shape[0] = nodes;
                return part;
            };
            EdgeConvArgs args = setup.forward(aggregate);
            args.row_ptr = row_ptr.ref();
            args.edge_ptr = edge_ptr.ref();
            args.source = source.ref();
            args.target = rows(args.target);
            args.neighbour = rows(args.neighbour);
            args.y = rows(args.y);
            args.winner = rows(args.winner);
            edge_conv_forward(ctx, args);
            auto const y = setup.y.fetch();
            auto const begin = static_cast<std::ptrdiff_t>(first * 24);
            EXPECT_TRUE(std::equal(y.begin() + begin, y.begin() + begin + nodes * 24,
                                   whole.y.begin() + begin));
        }
    }
}

TEST(EdgeConv, permuting_the_nodes_permutes_the_result)
{
    Context ctx = make_context(1);
    for (EdgeAggregate const aggregate : kAll) {
        RandomGraph const graph = random_graph({0, 30}, 7);
        auto const y = run(ctx, {graph, 20, 24, aggregate}).y;
        auto const turned = run(ctx, {reversed_nodes(graph), 20, 24, aggregate, true}).y;
        EXPECT_EQ(reversed_rows(turned, 24), y);
    }
}

TEST(EdgeConv, same_bits_for_any_number_of_threads)
{
    std::vector<std::int32_t> row_ptr{0};
    for (std::int32_t b = 0; b < 70; ++b)
        row_ptr.push_back(row_ptr.back() + b % 7);
    for (EdgeAggregate const aggregate : kAll) {
        Case const c{random_graph(row_ptr, 7), 12, 20, aggregate};
        expect_same_for_any_threads([&](Context& ctx) { return run(ctx, c).all(); });
    }
}

TEST(EdgeConv, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    Case const c{random_graph({0, 5, 8}, 1), 3, 4, EdgeAggregate::max};
    Tensors const setup(ctx, c);
    OnDevice<std::int32_t> none(ctx, {}, {0});
    OnDevice<float> other(ctx, std::vector<float>(6), {2, 3});
    EdgeConvArgs const good = setup.forward(c.aggregate);
    edge_conv_forward(ctx, good);
    for (TensorRef EdgeConvArgs::*field :
         {&EdgeConvArgs::neighbour, &EdgeConvArgs::w, &EdgeConvArgs::bias, &EdgeConvArgs::y,
          &EdgeConvArgs::winner, &EdgeConvArgs::edge_ptr}) {
        EdgeConvArgs bad = good;
        bad.*field = other.ref();
        EXPECT_THROW(edge_conv_forward(ctx, bad), Error);
    }
    EdgeConvArgs bad = good;
    bad.row_ptr = none.ref();
    EXPECT_THROW(edge_conv_forward(ctx, bad), Error);
    bad = good;
    bad.source = other.ref();
    EXPECT_THROW(edge_conv_forward(ctx, bad), Error);
    for (TensorRef EdgeConvGradArgs::*field :
         {&EdgeConvGradArgs::dtarget, &EdgeConvGradArgs::dneighbour, &EdgeConvGradArgs::dw,
          &EdgeConvGradArgs::dbias, &EdgeConvGradArgs::dy, &EdgeConvGradArgs::winner}) {
        EdgeConvGradArgs bad_gradient = setup.backward(c.aggregate);
        bad_gradient.*field = other.ref();
        EXPECT_THROW(edge_conv_backward(ctx, bad_gradient), Error);
    }
}
}  // namespace calofuse::test
