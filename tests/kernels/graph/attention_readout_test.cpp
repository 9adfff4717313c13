#include "kernels/graph/attention_readout.hpp"

#include <algorithm>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
using Values = std::vector<double>;
constexpr std::int64_t kColumn = 1;
constexpr std::int64_t kRight = 2;  ///< columns after the result

struct Case {
    std::vector<std::int32_t> row_ptr;
    std::int64_t features;

    std::int64_t nodes() const { return row_ptr.back(); }
    std::int64_t graphs() const { return static_cast<std::int64_t>(row_ptr.size()) - 1; }
    std::int64_t width() const { return kColumn + features + kRight; }
    std::size_t size() const { return static_cast<std::size_t>(nodes() * features); }
};

Values oracle(Case const& c, Values const& x, Values const& score)
{
    Values y(static_cast<std::size_t>(c.graphs() * c.width()), 9);
    for (std::int64_t b = 0; b < c.graphs(); ++b) {
        auto const begin = static_cast<std::size_t>(c.row_ptr[static_cast<std::size_t>(b)]);
        auto const end = static_cast<std::size_t>(c.row_ptr[static_cast<std::size_t>(b) + 1]);
        double sum = 0;
        for (std::size_t i = begin; i < end; ++i)
            sum += std::exp(score[i]);
        for (std::int64_t f = 0; f < c.features; ++f) {
            double& out = y[static_cast<std::size_t>(b * c.width() + kColumn + f)];
            out = 0;
            for (std::size_t i = begin; i < end; ++i)
                out += std::exp(score[i]) / sum
                       * x[i * static_cast<std::size_t>(c.features) + static_cast<std::size_t>(f)];
        }
    }
    return y;
}

struct Data {
    std::vector<float> x, score, dy;
    explicit Data(Case const& c)
        : x(random_values(c.size(), 1))
        , score(random_values(static_cast<std::size_t>(c.nodes()), 2, -3, 3))
        , dy(random_values(static_cast<std::size_t>(c.graphs() * c.width()), 3))
    {}
};
struct Result {
    std::vector<float> y, dx, dscore;
};

/// Two more rows than exist: they must stay NaN.
Result run(Context& ctx, Case const& c, Data const& d, float start)
{
    std::int64_t const rows = c.nodes() + 2;
    auto const padded = [&](std::vector<float> v, std::int64_t width) {
        v.resize(static_cast<std::size_t>(rows * width), NAN);
        return OnDevice<float>(ctx, std::move(v), {rows, width});
    };
    auto const filled = [&](float value, std::int64_t width) {
        return padded(std::vector<float>(static_cast<std::size_t>(c.nodes() * width), value),
                      width);
    };
    auto const x = padded(d.x, c.features), score = padded(d.score, 1), weight = filled(9, 1);
    auto const dx = filled(start, c.features), dscore = filled(start, 1);
    OnDevice<std::int32_t> const row_ptr(ctx, c.row_ptr, {c.graphs() + 1});
    OnDevice<float> const y(ctx, std::vector<float>(d.dy.size(), 9), {c.graphs(), c.width()});
    OnDevice<float> const dy(ctx, d.dy, {c.graphs(), c.width()});
    attention_readout_forward(ctx, {.x = x.ref(),
                                    .score = score.ref(),
                                    .row_ptr = row_ptr.ref(),
                                    .column = kColumn,
                                    .weight = weight.ref(),
                                    .y = y.ref()});
    attention_readout_backward(ctx, {.x = x.ref(),
                                     .weight = weight.ref(),
                                     .row_ptr = row_ptr.ref(),
                                     .column = kColumn,
                                     .dy = dy.ref(),
                                     .dx = dx.ref(),
                                     .dscore = dscore.ref()});
    auto const existing = [&](OnDevice<float> const& t, std::int64_t width) {
        auto v = t.fetch();
        auto const end = v.begin() + c.nodes() * width;
        EXPECT_TRUE(std::all_of(end, v.end(), [](float f) { return std::isnan(f); }));
        v.erase(end, v.end());
        return v;
    };
    existing(weight, 1);
    return {y.fetch(), existing(dx, c.features), existing(dscore, 1)};
}
}  // namespace

TEST(AttentionReadout, agrees_with_the_definition_and_its_finite_differences)
{
    for (Case const& c :
         {Case{{0}, 3}, Case{{0, 0, 1, 3, 3}, 5}, Case{{0, 25, 60, 61}, 32}, Case{{0, 300}, 1}}) {
        Data const d(c);
        Context ctx = make_context(2);
        Result const got = run(ctx, c, d, 0.5F);
        Values const x(d.x.begin(), d.x.end()), score(d.score.begin(), d.score.end());
        expect_close(got.y, oracle(c, x, score), 2e-6, 2e-6);
        auto const loss = [&](Values const& y) {
            double sum = 0;  // columns beside the result are constants
            for (std::size_t e = 0; e < y.size(); ++e)
                sum += static_cast<double>(d.dy[e]) * y[e];
            return sum;
        };
        auto const check = [&](std::vector<float> const& gradient, Values const& at,
                               auto const& y_of) {
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
                        1e-6 * (static_cast<double>(at.size()) + 1));
        };
        check(got.dx, x, [&](Values const& v) { return oracle(c, v, score); });
        check(got.dscore, score, [&](Values const& v) { return oracle(c, x, v); });
    }
}

TEST(AttentionReadout, same_bits_for_any_number_of_threads)
{
    Case c{{0}, 20};
    for (std::int32_t b = 1; b < 60; ++b)
        c.row_ptr.push_back(c.row_ptr.back() + b % 7);
    expect_same_for_any_threads([&](Context& ctx) {
        Result r = run(ctx, c, Data(c), 0);
        for (auto const* v : {&r.dx, &r.dscore})
            r.y.insert(r.y.end(), v->begin(), v->end());
        return r.y;
    });
}

TEST(AttentionReadout, weights_in_the_place_of_scores)
{
    Case const c{{0, 25, 25, 60}, 33};
    Data const d(c);
    Context ctx = make_context(1);
    OnDevice<float> const x(ctx, d.x, {c.nodes(), c.features});
    OnDevice<float> const score(ctx, d.score, {c.nodes(), 1}), weight(ctx, d.score, {c.nodes(), 1});
    OnDevice<float> const y(ctx, d.dy, {c.graphs(), c.width()});
    OnDevice<float> const other(ctx, d.dy, {c.graphs(), c.width()});
    OnDevice<std::int32_t> const row_ptr(ctx, c.row_ptr, {c.graphs() + 1});
    AttentionReadoutArgs args{.x = x.ref(),
                              .score = score.ref(),
                              .row_ptr = row_ptr.ref(),
                              .column = kColumn,
                              .weight = weight.ref(),
                              .y = y.ref()};
    attention_readout_forward(ctx, args);
    args.weight = score.ref();
    args.y = other.ref();
    attention_readout_forward(ctx, args);
    EXPECT_TRUE(same_bits(score.fetch(), weight.fetch()));
    EXPECT_TRUE(same_bits(other.fetch(), y.fetch()));
}

TEST(AttentionReadoutChecks, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> const x(ctx, {1, 2, 3, 4}, {2, 2}), score(ctx, {1, 2}, {2, 1});
    OnDevice<float> const y(ctx, {1, 2, 3}, {1, 3}), bad(ctx, {1, 2, 3}, {3, 1});
    OnDevice<std::int32_t> const row_ptr(ctx, {0, 2}, {2});
    AttentionReadoutArgs const good{.x = x.ref(),
                                    .score = score.ref(),
                                    .row_ptr = row_ptr.ref(),
                                    .column = 1,
                                    .weight = score.ref(),
                                    .y = y.ref()};
    attention_readout_forward(ctx, good);
    for (TensorRef AttentionReadoutArgs::*field :
         {&AttentionReadoutArgs::x, &AttentionReadoutArgs::score, &AttentionReadoutArgs::row_ptr,
          &AttentionReadoutArgs::weight, &AttentionReadoutArgs::y}) {
        AttentionReadoutArgs wrong = good;
        wrong.*field = bad.ref();
        EXPECT_THROW(attention_readout_forward(ctx, wrong), Error);
    }
    AttentionReadoutArgs wrong = good;
    wrong.column = 2;
    EXPECT_THROW(attention_readout_forward(ctx, wrong), Error);
    AttentionReadoutGradArgs const good_grad{.x = x.ref(),
                                             .weight = score.ref(),
                                             .row_ptr = row_ptr.ref(),
                                             .dy = y.ref(),
                                             .dx = x.ref(),
                                             .dscore = score.ref()};
    for (TensorRef AttentionReadoutGradArgs::*field :
         {&AttentionReadoutGradArgs::weight, &AttentionReadoutGradArgs::dy,
          &AttentionReadoutGradArgs::dx, &AttentionReadoutGradArgs::dscore}) {
        AttentionReadoutGradArgs bad_grad = good_grad;
        bad_grad.*field = bad.ref();
        EXPECT_THROW(attention_readout_backward(ctx, bad_grad), Error);
    }
}
}  // namespace calofuse::test
