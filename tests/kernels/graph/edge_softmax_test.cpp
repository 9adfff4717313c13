#include "kernels/graph/edge_softmax.hpp"

#include <algorithm>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"
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

struct Result {
    std::vector<float> y, dx;
};

/// With two more rows and segments than exist: they must stay as they are.
Result run(Context& ctx, Case const& c, std::vector<float> x, std::vector<float> dy, float start)
{
    std::int64_t const rows = c.edge_ptr.back() + 2;
    std::vector<std::int64_t> const shape{rows, c.columns};
    auto const padded = [&](std::vector<float> v) {
        v.resize(static_cast<std::size_t>(rows * c.columns), NAN);
        return OnDevice<float>(ctx, std::move(v), shape);
    };
    auto const segments = static_cast<std::int32_t>(c.edge_ptr.size()) - 1;
    auto ends = c.edge_ptr;
    ends.insert(ends.end(), {-77, -99});
    OnDevice<std::int32_t> const edge_ptr(ctx, ends, {segments + 3});
    OnDevice<std::int32_t> const row_ptr(ctx, {0, segments}, {2});
    auto const in = padded(std::move(x)), cotangent = padded(std::move(dy));
    auto const y = padded(std::vector<float>(c.size(), 9));
    auto const dx = padded(std::vector<float>(c.size(), start));
    edge_softmax_forward(
        ctx, {.x = in.ref(), .edge_ptr = edge_ptr.ref(), .row_ptr = row_ptr.ref(), .y = y.ref()});
    edge_softmax_backward(ctx, {.y = y.ref(),
                                .edge_ptr = edge_ptr.ref(),
                                .row_ptr = row_ptr.ref(),
                                .dy = cotangent.ref(),
                                .dx = dx.ref()});
    Result out{y.fetch(), dx.fetch()};
    for (auto* v : {&out.y, &out.dx}) {
        EXPECT_TRUE(std::all_of(v->begin() + static_cast<std::int64_t>(c.size()), v->end(),
                                [](float f) { return std::isnan(f); }));
        v->resize(c.size());
    }
    return out;
}
}  // namespace

TEST(EdgeSoftmax, agrees_with_the_definition_and_its_finite_differences)
{
    for (Case const& c :
         {Case(0, 3), Case(1, 1), Case(10, 4), Case(300, 1), Case(20, 7), Case(9, 40)}) {
        auto const x = random_values(c.size(), 1, -3, 3), dy = random_values(c.size(), 2);
        Context ctx = make_context(2);
        Result const got = run(ctx, c, x, dy, 0.5F);
        Values const point(x.begin(), x.end());
        expect_close(got.y, oracle(c, point), 1e-6, 1e-6);
        auto const direction = random_values(c.size(), 3);
        double expected = 0;
        for (std::size_t e = 0; e < c.size(); ++e)
            expected += (static_cast<double>(got.dx[e]) - 0.5) * static_cast<double>(direction[e]);
        auto const along = [&](Values const& t) {
            Values moved = point;
            for (std::size_t e = 0; e < c.size(); ++e)
                moved[e] += t[0] * static_cast<double>(direction[e]);
            Values const y = oracle(c, moved);
            double sum = 0;
            for (std::size_t e = 0; e < c.size(); ++e)
                sum += static_cast<double>(dy[e]) * y[e];
            return sum;
        };
        EXPECT_NEAR(expected, numeric_gradient(along, {0.0})[0],
                    1e-6 * (static_cast<double>(c.size()) + 1));
    }
}

TEST(EdgeSoftmax, same_bits_for_any_number_of_threads)
{
    Case const c(700, 3);
    expect_same_for_any_threads([&](Context& ctx) {
        Result r = run(ctx, c, random_values(c.size(), 1, -3, 3), random_values(c.size(), 2), 0);
        r.y.insert(r.y.end(), r.dx.begin(), r.dx.end());
        return r.y;
    });
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
