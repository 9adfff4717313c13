#include "driver/judge/confusion.hpp"
#include "driver/judge/roc.hpp"
#include "kernels/metric/auc.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
void compare_rejection(GoldenRun const& run, RocCurve const& curve, std::string const& suffix)
{
    for (int const percent : {30, 50}) {
        std::string const key = "out.inv_eps_b_" + std::to_string(percent) + suffix;
        double const rejection = background_rejection(curve, percent / 100.0);
        if (run.golden.has(key))
            run.golden.compare(key, std::vector<double>{rejection});
        else
            EXPECT_TRUE(std::isinf(rejection)) << run.golden.name() << " " << key;
    }
}
}  // namespace

void golden_binary_metrics(GoldenRun const& run)
{
    auto const score = run.golden.floats("in.score");
    auto const weight = run.golden.floats("in.weight");
    auto const label_ints = run.golden.ints("in.label");
    std::vector<std::uint8_t> const label(label_ints.begin(), label_ints.end());
    auto const events = static_cast<std::int64_t>(score.size());

    OnDevice<float> const score_in(run.ctx, score, {events}), weight_in(run.ctx, weight, {events});
    OnDevice<std::uint8_t> const label_in(run.ctx, label, {events});
    OnDevice<double> const area(run.ctx, {0}, {1}), weighted_area(run.ctx, {0}, {1});
    auc(run.ctx, {.score = score_in.ref(), .label = label_in.ref(), .auc = area.ref()});
    auc(run.ctx, {.score = score_in.ref(),
                  .label = label_in.ref(),
                  .weight = weight_in.ref(),
                  .auc = weighted_area.ref()});
    run.golden.compare("out.auc", area.fetch());
    run.golden.compare("out.auc_weighted", weighted_area.fetch());

    auto const threshold = run.attr("threshold").get<float>();
    Confusion const counts = confusion(score, label, threshold);
    Confusion const weighted = confusion(score, label, threshold, weight);
    run.golden.compare("out.confusion",
                       std::vector<double>{counts.true_negative, counts.false_positive,
                                           counts.false_negative, counts.true_positive});
    run.golden.compare("out.accuracy", std::vector<double>{counts.accuracy()});
    run.golden.compare("out.accuracy_weighted", std::vector<double>{weighted.accuracy()});
    run.golden.compare("out.f1", std::vector<double>{counts.f1()});
    run.golden.compare("out.f1_weighted", std::vector<double>{weighted.f1()});

    RocCurve const curve = roc_curve(score, label);
    run.golden.compare("out.fpr", curve.background);
    run.golden.compare("out.tpr", curve.signal);
    run.golden.compare("out.threshold", curve.threshold);
    compare_rejection(run, curve, "");
    compare_rejection(run, without_collinear_points(curve), "_drop");
}
}  // namespace calofuse::test
