#include "kernels/graph/adjacency.hpp"

#include "tests/support/operator_case.hpp"

namespace calofuse::test {
namespace {
struct Case {
    char const* name;
    std::int64_t events, nodes, features;
    bool own_graphs = false;  ///< one adjacency per event
    NodeActivation activation = NodeActivation::none;
};
void PrintTo(Case const& c, std::ostream* os)
{
    *os << c.name;
}

struct Data {
    std::vector<float> a, u, r, bias, dy;
};

Data data_of(Case const& c)
{
    auto const size = static_cast<std::size_t>(c.events * c.nodes * c.features);
    auto const graph = static_cast<std::size_t>((c.own_graphs ? c.events : 1) * c.nodes * c.nodes);
    Data d{random_values(graph, 1), random_values(size, 2), random_values(size, 3),
           random_values(static_cast<std::size_t>(c.features), 4), random_values(size, 5)};
    for (std::size_t e = 0; e < graph; e += 3)
        d.a[e] = 0;  // absent edges
    return d;
}

/// The definition, before the activation, in double.
std::vector<double> oracle(Case const& c,
                           std::vector<float> const& a,
                           std::vector<double> const& u,
                           std::vector<double> const& r,
                           std::vector<double> const& bias)
{
    std::vector<double> y(u.size());
    auto const at = [&](std::int64_t b, std::int64_t i, std::int64_t f) {
        return static_cast<std::size_t>((b * c.nodes + i) * c.features + f);
    };
    for (std::int64_t b = 0; b < c.events; ++b)
        for (std::int64_t i = 0; i < c.nodes; ++i)
            for (std::int64_t f = 0; f < c.features; ++f) {
                double sum = r[at(b, i, f)] + bias[static_cast<std::size_t>(f)];
                for (std::int64_t j = 0; j < c.nodes; ++j)
                    sum += a[static_cast<std::size_t>(
                               ((c.own_graphs ? b : 0) * c.nodes + i) * c.nodes + j)]
                           * u[at(b, j, f)];
                y[at(b, i, f)] = sum;
            }
    return y;
}

std::vector<double> widened(std::vector<float> const& v)
{
    return {v.begin(), v.end()};
}

std::vector<double> expected_forward(Case const& c, Data const& d)
{
    auto y = oracle(c, d.a, widened(d.u), widened(d.r), widened(d.bias));
    if (c.activation == NodeActivation::relu)
        for (double& v : y)
            v = std::max(v, 0.0);
    return y;
}

struct Gradients {
    std::vector<float> y, du, dr, dbias;
};

/// Forward and backward with `threads` threads; gradients start at `start`.
Gradients run(Case const& c, Data const& d, int threads, float start)
{
    Context ctx = make_context(threads);
    std::vector<std::int64_t> const shape{c.events, c.nodes, c.features};
    std::vector<std::int64_t> const graph =
        c.own_graphs ? std::vector<std::int64_t>{c.events, c.nodes, c.nodes}
                     : std::vector<std::int64_t>{c.nodes, c.nodes};
    OnDevice<float> a(ctx, d.a, graph), u(ctx, d.u, shape), r(ctx, d.r, shape);
    OnDevice<float> bias(ctx, d.bias, {c.features}), dy(ctx, d.dy, shape);
    OnDevice<float> y(ctx, std::vector<float>(d.u.size(), -7), shape);
    OnDevice<float> du(ctx, std::vector<float>(d.u.size(), start), shape);
    OnDevice<float> dr(ctx, std::vector<float>(d.u.size(), start), shape);
    OnDevice<float> dbias(ctx, std::vector<float>(d.bias.size(), start), {c.features});
    adjacency_forward(ctx, {.a = a.ref(),
                            .u = u.ref(),
                            .r = r.ref(),
                            .bias = bias.ref(),
                            .activation = c.activation,
                            .y = y.ref()});
    adjacency_backward(ctx, {.a = a.ref(),
                             .y = y.ref(),
                             .dy = dy.ref(),
                             .activation = c.activation,
                             .du = du.ref(),
                             .dr = dr.ref(),
                             .dbias = dbias.ref()});
    return {y.fetch(), du.fetch(), dr.fetch(), dbias.fetch()};
}

class Adjacency : public testing::TestWithParam<Case> {};
}  // namespace

TEST_P(Adjacency, agrees_with_oracle)
{
    Case const& c = GetParam();
    Data const d = data_of(c);
    double const eps = 4 * 1.2e-7;
    Gradients const got = run(c, d, 2, 0.5F);
    std::vector<double> const y = expected_forward(c, d);
    double const forward_terms = std::sqrt(static_cast<double>(c.nodes + 2));
    expect_close(got.y, y, eps * forward_terms, eps);

    // The gradient of sum(dy y) is linear in dy; its oracle is the transposed loop.
    std::vector<double> du(d.u.size(), 0.5), dr(d.u.size(), 0.5), dbias(d.bias.size(), 0.5);
    auto const row = [&](std::int64_t b, std::int64_t i) {
        return static_cast<std::size_t>((b * c.nodes + i) * c.features);
    };
    for (std::int64_t b = 0; b < c.events; ++b)
        for (std::int64_t i = 0; i < c.nodes; ++i)
            for (std::size_t f = 0; f < d.bias.size(); ++f) {
                bool const off = c.activation == NodeActivation::relu && y[row(b, i) + f] <= 0;
                double const g = off ? 0.0 : d.dy[row(b, i) + f];
                dr[row(b, i) + f] += g;
                dbias[f] += g;
                for (std::int64_t j = 0; j < c.nodes; ++j)
                    du[row(b, j) + f] += g
                                         * d.a[static_cast<std::size_t>(
                                             ((c.own_graphs ? b : 0) * c.nodes + i) * c.nodes + j)];
            }
    expect_close(got.du, du, eps * forward_terms, eps);
    expect_close(got.dr, dr, eps, eps);
    expect_close(got.dbias, dbias, eps * std::sqrt(static_cast<double>(c.events * c.nodes + 1)),
                 eps);
}

TEST_P(Adjacency, same_bits_for_any_number_of_threads)
{
    Case const& c = GetParam();
    Data const d = data_of(c);
    Gradients const one = run(c, d, 1, 0);
    for (int const threads : {1, 2, 3}) {
        Gradients const other = run(c, d, threads, 0);
        EXPECT_EQ(one.y, other.y);
        EXPECT_EQ(one.du, other.du);
        EXPECT_EQ(one.dbias, other.dbias);
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes,
                         Adjacency,
                         testing::Values(Case{"no_events", 0, 9, 64},
                                         Case{"one_node", 3, 1, 5},
                                         Case{"one_feature", 4, 9, 1, false, NodeActivation::relu},
                                         Case{"hybrid", 33, 9, 64, false, NodeActivation::relu},
                                         Case{"own_graphs", 5, 7, 33, true},
                                         Case{"odd", 70, 20, 31, true, NodeActivation::relu},
                                         Case{"largest", 2, 64, 40},
                                         Case{"many_events", 530, 2, 3}),  // 67 partial sums
                         [](auto const& p) { return p.param.name; });

TEST(AdjacencyCase, keeps_the_promises_of_an_operator)
{
    for (Case const& c :
         {Case{"small", 2, 3, 2}, Case{"relu", 2, 4, 3, false, NodeActivation::relu},
          Case{"own_graphs", 3, 5, 2, true, NodeActivation::relu}}) {
        SCOPED_TRACE(c.name);
        Data const d = data_of(c);
        OperatorCase::Shape const shape{c.events, c.nodes, c.features};
        OperatorCase::Shape graph{c.nodes, c.nodes};
        if (c.own_graphs) graph.insert(graph.begin(), c.events);
        OperatorCase{}
            .input("a", graph, d.a)
            .input("u", shape, d.u)
            .input("r", shape, d.r)
            .input("bias", {c.features}, d.bias)
            .output("y", shape, 1e-6, 1e-6)
            .gradient("u", 1e-6, 1e-6)
            .gradient("r", 1e-6, 1e-6)
            .gradient("bias", 2e-6, 1e-6)
            .forward([&](Context& ctx, Tensors const& t) {
                adjacency_forward(ctx, {.a = t("a"),
                                        .u = t("u"),
                                        .r = t("r"),
                                        .bias = t("bias"),
                                        .activation = c.activation,
                                        .y = t("y")});
            })
            .backward([&](Context& ctx, Tensors const& t) {
                adjacency_backward(ctx, {.a = t("a"),
                                         .y = t("y"),
                                         .dy = t("dy"),
                                         .activation = c.activation,
                                         .du = t("du"),
                                         .dr = t("dr"),
                                         .dbias = t("dbias")});
            })
            .oracle([&](Doubles const& v) {
                auto y = oracle(c, d.a, v.at("u"), v.at("r"), v.at("bias"));
                for (double& value : y)
                    if (c.activation == NodeActivation::relu) value = std::max(value, 0.0);
                return Doubles{{"y", y}};
            })
            .check();
    }
}

TEST(AdjacencyOptions, residual_and_bias_may_be_left_out_and_y_may_be_r)
{
    Context ctx = make_context(1);
    OnDevice<float> a(ctx, {0, 2, 3, 0}, {2, 2}), u(ctx, {1, 10}, {1, 2, 1});
    OnDevice<float> y(ctx, {5, 5}, {1, 2, 1});
    adjacency_forward(ctx, {.a = a.ref(), .u = u.ref(), .y = y.ref()});
    EXPECT_EQ(y.fetch(), (std::vector<float>{20, 3}));
    adjacency_forward(ctx, {.a = a.ref(), .u = u.ref(), .r = y.ref(), .y = y.ref()});
    EXPECT_EQ(y.fetch(), (std::vector<float>{40, 6}));
}

TEST(AdjacencyChecks, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> a(ctx, std::vector<float>(4), {2, 2}), a3(ctx, std::vector<float>(9), {3, 3});
    OnDevice<float> u(ctx, std::vector<float>(4), {1, 2, 2}),
        y(ctx, std::vector<float>(4), {1, 2, 2});
    OnDevice<float> flat(ctx, std::vector<float>(4), {2, 2}), bias(ctx, std::vector<float>(3), {3});
    EXPECT_THROW(adjacency_forward(ctx, {.a = a3.ref(), .u = u.ref(), .y = y.ref()}), Error);
    EXPECT_THROW(adjacency_forward(ctx, {.a = a.ref(), .u = flat.ref(), .y = y.ref()}), Error);
    EXPECT_THROW(adjacency_forward(ctx, {.a = a.ref(), .u = u.ref(), .y = flat.ref()}), Error);
    EXPECT_THROW(adjacency_forward(ctx, {.a = a.ref(), .u = u.ref(), .y = u.ref()}), Error);
    EXPECT_THROW(
        adjacency_forward(ctx, {.a = a.ref(), .u = u.ref(), .bias = bias.ref(), .y = y.ref()}),
        Error);
    EXPECT_THROW(
        adjacency_forward(ctx, {.a = a.ref(), .u = u.ref(), .r = bias.ref(), .y = y.ref()}), Error);
    // relu needs the output of forward
    EXPECT_THROW(
        adjacency_backward(
            ctx, {.a = a.ref(), .dy = u.ref(), .activation = NodeActivation::relu, .du = y.ref()}),
        Error);
    EXPECT_THROW(grid_adjacency(9, 9, GridNeighbours::four), Error);
    EXPECT_THROW(normalised_adjacency(std::vector<float>(5)), Error);
}

TEST(GridAdjacency, three_by_three)
{
    auto const degree = [](std::vector<float> const& a, std::size_t i) {
        float sum = 0;
        for (std::size_t j = 0; j < 9; ++j)
            sum += a[i * 9 + j];
        return sum;
    };
    auto const eight = grid_adjacency(3, 3, GridNeighbours::eight);
    auto const four = grid_adjacency(3, 3, GridNeighbours::four);
    auto const all = grid_adjacency(3, 3, GridNeighbours::all);
    std::vector<float> const eight_degrees{3, 5, 3, 5, 8, 5, 3, 5, 3};
    std::vector<float> const four_degrees{2, 3, 2, 3, 4, 3, 2, 3, 2};
    for (std::size_t i = 0; i < 9; ++i) {
        EXPECT_EQ(degree(eight, i), eight_degrees[i]) << i;
        EXPECT_EQ(degree(four, i), four_degrees[i]) << i;
        EXPECT_EQ(degree(all, i), 8) << i;
        EXPECT_EQ(eight[i * 9 + i], 0);
    }
}

TEST(GridAdjacency, normalisation)
{
    auto const gcs = normalised_adjacency(grid_adjacency(3, 3, GridNeighbours::eight));
    EXPECT_FLOAT_EQ(gcs[0 * 9 + 1], static_cast<float>(1 / std::sqrt(15.0)));
    EXPECT_FLOAT_EQ(gcs[4 * 9 + 0], static_cast<float>(1 / std::sqrt(24.0)));
    auto const gcn = normalised_adjacency_with_loops(grid_adjacency(3, 3, GridNeighbours::eight));
    EXPECT_FLOAT_EQ(gcn[0 * 9 + 0], 0.25F);
    EXPECT_FLOAT_EQ(gcn[4 * 9 + 0], static_cast<float>(1 / std::sqrt(36.0)));
    EXPECT_EQ(normalised_adjacency({0, 1, 0, 1, 0, 0, 0, 0, 0}),
              (std::vector<float>{0, 1, 0, 1, 0, 0, 0, 0, 0}));
}
}  // namespace calofuse::test
