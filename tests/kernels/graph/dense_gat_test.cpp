#include "kernels/graph/dense_gat.hpp"

#include <algorithm>
#include <functional>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace calofuse::test {
namespace {
struct Case {
    char const* name;
    std::int64_t events, nodes, heads, channels;
    DenseGatOptions options = {};
    bool own_graphs = false;

    std::int64_t width() const
    {
        return options.merge == HeadMerge::concat ? heads * channels : channels;
    }
};
void PrintTo(Case const& c, std::ostream* os)
{
    *os << c.name;
}

struct Data {
    std::vector<float> a, h, self, neigh, bias, dy;
};

Data data_of(Case const& c)
{
    auto const count = [](std::int64_t n) {
        return static_cast<std::size_t>(n);
    };
    Data d{random_values(count((c.own_graphs ? c.events : 1) * c.nodes * c.nodes), 1),
           random_values(count(c.events * c.nodes * c.heads * c.channels), 2),
           random_values(count(c.heads * c.channels), 3),
           random_values(count(c.heads * c.channels), 4),
           random_values(count(c.width()), 5),
           random_values(count(c.events * c.nodes * c.width()), 6)};
    for (std::size_t e = 0; e < d.a.size(); ++e)
        if (d.a[e] < 0.2F) d.a[e] = 0;
    for (std::int64_t j = 0; j < c.nodes; ++j)  // node 0 has no neighbours
        d.a[count(j)] = 0;
    return d;
}

using Values = std::vector<double>;
Values widened(std::vector<float> const& v)
{
    return {v.begin(), v.end()};
}

/// The definition in double: y before the activation; alpha as a by-product.
Values oracle(Case const& c,
              std::vector<float> const& a,
              Values const& h,
              Values const& self,
              Values const& neigh,
              Values const& bias,
              Values* alpha_out = nullptr)
{
    auto const at_h = [&](std::int64_t b, std::int64_t i, std::int64_t k, std::int64_t f) {
        return h[static_cast<std::size_t>(((b * c.nodes + i) * c.heads + k) * c.channels + f)];
    };
    auto const score = [&](Values const& attn, std::int64_t b, std::int64_t i, std::int64_t k) {
        double sum = 0;
        for (std::int64_t f = 0; f < c.channels; ++f)
            sum += at_h(b, i, k, f) * attn[static_cast<std::size_t>(f * c.heads + k)];
        return sum;
    };
    Values y;
    for (std::int64_t b = 0; b < c.events; ++b)
        for (std::int64_t i = 0; i < c.nodes; ++i) {
            Values row(bias);
            for (std::int64_t k = 0; k < c.heads; ++k) {
                Values e(static_cast<std::size_t>(c.nodes));
                double sum = 0;
                for (std::int64_t j = 0; j < c.nodes; ++j) {
                    auto const edge = static_cast<std::size_t>(
                        ((c.own_graphs ? b : 0) * c.nodes + i) * c.nodes + j);
                    bool const loop = i == j && c.options.loops == SelfLoops::add;
                    double const p = score(self, b, i, k) + score(neigh, b, j, k);
                    double const rectified = p > 0 ? p : static_cast<double>(c.options.slope) * p;
                    double& weight = e[static_cast<std::size_t>(j)];
                    weight = a[edge] != 0 || loop ? std::exp(rectified) : 0.0;
                    sum += weight;
                }
                for (std::int64_t j = 0; j < c.nodes; ++j) {
                    double const alpha = sum > 0 ? e[static_cast<std::size_t>(j)] / sum : 0.0;
                    if (alpha_out != nullptr) alpha_out->push_back(alpha);
                    for (std::int64_t f = 0; f < c.channels; ++f) {
                        if (c.options.merge == HeadMerge::concat)
                            row[static_cast<std::size_t>(k * c.channels + f)] +=
                                alpha * at_h(b, j, k, f);
                        else
                            row[static_cast<std::size_t>(f)] +=
                                alpha * at_h(b, j, k, f) / static_cast<double>(c.heads);
                    }
                }
            }
            y.insert(y.end(), row.begin(), row.end());
        }
    return y;
}

struct Result {
    std::vector<float> alpha, y, dh, dself, dneigh, dbias;
};

Result run(Case const& c, Data const& d, int threads, float start)
{
    Context ctx = make_context(threads);
    std::vector<std::int64_t> const h_shape{c.events, c.nodes, c.heads, c.channels};
    std::vector<std::int64_t> const alpha_shape{c.events, c.nodes, c.heads, c.nodes};
    std::vector<std::int64_t> const y_shape{c.events, c.nodes, c.width()};
    std::vector<std::int64_t> const attn_shape{c.channels, c.heads};
    auto const filled = [&](std::size_t count, std::vector<std::int64_t> const& shape) {
        return OnDevice<float>(ctx, std::vector<float>(count, start), shape);
    };
    OnDevice<float> a(ctx, d.a,
                      c.own_graphs ? std::vector<std::int64_t>{c.events, c.nodes, c.nodes}
                                   : std::vector<std::int64_t>{c.nodes, c.nodes});
    OnDevice<float> h(ctx, d.h, h_shape), self(ctx, d.self, attn_shape);
    OnDevice<float> neigh(ctx, d.neigh, attn_shape), bias(ctx, d.bias, {c.width()});
    OnDevice<float> dy(ctx, d.dy, y_shape);
    auto const alpha_size = static_cast<std::size_t>(c.events * c.nodes * c.heads * c.nodes);
    auto const alpha = filled(alpha_size, alpha_shape), y = filled(d.dy.size(), y_shape);
    auto const dh = filled(d.h.size(), h_shape), dself = filled(d.self.size(), attn_shape);
    auto const dneigh = filled(d.neigh.size(), attn_shape);
    auto const dbias = filled(d.bias.size(), {c.width()});
    dense_gat_forward(ctx, {.a = a.ref(),
                            .h = h.ref(),
                            .attn_self = self.ref(),
                            .attn_neigh = neigh.ref(),
                            .bias = bias.ref(),
                            .options = c.options,
                            .alpha = alpha.ref(),
                            .y = y.ref()});
    dense_gat_backward(ctx, {.h = h.ref(),
                             .attn_self = self.ref(),
                             .attn_neigh = neigh.ref(),
                             .alpha = alpha.ref(),
                             .y = y.ref(),
                             .options = c.options,
                             .dy = dy.ref(),
                             .dh = dh.ref(),
                             .dattn_self = dself.ref(),
                             .dattn_neigh = dneigh.ref(),
                             .dbias = dbias.ref()});
    return {alpha.fetch(), y.fetch(), dh.fetch(), dself.fetch(), dneigh.fetch(), dbias.fetch()};
}

/// L = sum dy y, with the rectified y's counted where forward let them pass.
double loss_of(Case const& c, Data const& d, Values const& y, Values const& y0)
{
    double sum = 0;
    for (std::size_t e = 0; e < y.size(); ++e)
        if (c.options.activation == NodeActivation::none || y0[e] > 0) sum += d.dy[e] * y[e];
    return sum;
}

/// Large inputs: the slope along one random direction instead of one evaluation an element.
void expect_slope(std::vector<float> const& gradient,
                  Values const& at,
                  std::function<double(Values const&)> const& f)
{
    auto const direction = random_values(at.size(), 9);
    double expected = 0;
    for (std::size_t e = 0; e < at.size(); ++e)
        expected += (static_cast<double>(gradient[e]) - 0.5) * static_cast<double>(direction[e]);
    auto const along = [&](Values const& t) {
        Values moved = at;
        for (std::size_t e = 0; e < at.size(); ++e)
            moved[e] += t[0] * static_cast<double>(direction[e]);
        return f(moved);
    };
    double const slope = numeric_gradient(along, {0.0})[0];
    EXPECT_NEAR(expected, slope, 1e-6 * static_cast<double>(at.size()));
}

class DenseGat : public testing::TestWithParam<Case> {};
}  // namespace

TEST_P(DenseGat, forward_agrees_with_oracle)
{
    Case const& c = GetParam();
    Data const d = data_of(c);
    Result const got = run(c, d, 2, 0.5F);
    Values alpha;
    Values y =
        oracle(c, d.a, widened(d.h), widened(d.self), widened(d.neigh), widened(d.bias), &alpha);
    if (c.options.activation == NodeActivation::relu)
        for (double& v : y)
            v = std::max(v, 0.0);
    // exp amplifies the rounding of its argument, a sum of 2 C products up to 2 C large.
    double const eps = 4 * 1.2e-7 * std::sqrt(2.0 * static_cast<double>(c.channels));
    expect_close(got.alpha, alpha, eps, eps);
    expect_close(got.y, y, eps * std::sqrt(static_cast<double>(c.nodes)), eps);
}

TEST_P(DenseGat, same_bits_for_any_number_of_threads)
{
    Case const& c = GetParam();
    Data const d = data_of(c);
    Result const one = run(c, d, 1, 0);
    for (int const threads : {1, 2, 3}) {
        Result const other = run(c, d, threads, 0);
        EXPECT_EQ(one.y, other.y);
        EXPECT_EQ(one.dh, other.dh);
        EXPECT_EQ(one.dself, other.dself);
        EXPECT_EQ(one.dneigh, other.dneigh);
        EXPECT_EQ(one.dbias, other.dbias);
    }
}

TEST_P(DenseGat, backward_agrees_with_finite_differences_of_the_oracle)
{
    Case const& c = GetParam();
    Data const d = data_of(c);
    Result const got = run(c, d, 2, 0.5F);
    Values const h = widened(d.h), self = widened(d.self), neigh = widened(d.neigh);
    Values const bias = widened(d.bias);
    Values const y0 = oracle(c, d.a, h, self, neigh, bias);
    auto const expect_gradient = [&](std::vector<float> const& gradient, Values const& at,
                                     auto const& y_of) {
        auto const f = [&](Values const& v) {
            return loss_of(c, d, y_of(v), y0);
        };
        if (at.size() > 400) return expect_slope(gradient, at, f);
        auto numeric = numeric_gradient(f, at);
        for (double& g : numeric)
            g += 0.5;  // gradients are added to
        // float sums of all events and edges
        expect_close(gradient, numeric, 1e-5, 1e-5);
    };
    expect_gradient(got.dh, h,
                    [&](Values const& v) { return oracle(c, d.a, v, self, neigh, bias); });
    expect_gradient(got.dself, self,
                    [&](Values const& v) { return oracle(c, d.a, h, v, neigh, bias); });
    expect_gradient(got.dneigh, neigh,
                    [&](Values const& v) { return oracle(c, d.a, h, self, v, bias); });
    expect_gradient(got.dbias, bias,
                    [&](Values const& v) { return oracle(c, d.a, h, self, neigh, v); });
}

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    DenseGat,
    testing::Values(Case{"no_events", 0, 9, 4, 16},
                    Case{"one_node", 2, 1, 2, 3},
                    Case{"concat_relu", 2, 5, 2, 3, {.activation = NodeActivation::relu}},
                    Case{"mean", 3, 4, 3, 2, {.merge = HeadMerge::mean}, true},
                    Case{"mean_wide",
                         2,
                         3,
                         2,
                         40,
                         {.merge = HeadMerge::mean, .activation = NodeActivation::relu}},
                    Case{"isolated", 2, 4, 2, 2, {.loops = SelfLoops::as_given}},
                    Case{"hybrid", 19, 9, 4, 16, {.activation = NodeActivation::relu}},
                    Case{"largest", 1, 64, 1, 33}),
    [](auto const& p) { return p.param.name; });

TEST(DenseGatLimits, huge_scores_stay_finite)
{
    Context ctx = make_context(1);
    OnDevice<float> a(ctx, {0, 1, 1, 0}, {2, 2}), h(ctx, {3e4F, -3e4F}, {1, 2, 1, 1});
    OnDevice<float> attn(ctx, {2}, {1, 1}), alpha(ctx, std::vector<float>(4), {1, 2, 1, 2});
    OnDevice<float> y(ctx, {0, 0}, {1, 2, 1});
    dense_gat_forward(ctx, {.a = a.ref(),
                            .h = h.ref(),
                            .attn_self = attn.ref(),
                            .attn_neigh = attn.ref(),
                            .alpha = alpha.ref(),
                            .y = y.ref()});
    EXPECT_EQ(alpha.fetch(), (std::vector<float>{1, 0, 1, 0}));
    EXPECT_EQ(y.fetch(), (std::vector<float>{3e4F, 3e4F}));
}

TEST(DenseGatChecks, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> a(ctx, std::vector<float>(4), {2, 2}), bad(ctx, std::vector<float>(3), {3});
    OnDevice<float> h(ctx, std::vector<float>(12), {1, 2, 2, 3});
    OnDevice<float> attn(ctx, std::vector<float>(6), {3, 2});
    OnDevice<float> alpha(ctx, std::vector<float>(8), {1, 2, 2, 2});
    OnDevice<float> y(ctx, std::vector<float>(12), {1, 2, 6});
    DenseGatArgs const good{.a = a.ref(),
                            .h = h.ref(),
                            .attn_self = attn.ref(),
                            .attn_neigh = attn.ref(),
                            .alpha = alpha.ref(),
                            .y = y.ref()};
    dense_gat_forward(ctx, good);
    for (TensorRef DenseGatArgs::*field :
         {&DenseGatArgs::a, &DenseGatArgs::h, &DenseGatArgs::attn_self, &DenseGatArgs::attn_neigh,
          &DenseGatArgs::bias, &DenseGatArgs::alpha, &DenseGatArgs::y}) {
        DenseGatArgs wrong = good;
        wrong.*field = bad.ref();
        EXPECT_THROW(dense_gat_forward(ctx, wrong), Error);
    }
    DenseGatArgs mean = good;  // y is too wide for the mean of the heads
    mean.options.merge = HeadMerge::mean;
    EXPECT_THROW(dense_gat_forward(ctx, mean), Error);
    DenseGatGradArgs const good_grad{.h = h.ref(),
                                     .attn_self = attn.ref(),
                                     .attn_neigh = attn.ref(),
                                     .alpha = alpha.ref(),
                                     .y = y.ref(),
                                     .dy = y.ref(),
                                     .dh = h.ref(),
                                     .dattn_self = attn.ref(),
                                     .dattn_neigh = attn.ref()};
    for (TensorRef DenseGatGradArgs::*field :
         {&DenseGatGradArgs::dy, &DenseGatGradArgs::dh, &DenseGatGradArgs::dattn_self,
          &DenseGatGradArgs::dattn_neigh, &DenseGatGradArgs::dbias}) {
        DenseGatGradArgs wrong = good_grad;
        wrong.*field = bad.ref();
        EXPECT_THROW(dense_gat_backward(ctx, wrong), Error);
    }
}
}  // namespace calofuse::test
