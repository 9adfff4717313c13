#include "kernels/graph/edge_features.hpp"

#include <cmath>
#include <limits>

#include "tests/support/operator_case.hpp"
#include "tests/support/random_graph.hpp"

namespace calofuse::test {
namespace {
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Case {
    RandomGraph graph;
    std::int64_t dims;
    std::vector<float> x, energy;
};

Case random_case(std::vector<std::int32_t> row_ptr, std::int64_t dims)
{
    Case c{random_graph(std::move(row_ptr), 3), dims, {}, {}};
    auto const nodes = static_cast<std::size_t>(c.graph.nodes());
    c.x = random_values(nodes * static_cast<std::size_t>(dims), 4, -50, 50);
    c.energy = random_values(nodes, 5, 0.1F, 1e4F);
    return c;
}

std::vector<double> oracle(Case const& c, Doubles const& v)
{
    auto const columns = static_cast<std::size_t>(c.dims);
    auto const &x = v.at("x"), &energy = v.at("energy");
    std::vector<double> out;
    for (std::size_t i = 0; i < static_cast<std::size_t>(c.graph.nodes()); ++i)
        for (std::int32_t e = c.graph.edge_ptr[i]; e < c.graph.edge_ptr[i + 1]; ++e) {
            auto const j = static_cast<std::size_t>(c.graph.source[static_cast<std::size_t>(e)]);
            double squared = 0;
            for (std::size_t d = 0; d < columns; ++d) {
                double const difference = x[j * columns + d] - x[i * columns + d];
                out.push_back(difference);
                squared += difference * difference;
            }
            out.push_back(std::sqrt(squared));
            out.push_back(std::log(energy[j] / energy[i]));
        }
    return out;
}

/// Two spare nodes and three spare edges; what the spare edges hold must stay.
OperatorCase described(Case const& c)
{
    std::int64_t const nodes = c.graph.nodes() + 2;
    std::int64_t const edges = c.graph.edges() + 3;
    auto ends = c.graph.edge_ptr, sources = c.graph.source;
    auto positions = c.x, energies = c.energy;
    ends.resize(static_cast<std::size_t>(nodes + 1), -1);
    sources.resize(static_cast<std::size_t>(edges), -1);
    positions.resize(static_cast<std::size_t>(nodes * c.dims), kNan);
    energies.resize(static_cast<std::size_t>(nodes), kNan);
    // The logarithms are up to 9.2, and their difference keeps the roundings of both.
    return OperatorCase{}
        .indices("row_ptr", {static_cast<std::int64_t>(c.graph.row_ptr.size())}, c.graph.row_ptr)
        .indices("edge_ptr", {nodes + 1}, ends)
        .indices("source", {edges}, sources)
        .input("x", {nodes, c.dims}, positions)
        .input("energy", {nodes}, energies)
        .output("features", {edges, c.dims + 2}, 4 * 1.2e-7 * 9.2, 4 * 1.2e-7)
        .free("row_ptr", 0)
        .forward([](Context& ctx, Tensors const& t) {
            edge_features(ctx, {.x = t("x"),
                                .energy = t("energy"),
                                .row_ptr = t("row_ptr"),
                                .edge_ptr = t("edge_ptr"),
                                .source = t("source"),
                                .least_energy = 0.01F,
                                .features = t("features")});
        })
        .oracle([c, edges](Doubles const& v) {
            auto features = oracle(c, v);
            features.resize(static_cast<std::size_t>(edges * (c.dims + 2)), NAN);
            return Doubles{{"features", features}};
        });
}

/// On graphs without spare rows.
std::vector<float> run(Context& ctx, Case const& c)
{
    std::int64_t const nodes = c.graph.nodes(), edges = c.graph.edges();
    OnDevice<std::int32_t> const row_ptr(ctx, c.graph.row_ptr, {2}),
        edge_ptr(ctx, c.graph.edge_ptr, {nodes + 1}), source(ctx, c.graph.source, {edges});
    OnDevice<float> const x(ctx, c.x, {nodes, c.dims}), energy(ctx, c.energy, {nodes}),
        features(ctx, std::vector<float>(static_cast<std::size_t>(edges * (c.dims + 2)), 7),
                 {edges, c.dims + 2});
    edge_features(ctx, {.x = x.ref(),
                        .energy = energy.ref(),
                        .row_ptr = row_ptr.ref(),
                        .edge_ptr = edge_ptr.ref(),
                        .source = source.ref(),
                        .least_energy = 0.01F,
                        .features = features.ref()});
    return features.fetch();
}
}  // namespace

TEST(EdgeFeatures, keep_the_promises_of_an_operator)
{
    for (std::int64_t const dims : {1, 2, 3, 5})
        for (auto const& row_ptr : {std::vector<std::int32_t>{0}, {0, 0, 1, 3, 3, 30}, {0, 1}}) {
            SCOPED_TRACE(testing::Message()
                         << dims << " dimensions, " << row_ptr.back() << " nodes");
            described(random_case(row_ptr, dims)).check();
        }
}

TEST(EdgeFeatures, energies_below_the_least_count_as_the_least)
{
    Context ctx = make_context(1);
    Case const c{{{0, 5}, {0, 1, 2, 3, 4, 5}, {0, 0, 0, 0, 0}},
                 1,
                 {0, 0, 0, 0, 0},
                 {0.02F, 0, -5, kNan, 0.04F}};
    auto const got = run(ctx, c);
    double const two = std::log(2.0);
    expect_close(std::vector<float>{got[2], got[5], got[8], got[11], got[14]},
                 std::vector<double>{0, two, two, two, -two}, 4 * 1.2e-7 * 4, 0);
}

TEST(EdgeFeatures, an_edge_and_its_reverse_are_opposite)
{
    Context ctx = make_context(1);
    Case const c{{{0, 2}, {0, 1, 2}, {1, 0}}, 2, {1.5F, 2, -3.25F, 7}, {3, 11}};
    auto const got = run(ctx, c);
    for (std::size_t f : {0U, 1U, 3U})
        EXPECT_EQ(got[f], -got[4 + f]);
    EXPECT_EQ(got[2], got[6]);
}

TEST(EdgeFeatures, same_bits_for_any_number_of_threads)
{
    std::vector<std::int32_t> row_ptr{0};
    for (std::int32_t b = 0; b < 100; ++b)
        row_ptr.push_back(row_ptr.back() + b % 7);
    described(random_case(row_ptr, 2)).check_same_bits();
}

TEST(EdgeFeatures, refuse_no_graphs_and_a_least_energy_of_0)
{
    Context ctx = make_context(1);
    OnDevice<std::int32_t> rows(ctx, {0, 2}, {2}), none(ctx, {}, {0}), ptr(ctx, {0, 1, 1}, {3}),
        source(ctx, {1}, {1});
    OnDevice<float> x(ctx, {1, 2, 3, 4}, {2, 2}), energy(ctx, {1, 2}, {2}),
        features(ctx, {0, 0, 0, 0}, {1, 4});
    EdgeFeaturesArgs good{.x = x.ref(),
                          .energy = energy.ref(),
                          .row_ptr = rows.ref(),
                          .edge_ptr = ptr.ref(),
                          .source = source.ref(),
                          .features = features.ref()};
    edge_features(ctx, good);
    EdgeFeaturesArgs bad = good;
    bad.row_ptr = none.ref();
    EXPECT_THROW(edge_features(ctx, bad), Error);
    bad = good;
    bad.least_energy = 0;
    EXPECT_THROW(edge_features(ctx, bad), Error);
}
}  // namespace calofuse::test
