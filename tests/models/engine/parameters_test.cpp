/// \file tests/models/engine/parameters_test.cpp
#include "models/engine/parameters.hpp"

#include <cmath>

#include "kernels/dense/running_statistics.hpp"
#include "runtime/error.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
double largest(std::vector<float> const& values)
{
    double out = 0;
    for (float const v : values)
        out = std::max(out, std::abs(double{v}));
    return out;
}
}  // namespace

TEST(Parameters, a_group_is_one_row_of_its_members)
{
    Context ctx = make_context(1);
    Parameters p;
    ParameterGroup const first = p.add({{"a.w", {2, 3}}, {"b.w", {2, 2}}});
    ParameterGroup const second = p.add({"c", {5}, Init::ones});
    p.allocate(ctx, 1);
    EXPECT_EQ(p.num_trainable(), 15);
    EXPECT_EQ(p.values().size(), 32) << "groups begin at whole cache lines";
    EXPECT_EQ(p.var(first).value.size(), 10);
    EXPECT_EQ(p.var(first).grad.size(), 10);
    EXPECT_EQ(p.var(first).value.data, p.values().data);
    EXPECT_EQ(p.var(second).value.data, static_cast<float*>(p.values().data) + 16);
    p.upload(p.find("a.w"), std::vector<float>{1, 2, 3, 4, 5, 6});
    p.upload(p.find("b.w"), std::vector<float>{7, 8, 9, 10});
    EXPECT_EQ(fetch(ctx, p.var(first).value), (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
    std::vector<float> const all = fetch(ctx, p.values());
    for (std::size_t i : {10U, 15U, 21U, 31U})
        EXPECT_EQ(all[i], 0) << "padding, element " << i;
    EXPECT_EQ(all[20], 1);
}

TEST(Parameters, start_by_the_rules_of_keras_and_torch)
{
    Context ctx = make_context(1);
    Parameters p;
    p.add({"dense", {40, 50}, Init::glorot_uniform});
    p.add({"conv", {3, 3, 8, 16}, Init::glorot_uniform});
    p.add({"torch", {400, 5}, Init::torch_uniform});
    p.add({"bias", {900}, Init::torch_uniform, 25});
    p.add({"zeros", {9}, Init::zeros});
    p.add({"ones", {9}, Init::ones});
    p.allocate(ctx, 1);
    auto const expect_uniform = [&](char const* name, double limit) {
        auto const values = p.download(p.find(name));
        EXPECT_LE(largest(values), limit) << name;
        EXPECT_GT(largest(values), 0.99 * limit) << name;
        double sum = 0;
        for (float const v : values)
            sum += v;
        auto const n = static_cast<double>(values.size());
        EXPECT_LT(std::abs(sum / n), 4 * limit / std::sqrt(3 * n)) << name;
    };
    expect_uniform("dense", std::sqrt(6.0 / (40 + 50)));
    expect_uniform("conv", std::sqrt(6.0 / (9 * 8 + 9 * 16)));
    expect_uniform("torch", 1 / std::sqrt(400.0));
    expect_uniform("bias", 1 / std::sqrt(25.0));
    EXPECT_EQ(p.download(p.find("zeros")), std::vector<float>(9, 0.0F));
    EXPECT_EQ(p.download(p.find("ones")), std::vector<float>(9, 1.0F));
}

TEST(Parameters, initial_values_depend_on_seed_and_number_only)
{
    Context ctx = make_context(1);
    auto const start = [&](std::uint64_t seed, std::int64_t other) {
        Parameters p;
        p.add({"before", {other}, Init::glorot_uniform});
        p.add({"w", {6, 6}, Init::glorot_uniform});
        p.allocate(ctx, seed);
        EXPECT_EQ(p.seed(), seed);
        return p.download(p.find("w"));
    };
    auto const want = start(5, 3);
    EXPECT_EQ(start(5, 3), want);
    EXPECT_EQ(start(5, 300), want) << "sizes of other weights do not matter";
    EXPECT_NE(start(6, 3), want);
    Parameters first;
    first.add({"w", {6, 6}, Init::glorot_uniform});
    first.allocate(ctx, 5);
    EXPECT_NE(first.download(first.find("w")), want) << "their number does";
}

TEST(Parameters, statistics_are_state_without_gradient)
{
    Context ctx = make_context(1);
    Parameters p;
    ParameterGroup const w = p.add({"w", {4}});
    StatisticsGroup const s = p.add_statistics({"bn0", "bn1"}, 3);
    p.allocate(ctx, 1);
    EXPECT_EQ(p.num_trainable(), 4);
    EXPECT_EQ(p.num_state(), 12);
    EXPECT_EQ(fetch(ctx, p.state(s.mean)), std::vector<float>(6, 0.0F));
    EXPECT_EQ(fetch(ctx, p.state(s.variance)), std::vector<float>(6, 1.0F));
    p.upload(p.find("bn1.moving_mean"), std::vector<float>{1, 2, 3});
    EXPECT_EQ(fetch(ctx, p.state(s.mean)), (std::vector<float>{0, 0, 0, 1, 2, 3}));
    EXPECT_FALSE(p.find("bn0.moving_variance").trainable);
    EXPECT_THROW(p.var(s.mean), Error);
    EXPECT_THROW(p.state(w), Error);
    EXPECT_THROW(p.download_gradient(p.find("bn0.moving_mean")), Error);
}

TEST(Parameters, gradients_can_be_zeroed_and_fetched)
{
    Context ctx = make_context(1);
    Parameters p;
    ParameterGroup const w = p.add({"w", {3}, Init::ones});
    p.allocate(ctx, 1);
    put(ctx, p.var(w).grad, {4, 5, 6});
    EXPECT_EQ(p.download_gradient(p.find("w")), (std::vector<float>{4, 5, 6}));
    p.zero_gradients();
    EXPECT_EQ(p.download_gradient(p.find("w")), std::vector<float>(3, 0.0F));
    EXPECT_EQ(p.download(p.find("w")), std::vector<float>(3, 1.0F));
}

TEST(Parameters, calibration_averages_the_statistics_of_its_batches)
{
    Context ctx = make_context(1);
    Parameters p;
    StatisticsGroup const untouched = p.add_statistics({"other"}, 2);
    StatisticsGroup const s = p.add_statistics({"bn"}, 2);
    p.allocate(ctx, 1);
    double const means[3][2] = {{1, -5}, {2, 7}, {6, 1}};
    double const variances[3][2] = {{0.5, 4}, {1.5, 1}, {1, 0}};
    for (int round = 0; round < 2; ++round) {  // the second begins anew
        p.begin_calibration();
        for (int k = 0; k < 3; ++k) {
            Buffer<float> mean(ctx, 2), variance(ctx, 2);
            mean.upload(std::vector<float>(means[k], means[k] + 2));
            variance.upload(std::vector<float>(variances[k], variances[k] + 2));
            StatisticsAccumulator const sums = p.accumulator(s);
            accumulate_statistics(ctx, {.batch_mean = mean.ref(),
                                        .batch_variance = variance.ref(),
                                        .count = sums.count,
                                        .mean = sums.mean,
                                        .spread = sums.spread});
        }
        p.finish_calibration();
        std::vector<double> want_mean(2), want_variance(2);
        for (std::size_t c = 0; c < 2; ++c) {
            double second = 0;
            for (int k = 0; k < 3; ++k) {
                want_mean[c] += means[k][c] / 3;
                second += (variances[k][c] + means[k][c] * means[k][c]) / 3;
            }
            want_variance[c] = second - want_mean[c] * want_mean[c];
        }
        expect_close(fetch(ctx, p.state(s.mean)), want_mean, 1e-6, 1e-6);
        expect_close(fetch(ctx, p.state(s.variance)), want_variance, 1e-6, 1e-6);
        EXPECT_EQ(fetch(ctx, p.state(untouched.variance)), std::vector<float>(2, 1.0F))
            << "no batch, no change";
    }
}

TEST(Parameters, misuse_is_refused)
{
    Context ctx = make_context(1);
    Parameters p;
    ParameterGroup const w = p.add({"w", {3}});
    EXPECT_THROW(p.var(w), Error) << "before allocate()";
    p.allocate(ctx, 1);
    EXPECT_THROW(p.add({"late", {3}}), Error);
    EXPECT_THROW(p.add_statistics({"late"}, 3), Error);
    EXPECT_THROW(p.allocate(ctx, 1), Error);
    EXPECT_THROW(p.upload(p.find("w"), std::vector<float>(2)), Error);
    EXPECT_THROW(p.find("v"), Error);
}
}  // namespace calofuse::test
