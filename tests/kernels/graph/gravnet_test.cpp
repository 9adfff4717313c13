#include "runtime/isa.hpp"
#include "tests/kernels/graph/gravnet_oracle.hpp"
#include "tests/support/gradcheck.hpp"

namespace calofuse::test::gravnet {
namespace {
struct Result {
    std::vector<float> y, ds, dh;
};

Result run(Context& ctx, Case const& c, Data const& data, float start = 0)
{
    auto const rows = static_cast<std::int64_t>(c.rows());
    OnDevice<float> s(ctx, data.s, {rows, c.dimensions}), h(ctx, data.h, {rows, c.features});
    OnDevice<std::int32_t> row_ptr(ctx, c.row_ptr, {static_cast<std::int64_t>(c.row_ptr.size())});
    OnDevice<std::int32_t> neighbour(ctx, data.neighbour, {rows, c.width});
    OnDevice<float> y(ctx, std::vector<float>(data.dy.size(), start), {rows, 2 * c.features});
    OnDevice<std::int32_t> winner(ctx, std::vector<std::int32_t>(data.h.size(), 99),
                                  {rows, c.features});
    OnDevice<float> dy(ctx, data.dy, {rows, 2 * c.features});
    OnDevice<float> ds(ctx, std::vector<float>(data.s.size(), start), {rows, c.dimensions});
    OnDevice<float> dh(ctx, std::vector<float>(data.h.size(), start), {rows, c.features});
    gravnet_forward(ctx, {.s = s.ref(),
                          .h = h.ref(),
                          .row_ptr = row_ptr.ref(),
                          .neighbour = neighbour.ref(),
                          .variant = c.variant,
                          .y = y.ref(),
                          .winner = winner.ref()});
    gravnet_backward(ctx, {.s = s.ref(),
                           .h = h.ref(),
                           .row_ptr = row_ptr.ref(),
                           .neighbour = neighbour.ref(),
                           .variant = c.variant,
                           .winner = winner.ref(),
                           .dy = dy.ref(),
                           .ds = ds.ref(),
                           .dh = dh.ref()});
    auto const chosen = winner.fetch();
    for (std::size_t e = c.nodes() * c.h_width(); e < chosen.size(); ++e)
        EXPECT_EQ(chosen[e], 99) << "row of no graph";
    return {y.fetch(), ds.fetch(), dh.fetch()};
}
Result run(Case const& c, Data const& data, int threads, float start = 0)
{
    Context ctx = make_context(threads);
    return run(ctx, c, data, start);
}

/// Rows that no graph owns must still hold `start`; they are cut off.
std::vector<float> owned(std::vector<float> values, std::size_t size, float start)
{
    for (std::size_t e = size; e < values.size(); ++e)
        EXPECT_EQ(values[e], start) << "row of no graph";
    values.resize(size);
    return values;
}

std::vector<Isa> instruction_sets()
{
    std::vector<Isa> out{Isa::avx2};
    if (!on_cuda() && cpu_has(Isa::avx512)) out.push_back(Isa::avx512);
    return out;
}

class GravNet : public testing::TestWithParam<Case> {};
}  // namespace

TEST_P(GravNet, agrees_with_oracle)
{
    Case const& c = GetParam();
    Data const d = data_of(c);
    float const start = 0.5F;
    Gradients want{Values(c.nodes() * c.s_width(), start), Values(c.nodes() * c.h_width(), start)};
    Values const y = oracle(c, d, widened(d.s), widened(d.h), &want);
    for (Isa const isa : instruction_sets()) {
        SCOPED_TRACE(name_of(isa));
        ForcedIsa const forced(isa);
        Result const got = run(c, d, 2, start);
        auto const list = static_cast<double>(c.width + 1);
        // With normalised weights the mean is divided by as little as K / 1000.
        double const amplified = gravnet_rule(c.variant).normalised && c.spread > 1 ? 30 : 1;
        double const eps = 4 * kEps * std::sqrt(list);
        expect_close(owned(got.y, y.size(), start), y, eps * amplified, eps);
        // A node is the neighbour of about K others.
        expect_close(owned(got.dh, want.h.size(), start), want.h, 2 * eps * amplified, eps);
        // Every one of K edges in and out has a product of F channels, times 2.7 at most.
        double const of_s = 2.7 * eps * std::sqrt(2 * static_cast<double>(c.features));
        expect_close(owned(got.ds, want.s.size(), start), want.s, of_s * amplified, of_s);
    }
}

TEST_P(GravNet, gradients_of_the_oracle_are_finite_differences)
{
    Case const& c = GetParam();
    if (!c.gradcheck) GTEST_SKIP() << "large, or its maxima have ties";
    Data const d = data_of(c);
    Values s = widened(d.s), h = widened(d.h);
    s.resize(c.nodes() * c.s_width());
    h.resize(c.nodes() * c.h_width());
    Gradients got{Values(s.size(), 0), Values(h.size(), 0)};
    oracle(c, d, s, h, &got);
    auto const loss = [&](Values const& y) {
        return std::inner_product(y.begin(), y.end(), d.dy.begin(), 0.0);
    };
    expect_close(got.s,
                 numeric_gradient([&](Values const& v) { return loss(oracle(c, d, v, h)); }, s),
                 1e-6, 1e-6);
    expect_close(got.h,
                 numeric_gradient([&](Values const& v) { return loss(oracle(c, d, s, v)); }, h),
                 1e-6, 1e-6);
}

TEST_P(GravNet, same_bits_for_any_number_of_threads)
{
    Case const& c = GetParam();
    Data const d = data_of(c);
    Result const one = run(c, d, 1);
    for (int const threads : {1, 2, 3}) {
        if (on_cuda() && threads > 1) break;
        Result const other = run(c, d, threads);
        EXPECT_EQ(one.y, other.y);
        EXPECT_EQ(one.ds, other.ds);
        EXPECT_EQ(one.dh, other.dh);
    }
}

TEST_P(GravNet, a_graph_alone_gives_the_same_bits)
{
    Case const& c = GetParam();
    Data const d = data_of(c);
    Result const all = run(c, d, 2);
    for (std::size_t b = 0; b < c.graphs(); ++b) {
        Case alone = c;
        alone.row_ptr = {0, c.row_ptr[b + 1] - c.row_ptr[b]};
        alone.spare = 0;
        auto const part = [&](std::vector<float> const& v, std::size_t width) {
            auto const at = [&](std::size_t row) {
                return v.begin() + c.row_ptr[row] * static_cast<std::ptrdiff_t>(width);
            };
            return std::vector<float>(at(b), at(b + 1));
        };
        Data mine{part(d.s, c.s_width()), part(d.h, c.h_width()), part(d.dy, 2 * c.h_width()), {}};
        mine.neighbour = nearest(alone, mine.s);
        Result const got = run(alone, mine, 1);
        EXPECT_EQ(got.y, part(all.y, 2 * c.h_width()));
        EXPECT_EQ(got.ds, part(all.ds, c.s_width()));
        EXPECT_EQ(got.dh, part(all.dh, c.h_width()));
    }
}

TEST_P(GravNet, order_of_the_nodes_in_a_graph_changes_nothing)
{
    Case const& c = GetParam();
    if (c.duplicates) GTEST_SKIP() << "the order of equals is that of their indices";
    Data const d = data_of(c);
    std::vector<std::size_t> from(c.nodes());  // new node i is old node from[i]
    std::iota(from.begin(), from.end(), std::size_t{0});
    std::mt19937 rng(5);
    for (std::size_t b = 0; b < c.graphs(); ++b)
        std::shuffle(from.begin() + c.row_ptr[b], from.begin() + c.row_ptr[b + 1], rng);
    auto const moved = [&](std::vector<float> const& v, std::size_t width) {
        std::vector<float> out(v);
        for (std::size_t i = 0; i < from.size(); ++i)
            for (std::size_t e = 0; e < width; ++e)
                out[i * width + e] = v[from[i] * width + e];
        return out;
    };
    Data other{moved(d.s, c.s_width()), moved(d.h, c.h_width()), moved(d.dy, 2 * c.h_width()), {}};
    other.neighbour = nearest(c, other.s);
    Result const before = run(c, d, 1), after = run(c, other, 1);
    EXPECT_EQ(after.y, moved(before.y, 2 * c.h_width()));
    // The gradients are sums over edges in another order.
    expect_close(after.dh, moved(before.dh, c.h_width()), 1e-4, 1e-4);
    expect_close(after.ds, moved(before.ds, c.s_width()), 1e-4, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    GravNet,
    testing::Values(
        Case{"no_graphs", GravNetVariant::pyg, {0}, 3, 4, 2, 3},
        Case{"only_empty_graphs", GravNetVariant::keras, {0, 0, 0}, 3, 4, 2, 1},
        Case{"one_node_pyg", GravNetVariant::pyg, {0, 1}, 2, 5, 3},
        Case{"one_node_tensorflow", GravNetVariant::tensorflow, {0, 1}, 2, 5, 3},
        Case{"one_node_hgcalml", GravNetVariant::hgcalml, {0, 1}, 2, 5, 3},
        Case{"one_node_normalised", GravNetVariant::hgcalml_normalised, {0, 1}, 2, 5, 3},
        Case{"only_itself", GravNetVariant::pyg, graphs_of({4, 2}), 2, 3, 0},
        Case{"pyg", GravNetVariant::pyg, graphs_of({5, 0, 1, 9, 2}), 4, 22, 4, 7},
        Case{"tensorflow", GravNetVariant::tensorflow, graphs_of({7, 1, 8}), 3, 6, 5, 2},
        Case{"keras", GravNetVariant::keras, graphs_of({2, 11}), 2, 1, 3},
        Case{"hgcalml", GravNetVariant::hgcalml, graphs_of({6, 0, 3, 10}), 6, 9, 5, 1},
        Case{"normalised", GravNetVariant::hgcalml_normalised, graphs_of({6, 1, 9}), 3, 7, 4, 1},
        Case{"far_apart", GravNetVariant::hgcalml_normalised, graphs_of({12}), 2, 5, 4, 0, false,
             1.5F},
        Case{"duplicates", GravNetVariant::pyg, graphs_of({8, 6}), 2, 17, 4, 0, true, 0.5F, false},
        Case{"longest_list", GravNetVariant::pyg, graphs_of({80}), 2, 33, 64, 3, false, 0.5F,
             false},
        Case{"batch", GravNetVariant::tensorflow, many_graphs(), 4, 32, 8, 100, false, 0.5F, false},
        Case{"wide", GravNetVariant::hgcalml_normalised, many_graphs(), 16, 64, 7, 9, false, 0.2F,
             false}),
    [](auto const& p) { return p.param.name; });

TEST(GravNetLarge, agrees_with_the_cpu_where_neighbours_are_missing_and_far)
{
    Case const c{"", GravNetVariant::pyg, {0, 1300, 1301, 1400}, 3, 6, 5};
    Data d{random_values(c.nodes() * 3, 1, -0.5F, 0.5F), random_values(c.nodes() * 6, 2),
           random_values(c.nodes() * 12, 3), std::vector<std::int32_t>(c.nodes() * 5, -1)};
    std::mt19937 rng(4);
    for (std::size_t b = 0; b < c.graphs(); ++b)
        for (std::int32_t i = c.row_ptr[b]; i < c.row_ptr[b + 1]; ++i)
            for (std::size_t k = 0; k < 5; ++k) {
                auto const size = static_cast<std::uint32_t>(c.row_ptr[b + 1] - c.row_ptr[b]);
                auto const j = c.row_ptr[b] + static_cast<std::int32_t>(rng() % size);
                if (j != i && rng() % 4 > 0) d.neighbour[static_cast<std::size_t>(i) * 5 + k] = j;
            }
    Context ctx = make_context();
    Context cpu = Context::cpu();
    for (GravNetVariant const variant : {GravNetVariant::pyg, GravNetVariant::hgcalml_normalised}) {
        Case mine = c;
        mine.variant = variant;
        Result const got = run(ctx, mine, d), want = run(cpu, mine, d);
        // exp(-10 d^2) to a few eps of its exponent, which is below 30; 6 entries, about 5 lists.
        // Normalised, weights are divided by as little as 0.005.
        double const eps = 30 * kEps;
        double const grown = variant == GravNetVariant::pyg ? 1 : 30;
        expect_close(got.y, want.y, eps * grown, eps);
        expect_close(got.dh, want.dh, 5 * eps * grown, eps);
        expect_close(got.ds, want.ds, 5 * 10 * eps * grown, eps);
    }
}

TEST(GravNetRules, one_pair_of_nodes_by_hand)
{
    // w = exp(-10 * 0.01); the node itself has w = 1.
    float const w = std::exp(-0.1F);
    Data const d{{0, 0.1F}, {3, 2}, {0, 0, 0, 0}, {1, -1, 0, -1}};
    auto const y_of = [&](GravNetVariant variant) {
        return run({"", variant, {0, 2}, 1, 1, 2}, d, 1).y;
    };
    std::vector<float> const swapped{2 * w, 2 * w, 3 * w, 3 * w};
    double const eps = 4 * kEps;
    expect_close(y_of(GravNetVariant::tensorflow), swapped, 0, eps);
    expect_close(y_of(GravNetVariant::keras), swapped, 0, eps);
    expect_close(y_of(GravNetVariant::pyg),
                 std::vector<float>{(3 + 2 * w) / 2, 3, (2 + 3 * w) / 2, 3 * w}, 0, eps);
    expect_close(y_of(GravNetVariant::hgcalml),
                 std::vector<float>{w - 3, 2 * w - 3, 1.5F * w - 2, 3 * w - 2}, eps, eps);
    expect_close(y_of(GravNetVariant::hgcalml_normalised),
                 std::vector<float>{2 - 3, 2 * w - 3, 3 - 2, 3 * w - 2}, eps, eps);
}

TEST(GravNetTies, the_first_of_equal_neighbours_gets_the_gradient_of_the_maximum)
{
    // Nodes 1 and 2 are twins; only the maximum of node 0 has a gradient.
    Data const d{{0, 0.1F, 0.1F}, {0, 2, 2}, {1, 0, 0, 0, 0, 0}, {1, 2, 2, 0, 1, 0}};
    Result const got = run({"", GravNetVariant::tensorflow, {0, 3}, 1, 1, 2}, d, 1);
    EXPECT_GT(got.dh[1], 0.9F);
    EXPECT_EQ(got.dh[2], 0.0F);
    EXPECT_EQ(got.ds[2], 0.0F);
}

TEST(GravNetChecks, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> s(ctx, std::vector<float>(6), {3, 2}), h(ctx, std::vector<float>(12), {3, 4});
    OnDevice<std::int32_t> row_ptr(ctx, {0, 3}, {2});
    OnDevice<std::int32_t> neighbour(ctx, {1, 2, 0, 2, 0, 1}, {3, 2});
    OnDevice<std::int32_t> many(ctx, std::vector<std::int32_t>(3 * 65, -1), {3, 65});
    OnDevice<float> y(ctx, std::vector<float>(24), {3, 8}), bad(ctx, std::vector<float>(3), {3});
    OnDevice<std::int32_t> winner(ctx, std::vector<std::int32_t>(12), {3, 4});
    GravNetArgs const good{.s = s.ref(),
                           .h = h.ref(),
                           .row_ptr = row_ptr.ref(),
                           .neighbour = neighbour.ref(),
                           .y = y.ref(),
                           .winner = winner.ref()};
    gravnet_forward(ctx, good);
    for (TensorRef GravNetArgs::*field :
         {&GravNetArgs::s, &GravNetArgs::h, &GravNetArgs::row_ptr, &GravNetArgs::neighbour,
          &GravNetArgs::y, &GravNetArgs::winner}) {
        GravNetArgs wrong = good;
        wrong.*field = bad.ref();
        EXPECT_THROW(gravnet_forward(ctx, wrong), Error);
    }
    GravNetArgs too_many = good;
    too_many.neighbour = many.ref();
    EXPECT_THROW(gravnet_forward(ctx, too_many), Error);
    GravNetGradArgs const good_grad{.s = s.ref(),
                                    .h = h.ref(),
                                    .row_ptr = row_ptr.ref(),
                                    .neighbour = neighbour.ref(),
                                    .winner = winner.ref(),
                                    .dy = y.ref(),
                                    .ds = s.ref(),
                                    .dh = h.ref()};
    for (TensorRef GravNetGradArgs::*field : {&GravNetGradArgs::dy, &GravNetGradArgs::ds,
                                              &GravNetGradArgs::dh, &GravNetGradArgs::winner}) {
        GravNetGradArgs wrong = good_grad;
        wrong.*field = bad.ref();
        EXPECT_THROW(gravnet_backward(ctx, wrong), Error);
    }
}
}  // namespace calofuse::test::gravnet
