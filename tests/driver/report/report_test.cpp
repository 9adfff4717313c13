#include "driver/report/report.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "driver/report/numbers.hpp"
#include "driver/report/warnings.hpp"
#include "tests/support/synthetic_run.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/xml_check.hpp"

namespace calofuse::test {
namespace {
ReportData made(SyntheticRun const& run)
{
    TempFolder const folder;
    write_synthetic_run(folder / "first", run);
    return read_run(folder / "first");
}

XmlScan scan_html(std::string const& html)
{
    return scan_xml(html);  // written as XML that is HTML too
}

bool holds(XmlScan const& scan, std::string const& text)
{
    return std::find(scan.texts.begin(), scan.texts.end(), text) != scan.texts.end();
}

/// The definitions, one pair or event at a time.
double slow_auc(std::vector<Prediction> const& all)
{
    double pairs = 0, sum = 0;
    for (Prediction const& e : all)
        for (Prediction const& h : all)
            if (e.label == Label::electron && h.label == Label::hadron) {
                pairs += 1;
                sum += e.score > h.score ? 1 : e.score == h.score ? 0.5 : 0;
            }
    return sum / pairs;
}

int slow_count(std::vector<Prediction> const& all, Label label, Label decision)
{
    int n = 0;
    for (Prediction const& p : all)
        n += p.label == label && (p.score > 0.5F) == (decision == Label::electron) ? 1 : 0;
    return n;
}
}  // namespace

TEST(ReportNumbers, agree_with_their_definitions)
{
    ReportData const data = made({.events_per_file = 60});
    Scored const scored(data.predictions);
    EXPECT_NEAR(scored.auc, slow_auc(data.predictions), 1e-12);
    Decisions const d(scored, kThreshold);
    for (Label const label : {Label::hadron, Label::electron})
        for (Label const decision : {Label::hadron, Label::electron})
            EXPECT_EQ(d.count[static_cast<int>(label)][static_cast<int>(decision)],
                      slow_count(data.predictions, label, decision));
    for (double const target : {0.5, 0.9, 0.99}) {
        WorkingPoint const w = working_point(scored, target);
        EXPECT_GE(w.electrons.value, target);
        std::int64_t electrons = 0, hadrons = 0, tighter = 0;
        for (Prediction const& p : data.predictions) {
            bool const accepted = static_cast<double>(p.score) >= w.threshold;
            electrons += accepted && p.label == Label::electron ? 1 : 0;
            hadrons += accepted && p.label == Label::hadron ? 1 : 0;
            tighter += static_cast<double>(p.score) > w.threshold && p.label == Label::electron;
        }
        EXPECT_EQ(w.electrons.passed, electrons);
        EXPECT_EQ(w.hadrons.passed, hadrons);
        EXPECT_LT(static_cast<double>(tighter), target * static_cast<double>(w.electrons.total));
        EXPECT_DOUBLE_EQ(w.rejection, 360.0 / static_cast<double>(hadrons));
        EXPECT_LT(w.rejection_low, w.rejection);
        EXPECT_GT(w.rejection_high, w.rejection);
    }
    auto const bins = energy_bins(data.predictions, kThreshold);
    ASSERT_EQ(bins.size(), 12U);
    EXPECT_EQ(bins.front().label, Label::hadron);
    EXPECT_EQ(bins.front().energy_gev, 60);
    std::int64_t right = 0;
    for (EnergyBin const& bin : bins)
        right += bin.correct.passed;
    EXPECT_EQ(right, d.accuracy().passed);
    ScoreHistogram const h = score_histogram(scored, 50);
    double events = 0;
    for (std::size_t i = 0; i < 50; ++i)
        events += h.electrons[i] + h.hadrons[i];
    EXPECT_EQ(events, 720);
    auto const worst = worst_mistakes(data.predictions, Label::electron, 4, kThreshold);
    ASSERT_EQ(worst.size(), 4U);
    for (Prediction const& p : data.predictions)
        EXPECT_TRUE(p.label != Label::electron || p.score >= worst.front().score);
    EXPECT_LE(worst[0].score, worst[3].score);
}

TEST(ReportNumbers, an_interval_is_that_of_clopper_and_pearson)
{
    // k = 0 of 10: high solves (1 - p)^10 = 0.15866.
    Efficiency const none = efficiency(0, 10);
    EXPECT_EQ(none.low, 0);
    EXPECT_NEAR(std::pow(1 - none.high, 10), (1 - 0.6826894921370859) / 2, 1e-9);
    EXPECT_TRUE(std::isnan(efficiency(0, 0).value));
    EXPECT_THROW(efficiency(3, 2), Error);
}

TEST(Report, shows_the_recomputed_numbers)
{
    SyntheticRun const run{.events_per_file = 40};
    ReportData const data = made(run);
    EventSet const events = synthetic_events(run);
    std::string const html = report_html(data, &events, "");
    XmlScan const scan = scan_html(html);
    ASSERT_EQ(scan.error, "");
    EXPECT_TRUE(holds(scan, fmt::format("{:.4f}", slow_auc(data.predictions))));
    int const right = slow_count(data.predictions, Label::hadron, Label::hadron)
                      + slow_count(data.predictions, Label::electron, Label::electron);
    EXPECT_TRUE(holds(scan, fmt::format("{:.4f}", right / 480.0)));
    for (Label const label : {Label::hadron, Label::electron})
        for (Label const decision : {Label::hadron, Label::electron})
            EXPECT_TRUE(
                holds(scan, fmt::format("{}", slow_count(data.predictions, label, decision))));
    for (std::string const text :
         {"Look at this first", "Loss", "Accuracy", "AUC", "Learning rate", "ROC",
          "Background rejection", "Confusion matrix", "Calibration", "mean electron", "mean hadron",
          "dropped: value above 8191", "empty triggers (kept)", "read store", "train.epochs",
          "electron/electron_020GeV.npy", "versions.hdf5"})
        EXPECT_EQ(holds(scan, text), text != "Look at this first") << text;
    EXPECT_EQ(html.find("<script"), std::string::npos);
    EXPECT_EQ(html.find(" src="), std::string::npos);
    EXPECT_EQ(html.find("@import"), std::string::npos);
    EXPECT_EQ(html.find("url("), std::string::npos);
    EXPECT_GE(scan.elements.at("svg"), 13);
    EXPECT_GE(scan.elements.at("rect"), 10 * kNumCells);  // 2 means and 8 mistakes
}

TEST(Report, same_run_same_bytes)
{
    SyntheticRun const run{.events_per_file = 20};
    EventSet const events = synthetic_events(run);
    TempFolder const here, there;
    write_synthetic_run(here / "first", run);
    write_synthetic_run(there / "first", run);
    EXPECT_EQ(report_html(read_run(here / "first"), &events, ""),
              report_html(read_run(there / "first/"), &events, ""));
}

TEST(Report, without_the_store_it_says_so)
{
    std::string const html = report_html(made({.events_per_file = 5}), nullptr, "gone & lost");
    XmlScan const scan = scan_html(html);
    EXPECT_EQ(scan.error, "");
    EXPECT_TRUE(holds(scan, "gone &amp; lost"));
    EXPECT_FALSE(holds(scan, "mean electron"));
}

TEST(Report, degenerate_runs_still_make_a_page)
{
    struct Case {
        SyntheticRun run;
        char const* warning;
    };
    for (Case const& c :
         {Case{{.epochs = 1, .events_per_file = 1}, ""},
          Case{{.events_per_file = 10, .hadrons = false}, "all of one class"},
          Case{{.events_per_file = 10, .electrons = false}, "all of one class"},
          Case{{.events_per_file = 0}, "no labelled test event"},
          Case{{.epochs = 0, .events_per_file = 0, .electron_gev = {}, .hadron_gev = {}},
               "no labelled test event"},
          Case{{.events_per_file = 4, .nan_metrics = true}, "not finite"}}) {
        ReportData const data = made(c.run);
        EventSet const events = synthetic_events(c.run);
        XmlScan const scan = scan_html(report_html(data, &events, ""));
        EXPECT_EQ(scan.error, "");
        for (std::string const& text : scan.texts)
            EXPECT_TRUE(text.find("nan") == text.npos && text.find("inf ") == text.npos) << text;
        auto const warnings = find_warnings(data, Scored(data.predictions));
        bool found = *c.warning == '\0';
        for (std::string const& w : warnings)
            found = found || w.find(c.warning) != w.npos;
        EXPECT_TRUE(found) << c.warning;
    }
}

TEST(Report, warns_of_what_the_files_say_and_of_nothing_else)
{
    ReportData const good = made({.events_per_file = 50});
    Scored const scored(good.predictions);
    EXPECT_EQ(find_warnings(good, scored), std::vector<std::string>{});
    auto const warned = [&](ReportData const& data, std::string const& part) {
        auto const found = find_warnings(data, scored);
        return found.size() == 1 && found[0].find(part) != std::string::npos;
    };
    ReportData data = good;
    data.test.accuracy = 0.5;
    EXPECT_TRUE(warned(data, "reported a test accuracy of 0.500000"));
    data = good;
    data.test.auc = 0.5;
    EXPECT_TRUE(warned(data, "test AUC"));
    data = good;
    data.empty_triggers = data.num_events / 2;
    EXPECT_TRUE(warned(data, "empty triggers (50.0 %)"));
    data = good;
    data.dropped[0].second = 1000;
    EXPECT_TRUE(warned(data, "1000 events were dropped (25.0 %)"));
    data = good;
    data.split[0] = data.num_events;
    EXPECT_TRUE(warned(data, "in two parts"));
    data = good;
    data.data_wait_fraction = 0.5;
    EXPECT_TRUE(warned(data, "50 % of the training time"));
    data = good;
    for (Metric& m : data.metrics)
        if (m.name == "bn_gap") m.curve.value.back() = 0.2;
    EXPECT_TRUE(warned(data, "batch norm in training mode gives 0.200 more"));
    data = good;
    for (Metric& m : data.metrics)
        if (m.name == "accuracy" && m.split == "train") m.curve.value.back() = 0.99;
    EXPECT_TRUE(warned(data, "overfitting"));
}

TEST(Report, hostile_names_stay_text)
{
    ReportData data = made({.events_per_file = 3});
    data.files[0].path = "<script>alert(1)</script>";
    data.model = "a\"b<c>&\x01";
    data.settings.emplace_back("x", "</td><script>");
    XmlScan const scan = scan_html(report_html(data, nullptr, "-"));
    EXPECT_EQ(scan.error, "");
    EXPECT_EQ(scan.elements.count("script"), 0U);
}
}  // namespace calofuse::test
