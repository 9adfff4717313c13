#include "kernels/graph/readout.hpp"

#include <algorithm>
#include <cmath>

#include "tests/support/operator_case.hpp"

namespace calofuse::test {
namespace {
struct Case {
    char const* name;
    ReadoutKind kind;
    std::vector<std::int32_t> row_ptr;  ///< always the definition; `ragged` says how it is passed
    std::int64_t features;
    bool ragged;
};
void PrintTo(Case const& c, std::ostream* os)
{
    *os << c.name;
}

std::vector<std::int32_t> equal_graphs(std::int32_t graphs, std::int32_t nodes)
{
    std::vector<std::int32_t> row_ptr;
    for (std::int32_t b = 0; b <= graphs; ++b)
        row_ptr.push_back(b * nodes);
    return row_ptr;
}

constexpr std::int64_t kColumn = 2;
constexpr std::int64_t kRight = 3;  ///< columns after the result

std::int64_t width_of(Case const& c)
{
    return kColumn + readout_width(c.kind, c.features) + kRight;
}

struct Result {
    std::vector<float> y, dx;
};

std::vector<float> x_of(Case const& c)
{
    return random_values(static_cast<std::size_t>(c.row_ptr.back() * c.features), 1);
}
std::vector<float> dy_of(Case const& c)
{
    return random_values((c.row_ptr.size() - 1) * static_cast<std::size_t>(width_of(c)), 2);
}

Result run(Case const& c, int threads)
{
    Context ctx = make_context(threads);
    auto const graphs = static_cast<std::int64_t>(c.row_ptr.size()) - 1;
    std::int64_t const width = width_of(c);
    auto const x_values = x_of(c);
    std::vector<std::int64_t> const shape =
        c.ragged ? std::vector<std::int64_t>{c.row_ptr.back(), c.features}
                 : std::vector<std::int64_t>{graphs, graphs > 0 ? c.row_ptr.back() / graphs : 1,
                                             c.features};
    OnDevice<float> x(ctx, x_values, shape);
    OnDevice<std::int32_t> row_ptr(ctx, c.row_ptr, {graphs + 1});
    OnDevice<float> y(ctx, std::vector<float>(static_cast<std::size_t>(graphs * width), 9),
                      {graphs, width});
    OnDevice<std::int32_t> largest(
        ctx, std::vector<std::int32_t>(static_cast<std::size_t>(graphs * c.features)),
        {graphs, c.features});
    OnDevice<float> dy(ctx, dy_of(c), {graphs, width});
    OnDevice<float> dx(ctx, std::vector<float>(x_values.size(), 0.25F), shape);
    TensorRef const rows = c.ragged ? row_ptr.ref() : TensorRef{};
    readout_forward(ctx, {.x = x.ref(),
                          .row_ptr = rows,
                          .kind = c.kind,
                          .column = kColumn,
                          .y = y.ref(),
                          .largest = largest.ref()});
    readout_backward(ctx, {.row_ptr = rows,
                           .kind = c.kind,
                           .column = kColumn,
                           .dy = dy.ref(),
                           .largest = largest.ref(),
                           .dx = dx.ref()});
    largest.fetch();
    return {y.fetch(), dx.fetch()};
}

class Readout : public testing::TestWithParam<Case> {};
}  // namespace

TEST_P(Readout, agrees_with_oracle)
{
    Case const& c = GetParam();
    std::size_t const graphs = c.row_ptr.size() - 1;
    auto const features = static_cast<std::size_t>(c.features);
    auto const width = static_cast<std::size_t>(width_of(c));
    auto const x = x_of(c);
    auto const dy = dy_of(c);
    std::vector<double> y(graphs * width, 9), dx(x.size(), 0.25);
    for (std::size_t b = 0; b < graphs; ++b)
        for (std::size_t f = 0; f < features; ++f) {
            auto const begin = static_cast<std::size_t>(c.row_ptr[b]);
            auto const end = static_cast<std::size_t>(c.row_ptr[b + 1]);
            auto const count = static_cast<double>(end - begin);
            std::size_t column = b * width + kColumn + f;
            auto const part = [&](ReadoutKind kind) {
                double const g = dy[column];
                double& out = y[column];
                column += features;
                out = 0;
                if (begin == end) return;
                std::size_t winner = begin;
                double sum = 0;
                for (std::size_t i = begin; i < end; ++i) {
                    sum += x[i * features + f];
                    if (x[i * features + f] > x[winner * features + f]) winner = i;
                }
                if (kind == ReadoutKind::max) {
                    out = x[winner * features + f];
                    dx[winner * features + f] += g;
                    return;
                }
                double const scale = kind == ReadoutKind::mean      ? 1 / count
                                     : kind == ReadoutKind::log_sum ? 1 / std::log(1 + count)
                                                                    : 1;
                out = sum * scale;
                for (std::size_t i = begin; i < end; ++i)
                    dx[i * features + f] += g * scale;
            };
            if (c.kind != ReadoutKind::mean_max_log_sum) {
                part(c.kind);
                continue;
            }
            part(ReadoutKind::mean);
            part(ReadoutKind::max);
            part(ReadoutKind::log_sum);
        }
    Result const got = run(c, 2);
    expect_close(got.y, y, 4 * 1.2e-7 * 5, 4 * 1.2e-7);
    expect_close(got.dx, dx, 8 * 1.2e-7, 4 * 1.2e-7);  // up to three terms
}

TEST_P(Readout, same_bits_for_any_number_of_threads)
{
    Result const one = run(GetParam(), 1);
    for (int const threads : {1, 2, 3}) {
        Result const other = run(GetParam(), threads);
        EXPECT_EQ(one.y, other.y);
        EXPECT_EQ(one.dx, other.dx);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    Readout,
    testing::Values(Case{"hybrid", ReadoutKind::mean, equal_graphs(70, 9), 64, false},
                    Case{"no_graphs", ReadoutKind::mean, {0}, 5, false},
                    Case{"one_graph_of_one_node", ReadoutKind::mean, {0, 1}, 3, false},
                    Case{"sum", ReadoutKind::sum, equal_graphs(5, 7), 33, false},
                    Case{"max", ReadoutKind::max, equal_graphs(130, 4), 17, false},
                    Case{"ragged_mean", ReadoutKind::mean, {0, 3, 3, 4, 20}, 6, true},
                    Case{"ragged_max", ReadoutKind::max, {0, 3, 3, 4, 20}, 6, true},
                    Case{"log_sum", ReadoutKind::log_sum, {0, 3, 3, 4, 30}, 9, true},
                    Case{"gat_head", ReadoutKind::mean_max_log_sum, {0, 25, 25, 26, 60}, 32, true},
                    Case{"all_three_equal", ReadoutKind::mean_max_log_sum, equal_graphs(70, 3), 5,
                         false},
                    Case{"ragged_sum_all_empty", ReadoutKind::sum, {0, 0, 0}, 6, true}),
    [](auto const& p) { return p.param.name; });

/// The kinds without a maximum, of which nothing is kept for backward.
TEST(ReadoutCase, keeps_the_promises_of_an_operator)
{
    for (ReadoutKind const kind : {ReadoutKind::mean, ReadoutKind::sum, ReadoutKind::log_sum}) {
        Case const c{"ragged", kind, {0, 3, 3, 4, 20}, 6, true};
        auto const width = static_cast<std::size_t>(width_of(c));
        OperatorCase{}
            .input("x", {20, 6}, x_of(c))
            .indices("row_ptr", {5}, c.row_ptr)
            .output("y", {4, width_of(c)}, 4 * 1.2e-7 * 5, 4 * 1.2e-7)
            .gradient("x", 1e-6, 1e-6)
            .free("x", 0)  // a capacity
            .free("x", 1)  // y may be wider
            .free("y", 1)
            .free("dx", 0)
            .free("dx", 1)
            .free("dy", 1)
            .forward([&](Context& ctx, Tensors const& t) {
                readout_forward(ctx, {.x = t("x"),
                                      .row_ptr = t("row_ptr"),
                                      .kind = kind,
                                      .column = kColumn,
                                      .y = t("y")});
            })
            .backward([&](Context& ctx, Tensors const& t) {
                readout_backward(ctx, {.row_ptr = t("row_ptr"),
                                       .kind = kind,
                                       .column = kColumn,
                                       .dy = t("dy"),
                                       .dx = t("dx")});
            })
            .oracle([&](Doubles const& v) {
                std::vector<double> y(4 * width, NAN);
                for (std::size_t b = 0; b < 4; ++b) {
                    auto const begin = static_cast<std::size_t>(c.row_ptr[b]);
                    auto const end = static_cast<std::size_t>(c.row_ptr[b + 1]);
                    double const count = std::max(1.0, static_cast<double>(end - begin));
                    double const divisor = kind == ReadoutKind::mean      ? count
                                           : kind == ReadoutKind::log_sum ? std::log(1 + count)
                                                                          : 1;
                    for (std::size_t f = 0; f < 6; ++f) {
                        double& out = y[b * width + kColumn + f];
                        out = 0;
                        for (std::size_t i = begin; i < end; ++i)
                            out += v.at("x")[i * 6 + f] / divisor;
                    }
                }
                return Doubles{{"y", y}};
            })
            .check();
    }
}

TEST(ReadoutTies, the_first_of_equal_rows_wins)
{
    Context ctx = make_context(1);
    OnDevice<float> x(ctx, {1, 1, 1}, {1, 3, 1}), y(ctx, {0}, {1, 1});
    OnDevice<std::int32_t> largest(ctx, {7}, {1, 1});
    readout_forward(
        ctx, {.x = x.ref(), .kind = ReadoutKind::max, .y = y.ref(), .largest = largest.ref()});
    EXPECT_EQ(largest.fetch(), (std::vector<std::int32_t>{0}));
}

TEST(ReadoutChecks, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> x(ctx, std::vector<float>(12), {2, 3, 2}),
        y(ctx, std::vector<float>(6), {2, 3});
    OnDevice<float> flat(ctx, std::vector<float>(12), {6, 2});
    OnDevice<std::int32_t> rows(ctx, {0, 3, 6}, {3}), short_rows(ctx, {0, 6}, {2});
    readout_forward(ctx, {.x = x.ref(), .column = 1, .y = y.ref()});
    readout_forward(ctx, {.x = flat.ref(), .row_ptr = rows.ref(), .y = y.ref()});
    EXPECT_THROW(readout_forward(ctx, {.x = x.ref(), .column = 2, .y = y.ref()}), Error);
    EXPECT_THROW(readout_forward(ctx, {.x = x.ref(), .column = -1, .y = y.ref()}), Error);
    EXPECT_THROW(readout_forward(ctx, {.x = flat.ref(), .y = y.ref()}), Error);
    EXPECT_THROW(readout_forward(ctx, {.x = x.ref(), .row_ptr = rows.ref(), .y = y.ref()}), Error);
    EXPECT_THROW(readout_forward(ctx, {.x = flat.ref(), .row_ptr = short_rows.ref(), .y = y.ref()}),
                 Error);
    EXPECT_THROW(readout_forward(ctx, {.x = x.ref(), .kind = ReadoutKind::max, .y = y.ref()}),
                 Error);
    EXPECT_THROW(
        readout_forward(ctx, {.x = x.ref(), .kind = ReadoutKind::mean_max_log_sum, .y = y.ref()}),
        Error);
    EXPECT_THROW(readout_backward(ctx, {.kind = ReadoutKind::max, .dy = y.ref(), .dx = x.ref()}),
                 Error);
}
}  // namespace calofuse::test
