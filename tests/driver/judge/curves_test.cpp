#include <cmath>

#include "driver/judge/calibration.hpp"
#include "driver/judge/confusion.hpp"
#include "driver/judge/roc.hpp"
#include "runtime/error.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
using Labels = std::vector<std::uint8_t>;
using Scores = std::vector<float>;
}  // namespace

TEST(Roc, points_of_a_small_example)
{
    Scores const score{0.1F, 0.4F, 0.35F, 0.8F, 0.8F};
    Labels const label{0, 0, 1, 1, 0};
    RocCurve const curve = roc_curve(score, label);
    EXPECT_EQ(curve.threshold, (Scores{0.8F, 0.4F, 0.35F, 0.1F}));
    EXPECT_EQ(curve.signal, (std::vector<double>{0, 0.5, 0.5, 1, 1}));
    EXPECT_EQ(curve.background, (std::vector<double>{0, 1 / 3.0, 2 / 3.0, 2 / 3.0, 1}));
    EXPECT_EQ(background_rejection(curve, 0.5), 3.0);
    EXPECT_EQ(background_rejection(curve, 0.25), std::numeric_limits<double>::infinity());
    EXPECT_EQ(background_rejection(curve, 0.9), 1.5);
}

TEST(Roc, collinear_points_are_dropped_and_ends_kept)
{
    Scores const score{0.9F, 0.8F, 0.7F, 0.6F, 0.5F};
    Labels const label{1, 1, 1, 0, 0};
    RocCurve const curve = without_collinear_points(roc_curve(score, label));
    EXPECT_EQ(curve.threshold, (Scores{0.9F, 0.7F, 0.5F}));
    EXPECT_EQ(curve.signal, (std::vector<double>{0, 1 / 3.0, 1, 1}));
    EXPECT_EQ(curve.background, (std::vector<double>{0, 0, 0, 1}));
}

TEST(Roc, without_events_there_is_the_origin)
{
    RocCurve const curve = roc_curve({}, {});
    EXPECT_EQ(curve.signal.size(), 1U);
    EXPECT_TRUE(curve.threshold.empty());
    EXPECT_EQ(without_collinear_points(curve).signal.size(), 1U);
}

TEST(Confusion, counts_and_ratios)
{
    Scores const score{0.6F, 0.5F, 0.4F, 0.9F, 0.7F, 0.1F};
    Labels const label{1, 1, 0, 1, 0, 0};
    Confusion const c = confusion(score, label, 0.5F);
    EXPECT_EQ(c.true_positive, 2);
    EXPECT_EQ(c.false_negative, 1);  // a score equal to the threshold is not accepted
    EXPECT_EQ(c.false_positive, 1);
    EXPECT_EQ(c.true_negative, 2);
    EXPECT_EQ(c.total(), 6);
    EXPECT_DOUBLE_EQ(c.accuracy(), 4 / 6.0);
    EXPECT_DOUBLE_EQ(c.f1(), 4 / 6.0);
    EXPECT_DOUBLE_EQ(c.signal_efficiency(), 2 / 3.0);
    EXPECT_DOUBLE_EQ(c.background_efficiency(), 1 / 3.0);
    EXPECT_DOUBLE_EQ(c.purity(), 2 / 3.0);
    Confusion const weighted = confusion(score, label, 0.5F, Scores{2, 3, 5, 7, 11, 13});
    EXPECT_EQ(weighted.true_positive, 9);
    EXPECT_EQ(weighted.false_negative, 3);
    EXPECT_EQ(weighted.false_positive, 11);
    EXPECT_EQ(weighted.true_negative, 18);
    EXPECT_TRUE(std::isnan(confusion({}, {}, 0.5F).accuracy()));
}

TEST(Confusion, bad_input_is_refused)
{
    EXPECT_THROW(confusion(Scores{std::nanf("")}, Labels{1}, 0), Error);
    EXPECT_THROW(confusion(Scores{1}, Labels{2}, 0), Error);
    EXPECT_THROW(confusion(Scores{1}, Labels{1, 0}, 0), Error);
    EXPECT_THROW(confusion(Scores{1}, Labels{1}, 0, Scores{1, 2}), Error);
}

TEST(Calibration, bins_of_equal_mass)
{
    Scores const score{0.9F, 0.1F, 0.2F, 0.8F, 0.3F, 0.7F};
    Labels const label{1, 0, 1, 1, 0, 0};
    Calibration const c = calibration(score, label, 3);
    ASSERT_EQ(c.bins.size(), 3U);
    EXPECT_EQ(c.bins[0].num_events, 2);
    EXPECT_NEAR(c.bins[0].mean_score, 0.15, 1e-7);
    EXPECT_EQ(c.bins[0].signal_fraction, 0.5);
    EXPECT_NEAR(c.bins[1].mean_score, 0.5, 1e-7);
    EXPECT_EQ(c.bins[1].num_signal, 0);
    EXPECT_EQ(c.bins[2].signal_fraction, 1.0);
    EXPECT_NEAR(c.expected_error, (0.35 + 0.5 + 0.15) / 3, 1e-7);
    EXPECT_NEAR(c.largest_error, 0.5, 1e-7);
    EXPECT_NEAR(c.brier, (0.01 + 0.01 + 0.64 + 0.04 + 0.09 + 0.49) / 6, 1e-6);
}

TEST(Calibration, equal_scores_share_a_bin)
{
    Scores const score(10, 0.5F);
    Labels label(10, 0);
    label[3] = 1;
    Calibration const c = calibration(score, label, 4);
    ASSERT_EQ(c.bins.size(), 1U);
    EXPECT_EQ(c.bins[0].num_events, 10);
    EXPECT_NEAR(c.expected_error, 0.4, 1e-12);
}

TEST(Calibration, every_event_is_in_one_bin_and_true_probabilities_are_calibrated)
{
    std::size_t const events = 20'000;
    Scores const score = random_values(events, 1, 0, 1);
    Scores const draw = random_values(events, 2, 0, 1);
    Labels label(events);
    for (std::size_t i = 0; i < events; ++i)
        label[i] = draw[i] < score[i] ? 1 : 0;
    Calibration const c = calibration(score, label);
    ASSERT_EQ(c.bins.size(), 15U);
    std::int64_t total = 0;
    for (CalibrationBin const& bin : c.bins) {
        total += bin.num_events;
        EXPECT_NEAR(static_cast<double>(bin.num_events), events / 15.0, 1.0);
    }
    EXPECT_EQ(total, static_cast<std::int64_t>(events));
    EXPECT_LT(c.expected_error, 0.02);     // sqrt(0.25 / 1333) = 0.014 a bin at worst
    EXPECT_NEAR(c.brier, 1.0 / 6, 0.005);  // integral of p (1 - p)
}

TEST(Calibration, limits)
{
    Calibration const none = calibration({}, {});
    EXPECT_TRUE(none.bins.empty());
    EXPECT_TRUE(std::isnan(none.brier));
    EXPECT_TRUE(std::isnan(none.expected_error));
    EXPECT_EQ(calibration(Scores{0.3F, 0.4F}, Labels{0, 1}, 15).bins.size(), 2U);
    EXPECT_THROW(calibration(Scores{0.3F}, Labels{0}, 0), Error);
}
}  // namespace calofuse::test
