#include "runtime/isa.hpp"
#include "tests/kernels/graph/garnet_oracle.hpp"
#include "tests/support/gradcheck.hpp"

namespace calofuse::test::garnet {
namespace {
struct Result {
    std::vector<float> w, agg, df, dd;  ///< collect
    std::vector<float> y, dw, dz;       ///< spread, of the w that collect made
};

/// Rows that no graph owns must still hold `start`; they are cut off.
std::vector<float> owned(std::vector<float> values, std::size_t size, float start)
{
    for (std::size_t e = size; e < values.size(); ++e)
        EXPECT_EQ(values[e], start) << "row of no graph";
    values.resize(size);
    return values;
}

/// Gradients and outputs start at `start`.
Result run(Case const& c, Data const& data, int threads, float start = 0)
{
    Context ctx = make_context(threads);
    auto const size = [](std::size_t n) {
        return static_cast<std::int64_t>(n);
    };
    std::vector<std::int64_t> const f_shape{size(c.rows()), size(c.features)};
    std::vector<std::int64_t> const w_shape{size(c.rows()), size(c.aggregators)};
    std::vector<std::int64_t> const y_shape{size(c.rows()), size(c.outputs)};
    std::vector<std::int64_t> agg_shape{size(c.graphs()), size(c.aggregators), size(c.width())};
    std::vector<std::int64_t> z_shape{agg_shape[0], agg_shape[1], size(c.outputs)};
    std::vector<std::int64_t> winner_shape{agg_shape[0], agg_shape[1], size(c.collected())};
    auto const filled = [&](std::size_t count, std::vector<std::int64_t> const& shape) {
        return OnDevice<float>(ctx, std::vector<float>(count, start), shape);
    };
    OnDevice<float> const f(ctx, data.f, f_shape), d(ctx, data.d, w_shape);
    OnDevice<float> const z(ctx, data.z, z_shape), base(ctx, data.base, y_shape);
    OnDevice<float> const dagg(ctx, data.dagg, agg_shape), dw_above(ctx, data.dw, w_shape);
    OnDevice<float> const dy(ctx, data.dy, y_shape);
    OnDevice<std::int32_t> const row_ptr(ctx, c.row_ptr, {size(c.row_ptr.size())});
    OnDevice<std::int32_t> const winner(
        ctx, std::vector<std::int32_t>(c.graphs() * c.aggregators * c.collected()), winner_shape);
    auto const w = filled(data.d.size(), w_shape), agg = filled(data.dagg.size(), agg_shape);
    auto const df = filled(data.f.size(), f_shape), dd = filled(data.d.size(), w_shape);
    auto const y = filled(data.dy.size(), y_shape), dw = filled(data.d.size(), w_shape);
    auto const dz = filled(data.z.size(), z_shape);
    garnet_collect(ctx, {.f = f.ref(),
                         .d = d.ref(),
                         .row_ptr = row_ptr.ref(),
                         .options = c.options,
                         .w = w.ref(),
                         .agg = agg.ref(),
                         .winner = c.full() ? winner.ref() : TensorRef{}});
    garnet_collect_backward(ctx, {.f = f.ref(),
                                  .d = d.ref(),
                                  .row_ptr = row_ptr.ref(),
                                  .w = w.ref(),
                                  .options = c.options,
                                  .winner = c.full() ? winner.ref() : TensorRef{},
                                  .dagg = dagg.ref(),
                                  .dw = dw_above.ref(),
                                  .df = df.ref(),
                                  .dd = dd.ref()});
    garnet_spread(
        ctx,
        {.w = w.ref(), .z = z.ref(), .row_ptr = row_ptr.ref(), .base = base.ref(), .y = y.ref()});
    garnet_spread_backward(ctx, {.w = w.ref(),
                                 .z = z.ref(),
                                 .row_ptr = row_ptr.ref(),
                                 .dy = dy.ref(),
                                 .dw = dw.ref(),
                                 .dz = dz.ref()});
    winner.fetch();
    std::size_t const nodes = c.nodes();
    return {owned(w.fetch(), nodes * c.aggregators, start),
            agg.fetch(),
            owned(df.fetch(), nodes * c.features, start),
            owned(dd.fetch(), nodes * c.aggregators, start),
            owned(y.fetch(), nodes * c.outputs, start),
            owned(dw.fetch(), nodes * c.aggregators, start),
            dz.fetch()};
}

void expect_same(Result const& a, Result const& b)
{
    EXPECT_EQ(a.w, b.w);
    EXPECT_EQ(a.agg, b.agg);
    EXPECT_EQ(a.df, b.df);
    EXPECT_EQ(a.dd, b.dd);
    EXPECT_EQ(a.y, b.y);
    EXPECT_EQ(a.dw, b.dw);
    EXPECT_EQ(a.dz, b.dz);
}

std::vector<Isa> instruction_sets()
{
    std::vector<Isa> out{Isa::avx2};
    if (!on_cuda() && cpu_has(Isa::avx512)) out.push_back(Isa::avx512);
    return out;
}

class GarNet : public testing::TestWithParam<Case> {};
}  // namespace

TEST_P(GarNet, agrees_with_oracle)
{
    Case const& c = GetParam();
    Data const data = data_of(c);
    float const start = 0.5F;
    std::size_t const f_size = c.nodes() * c.features, w_size = c.nodes() * c.aggregators;
    CollectGradients collect_want{Values(f_size, start), Values(w_size, start)};
    Collected const want =
        collect(c, widened(data.f, f_size), widened(data.d, w_size), &data, &collect_want);
    SpreadGradients spread_want{Values(w_size, start), Values(data.z.size(), start)};
    Values const y = spread(c, want.w, widened(data.z, data.z.size()),
                            widened(data.base, c.nodes() * c.outputs), &data, &spread_want);
    double const eps = 4 * kEps;
    auto const terms = [](std::size_t n) {
        return std::sqrt(static_cast<double>(n));
    };
    double const of_nodes = eps * terms(c.most_nodes());
    for (Isa const isa : instruction_sets()) {
        SCOPED_TRACE(name_of(isa));
        ForcedIsa const forced(isa);
        Result const got = run(c, data, 2, start);
        expect_close(got.w, want.w, eps, eps);
        expect_close(got.agg, want.agg, of_nodes, of_nodes);
        expect_close(got.df, collect_want.f, eps * terms(c.aggregators + 1), eps);
        // Of all A sums of P + A means; a node may hold all the maxima.
        double const of_d = 2 * eps * terms(2 * c.aggregators * c.collected() + 1);
        expect_close(got.dd, collect_want.d, of_d, of_d);
        expect_close(got.y, y, eps * terms(c.aggregators + 1), eps);
        expect_close(got.dw, spread_want.w, eps * terms(c.outputs + 1), eps);
        expect_close(got.dz, spread_want.z, of_nodes, of_nodes);
    }
}

TEST_P(GarNet, gradients_of_the_oracle_are_finite_differences)
{
    Case const& c = GetParam();
    if (!c.gradcheck) GTEST_SKIP() << "large, or its maxima have ties";
    Data const data = data_of(c);
    Values const f = widened(data.f, c.nodes() * c.features);
    Values const d = widened(data.d, c.nodes() * c.aggregators);
    Values const z = widened(data.z, data.z.size());
    Values const base = widened(data.base, c.nodes() * c.outputs);
    CollectGradients by_collect{Values(f.size(), 0), Values(d.size(), 0)};
    SpreadGradients by_spread{Values(d.size(), 0), Values(z.size(), 0)};
    collect(c, f, d, &data, &by_collect);
    spread(c, d, z, base, &data, &by_spread);
    auto const times = [](Values const& values, std::vector<float> const& from_above) {
        double sum = 0;
        for (std::size_t e = 0; e < values.size(); ++e)
            sum += values[e] * static_cast<double>(from_above[e]);
        return sum;
    };
    auto const collect_loss = [&](Values const& f_at, Values const& d_at) {
        Collected const out = collect(c, f_at, d_at);
        return times(out.agg, data.dagg) + times(out.w, data.dw);
    };
    auto const spread_loss = [&](Values const& w_at, Values const& z_at) {
        return times(spread(c, w_at, z_at, base), data.dy);
    };
    auto const check = [](Values const& gradient, Values const& at, auto const& loss) {
        expect_close(gradient, numeric_gradient(loss, at), 1e-6, 1e-6);
    };
    check(by_collect.f, f, [&](Values const& v) { return collect_loss(v, d); });
    check(by_collect.d, d, [&](Values const& v) { return collect_loss(f, v); });
    check(by_spread.w, d, [&](Values const& v) { return spread_loss(v, z); });
    check(by_spread.z, z, [&](Values const& v) { return spread_loss(d, v); });
}

TEST_P(GarNet, same_bits_for_any_number_of_threads)
{
    Case const& c = GetParam();
    Data const data = data_of(c);
    Result const one = run(c, data, 1);
    for (int const threads : {1, 2, 3}) {
        if (on_cuda() && threads > 1) break;
        expect_same(run(c, data, threads), one);
    }
}

TEST_P(GarNet, a_graph_alone_gives_the_same_bits)
{
    Case const& c = GetParam();
    Data const data = data_of(c);
    Result const all = run(c, data, 2);
    for (std::size_t b = 0; b < c.graphs(); ++b) {
        Case alone = c;
        alone.row_ptr = {0, c.row_ptr[b + 1] - c.row_ptr[b]};
        alone.spare = 0;
        auto const part = [](std::vector<float> const& v, std::size_t begin, std::size_t end,
                             std::size_t width) {
            return std::vector<float>(v.begin() + static_cast<std::ptrdiff_t>(begin * width),
                                      v.begin() + static_cast<std::ptrdiff_t>(end * width));
        };
        auto const nodes = [&](std::vector<float> const& v, std::size_t width) {
            return part(v, c.begin(b), c.end(b), width);
        };
        auto const sums = [&](std::vector<float> const& v, std::size_t width) {
            return part(v, b, b + 1, c.aggregators * width);
        };
        Data const mine{nodes(data.f, c.features),  nodes(data.d, c.aggregators),
                        sums(data.dagg, c.width()), nodes(data.dw, c.aggregators),
                        sums(data.z, c.outputs),    nodes(data.base, c.outputs),
                        nodes(data.dy, c.outputs)};
        expect_same(run(alone, mine, 1), {nodes(all.w, c.aggregators), sums(all.agg, c.width()),
                                          nodes(all.df, c.features), nodes(all.dd, c.aggregators),
                                          nodes(all.y, c.outputs), nodes(all.dw, c.aggregators),
                                          sums(all.dz, c.outputs)});
    }
}

TEST_P(GarNet, order_of_the_nodes_in_a_graph_changes_nothing)
{
    Case const& c = GetParam();
    if (c.duplicates) GTEST_SKIP() << "the order of equals is that of their indices";
    Data const data = data_of(c);
    auto const reversed = [&](std::vector<float> const& v, std::size_t width) {
        std::vector<float> out(v);
        for (std::size_t b = 0; b < c.graphs(); ++b)
            for (std::size_t i = c.begin(b); i < c.end(b); ++i)
                std::copy_n(
                    v.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                    out.begin()
                        + static_cast<std::ptrdiff_t>((c.begin(b) + c.end(b) - 1 - i) * width));
        return out;
    };
    Data other = data;
    other.f = reversed(data.f, c.features);
    other.d = reversed(data.d, c.aggregators);
    other.dw = reversed(data.dw, c.aggregators);
    other.base = reversed(data.base, c.outputs);
    other.dy = reversed(data.dy, c.outputs);
    Result const before = run(c, data, 1), after = run(c, other, 1);
    EXPECT_EQ(after.w, reversed(before.w, c.aggregators));
    EXPECT_EQ(after.y, reversed(before.y, c.outputs));
    EXPECT_EQ(after.dw, reversed(before.dw, c.aggregators));
    double const eps = 4 * kEps * std::sqrt(static_cast<double>(c.most_nodes()));
    expect_close(after.agg, before.agg, eps, eps);
    expect_close(after.dz, before.dz, eps, eps);
    // Among thousands of nodes two may round to the same maximum, which has one winner.
    if (c.most_nodes() > 1000) return;
    expect_close(after.df, reversed(before.df, c.features), 1e-5, 1e-5);
    expect_close(after.dd, reversed(before.dd, c.aggregators), 1e-5, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    GarNet,
    testing::Values(
        Case{"no_graphs", {0}, 3, 2, 4, {}, 2},
        Case{"only_empty_graphs", {0, 0, 0}, 3, 2, 4, {}, 1},
        Case{"only_empty_graphs_padded", {0, 0}, 3, 2, 4, {.padded_nodes = 5}},
        Case{"only_empty_graphs_simplified", {0, 0}, 3, 2, 4, kSimplified},
        Case{"one_node", {0, 1}, 5, 3, 6, {}},
        Case{"one_channel", graphs_of({4, 1}), 1, 1, 1, {}, 3},
        Case{"full", graphs_of({5, 0, 1, 9}), 5, 3, 6, {}, 2},
        Case{"abs", graphs_of({5, 0, 1, 9}), 6, 4, 5, {.kernel = GarNetKernel::abs}},
        Case{"simplified", graphs_of({7, 0, 3}), 9, 4, 3, kSimplified, 4},
        Case{"padded",
             graphs_of({7, 2, 0, 9}),
             4,
             3,
             2,
             {.mean = GarNetMean::padded, .padded_nodes = 9}},
        Case{"padded_true_count", graphs_of({7, 2, 0, 9}), 4, 3, 2, {.padded_nodes = 9}},
        Case{"simplified_padded_abs",
             graphs_of({7, 2, 0, 9}),
             4,
             3,
             2,
             {.kernel = GarNetKernel::abs,
              .form = GarNetForm::simplified,
              .mean = GarNetMean::padded,
              .padded_nodes = 16}},
        Case{"duplicates", graphs_of({8, 6}), 7, 4, 3, {}, 0, false, true},
        Case{"paper", many_graphs(), 20, 4, 32, {}, 50, false},
        Case{"widest", many_graphs(), 33, 16, 67, {}, 1, false},
        Case{"one_large_graph", graphs_of({on_cuda() ? 1100 : 3000}), 16, 8, 16, {}, 0, false}),
    [](auto const& p) { return p.param.name; });

TEST(GarNetOptionsTest, two_nodes_by_hand)
{
    // w = exp(-1) and exp(-4), or exp(-1) and exp(-2)
    Data const data{{2, -3}, {1, -2}, {0, 0, 0, 0}, {0, 0}, {10}, {1, 2}, {0, 0}};
    Case c{"", {0, 2}, 1, 1, 1};
    double const a = std::exp(-1.0), b = std::exp(-4.0), eps = 4 * kEps;
    expect_close(run(c, data, 1).agg,
                 Values{2 * a, a * a, (2 * a - 3 * b) / 2, (a * a + b * b) / 2}, eps, eps);
    expect_close(run(c, data, 1).y, Values{1 + 10 * a, 2 + 10 * b}, eps, eps);
    c.options = {.mean = GarNetMean::padded, .padded_nodes = 4};
    expect_close(run(c, data, 1).agg,
                 Values{2 * a, a * a, (2 * a - 3 * b) / 4, (a * a + b * b) / 4}, eps, eps);
    c.options = {.kernel = GarNetKernel::abs, .form = GarNetForm::simplified};
    Data simplified = data;
    simplified.dagg = {0};
    expect_close(run(c, simplified, 1).agg, Values{(2 * a - 3 * std::exp(-2.0)) / 2}, eps, eps);
}

TEST(GarNetTies, the_first_of_equals_gets_the_gradient_and_a_padded_zero_takes_it_away)
{
    Case c{"", {0, 2}, 1, 1, 1};
    Data data{{2, 2}, {0, 0}, {1, 0, 0, 0}, {0, 0}, {0}, {0, 0}, {0, 0}};
    EXPECT_EQ(run(c, data, 1).df, (std::vector<float>{1, 0}));
    data.f = {-2, -3};
    EXPECT_EQ(run(c, data, 1).df, (std::vector<float>{1, 0}));
    c.options.padded_nodes = 2;  // as many as there are
    EXPECT_EQ(run(c, data, 1).df, (std::vector<float>{1, 0}));
    c.options.padded_nodes = 3;
    EXPECT_EQ(run(c, data, 1).df, (std::vector<float>{0, 0}));
}

TEST(GarNetSpread, base_may_be_absent_or_the_output)
{
    Context ctx = make_context(1);
    OnDevice<float> w(ctx, {2}, {1, 1}), z(ctx, {3, 4}, {1, 1, 2}), y(ctx, {10, 20}, {1, 2});
    OnDevice<std::int32_t> row_ptr(ctx, {0, 1}, {2});
    GarNetSpreadArgs args{
        .w = w.ref(), .z = z.ref(), .row_ptr = row_ptr.ref(), .base = y.ref(), .y = y.ref()};
    garnet_spread(ctx, args);
    EXPECT_EQ(y.fetch(), (std::vector<float>{16, 28}));
    args.base = {};
    garnet_spread(ctx, args);
    EXPECT_EQ(y.fetch(), (std::vector<float>{6, 8}));
}
}  // namespace calofuse::test::garnet
