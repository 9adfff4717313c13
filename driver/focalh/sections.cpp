#include "driver/focalh/sections.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

#include "driver/focalh/event_pictures.hpp"
#include "driver/focalh/module_figure.hpp"
#include "driver/focalh/predictions.hpp"
#include "driver/focalh/report_events.hpp"

namespace calofuse {
namespace {
constexpr std::size_t kMistakesPerClass = 4;
constexpr double kLowestMeanCharge = 3;  // the noise averages out, the pedestal's error does not

Section mistakes_section(std::vector<Prediction> const& predictions,
                         FocalhEvents const& events,
                         std::span<float const> pedestals,
                         HitViewer* viewer)
{
    Section page(
        "mistakes", "Most confident mistakes",
        "The test events with the most wrong scores: first labelled electrons that look like "
        "hadrons, then labelled hadrons that look like electrons, the worst first.");
    std::vector<CellImage> images;
    for (Label const label : {Label::electron, Label::hadron})
        for (Prediction const& p :
             worst_mistakes(predictions, label, kMistakesPerClass, kThreshold)) {
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
        return page;
    }
    page.figure(
        draw_cell_images("Most confident mistakes", images, events.map, kMistakesPerClass, 240),
        {"Cells are drawn in their true size; grey ones are below 10 ADC."
             + (viewer ? hits_caption(*viewer) : std::string()),
         "mistakes that any eye would get right: a broken channel, a wrong map, a wrong label "
         "of a whole file. Narrow showers labelled hadron are most often electrons in the "
         "hadron beam, and early showering pions."},
        Width::full);
    return page;
}

Section detector_section(FocalhEvents const* events, std::string const& why)
{
    Section page("detector", "What the detector saw",
                 "Nine modules of 6.5 cm, 5 × 5 cells each and 7 × 7 in the centre; charge "
                 "above pedestal on a logarithmic scale.");
    if (events == nullptr) {
        page.paragraph(why);
        return page;
    }
    std::span<float const> const pedestals = events->pedestals;
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
    return page;
}
}  // namespace

std::vector<Section> focalh_sections(ReportData const& data,
                                     FocalhEvents const* events,
                                     std::string const& why_no_events,
                                     ReportHits const& hits)
{
    std::vector<Section> out;
    bool const binary = data.task.heads.size() == 1 && data.task.heads[0].kind == TaskKind::binary;
    std::vector<Prediction> predictions;
    if (binary) predictions = event_predictions(data.predictions, data.task);
    if (binary && hits.asked()) out.push_back(hits_section(predictions, events, hits));
    out.push_back(detector_section(events, why_no_events));
    if (!binary || events == nullptr) return out;
    // The charges that the network saw.
    out.push_back(mistakes_section(predictions, *events,
                                   hits.viewer ? hits.viewer->pedestals() : events->pedestals,
                                   hits.viewer.get()));
    return out;
}

ReportPart focalh::report_part(ReportData const& data)
{
    ReportEvents const pictures = read_report_events(data);
    std::optional<FocalhEvents> view;
    if (pictures.events) view.emplace(*pictures.events);
    FocalhEvents const* const events = view ? &*view : nullptr;
    ReportHits const hits = read_report_hits(data, events);
    ReportPart out{focalh_sections(data, events, pictures.why_not, hits), {}, view.has_value()};
    for (std::string const& why : {pictures.why_not, hits.why_not})
        if (!why.empty()) out.warnings.push_back(why);
    return out;
}
}  // namespace calofuse
