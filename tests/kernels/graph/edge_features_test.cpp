#include "kernels/graph/edge_features.hpp"

#include <cmath>
#include <limits>

#include "tests/support/backend_test.hpp"
#include "tests/support/random_graph.hpp"
#include "tests/support/same_bits.hpp"

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

/// Two spare nodes and three spare edges; what the spare edges hold must stay.
std::vector<float> run(Context& ctx, Case const& c)
{
    std::int64_t const nodes = c.graph.nodes() + 2;
    std::int64_t const edges = c.graph.edges() + 3;
    auto ends = c.graph.edge_ptr, sources = c.graph.source;
    auto positions = c.x, energies = c.energy;
    ends.resize(static_cast<std::size_t>(nodes + 1), -1);
    sources.resize(static_cast<std::size_t>(edges), -1);
    positions.resize(static_cast<std::size_t>(nodes * c.dims), kNan);
    energies.resize(static_cast<std::size_t>(nodes), kNan);
    OnDevice<std::int32_t> row_ptr(ctx, c.graph.row_ptr,
                                   {static_cast<std::int64_t>(c.graph.row_ptr.size())}),
        edge_ptr(ctx, ends, {nodes + 1}), source(ctx, sources, {edges});
    OnDevice<float> x(ctx, positions, {nodes, c.dims}), energy(ctx, energies, {nodes}),
        features(ctx, std::vector<float>(static_cast<std::size_t>(edges * (c.dims + 2)), 7),
                 {edges, c.dims + 2});
    edge_features(ctx, {.x = x.ref(),
                        .energy = energy.ref(),
                        .row_ptr = row_ptr.ref(),
                        .edge_ptr = edge_ptr.ref(),
                        .source = source.ref(),
                        .least_energy = 0.01F,
                        .features = features.ref()});
    auto out = features.fetch();
    for (std::int64_t spare = 3 * (c.dims + 2); spare-- > 0;) {
        EXPECT_EQ(out.back(), 7);
        out.pop_back();
    }
    return out;
}
}  // namespace

TEST(EdgeFeatures, agree_with_the_definition)
{
    Context ctx = make_context(2);
    for (std::int64_t const dims : {1, 2, 3, 5})
        for (auto const& row_ptr : {std::vector<std::int32_t>{0}, {0, 0, 1, 3, 3, 30}, {0, 1}}) {
            Case const c = random_case(row_ptr, dims);
            std::vector<double> want;
            for (std::size_t i = 0; i < static_cast<std::size_t>(c.graph.nodes()); ++i)
                for (std::int32_t e = c.graph.edge_ptr[i]; e < c.graph.edge_ptr[i + 1]; ++e) {
                    auto const j =
                        static_cast<std::size_t>(c.graph.source[static_cast<std::size_t>(e)]);
                    auto const columns = static_cast<std::size_t>(dims);
                    double squared = 0;
                    for (std::size_t d = 0; d < columns; ++d) {
                        double const difference = static_cast<double>(c.x[j * columns + d])
                                                  - static_cast<double>(c.x[i * columns + d]);
                        want.push_back(difference);
                        squared += difference * difference;
                    }
                    want.push_back(std::sqrt(squared));
                    want.push_back(std::log(static_cast<double>(c.energy[j])
                                            / static_cast<double>(c.energy[i])));
                }
            // The logarithms are up to 9.2, and their difference keeps the roundings of both.
            expect_close(run(ctx, c), want, 4 * 1.2e-7 * 9.2, 4 * 1.2e-7);
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
    Case const c = random_case(row_ptr, 2);
    expect_same_for_any_threads([&](Context& ctx) { return run(ctx, c); });
}

TEST(EdgeFeatures, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<std::int32_t> rows(ctx, {0, 2}, {2}), none(ctx, {}, {0}), ptr(ctx, {0, 1, 1}, {3}),
        source(ctx, {1}, {1});
    OnDevice<float> x(ctx, {1, 2, 3, 4}, {2, 2}), energy(ctx, {1, 2}, {2}),
        features(ctx, {0, 0, 0, 0}, {1, 4}), flat(ctx, {0, 0, 0}, {1, 3});
    EdgeFeaturesArgs const good{.x = x.ref(),
                                .energy = energy.ref(),
                                .row_ptr = rows.ref(),
                                .edge_ptr = ptr.ref(),
                                .source = source.ref(),
                                .features = features.ref()};
    edge_features(ctx, good);
    auto const throws = [&](auto change) {
        EdgeFeaturesArgs bad = good;
        change(bad);
        EXPECT_THROW(edge_features(ctx, bad), Error);
    };
    throws([&](EdgeFeaturesArgs& a) { a.energy = x.ref(); });
    throws([&](EdgeFeaturesArgs& a) { a.row_ptr = none.ref(); });
    throws([&](EdgeFeaturesArgs& a) { a.edge_ptr = rows.ref(); });
    throws([&](EdgeFeaturesArgs& a) { a.source = energy.ref(); });
    throws([&](EdgeFeaturesArgs& a) { a.features = flat.ref(); });
    throws([&](EdgeFeaturesArgs& a) { a.least_energy = 0; });
}
}  // namespace calofuse::test
