#include "kernels/dense/linear.hpp"

#include "runtime/isa.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace calofuse::test {
namespace {
struct Case {
    char const* name;
    std::int64_t rows, outputs;
    std::vector<std::int32_t> widths, sets;
    bool bias = true;
};
void PrintTo(Case const& c, std::ostream* os)
{
    *os << c.name;
}

struct Sizes {
    std::int64_t columns = 0, weights = 0, biases = 0;
    std::vector<std::int64_t> in_begin, w_begin;  // of each group
    LinearGroups groups;
};

Sizes sizes_of(Case const& c)
{
    Sizes out;
    std::vector<std::int64_t> set_width(16, 0);
    for (std::size_t g = 0; g < c.widths.size(); ++g) {
        out.in_begin.push_back(out.columns);
        out.columns += c.widths[g];
        set_width[static_cast<std::size_t>(c.sets[g])] = c.widths[g];
        out.groups.width[g] = c.widths[g];
        out.groups.set[g] = c.sets[g];
    }
    out.groups.count = static_cast<int>(c.widths.size());
    std::vector<std::int64_t> begin;
    for (std::int64_t const width : set_width) {
        begin.push_back(out.weights);
        out.weights += width * c.outputs;
        out.biases += width > 0 ? c.outputs : 0;
    }
    for (std::int32_t const s : c.sets)
        out.w_begin.push_back(begin[static_cast<std::size_t>(s)]);
    return out;
}

/// f(group, row, output, input column, weight index) for every product of the definition.
template <class F>
void each_product(Case const& c, Sizes const& at, F&& f)
{
    for (std::size_t g = 0; g < c.widths.size(); ++g)
        for (std::int64_t n = 0; n < c.rows; ++n)
            for (std::int64_t o = 0; o < c.outputs; ++o)
                for (std::int64_t i = 0; i < c.widths[g]; ++i)
                    f(static_cast<std::size_t>(n * at.columns + at.in_begin[g] + i),
                      static_cast<std::size_t>(at.w_begin[g] + i * c.outputs + o),
                      static_cast<std::size_t>(
                          (n * std::int64_t(c.widths.size()) + std::int64_t(g)) * c.outputs + o));
}

struct Data {
    std::vector<float> x, w, b, dy;
};
Data make_data(Case const& c, Sizes const& at)
{
    auto const outs =
        static_cast<std::size_t>(c.rows) * c.widths.size() * static_cast<std::size_t>(c.outputs);
    return {random_values(static_cast<std::size_t>(c.rows * at.columns), 1),
            random_values(static_cast<std::size_t>(at.weights), 2),
            random_values(static_cast<std::size_t>(at.biases), 3), random_values(outs, 4)};
}

std::vector<double> oracle(Case const& c, Sizes const& at, Data const& d)
{
    std::vector<double> y(d.dy.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
        std::size_t const g = i / static_cast<std::size_t>(c.outputs) % c.widths.size();
        std::size_t const o = i % static_cast<std::size_t>(c.outputs);
        if (c.bias)
            y[i] =
                d.b[static_cast<std::size_t>(c.sets[g]) * static_cast<std::size_t>(c.outputs) + o];
    }
    each_product(c, at, [&](auto x, auto w, auto out) { y[out] += double{d.x[x]} * d.w[w]; });
    return y;
}

struct Grads {
    std::vector<double> dx, dw, db;
};
Grads oracle_backward(Case const& c, Sizes const& at, Data const& d)
{
    Grads out{std::vector<double>(d.x.size()), std::vector<double>(d.w.size()),
              std::vector<double>(d.b.size())};
    each_product(c, at, [&](auto x, auto w, auto y) {
        out.dx[x] += double{d.dy[y]} * d.w[w];
        out.dw[w] += double{d.dy[y]} * d.x[x];
    });
    for (std::size_t i = 0; i < d.dy.size(); ++i) {
        std::size_t const g = i / static_cast<std::size_t>(c.outputs) % c.widths.size();
        out.db[static_cast<std::size_t>(c.sets[g]) * static_cast<std::size_t>(c.outputs)
               + i % static_cast<std::size_t>(c.outputs)] += d.dy[i];
    }
    return out;
}

struct Results {
    std::vector<float> y, dx, dw, db;
    bool operator==(Results const&) const = default;
};

/// Gradients start at 0.5, since operators add to them.
Results run(Case const& c, Sizes const& at, Data const& d, int threads)
{
    Context ctx = make_context(threads);
    auto const groups = static_cast<std::int64_t>(c.widths.size());
    OnDevice<float> const x(ctx, d.x, {c.rows, at.columns});
    OnDevice<float> const w(ctx, d.w, {at.weights});
    OnDevice<float> const b(ctx, d.b, {at.biases});
    OnDevice<float> const dy(ctx, d.dy, {c.rows, groups * c.outputs});
    OnDevice<float> y(ctx, std::vector<float>(d.dy.size(), 7.0F), {c.rows, groups * c.outputs});
    OnDevice<float> dx(ctx, std::vector<float>(d.x.size(), 0.5F), {c.rows, at.columns});
    OnDevice<float> dw(ctx, std::vector<float>(d.w.size(), 0.5F), {at.weights});
    OnDevice<float> db(ctx, std::vector<float>(d.b.size(), 0.5F), {at.biases});
    linear_forward(ctx, {.x = x.ref(),
                         .w = w.ref(),
                         .b = c.bias ? b.ref() : TensorRef{},
                         .groups = at.groups,
                         .y = y.ref()});
    linear_backward(ctx, {.x = x.ref(),
                          .w = w.ref(),
                          .dy = dy.ref(),
                          .groups = at.groups,
                          .dx = dx.ref(),
                          .dw = dw.ref(),
                          .db = c.bias ? db.ref() : TensorRef{}});
    return {y.fetch(), dx.fetch(), dw.fetch(), db.fetch()};
}

void expect_summed(std::vector<float> const& got, std::vector<double> want, std::int64_t terms)
{
    for (double& v : want)
        v += 0.5;
    double const allowed = 4 * 1.2e-7 * std::sqrt(static_cast<double>(terms + 1));
    expect_close(got, want, allowed, allowed);
}
}  // namespace

class Linear : public testing::TestWithParam<Case> {};

TEST_P(Linear, agrees_with_oracle_and_any_number_of_threads)
{
    Case const& c = GetParam();
    Sizes const at = sizes_of(c);
    Data const d = make_data(c, at);
    std::int64_t widest = 0;
    for (std::int32_t const width : c.widths)
        widest = std::max<std::int64_t>(widest, width);
    double const allowed = 4 * 1.2e-7 * std::sqrt(static_cast<double>(widest + 1));
    Grads const want = oracle_backward(c, at, d);
    auto const groups = static_cast<std::int64_t>(c.widths.size());
    std::vector<Isa> isas = {Isa::avx2};
    if (cpu_has(Isa::avx512)) isas.push_back(Isa::avx512);
    for (Isa const isa : isas) {
        SCOPED_TRACE(name_of(isa));
        ForcedIsa const forced(isa);
        Results const got = run(c, at, d, 1);
        expect_close(got.y, oracle(c, at, d), allowed, allowed);
        expect_summed(got.dx, want.dx, c.outputs);
        expect_summed(got.dw, want.dw, c.rows * groups);
        if (c.bias) expect_summed(got.db, want.db, c.rows * groups);
        EXPECT_TRUE(run(c, at, d, 1) == got) << "second run";
        if (on_cuda()) break;  // neither instruction sets nor threads
        for (int threads : {2, 3})
            EXPECT_TRUE(run(c, at, d, threads) == got) << threads << " threads";
    }
}

INSTANTIATE_TEST_SUITE_P(
    Cases,
    Linear,
    testing::Values(Case{"no_rows", 0, 8, {5}, {0}},
                    Case{"one_number", 1, 1, {1}, {0}},
                    Case{"one_output", 37, 1, {64}, {0}},
                    Case{"odd_input", 130, 64, {65}, {0}},
                    Case{"odd_everything", 29, 17, {3, 41}, {1, 0}},
                    Case{"no_bias", 33, 33, {31}, {0}, false},
                    Case{"hybrid_small",
                         50,
                         8,
                         {16, 16, 16, 16, 36, 16, 16, 16, 16},
                         {0, 1, 2, 3, 4, 5, 6, 7, 8}},
                    Case{"shared_outer", 70, 128, {64, 64, 144, 64}, {0, 0, 1, 0}},
                    Case{"many_rows", 2500, 24, {20}, {0}}),
    [](auto const& test) { return std::string(test.param.name); });

TEST(LinearGradient, oracle_agrees_with_finite_differences)
{
    Case const c{"small", 5, 3, {2, 4, 2}, {1, 0, 1}};
    Sizes const at = sizes_of(c);
    Data const d = make_data(c, at);
    Grads const analytic = oracle_backward(c, at, d);
    auto const loss = [&](std::vector<float> Data::*field) {
        return [&, field](std::vector<double> const& v) {
            Data moved = d;
            (moved.*field).assign(v.begin(), v.end());
            auto const y = oracle(c, at, moved);
            double sum = 0;
            for (std::size_t i = 0; i < y.size(); ++i)
                sum += y[i] * d.dy[i];
            return sum;
        };
    };
    auto const as_double = [](std::vector<float> const& v) {
        return std::vector<double>(v.begin(), v.end());
    };
    // The oracle reads floats: a large step keeps their rounding out, and the function is linear.
    expect_close(numeric_gradient(loss(&Data::x), as_double(d.x), 0.125), analytic.dx, 1e-5, 1e-5);
    expect_close(numeric_gradient(loss(&Data::w), as_double(d.w), 0.125), analytic.dw, 1e-5, 1e-5);
    expect_close(numeric_gradient(loss(&Data::b), as_double(d.b), 0.125), analytic.db, 1e-5, 1e-5);
}

TEST(LinearRagged, rows_beyond_the_last_node_are_left_alone)
{
    constexpr std::int64_t kCapacity = 300, kRows = 211, kIn = 24, kOut = 40;
    Context ctx = make_context();
    auto x = random_values(kCapacity * kIn, 1), dy = random_values(kCapacity * kOut, 2);
    std::fill(x.begin() + kRows * kIn, x.end(), std::nanf(""));
    std::fill(dy.begin() + kRows * kOut, dy.end(), std::nanf(""));
    auto const w = random_values(kIn * kOut, 3), b = random_values(kOut, 4);
    auto run = [&](std::int64_t capacity, TensorRef row_ptr) {
        auto const rows = static_cast<std::ptrdiff_t>(capacity);
        OnDevice<float> in(ctx, {x.begin(), x.begin() + rows * kIn}, {capacity, kIn});
        OnDevice<float> out(ctx, std::vector<float>(static_cast<std::size_t>(capacity * kOut), 5),
                            {capacity, kOut});
        OnDevice<float> g(ctx, {dy.begin(), dy.begin() + rows * kOut}, {capacity, kOut});
        OnDevice<float> dx(ctx, std::vector<float>(static_cast<std::size_t>(capacity * kIn), 5),
                           {capacity, kIn});
        OnDevice<float> weights(ctx, w, {kIn, kOut}), bias(ctx, b, {kOut});
        OnDevice<float> dw(ctx, std::vector<float>(kIn * kOut), {kIn, kOut});
        OnDevice<float> db(ctx, std::vector<float>(kOut), {kOut});
        linear_forward(ctx, {.x = in.ref(),
                             .w = weights.ref(),
                             .b = bias.ref(),
                             .groups = {},
                             .row_ptr = row_ptr,
                             .y = out.ref()});
        linear_backward(ctx, {.x = in.ref(),
                              .w = weights.ref(),
                              .dy = g.ref(),
                              .groups = {},
                              .row_ptr = row_ptr,
                              .dx = dx.ref(),
                              .dw = dw.ref(),
                              .db = db.ref()});
        return std::vector{out.fetch(), dx.fetch(), dw.fetch(), db.fetch()};
    };
    OnDevice<std::int32_t> ptr(ctx, {0, 7, 7, kRows}, {4});
    auto ragged = run(kCapacity, ptr.ref());
    auto const dense = run(kRows, {});
    for (std::size_t i : {0U, 1U}) {
        for (std::size_t k = dense[i].size(); k < ragged[i].size(); ++k)
            EXPECT_EQ(ragged[i][k], 5.0F);
        ragged[i].resize(dense[i].size());
    }
    EXPECT_EQ(ragged, dense);
}

TEST(LinearCheck, refuses_wrong_shapes)
{
    Context ctx = make_context(1);
    OnDevice<float> const x(ctx, random_values(12, 1), {3, 4});
    OnDevice<float> const w(ctx, random_values(8, 1), {4, 2});
    OnDevice<float> const y(ctx, random_values(6, 1), {3, 2});
    OnDevice<float> const short_b(ctx, random_values(1, 1), {1});
    LinearArgs const good{.x = x.ref(), .w = w.ref(), .b = {}, .groups = {}, .y = y.ref()};
    EXPECT_NO_THROW(linear_forward(ctx, good));
    auto const with = [&](auto&& change) {
        LinearArgs bad = good;
        change(bad);
        EXPECT_THROW(linear_forward(ctx, bad), Error);
    };
    with([&](LinearArgs& a) { a.b = short_b.ref(); });
    with([&](LinearArgs& a) { a.w = x.ref(); });
    with([&](LinearArgs& a) { a.groups = {.count = 2, .width = {2, 2}, .set = {0, 2}}; });
    with([&](LinearArgs& a) { a.groups = {.count = 2, .width = {1, 3}, .set = {0, 0}}; });
    with([&](LinearArgs& a) { a.groups = {.count = 1, .width = {3}, .set = {0}}; });
    with([&](LinearArgs& a) { a.groups = {.count = 17}; });
}
}  // namespace calofuse::test
