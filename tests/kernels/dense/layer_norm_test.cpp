#include "kernels/dense/layer_norm.hpp"

#include <algorithm>

#include "runtime/isa.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr std::uint64_t kSeed = 5;
constexpr std::uint32_t kStream = 17;
constexpr std::int64_t kStep = 3;
using Values = std::vector<double>;

struct Case {
    std::vector<std::int32_t> row_ptr;
    std::int64_t width = 1;
    bool ragged = true;
    LayerNormActivation activation = LayerNormActivation::none;
    float rate = 0;
    bool shortcut = false;
    std::int64_t first_event = 0;
    float epsilon = kLayerNormTorchEpsilon;

    std::int64_t rows() const { return row_ptr.back(); }
    std::size_t size() const { return static_cast<std::size_t>(rows() * width); }
    /// Rows past the last event are a capacity only.
    std::int64_t capacity() const { return rows() + (ragged ? 2 : 0); }
};

struct Data {
    std::vector<float> x, gamma, beta, shortcut, dy;
};
Data data_of(Case const& c)
{
    auto const width = static_cast<std::size_t>(c.width);
    return {random_values(c.size(), 1, -2, 3), random_values(width, 2), random_values(width, 3),
            random_values(c.size(), 4), random_values(c.size(), 5)};
}

/// What dropout does to element (row, channel).
double factor(Case const& c, std::int64_t row, std::int64_t channel)
{
    if (c.rate == 0) return 1;
    auto const after = std::upper_bound(c.row_ptr.begin(), c.row_ptr.end(), row);
    auto const event = after - c.row_ptr.begin() - 1;
    auto const local = (row - *(after - 1)) * ((c.width + 3) / 4) + channel / 4;
    std::uint64_t const block = static_cast<std::uint64_t>(c.first_event + event) << 32U
                                | static_cast<std::uint64_t>(local);
    std::uint32_t const kept =
        dropout_keep4(kSeed, kStream, kStep, block, dropout_threshold(c.rate));
    return (kept >> (channel % 4) & 1U) != 0 ? 1 / (1 - static_cast<double>(c.rate)) : 0.0;
}

Values oracle(
    Case const& c, Values const& x, Values const& gamma, Values const& beta, Values const& shortcut)
{
    Values y(x.size());
    for (std::int64_t r = 0; r < c.rows(); ++r) {
        double mean = 0, variance = 0;
        auto const at = [&](std::int64_t f) {
            return static_cast<std::size_t>(r * c.width + f);
        };
        for (std::int64_t f = 0; f < c.width; ++f)
            mean += x[at(f)] / static_cast<double>(c.width);
        for (std::int64_t f = 0; f < c.width; ++f)
            variance += (x[at(f)] - mean) * (x[at(f)] - mean) / static_cast<double>(c.width);
        for (std::int64_t f = 0; f < c.width; ++f) {
            auto const k = static_cast<std::size_t>(f);
            double u =
                (x[at(f)] - mean) / std::sqrt(variance + static_cast<double>(c.epsilon)) * gamma[k]
                + beta[k];
            if (c.activation == LayerNormActivation::elu && u < 0) u = std::expm1(u);
            y[at(f)] = u * factor(c, r, f) + (c.shortcut ? shortcut[at(f)] : 0.0);
        }
    }
    return y;
}

struct Result {
    std::vector<float> y, dx, dgamma, dbeta, dshortcut;
    std::vector<std::uint16_t> kept;
};

Result run(Context& ctx, Case const& c, Data const& d, float start = 0)
{
    std::vector<std::int64_t> const shape{c.capacity(), c.width};
    auto const padded = [&](std::vector<float> v) {
        v.resize(static_cast<std::size_t>(c.capacity() * c.width), NAN);
        return OnDevice<float>(ctx, std::move(v), shape);
    };
    auto const x = padded(d.x), dy = padded(d.dy), shortcut = padded(d.shortcut);
    auto const y = padded(std::vector<float>(c.size(), 9));
    auto const dx = padded(std::vector<float>(c.size(), start));
    auto const dshortcut = padded(std::vector<float>(c.size(), start));
    std::vector<float> const zeros(d.gamma.size(), start);
    OnDevice<float> const gamma(ctx, d.gamma, {c.width}), beta(ctx, d.beta, {c.width});
    OnDevice<float> const dgamma(ctx, zeros, {c.width}), dbeta(ctx, zeros, {c.width});
    OnDevice<float> const saved(ctx, std::vector<float>(static_cast<std::size_t>(2 * c.capacity())),
                                {c.capacity(), 2});
    std::int64_t const words = (c.width + 15) / 16;
    OnDevice<std::uint16_t> const kept(
        ctx, std::vector<std::uint16_t>(static_cast<std::size_t>(words * c.capacity())),
        {c.capacity(), words});
    OnDevice<std::int32_t> const rows(ctx, c.row_ptr,
                                      {static_cast<std::int64_t>(c.row_ptr.size())});
    OnDevice<std::int64_t> const step(ctx, {kStep, c.first_event}, {2});
    LayerNormOptions const options{
        .epsilon = c.epsilon,
        .activation = c.activation,
        .dropout = {.step = step.ref(), .seed = kSeed, .stream = kStream, .rate = c.rate}};
    TensorRef const row_ptr = c.ragged ? rows.ref() : TensorRef{};
    layer_norm_forward(ctx, {.x = x.ref(),
                             .gamma = gamma.ref(),
                             .beta = beta.ref(),
                             .shortcut = c.shortcut ? shortcut.ref() : TensorRef{},
                             .row_ptr = row_ptr,
                             .options = options,
                             .saved = saved.ref(),
                             .kept = kept.ref(),
                             .y = y.ref()});
    layer_norm_backward(ctx, {.x = x.ref(),
                              .gamma = gamma.ref(),
                              .beta = beta.ref(),
                              .row_ptr = row_ptr,
                              .options = options,
                              .saved = saved.ref(),
                              .kept = kept.ref(),
                              .dy = dy.ref(),
                              .dx = dx.ref(),
                              .dgamma = dgamma.ref(),
                              .dbeta = dbeta.ref(),
                              .dshortcut = c.shortcut ? dshortcut.ref() : TensorRef{}});
    saved.fetch();
    auto const existing = [&](OnDevice<float> const& t) {
        auto v = t.fetch();
        for (std::size_t e = c.size(); e < v.size(); ++e)
            EXPECT_TRUE(std::isnan(v[e])) << "row past the last event was written";
        v.resize(c.size());
        return v;
    };
    return {existing(y),   existing(dx),        dgamma.fetch(),
            dbeta.fetch(), existing(dshortcut), kept.fetch()};
}

/// Events of 0, 1 and 2 rows, of which the first and the last have none.
std::vector<std::int32_t> many_events(std::int32_t events)
{
    std::vector<std::int32_t> row_ptr{0, 0};
    for (std::int32_t b = 1; b + 1 < events; ++b)
        row_ptr.push_back(row_ptr.back() + b % 3);
    row_ptr.push_back(row_ptr.back());
    return row_ptr;
}

std::vector<Case> cases()
{
    auto const elu = LayerNormActivation::elu;
    return {{.row_ptr = {0, 0, 1, 4}, .width = 1, .shortcut = true},
            {.row_ptr = {0, 5}, .width = 6, .ragged = false, .epsilon = kLayerNormKerasEpsilon},
            {.row_ptr = {0, 3, 3, 9}, .width = 17, .activation = elu, .rate = 0.4F},
            {.row_ptr = {0, 2, 20},
             .width = 128,
             .activation = elu,
             .rate = 0.2F,
             .shortcut = true,
             .first_event = 9},
            {.row_ptr = {0, 7}, .width = 32, .activation = elu, .shortcut = true},
            {.row_ptr = {0, 2, 11}, .width = 48, .rate = 0.5F, .shortcut = true},
            {.row_ptr = {0, 2}, .width = 5001, .activation = elu, .rate = 0.3F},
            {.row_ptr = {0}, .width = 4},
            {.row_ptr = many_events(1100), .width = 4, .rate = 0.3F},
            {.row_ptr = {0, 600}, .width = 3, .ragged = false}};
}

void expect_definition(Case const& c)
{
    SCOPED_TRACE(testing::Message() << c.rows() << " x " << c.width << ", dropout " << c.rate);
    Data const d = data_of(c);
    Context ctx = make_context(2);
    Result const got = run(ctx, c, d, 0.5F);
    auto const wide = [](std::vector<float> const& v) {
        return Values(v.begin(), v.end());
    };
    Values const x = wide(d.x), gamma = wide(d.gamma), beta = wide(d.beta);
    Values const shortcut = wide(d.shortcut), dy = wide(d.dy);
    // a narrow row's variance may be small: its rounding is that of x over its spread
    double const eps = 4 * 1.2e-7 * std::sqrt(static_cast<double>(c.width));
    expect_close(got.y, oracle(c, x, gamma, beta, shortcut), 2e-6 + eps, 2e-6 + eps);
    auto const loss = [&](Values const& y) {
        double sum = 0;
        for (std::size_t e = 0; e < y.size(); ++e)
            sum += dy[e] * y[e];
        return sum;
    };
    auto const check = [&](std::vector<float> const& gradient, Values const& at, auto const& y_of) {
        auto const direction = random_values(at.size(), 8);
        double expected = 0;
        for (std::size_t e = 0; e < at.size(); ++e)
            expected +=
                (static_cast<double>(gradient[e]) - 0.5) * static_cast<double>(direction[e]);
        auto const along = [&](Values const& t) {
            Values moved = at;
            for (std::size_t e = 0; e < at.size(); ++e)
                moved[e] += t[0] * static_cast<double>(direction[e]);
            return loss(y_of(moved));
        };
        EXPECT_NEAR(expected, numeric_gradient(along, {0.0})[0],
                    1e-5 * (std::sqrt(static_cast<double>(c.size())) + 1));
    };
    check(got.dx, x, [&](Values const& v) { return oracle(c, v, gamma, beta, shortcut); });
    check(got.dgamma, gamma, [&](Values const& v) { return oracle(c, x, v, beta, shortcut); });
    check(got.dbeta, beta, [&](Values const& v) { return oracle(c, x, gamma, v, shortcut); });
    if (!c.shortcut) return;
    for (std::size_t e = 0; e < dy.size(); ++e)
        EXPECT_EQ(got.dshortcut[e], 0.5F + d.dy[e]);
}
}  // namespace

TEST(LayerNorm, agrees_with_the_definition_and_its_finite_differences)
{
    for (Case const& c : cases())
        expect_definition(c);
}

TEST(LayerNorm, agrees_with_the_definition_without_avx512)
{
    if (on_cuda()) GTEST_SKIP() << "about the CPU's instruction sets";
    ForcedIsa const narrow(Isa::avx2);
    for (Case const& c : cases())
        expect_definition(c);
}

TEST(LayerNorm, same_bits_for_any_number_of_threads)
{
    Case c{.row_ptr = {},
           .width = 37,
           .activation = LayerNormActivation::elu,
           .rate = 0.2F,
           .shortcut = true};
    for (std::int32_t b = 0; b < 30; ++b)
        c.row_ptr.push_back(b * 3 + b % 4);
    c.row_ptr[0] = 0;
    Data const d = data_of(c);
    expect_same_for_any_threads([&](Context& ctx) {
        Result r = run(ctx, c, d);
        for (auto const* v : {&r.dx, &r.dgamma, &r.dbeta, &r.dshortcut})
            r.y.insert(r.y.end(), v->begin(), v->end());
        return r.y;
    });
}

TEST(LayerNorm, keeps_the_same_elements_as_on_the_cpu)
{
    for (std::int64_t const width : {1, 17, 37, 128, 200})
        for (std::int32_t const events : {3, 33, 70}) {
            Case const c{
                .row_ptr = many_events(events), .width = width, .rate = 0.4F, .first_event = 2};
            Data const d = data_of(c);
            auto const bits = [&](Context ctx) {
                auto words = run(ctx, c, d).kept;
                auto const in_row = static_cast<std::size_t>((width + 15) / 16);
                for (std::size_t w = in_row - 1; width % 16 != 0 && w < words.size(); w += in_row)
                    words[w] &= static_cast<std::uint16_t>((1U << width % 16) - 1);
                return words;
            };
            EXPECT_TRUE(same_bits(bits(make_context()), bits(Context::cpu())))
                << events << " events, width " << width;
        }
}

TEST(LayerNorm, an_event_alone_has_the_bits_that_it_has_in_a_batch)
{
    Case const all{.row_ptr = {0, 5, 5, 30},
                   .width = 128,
                   .activation = LayerNormActivation::elu,
                   .rate = 0.3F,
                   .shortcut = true,
                   .first_event = 3};
    Data const d = data_of(all);
    Context ctx = make_context(1);
    Result const whole = run(ctx, all, d);
    Case one = all;
    one.row_ptr = {0, 25};
    one.first_event = 5;
    auto const tail = [](std::vector<float> const& v) {
        return std::vector<float>(v.begin() + 5 * 128, v.end());
    };
    Result const alone = run(ctx, one, {tail(d.x), d.gamma, d.beta, tail(d.shortcut), tail(d.dy)});
    EXPECT_TRUE(same_bits(alone.y, tail(whole.y)));
    EXPECT_TRUE(same_bits(alone.dx, tail(whole.dx)));
}

TEST(LayerNorm, a_constant_row_gives_beta)
{
    Case const c{.row_ptr = {0, 3}, .width = 20};
    Data d = data_of(c);
    std::fill(d.x.begin(), d.x.end(), 4.0F);
    Context ctx = make_context(1);
    auto const y = run(ctx, c, d).y;
    EXPECT_EQ(std::vector<float>(y.begin(), y.begin() + 20), d.beta);
}

TEST(LayerNorm, the_shortcut_may_be_the_result)
{
    Case const c{.row_ptr = {0, 3}, .width = 20, .shortcut = true};
    Data const d = data_of(c);
    Context ctx = make_context(1);
    auto const want = run(ctx, c, d).y;
    OnDevice<float> const x(ctx, d.x, {3, 20}), y(ctx, d.shortcut, {3, 20});
    OnDevice<float> const gamma(ctx, d.gamma, {20}), beta(ctx, d.beta, {20});
    OnDevice<float> const saved(ctx, std::vector<float>(6), {3, 2});
    layer_norm_forward(ctx, {.x = x.ref(),
                             .gamma = gamma.ref(),
                             .beta = beta.ref(),
                             .shortcut = y.ref(),
                             .saved = saved.ref(),
                             .y = y.ref()});
    EXPECT_TRUE(same_bits(y.fetch(), want));
}

TEST(LayerNormChecks, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> const x(ctx, std::vector<float>(6), {2, 3}), w(ctx, {1, 2, 3}, {3});
    OnDevice<float> const saved(ctx, std::vector<float>(4), {2, 2}), bad(ctx, {1, 2}, {1, 2});
    OnDevice<std::uint16_t> const kept(ctx, {1, 2}, {2, 1});
    OnDevice<std::int32_t> const rows(ctx, {0, 2}, {2});
    OnDevice<std::int64_t> const step(ctx, {1, 0}, {2}), short_step(ctx, {1}, {1});
    LayerNormArgs const good{.x = x.ref(),
                             .gamma = w.ref(),
                             .beta = w.ref(),
                             .shortcut = x.ref(),
                             .row_ptr = rows.ref(),
                             .options = {.dropout = {.step = step.ref(), .rate = 0.5F}},
                             .saved = saved.ref(),
                             .kept = kept.ref(),
                             .y = x.ref()};
    layer_norm_forward(ctx, good);
    for (TensorRef LayerNormArgs::*field :
         {&LayerNormArgs::x, &LayerNormArgs::gamma, &LayerNormArgs::beta, &LayerNormArgs::shortcut,
          &LayerNormArgs::row_ptr, &LayerNormArgs::saved, &LayerNormArgs::kept,
          &LayerNormArgs::y}) {
        LayerNormArgs wrong = good;
        wrong.*field = bad.ref();
        EXPECT_THROW(layer_norm_forward(ctx, wrong), Error);
    }
    LayerNormArgs wrong = good;
    wrong.row_ptr = {};  // dropout needs to know the events
    EXPECT_THROW(layer_norm_forward(ctx, wrong), Error);
    wrong = good;
    wrong.options.dropout.step = short_step.ref();
    EXPECT_THROW(layer_norm_forward(ctx, wrong), Error);
    wrong = good;
    wrong.options.epsilon = 0;
    EXPECT_THROW(layer_norm_forward(ctx, wrong), Error);
    LayerNormGradArgs const good_grad{.x = x.ref(),
                                      .gamma = w.ref(),
                                      .beta = w.ref(),
                                      .saved = saved.ref(),
                                      .dy = x.ref(),
                                      .dx = x.ref(),
                                      .dgamma = w.ref(),
                                      .dbeta = w.ref(),
                                      .dshortcut = x.ref()};
    for (TensorRef LayerNormGradArgs::*field :
         {&LayerNormGradArgs::saved, &LayerNormGradArgs::dy, &LayerNormGradArgs::dx,
          &LayerNormGradArgs::dgamma, &LayerNormGradArgs::dbeta, &LayerNormGradArgs::dshortcut}) {
        LayerNormGradArgs bad_grad = good_grad;
        bad_grad.*field = bad.ref();
        EXPECT_THROW(layer_norm_backward(ctx, bad_grad), Error);
    }
}
}  // namespace calofuse::test
