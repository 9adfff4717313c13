#include "kernels/graph/edge_softmax.hpp"

#include <algorithm>

#include "tests/support/operator_case.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
using Values = std::vector<double>;

/// Segments of 0, 1, 2, .. rows and two of the capacity that do not exist.
struct Case {
    std::vector<std::int32_t> edge_ptr = {0};
    std::int64_t columns;

    Case(std::int32_t segments, std::int64_t width) : columns(width)
    {
        for (std::int32_t i = 0; i < segments; ++i)
            edge_ptr.push_back(edge_ptr.back() + i % 9);
    }
    std::size_t size() const { return static_cast<std::size_t>(edge_ptr.back() * columns); }
};

Values oracle(Case const& c, Values const& x)
{
    Values y(x.size());
    for (std::size_t i = 0; i + 1 < c.edge_ptr.size(); ++i)
        for (std::int64_t h = 0; h < c.columns; ++h) {
            auto const at = [&](std::int32_t e) {
                return static_cast<std::size_t>(e * c.columns + h);
            };
            double top = -INFINITY, sum = 1e-16;
            for (std::int32_t e = c.edge_ptr[i]; e < c.edge_ptr[i + 1]; ++e)
                top = std::max(top, x[at(e)]);
            for (std::int32_t e = c.edge_ptr[i]; e < c.edge_ptr[i + 1]; ++e)
                sum += std::exp(x[at(e)] - top);
            for (std::int32_t e = c.edge_ptr[i]; e < c.edge_ptr[i + 1]; ++e)
                y[at(e)] = std::exp(x[at(e)] - top) / sum;
        }
    return y;
}

/// With two more rows and segments than exist: they must stay as they are.
OperatorCase described(Case const& c)
{
    std::int64_t const rows = c.edge_ptr.back() + 2;
    auto const all = static_cast<std::size_t>(rows * c.columns);
    auto x = random_values(c.size(), 1, -3, 3);
    x.resize(all, NAN);
    auto const segments = static_cast<std::int32_t>(c.edge_ptr.size()) - 1;
    auto ends = c.edge_ptr;
    ends.insert(ends.end(), {-77, -99});
    return OperatorCase{}
        .input("x", {rows, c.columns}, x)
        .indices("edge_ptr", {segments + 3}, ends)
        .indices("row_ptr", {2}, {0, segments})
        .output("y", {rows, c.columns}, 1e-6, 1e-6)
        .gradient("x", 2e-6, 2e-6)
        .free("edge_ptr", 0)
        .free("row_ptr", 0)
        .forward([](Context& ctx, Tensors const& t) {
            edge_softmax_forward(
                ctx,
                {.x = t("x"), .edge_ptr = t("edge_ptr"), .row_ptr = t("row_ptr"), .y = t("y")});
        })
        .backward([](Context& ctx, Tensors const& t) {
            edge_softmax_backward(ctx, {.y = t("y"),
                                        .edge_ptr = t("edge_ptr"),
                                        .row_ptr = t("row_ptr"),
                                        .dy = t("dy"),
                                        .dx = t("dx")});
        })
        .oracle([c, all](Doubles const& v) {
            Values y = oracle(c, v.at("x"));
            y.resize(c.size());
            y.resize(all, NAN);
            return Doubles{{"y", y}};
        });
}
}  // namespace

TEST(EdgeSoftmax, keeps_the_promises_of_an_operator)
{
    for (Case const& c :
         {Case(0, 3), Case(1, 1), Case(10, 4), Case(300, 1), Case(20, 7), Case(9, 40)}) {
        SCOPED_TRACE(testing::Message() << c.edge_ptr.size() - 1 << " segments");
        described(c).check();
    }
}

TEST(EdgeSoftmax, same_bits_for_any_number_of_threads)
{
    described(Case(700, 3)).check_same_bits();
}

TEST(EdgeSoftmax, in_place)
{
    Case const c(40, 5);
    Context ctx = make_context(1);
    std::vector<std::int64_t> const shape{c.edge_ptr.back(), c.columns};
    OnDevice<float> const x(ctx, random_values(c.size(), 1, -3, 3), shape);
    OnDevice<float> const y(ctx, std::vector<float>(c.size()), shape);
    OnDevice<std::int32_t> const ends(ctx, c.edge_ptr, {41});
    edge_softmax_forward(ctx, {.x = x.ref(), .edge_ptr = ends.ref(), .row_ptr = {}, .y = y.ref()});
    edge_softmax_forward(ctx, {.x = x.ref(), .edge_ptr = ends.ref(), .row_ptr = {}, .y = x.ref()});
    EXPECT_TRUE(same_bits(x.fetch(), y.fetch()));
}

TEST(EdgeSoftmaxChecks, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> const x(ctx, {1, 2, 3, 4}, {2, 2}), bad(ctx, {1, 2}, {2});
    OnDevice<std::int32_t> const ends(ctx, {0, 2}, {2});
    EdgeSoftmaxArgs const good{.x = x.ref(), .edge_ptr = ends.ref(), .row_ptr = {}, .y = x.ref()};
    edge_softmax_forward(ctx, good);
    for (TensorRef EdgeSoftmaxArgs::*field : {&EdgeSoftmaxArgs::x, &EdgeSoftmaxArgs::edge_ptr,
                                              &EdgeSoftmaxArgs::row_ptr, &EdgeSoftmaxArgs::y}) {
        EdgeSoftmaxArgs wrong = good;
        wrong.*field = bad.ref();
        EXPECT_THROW(edge_softmax_forward(ctx, wrong), Error);
    }
    EdgeSoftmaxGradArgs const good_grad{
        .y = x.ref(), .edge_ptr = ends.ref(), .row_ptr = {}, .dy = x.ref(), .dx = x.ref()};
    for (TensorRef EdgeSoftmaxGradArgs::*field :
         {&EdgeSoftmaxGradArgs::y, &EdgeSoftmaxGradArgs::dy, &EdgeSoftmaxGradArgs::dx}) {
        EdgeSoftmaxGradArgs wrong = good_grad;
        wrong.*field = bad.ref();
        EXPECT_THROW(edge_softmax_backward(ctx, wrong), Error);
    }
}
}  // namespace calofuse::test
