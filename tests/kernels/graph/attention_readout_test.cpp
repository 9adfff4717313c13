#include "kernels/graph/attention_readout.hpp"

#include <algorithm>

#include "tests/support/operator_case.hpp"
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

Doubles oracle(Case const& c, Values const& x, Values const& score)
{
    auto const features = static_cast<std::size_t>(c.features);
    auto const width = static_cast<std::size_t>(c.width());
    Values y(static_cast<std::size_t>(c.graphs()) * width, NAN), weight(score.size(), NAN);
    for (std::size_t b = 0; b + 1 < c.row_ptr.size(); ++b) {
        auto const begin = static_cast<std::size_t>(c.row_ptr[b]);
        auto const end = static_cast<std::size_t>(c.row_ptr[b + 1]);
        double sum = 0;
        for (std::size_t i = begin; i < end; ++i)
            sum += std::exp(score[i]);
        for (std::size_t i = begin; i < end; ++i)
            weight[i] = std::exp(score[i]) / sum;
        for (std::size_t f = 0; f < features; ++f) {
            double& out = y[b * width + kColumn + f];
            out = 0;
            for (std::size_t i = begin; i < end; ++i)
                out += weight[i] * x[i * features + f];
        }
    }
    return {{"weight", weight}, {"y", y}};
}

struct Data {
    std::vector<float> x, score, dy;
    explicit Data(Case const& c)
        : x(random_values(c.size(), 1))
        , score(random_values(static_cast<std::size_t>(c.nodes()), 2, -3, 3))
        , dy(random_values(static_cast<std::size_t>(c.graphs() * c.width()), 3))
    {}
};
/// Two more rows than exist, and columns of y beside the result: they must stay NaN.
OperatorCase described(Case const& c)
{
    std::int64_t const rows = c.nodes() + 2;
    auto const padded = [&](std::vector<float> v, std::int64_t width) {
        v.resize(static_cast<std::size_t>(rows * width), NAN);
        return v;
    };
    Data const d(c);
    return OperatorCase{}
        .input("x", {rows, c.features}, padded(d.x, c.features))
        .input("score", {rows, 1}, padded(d.score, 1))
        .indices("row_ptr", {c.graphs() + 1}, c.row_ptr)
        .output("weight", {rows, 1}, 2e-6, 2e-6)
        .output("y", {c.graphs(), c.width()}, 2e-6, 2e-6)
        .gradient("x", 2e-6, 2e-6)
        .gradient("score", 2e-6, 2e-6)
        .constant("weight")
        .free("x", 1)  // y may be wider
        .free("y", 1)
        .free("dy", 1)
        .forward([](Context& ctx, Tensors const& t) {
            attention_readout_forward(ctx, {.x = t("x"),
                                            .score = t("score"),
                                            .row_ptr = t("row_ptr"),
                                            .column = kColumn,
                                            .weight = t("weight"),
                                            .y = t("y")});
        })
        .backward([](Context& ctx, Tensors const& t) {
            attention_readout_backward(ctx, {.x = t("x"),
                                             .weight = t("weight"),
                                             .row_ptr = t("row_ptr"),
                                             .column = kColumn,
                                             .dy = t("dy"),
                                             .dx = t("dx"),
                                             .dscore = t("dscore")});
        })
        .oracle([c](Doubles const& v) { return oracle(c, v.at("x"), v.at("score")); });
}
}  // namespace

TEST(AttentionReadout, keeps_the_promises_of_an_operator)
{
    for (Case const& c :
         {Case{{0}, 3}, Case{{0, 0, 1, 3, 3}, 5}, Case{{0, 25, 60, 61}, 32}, Case{{0, 300}, 1}}) {
        SCOPED_TRACE(testing::Message() << c.graphs() << " graphs, " << c.features << " features");
        described(c).check();
    }
}

TEST(AttentionReadout, same_bits_for_any_number_of_threads)
{
    Case c{{0}, 20};
    for (std::int32_t b = 1; b < 60; ++b)
        c.row_ptr.push_back(c.row_ptr.back() + b % 7);
    described(c).check_same_bits();
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
