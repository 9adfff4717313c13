#include "kernels/dense/running_statistics.hpp"

#include <limits>

#include "runtime/buffer.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();
}

TEST(RunningStatistics, keras_and_torch_rules)
{
    for (std::int64_t const channels : {1, 63, 64, 65}) {
        auto const width = static_cast<std::size_t>(channels);
        auto const mean = random_values(width, 1), variance = random_values(width, 2, 0, 4);
        auto const old_mean = random_values(width, 3), old_variance = random_values(width, 4, 0, 4);
        for (bool const keras : {true, false}) {
            Context ctx = make_context();
            OnDevice<float> m(ctx, mean, {channels}), v(ctx, variance, {channels});
            OnDevice<float> rm(ctx, old_mean, {channels}), rv(ctx, old_variance, {channels});
            double const momentum = keras ? 0.99 : 0.1;
            update_running(ctx,
                           {.mean = m.ref(),
                            .variance = v.ref(),
                            .rows = 5,
                            .rule = keras ? RunningRule::keras : RunningRule::torch,
                            .kind = keras ? RunningVariance::biased : RunningVariance::unbiased,
                            .momentum = momentum,
                            .running_mean = rm.ref(),
                            .running_variance = rv.ref()});
            std::vector<double> want_mean(width), want_variance(width);
            for (std::size_t c = 0; c < width; ++c) {
                auto const b = static_cast<double>(mean[c]), o = static_cast<double>(old_mean[c]);
                auto const bv = static_cast<double>(variance[c]);
                auto const ov = static_cast<double>(old_variance[c]);
                want_mean[c] = keras ? 0.99 * o + 0.01 * b : 0.9 * o + 0.1 * b;
                want_variance[c] = keras ? 0.99 * ov + 0.01 * bv : 0.9 * ov + 0.1 * bv * 5 / 4;
            }
            expect_close(rm.fetch(), want_mean, kEps, kEps);
            expect_close(rv.fetch(), want_variance, kEps, kEps);
        }
    }
}

TEST(RunningStatistics, calibration_equals_the_mixture_of_its_batches)
{
    constexpr std::int64_t kChannels = 5, kBatches = 7;
    Context ctx = make_context();
    OnDevice<std::int64_t> count(ctx, {0}, {1});
    OnDevice<double> mean(ctx, std::vector<double>(5), {kChannels});
    OnDevice<double> spread(ctx, std::vector<double>(5), {kChannels});
    OnDevice<float> rm(ctx, std::vector<float>(5, -1), {kChannels});
    OnDevice<float> rv(ctx, std::vector<float>(5, -1), {kChannels});
    FinishStatisticsArgs const finish{count.ref(), mean.ref(), spread.ref(), rm.ref(), rv.ref()};
    finish_statistics(ctx, finish);
    EXPECT_EQ(rm.fetch(), std::vector<float>(5, -1)) << "no batch yet: nothing may be written";
    std::vector<double> first(5), second(5);
    for (std::uint32_t k = 0; k < kBatches; ++k) {
        auto m = random_values(5, k, 99, 101), v = random_values(5, 50 + k, 0, 0.1F);
        m[4] = 0.1F;  // a constant channel
        v[4] = 0;
        OnDevice<float> bm(ctx, m, {kChannels}), bv(ctx, v, {kChannels});
        accumulate_statistics(ctx, {bm.ref(), bv.ref(), count.ref(), mean.ref(), spread.ref()});
        for (std::size_t c = 0; c < 5; ++c) {
            auto const d = static_cast<double>(m[c]);
            first[c] += d / kBatches;
            second[c] += (static_cast<double>(v[c]) + d * d) / kBatches;
        }
    }
    finish_statistics(ctx, finish);
    EXPECT_EQ(count.fetch(), (std::vector<std::int64_t>{kBatches}));
    expect_close(rm.fetch(), first, 0, kEps);
    std::vector<double> want(5);
    for (std::size_t c = 0; c < 5; ++c)
        want[c] = second[c] - first[c] * first[c];
    expect_close(rv.fetch(), want, 1e-10, kEps);  // 1e-10: the oracle's own cancellation, 1e4 eps
    EXPECT_EQ(rv.fetch()[4], 0.0F);
    EXPECT_EQ(rm.fetch()[4], 0.1F);
}

TEST(RunningStatistics, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> c3(ctx, 3), c4(ctx, 4);
    Buffer<double> d3(ctx, 3), d4(ctx, 4);
    Buffer<std::int64_t> one(ctx, 1), two(ctx, 2);
    UpdateRunningArgs const good{.mean = c3.ref(),
                                 .variance = c3.ref(),
                                 .rows = 1,
                                 .running_mean = c3.ref(),
                                 .running_variance = c3.ref()};
    EXPECT_NO_THROW(update_running(ctx, good));
    auto const refused = [&](auto change) {
        UpdateRunningArgs bad = good;
        change(bad);
        EXPECT_THROW(update_running(ctx, bad), Error);
    };
    refused([&](auto& a) { a.mean = d3.ref(); });
    refused([&](auto& a) { a.variance = c4.ref(); });
    refused([&](auto& a) { a.running_mean = c4.ref(); });
    refused([&](auto& a) { a.running_variance = c4.ref(); });
    refused([&](auto& a) { a.momentum = 1.5; });
    refused([&](auto& a) { a.kind = RunningVariance::unbiased; });  // of one row
    using Add = AccumulateStatisticsArgs;
    EXPECT_NO_THROW(
        accumulate_statistics(ctx, Add{c3.ref(), c3.ref(), one.ref(), d3.ref(), d3.ref()}));
    for (Add const& bad : {Add{d3.ref(), c3.ref(), one.ref(), d3.ref(), d3.ref()},
                           Add{c3.ref(), c4.ref(), one.ref(), d3.ref(), d3.ref()},
                           Add{c3.ref(), c3.ref(), two.ref(), d3.ref(), d3.ref()},
                           Add{c3.ref(), c3.ref(), one.ref(), c3.ref(), d3.ref()},
                           Add{c3.ref(), c3.ref(), one.ref(), d3.ref(), d4.ref()}})
        EXPECT_THROW(accumulate_statistics(ctx, bad), Error);
    using Finish = FinishStatisticsArgs;
    for (Finish const& bad : {Finish{two.ref(), d3.ref(), d3.ref(), c3.ref(), c3.ref()},
                              Finish{one.ref(), c3.ref(), d3.ref(), c3.ref(), c3.ref()},
                              Finish{one.ref(), d3.ref(), d4.ref(), c3.ref(), c3.ref()},
                              Finish{one.ref(), d3.ref(), d3.ref(), c4.ref(), c3.ref()},
                              Finish{one.ref(), d3.ref(), d3.ref(), c3.ref(), c4.ref()}})
        EXPECT_THROW(finish_statistics(ctx, bad), Error);
}
}  // namespace calofuse::test
