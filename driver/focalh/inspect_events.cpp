#include "driver/focalh/inspect_events.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/commands/result.hpp"

namespace calofuse::commands {
namespace {
Json json_of(InspectGroup const& group)
{
    Json out = Json::object();
    if (!group.name.empty()) out["path"] = group.name;
    out["label"] = name_of(group.label);
    out["energy_gev"] = json_of_energy(group.energy_gev);
    out["events"] = commands::json_of(group.counts);
    out["events"]["empty_triggers"] = group.empty_triggers;
    out["saturated_events"] = group.saturated_events;
    out["saturated_cells"] = group.saturated_cells;
    out["mean_charge"] = group.mean_charge;
    out["mean_activation_of_module"] = group.modules.mean();
    Asymmetry const right_left = group.modules.right_left(), up_down = group.modules.up_down();
    out["right_left_asymmetry"] = {{"value", right_left.value}, {"error", right_left.error}};
    out["up_down_asymmetry"] = {{"value", up_down.value}, {"error", up_down.error}};
    return out;
}

Json json_of(std::vector<InspectGroup> const& groups)
{
    Json out = Json::array();
    for (InspectGroup const& group : groups)
        out.push_back(json_of(group));
    return out;
}

void print_groups(char const* title, std::vector<InspectGroup> const& groups)
{
    if (groups.empty()) return;
    print_line(fmt::format("\n{:<28} {:<9} {:>5} {:>10} {:>8} {:>8} {:>10} {:>12}", title, "label",
                           "GeV", "events", "dropped", "empty", "saturated", "mean charge"));
    for (InspectGroup const& g : groups)
        print_line(fmt::format(
            "{:<28} {:<9} {:>5} {:>10} {:>8} {:>8} {:>10} {:>12.0f}", g.name, name_of(g.label),
            g.energy_gev > 0 ? fmt::format("{:g}", g.energy_gev) : "-", g.counts.written,
            g.counts.num_dropped(), g.empty_triggers, g.saturated_events, g.mean_charge));
}

/// Rows of three modules as seen from the front, then the lean to the right: the tilt shows.
void print_modules(std::vector<InspectGroup> const& groups)
{
    print_line(fmt::format("\n{:<15} {:>24} {:>24} {:>24} {:>16}", "activation [ADC]",
                           "upper modules 0 1 2", "middle modules 3 4 5", "lower modules 6 7 8",
                           "right - left"));
    for (InspectGroup const& g : groups) {
        std::string line = fmt::format("{:<9} {:>5}", name_of(g.label),
                                       g.energy_gev > 0 ? fmt::format("{:g}", g.energy_gev) : "-");
        auto const mean = g.modules.mean();
        for (std::size_t m = 0; m < mean.size(); ++m)
            line += fmt::format("{}{:>8.0f}", m % 3 == 0 ? " " : "", mean[m]);
        Asymmetry const a = g.modules.right_left();
        print_line(line + fmt::format("  {:>+6.2f} ± {:.2f} %", 100 * a.value, 100 * a.error));
    }
}

/// The detector as it stands: three bands of modules, rows of cells, mean charge in ADC.
void print_cells(std::vector<double> const& charge)
{
    print_line("\nmean charge per cell [ADC above pedestal], as seen from the front");
    for (int band = 0; band < 3; ++band) {
        for (int row = 0; row < 7; ++row) {
            std::string line;
            bool any = false;
            for (int module = 3 * band; module < 3 * band + 3; ++module) {
                int const side = module_side(module);
                any = any || row < side;
                for (int col = 0; col < side; ++col) {
                    auto const cell =
                        static_cast<std::size_t>(module_begin(module) + row * side + col);
                    line +=
                        row < side ? fmt::format("{:>6.0f}", charge[cell]) : std::string(6, ' ');
                }
                line += "  ";
            }
            if (any) print_line(line);
        }
        if (band < 2) print_line("");
    }
}
}  // namespace

void add_events(Json& out, Inspection const& found)
{
    out["total"] = json_of(found.total);
    out["files"] = json_of(found.files);
    out["labels"] = json_of(found.labels);
    out["energies"] = json_of(found.energies);
    out["saturation_adc"] = found.max_adc;
    out["pedestals"] = found.pedestals;
    out["pedestals_are_estimated"] = found.pedestals_are_estimated;
    out["mean_charge_of_cell"] = found.mean_charge_of_cell;
    out["board_warning"] = found.board_warning;
}

void print_events(Inspection const& found)
{
    print_line(fmt::format("  {}, {} empty triggers", text_of(found.total.counts),
                           found.total.empty_triggers));
    print_line(fmt::format("  saturated ({} ADC): {} cells in {} events", found.max_adc,
                           found.total.saturated_cells, found.total.saturated_events));
    print_groups("file", found.files);
    print_groups("by label", found.labels);
    print_groups("by label and energy", found.energies);
    print_modules(found.energies);
    if (found.mean_charge_of_cell.size() == static_cast<std::size_t>(kNumCells))
        print_cells(found.mean_charge_of_cell);
}
}  // namespace calofuse::commands
