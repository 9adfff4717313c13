#include "driver/report/report.hpp"

#include <cmath>
#include <cstdlib>

#include <gtest/gtest.h>

#include "driver/focalh/sections.hpp"
#include "driver/judge/predictions.hpp"
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
    return read_run(folder / "first", electron_task());
}

std::vector<Prediction> events_of(ReportData const& data)
{
    return event_predictions(data.predictions, data.task);
}

Scored scored_of(ReportData const& data)
{
    return {data.task.heads[0], data.judgement.first(), head_rows(data.predictions, data.task, 0)};
}

std::string page_of(ReportData const& data, FocalhEvents const* events, std::string const& why)
{
    return report_html(data, focalh_sections(data, events, why));
}

XmlScan scan_html(std::string const& html)
{
    return scan_xml(html);  // written as XML that is HTML too
}

bool holds(XmlScan const& scan, std::string const& text)
{
    return std::find(scan.texts.begin(), scan.texts.end(), text) != scan.texts.end();
}

/// Where eyes can look at it, if somebody wants to.
void keep(std::string const& name, std::string const& html)
{
    if (char const* folder = std::getenv("CALOFUSE_KEEP_REPORTS"))
        write_text(std::string(folder) + "/" + name + ".html", html);
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
    std::vector<Prediction> const all = events_of(data);
    HeadJudgement const& j = data.judgement.first();
    Scored const scored = scored_of(data);
    EXPECT_NEAR(scored.auc, slow_auc(all), 1e-12);
    for (Label const label : {Label::hadron, Label::electron})
        for (Label const decision : {Label::hadron, Label::electron})
            EXPECT_EQ(
                j.confusion[static_cast<std::size_t>(label)][static_cast<std::size_t>(decision)],
                slow_count(all, label, decision));
    EXPECT_EQ(decisions(scored, 0.5).accuracy.value, j.figure("accuracy"));
    EXPECT_EQ(decisions(scored, 0).signal.value, 1);
    EXPECT_EQ(decisions(scored, 1).background.value, 1);
    for (double const target : {0.5, 0.9, 0.99}) {
        WorkingPoint const w = working_point(scored, target);
        EXPECT_GE(w.signal.value, target);
        std::int64_t electrons = 0, hadrons = 0, tighter = 0;
        for (std::size_t i = 0; i < scored.logit.size(); ++i) {
            double const score = probability(static_cast<double>(scored.logit[i]));
            electrons += score >= w.threshold && scored.label[i] == 1 ? 1 : 0;
            hadrons += score >= w.threshold && scored.label[i] == 0 ? 1 : 0;
            tighter += score > w.threshold && scored.label[i] == 1 ? 1 : 0;
        }
        EXPECT_EQ(w.signal.passed, electrons);
        EXPECT_EQ(w.background.passed, hadrons);
        EXPECT_LT(static_cast<double>(tighter), target * static_cast<double>(w.signal.total));
        EXPECT_DOUBLE_EQ(w.rejection, 360.0 / static_cast<double>(hadrons));
        EXPECT_LT(w.rejection_low, w.rejection);
        EXPECT_GT(w.rejection_high, w.rejection);
    }
    ASSERT_EQ(j.groups.size(), 12U);
    EXPECT_EQ(j.groups.front().name, "hadron 60 GeV");
    ScoreHistogram const h = score_histogram(scored, 50);
    double events = 0;
    for (std::size_t i = 0; i < 50; ++i)
        events += h.signal[i] + h.background[i];
    EXPECT_EQ(events, 720);
    auto const worst = worst_mistakes(all, Label::electron, 4, kThreshold);
    ASSERT_EQ(worst.size(), 4U);
    for (Prediction const& p : all)
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
    Dataset const set = synthetic_events(run);
    FocalhEvents const events(set);
    std::string const html = page_of(data, &events, "");
    keep("binary", html);
    XmlScan const scan = scan_html(html);
    ASSERT_EQ(scan.error, "");
    EXPECT_TRUE(holds(scan, fmt::format("{:.4f}", slow_auc(events_of(data)))));
    int const right = slow_count(events_of(data), Label::hadron, Label::hadron)
                      + slow_count(events_of(data), Label::electron, Label::electron);
    EXPECT_TRUE(holds(scan, fmt::format("{:.4f}", right / 480.0)));
    for (Label const label : {Label::hadron, Label::electron})
        for (Label const decision : {Label::hadron, Label::electron})
            EXPECT_TRUE(
                holds(scan, fmt::format("{}", slow_count(events_of(data), label, decision))));
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
    Dataset const set = synthetic_events(run);
    FocalhEvents const events(set);
    TempFolder const here, there;
    write_synthetic_run(here / "first", run);
    write_synthetic_run(there / "first", run);
    EXPECT_EQ(page_of(read_run(here / "first", electron_task()), &events, ""),
              page_of(read_run(there / "first/", electron_task()), &events, ""));
}

TEST(Report, without_the_store_it_says_so)
{
    std::string const html = page_of(made({.events_per_file = 5}), nullptr, "gone & lost");
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
        Dataset const set = synthetic_events(c.run);
        FocalhEvents const events(set);
        XmlScan const scan = scan_html(page_of(data, &events, ""));
        EXPECT_EQ(scan.error, "");
        for (std::string const& text : scan.texts)
            EXPECT_TRUE(text.find("nan") == text.npos && text.find("inf ") == text.npos) << text;
        auto const warnings = find_warnings(data);
        bool found = *c.warning == '\0';
        for (std::string const& w : warnings)
            found = found || w.find(c.warning) != w.npos;
        EXPECT_TRUE(found) << c.warning;
    }
}

TEST(Report, warns_of_what_the_files_say_and_of_nothing_else)
{
    ReportData const good = made({.events_per_file = 50});
    EXPECT_EQ(find_warnings(good), std::vector<std::string>{});
    auto const warned = [&](ReportData const& data, std::string const& part) {
        auto const found = find_warnings(data);
        return found.size() == 1 && found[0].find(part) != std::string::npos;
    };
    ReportData data = good;
    data.test = {{"accuracy", 0.5}};
    EXPECT_TRUE(warned(data, "reported a test accuracy of 0.500000"));
    data = good;
    data.test = {{"auc", 0.5}};
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

namespace {
/// A run of any task: the synthetic one with other predictions.
ReportData of_task(Task const& task, Predictions predictions)
{
    ReportData data = made({.epochs = 3, .events_per_file = 1});
    data.task = task;
    data.predictions = std::move(predictions);
    data.judgement = judge(data.predictions, task);
    data.split = {0, 0, data.judgement.rows};
    data.num_events = data.judgement.rows;
    data.dropped.clear();
    data.empty_triggers.reset();
    data.valid = {{"loss", data.judgement.loss}};
    data.test = {};
    return data;
}

Dataset empty_dataset(std::size_t events)
{
    Dataset out;
    out.file_id.assign(events, 0);
    for (std::uint32_t i = 0; i < events; ++i)
        out.event_index.push_back(i);
    return out;
}

std::vector<std::int32_t> all_rows(std::size_t n)
{
    std::vector<std::int32_t> out;
    for (std::size_t i = 0; i < n; ++i)
        out.push_back(static_cast<std::int32_t>(i));
    return out;
}

ReportData classes_run(std::size_t num_classes, std::size_t events)
{
    Task task;
    Head head;
    head.kind = TaskKind::classes;
    head.target = "label";
    for (std::size_t c = 0; c < num_classes; ++c)
        head.names.push_back(fmt::format("H → {}<{}>", std::string(c % 3 + 1, 'b'), c));
    task.heads = {head};
    Dataset data = empty_dataset(events);
    Draw draw(7);
    std::vector<std::int32_t> label;
    std::vector<float> z;
    for (std::size_t i = 0; i < events; ++i) {
        label.push_back(
            static_cast<std::int32_t>(static_cast<double>(num_classes) * draw.uniform()));
        for (std::size_t c = 0; c < num_classes; ++c)
            z.push_back(static_cast<float>(draw.normal()
                                           + (static_cast<std::int32_t>(c) == label.back()
                                                  ? 1 + 0.2 * static_cast<double>(c)
                                                  : 0)));
    }
    data.add(make_column<std::int32_t>({.name = "label"}, label));
    return of_task(task, make_predictions(task, data, all_rows(events), z));
}

ReportData energy_run(std::size_t events)
{
    Task task;
    Head head;
    head.kind = TaskKind::regression;
    head.target = "energy_gev";
    head.names = {"energy_gev"};
    head.unit = "GeV";
    head.loss = RegressionLoss::quantile;
    head.quantiles = {0.16F, 0.5F, 0.84F};
    task.heads = {head};
    Dataset data = empty_dataset(events);
    Draw draw(8);
    std::vector<float> truth, out;
    for (std::size_t i = 0; i < events; ++i) {
        double const e = 20 + 330 * draw.uniform(), s = e * std::hypot(0.8 / std::sqrt(e), 0.03);
        truth.push_back(static_cast<float>(e));
        double const middle = 0.98 * e + 2 + s * draw.normal();
        for (double const q : {-0.994, 0.0, 0.994})
            out.push_back(static_cast<float>(middle + q * s));
    }
    data.add(make_column<float>({.name = "energy_gev", .unit = "GeV"}, truth));
    return of_task(task, make_predictions(task, data, all_rows(events), out));
}
}  // namespace

TEST(Report, of_classes)
{
    ReportData const data = classes_run(10, 6000);
    std::string const html = report_html(data);
    keep("classes", html);
    keep("classes3", report_html(classes_run(3, 2000)));
    XmlScan const scan = scan_html(html);
    ASSERT_EQ(scan.error, "");
    EXPECT_TRUE(holds(scan, fmt::format("{:.4f}", data.judgement.first().figure("macro_auc"))));
    EXPECT_TRUE(holds(scan, with_spaces(data.judgement.first().confusion[2][7])));
    for (std::string const text : {"Confusion matrix", "ROC, one against the rest",
                                   "One against the rest", "eff. at 1 % mistag"})
        EXPECT_TRUE(holds(scan, text)) << text;
    EXPECT_FALSE(holds(scan, "eff. at 0.1 % mistag"));  // 5 events would make it up
    EXPECT_EQ(find_warnings(data), std::vector<std::string>{});
    EXPECT_EQ(find_warnings(classes_run(3, 2)).size(), 1U);  // a class without an event
    EXPECT_EQ(scan_html(report_html(classes_run(3, 0))).error, "");
    EXPECT_EQ(scan_html(report_html(classes_run(13, 100))).error, "");  // more than there are inks
}

TEST(Report, of_an_energy)
{
    ReportData const data = energy_run(20'000);
    std::string const html = report_html(data);
    keep("energy", html);
    XmlScan const scan = scan_html(html);
    ASSERT_EQ(scan.error, "");
    for (std::string const text : {"Predicted against true", "Response", "Relative resolution",
                                   "Residuals", "Pulls", "a / √E ⊕ b", "stochastic"})
        EXPECT_TRUE(holds(scan, text)) << text;
    EXPECT_NEAR(data.judgement.first().figure("stochastic"), 0.8, 0.05);
    EXPECT_NEAR(data.judgement.first().figure("pull_width"), 1, 0.05);
    EXPECT_EQ(scan_html(report_html(energy_run(0))).error, "");
    EXPECT_EQ(scan_html(report_html(energy_run(1))).error, "");
}

TEST(Report, sections_of_a_detector_come_before_the_data)
{
    Section section("mine", "Mine & yours", "Seen");
    section.paragraph("a < b");
    std::string const html = report_html(classes_run(3, 50), {section});
    EXPECT_EQ(scan_html(html).error, "");
    EXPECT_LT(html.find("id=\"classes\""), html.find("id=\"mine\""));
    EXPECT_LT(html.find("id=\"mine\""), html.find("id=\"data\""));
    EXPECT_NE(html.find("<a href=\"#mine\">Mine &amp; yours</a>"), html.npos);
}

TEST(Report, hostile_names_stay_text)
{
    ReportData data = made({.events_per_file = 3});
    data.files[0].path = "<script>alert(1)</script>";
    data.model = "a\"b<c>&\x01";
    data.settings.emplace_back("x", "</td><script>");
    XmlScan const scan = scan_html(page_of(data, nullptr, "-"));
    EXPECT_EQ(scan.error, "");
    EXPECT_EQ(scan.elements.count("script"), 0U);
}
}  // namespace calofuse::test
