#include "driver/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>

#include "driver/focalh/event_pictures.hpp"
#include "driver/focalh/module_figure.hpp"
#include "driver/report/figures.hpp"
#include "driver/report/numbers.hpp"
#include "driver/report/page.hpp"
#include "driver/report/warnings.hpp"

namespace calofuse {
namespace {
constexpr std::size_t kMistakesPerClass = 4;
constexpr double kLowestMeanCharge = 3;  // the noise averages out, the pedestal's error does not

std::string interval(Efficiency const& e, int decimals = 4)
{
    return e.total == 0
               ? "no events"
               : fmt::format("68 %: {:.{}f} to {:.{}f}", e.low, decimals, e.high, decimals);
}

std::string rejection(double value)
{
    if (std::isnan(value)) return "–";
    if (std::isinf(value)) return "∞";
    return value < 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

std::string duration(double seconds)
{
    if (seconds < 60) return fmt::format("{:.1f} s", seconds);
    auto const s = static_cast<std::int64_t>(std::lround(seconds));
    return s < 3600 ? fmt::format("{} min {:02} s", s / 60, s % 60)
                    : fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

/// Last part of the path: the report does not depend on where the run lies.
std::string run_name(ReportData const& data)
{
    std::filesystem::path const path(data.run_dir);
    return (path.has_filename() ? path : path.parent_path()).filename().string();
}

void add_headline(ReportPage& page, ReportData const& data, Scored const& scored)
{
    Efficiency const accuracy = Decisions(scored, kThreshold).accuracy();
    WorkingPoint const at90 = working_point(scored, 0.9);
    page.cards({{"Test accuracy", fraction(accuracy.value), interval(accuracy)},
                {"Test AUC", fraction(scored.auc), "exact, ties count a half"},
                {"Hadron rejection", rejection(at90.rejection),
                 fmt::format("at 90 % electrons, 68 %: {} to {}", rejection(at90.rejection_low),
                             rejection(at90.rejection_high))},
                {"Best epoch", fmt::format("{} of {}", data.best_epoch, data.epochs),
                 fmt::format("validation AUC {}", fraction(data.valid.auc.value_or(NAN)))},
                {"Training speed", with_spaces(std::llround(data.events_per_s)) + "/s",
                 fmt::format("{:.1f} % waiting for data", 100 * data.data_wait_fraction)},
                {"Training time", duration(data.wall_s), data.device + ", " + data.precision}});
}

void add_learning(ReportPage& page, ReportData const& data)
{
    page.section(
        "learning", "Learning",
        "Each epoch is one pass over the training events. The weights of the epoch with the "
        "best validation value are the ones that all test results below belong to.");
    page.figure(curve_plot(data, "loss", "Loss"),
                {"Binary cross-entropy, what the training minimises.",
                 "validation rising while training falls (overfitting), or jumps that stay "
                 "(learning rate too high)."});
    page.figure(curve_plot(data, "accuracy", "Accuracy"),
                {"Share of events on the right side of score 0.5. Labels of beam events are not "
                 "pure, so there is a ceiling below 1.",
                 "a validation curve far below the training one, or above the purity of the "
                 "beams, which would mean leakage."});
    page.figure(
        curve_plot(data, "auc", "AUC"),
        {"Probability that a random electron scores above a random hadron; does not depend "
         "on a threshold.",
         "AUC near 0.5 with a falling loss, or a value that drops when the accuracy rises."});
    page.figure(learning_rate_plot(data),
                {"Step size of the optimiser; it is lowered when the validation loss stops "
                 "improving.",
                 "a rate that falls in the first epochs already."});
}

void add_confusion(ReportPage& page, Scored const& scored)
{
    Decisions const c(scored, kThreshold);
    ReportPage::ConfusionCell cells[2][2];
    for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t j = 0; j < 2; ++j) {
            std::int64_t const row = c.count[i][0] + c.count[i][1];
            double const share = efficiency(c.count[i][j], row).value;
            cells[i][j] = {with_spaces(c.count[i][j]),
                           row == 0 ? "no events" : fmt::format("{:.2f} %", 100 * share), share};
        }
    page.confusion(
        cells,
        {fmt::format("Threshold 0.5: counts, and shares of each label. Purity of what is called "
                     "electron: {}, hadron: {}.",
                     fraction(c.purity(Label::electron).value),
                     fraction(c.purity(Label::hadron).value)),
         "one class far better than the other: then the labels of the other are "
         "less pure, or the classes are unequal in number."});
}

void add_separation(ReportPage& page, Scored const& scored)
{
    page.section(
        "separation", "Separation",
        "How well electrons (signal) and hadrons (background) part on the test events, which "
        "the training never saw.");
    page.figure(roc_plot(scored),
                {"Electrons kept against hadrons wrongly kept, for every threshold. "
                 "The dotted diagonal is guessing.",
                 "a corner instead of a curve (few distinct scores), or a curve below "
                 "the diagonal (labels swapped)."});
    page.figure(
        rejection_plot(scored),
        {"The same as what an analysis asks: at this electron efficiency, one hadron in how "
         "many is kept. The band is the 68 % interval of the hadron count.",
         "a steep rise made of a handful of hadrons: look at the width of the band."});
    page.figure(score_plot(score_histogram(scored, 50)),
                {"Scores by label, logarithmic counts. Beams are impure: a small peak of "
                 "labelled electrons at 0 is expected to be hadrons.",
                 "spikes inside the range, or both classes piling up at one end."});
    page.begin_stack();
    add_confusion(page, scored);
    Table table{"Working points",
                {"electrons kept", "threshold", "hadrons kept", "rejection 1/ε", "68 % interval"},
                {},
                1};
    for (double const target : {0.5, 0.8, 0.9, 0.95, 0.99}) {
        WorkingPoint const p = working_point(scored, target);
        table.rows.push_back(
            {fmt::format("{:.0f} %", 100 * target), fraction(p.threshold),
             p.hadrons.total == 0 ? "–"
                                  : fmt::format("{} of {}", p.hadrons.passed, p.hadrons.total),
             rejection(p.rejection),
             fmt::format("{} – {}", rejection(p.rejection_low), rejection(p.rejection_high))});
    }
    page.table(table,
               {"Tightest threshold that keeps at least this share of the electrons, and what it "
                "does to hadrons (Clopper-Pearson interval).",
                ""});
    page.end_stack();
}

void add_decisions(ReportPage& page, ReportData const& data, Scored const& scored)
{
    page.section("decisions", "Decisions",
                 "With a threshold of 0.5 on the score, unless it is varied.");
    page.figure(threshold_plot(scored),
                {"What another threshold would do.",
                 "an accuracy that peaks far from 0.5: the scores are not probabilities "
                 "(see calibration)."});
    Calibration const cal = calibration(scored.score, scored.label);
    page.figure(
        calibration_plot(cal),
        {fmt::format("Share of electrons among events of like score ({} bins of equal number, "
                     "68 % intervals). Expected calibration error {}, Brier score {}.",
                     cal.bins.size(), fraction(cal.expected_error), fraction(cal.brier)),
         "points below the diagonal on the right and above it on the left: the network is "
         "too sure of itself."});
    std::vector<EnergyBin> const bins = energy_bins(data.predictions, kThreshold);
    page.figure(energy_plot(bins),
                {"Share of events that are called what their label says, by beam energy, with 68 % "
                 "Clopper-Pearson bands.",
                 "a single energy that falls out of line (a bad file), or a network that is right "
                 "exactly at energies of which only one class exists: it reads the energy, not "
                 "the shape."});
    Table table{"By beam setting",
                {"label", "GeV", "events", "called right", "68 % interval", "mean score"},
                {},
                1};
    for (EnergyBin const& bin : bins)
        table.rows.push_back({name_of(bin.label), fmt::format("{:g}", bin.energy_gev),
                              with_spaces(bin.correct.total), fraction(bin.correct.value),
                              fmt::format("{:.4f} – {:.4f}", bin.correct.low, bin.correct.high),
                              fraction(bin.mean_score)});
    page.table(table);
}

void add_mistakes(ReportPage& page,
                  ReportData const& data,
                  EventSet const& events,
                  std::span<float const> pedestals,
                  HitViewer* viewer)
{
    page.section(
        "mistakes", "Most confident mistakes",
        "The test events with the most wrong scores: first labelled electrons that look like "
        "hadrons, then labelled hadrons that look like electrons, the worst first.");
    std::vector<CellImage> images;
    for (Label const label : {Label::electron, Label::hadron})
        for (Prediction const& p :
             worst_mistakes(data.predictions, label, kMistakesPerClass, kThreshold)) {
            auto const row = find_row(events, p.file_id, p.event_index);
            if (!row) continue;
            images.push_back(event_image(events, *row, pedestals, p.score));
            if (viewer == nullptr) continue;
            HitView const view = viewer->view(static_cast<std::int32_t>(*row));
            images.back().hits = view.overlay;
            for (std::string const& caption : hit_captions(view, *viewer))
                images.back().captions.push_back(caption);
        }
    if (images.empty()) {
        page.paragraph(
            "No event is on the wrong side of the threshold, or none of them is in the store.");
        return;
    }
    page.figure(
        draw_cell_images("Most confident mistakes", images, events.map, kMistakesPerClass, 240),
        {"Cells are drawn in their true size; grey ones are below 10 ADC."
             + (viewer ? hits_caption(*viewer) : std::string()),
         "mistakes that any eye would get right: a broken channel, a wrong map, a wrong label "
         "of a whole file. Narrow showers labelled hadron are most often electrons in the "
         "hadron beam, and early showering pions."},
        Width::full);
}

void add_detector(ReportPage& page,
                  ReportData const& data,
                  EventSet const* events,
                  std::string const& why,
                  HitViewer* viewer)
{
    page.section("detector", "What the detector saw",
                 "Nine modules of 6.5 cm, 5 × 5 cells each and 7 × 7 in the centre; charge "
                 "above pedestal on a logarithmic scale.");
    if (events == nullptr) {
        page.paragraph(why);
        return;
    }
    std::vector<float> const& pedestals = events->pedestals;
    std::vector<CellImage> images;
    for (Label const label : {Label::electron, Label::hadron}) {
        std::vector<double> mean = mean_charges(*events, label, pedestals);
        if (mean.empty()) continue;
        auto const count = std::count(events->label.begin(), events->label.end(),
                                      static_cast<std::uint8_t>(label));
        images.push_back(
            {std::move(mean),
             {fmt::format("mean {}", name_of(label)), with_spaces(count) + " events"}});
    }
    page.figure(
        draw_cell_images("Mean image of each class", images, events->map, 2, 400,
                         kLowestMeanCharge),
        {"Mean charge of each cell over all events of the store. Electrons are narrow, hadrons "
         "wide; the beam hits the centre module.",
         "a cell that stands out from its neighbours (dead or hot channel), stripes or "
         "swapped blocks (wrong channel map or board order)."},
        Width::full);
    ModuleActivations const activations = module_activations(*events, pedestals);
    page.figure(module_plot(activations),
                {"Mean activation of each module (cells more than 50 ADC above their pedestal), "
                 "drawn in the module's place, by beam energy.",
                 "a class or an energy whose modules do not follow the others: a shifted beam, a "
                 "file of another run."},
                Width::full);
    page.figure(asymmetry_plot(activations),
                {"Activation of the three modules on the right against the three on the left. The "
                 "detector stood at about 2 degrees to the beam, so showers lean to the right.",
                 "energies that lean differently: then the network can learn the run instead of "
                 "the particle."});
    // The charges that the network saw.
    add_mistakes(page, data, *events, viewer ? viewer->pedestals() : pedestals, viewer);
}

void add_data(ReportPage& page, ReportData const& data)
{
    page.section("data", "Data",
                 "Every event that came in is either used or dropped for a reason counted here.");
    std::int64_t const parts = data.split[0] + data.split[1] + data.split[2];
    Table counts{"Events", {"", "events"}, {}, 1};
    counts.rows = {{"in the store", with_spaces(data.num_events)},
                   {"training", with_spaces(data.split[0])},
                   {"validation", with_spaces(data.split[1])},
                   {"test", with_spaces(data.split[2])}};
    if (parts < data.num_events)
        counts.rows.push_back(
            {"in no part (no label, or fraction < 1)", with_spaces(data.num_events - parts)});
    counts.rows.push_back({"empty triggers (kept)", with_spaces(data.empty_triggers)});
    counts.rows.push_back(
        {"with a value clipped into the range (kept)", with_spaces(data.clipped)});
    for (auto const& [reason, count] : data.dropped)
        counts.rows.push_back({"dropped: " + reason, with_spaces(count)});
    if (data.dropped.empty()) counts.rows.push_back({"dropped", "0"});
    page.table(counts, {"Empty triggers are events in which no cell saw a particle.",
                        "many of them in one file only."});
    Table files{"Files", {"file", "label", "GeV", "events"}, {}, 2};
    for (SourceFile const& file : data.files)
        files.rows.push_back({file.path, name_of(file.label),
                              file.energy_gev > 0 ? fmt::format("{:g}", file.energy_gev) : "–",
                              with_spaces(file.num_events)});
    page.table(files, {"Store " + data.store + ", sha256 " + data.store_sha256, ""});
}

void add_run(ReportPage& page, ReportData const& data)
{
    page.section("run", "Time, settings, environment", "What is needed to make this run again.");
    Table timing{"Time", {"stage", "s", "share"}, {}, 1};
    double total = 0;
    for (auto const& [name, seconds] : data.timing)
        total += seconds;
    for (auto const& [name, seconds] : data.timing)
        timing.rows.push_back({name, fmt::format("{:.2f}", seconds),
                               total > 0 ? fmt::format("{:.1f} %", 100 * seconds / total) : "–"});
    timing.rows.push_back({"sum", fmt::format("{:.2f}", total), ""});
    auto const list = [](std::string const& title, NamedValues const& values) {
        Table table{title, {"name", "value"}, {}, 2};
        for (auto const& [name, value] : values)
            table.rows.push_back({name, value});
        return table;
    };
    page.begin_stack();
    page.table(timing, {"Wall-clock time by stage.",
                        "a stage other than the training steps that takes most of it."});
    page.table(list("Environment", data.environment));
    page.end_stack();
    page.begin_stack();
    if (!data.curve("train", "events_per_s").empty())
        page.figure(speed_plot(data), {"Events trained per second of wall clock.",
                                       "a slow decline: another job on the machine, or memory that "
                                       "runs out."});
    page.table(list("Settings (config.toml)", data.settings));
    page.end_stack();
}
}  // namespace

std::string report_html(ReportData const& data,
                        EventSet const* events,
                        std::string const& why_no_events,
                        ReportHits const& hits)
{
    std::string facts = fmt::format("{} events in {} files, {} for testing. Device {}, {}.",
                                    with_spaces(data.num_events), data.files.size(),
                                    with_spaces(data.split[2]), data.device, data.precision);
    if (std::string const date = data.environment_value("date"); !date.empty())
        facts += " Trained " + date + ".";
    ReportPage page("CaloFuse: " + data.model,
                    "Electrons and hadrons in FoCal-H: training run " + run_name(data), facts);
    Scored const scored(data.predictions);
    page.warnings(find_warnings(data, scored));
    add_headline(page, data, scored);
    add_learning(page, data);
    add_separation(page, scored);
    add_decisions(page, data, scored);
    add_hits(page, data, events, hits);
    add_detector(page, data, events, why_no_events, hits.viewer.get());
    add_data(page, data);
    add_run(page, data);
    return page.html();
}
}  // namespace calofuse
