/// \file driver/commands/inspect.cpp
/// What is in a file: counts per file, label and energy, empty triggers, saturation, mean charge.
#include "io/focalh/inspect.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "io/focalh/channel_map_file.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
Json json_of(InspectGroup const& group)
{
    Json out = Json::object();
    if (!group.name.empty()) out["path"] = group.name;
    out["label"] = name_of(group.label);
    out["energy_gev"] = json_of_energy(group.energy_gev);
    out["events"] = commands::json_of(group.counts);
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

Json json_of(Inspection const& found)
{
    Json out = {{"kind", found.kind},
                {"path", found.path},
                {"bytes", found.bytes},
                {"sha256", found.sha256}};
    Json& properties = out["properties"] = Json::object();
    for (auto const& [name, value] : found.properties)
        properties[name] = value;
    if (found.mean_charge_of_cell.empty()) return out;
    out["total"] = json_of(found.total);
    out["files"] = json_of(found.files);
    out["labels"] = json_of(found.labels);
    out["energies"] = json_of(found.energies);
    out["saturation_adc"] = found.max_adc;
    out["pedestals"] = found.pedestals;
    out["pedestals_are_estimated"] = found.pedestals_are_estimated;
    out["mean_charge_of_cell"] = found.mean_charge_of_cell;
    out["board_warning"] = found.board_warning;
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
            g.counts.num_dropped(), g.counts.empty_triggers, g.saturated_events, g.mean_charge));
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

void print_text(Inspection const& found)
{
    print_line(
        fmt::format("{}: {}, {} bytes", calofuse::quoted(found.path), found.kind, found.bytes));
    for (auto const& [name, value] : found.properties)
        print_line(fmt::format("  {}: {}", name, value));
    if (!found.sha256.empty()) print_line("  sha256: " + found.sha256);
    if (found.mean_charge_of_cell.empty()) return;
    print_line("  " + text_of(found.total.counts));
    print_line(fmt::format("  saturated ({} ADC): {} cells in {} events", found.max_adc,
                           found.total.saturated_cells, found.total.saturated_events));
    print_groups("file", found.files);
    print_groups("by label", found.labels);
    print_groups("by label and energy", found.energies);
    print_modules(found.energies);
    if (found.mean_charge_of_cell.size() == static_cast<std::size_t>(kNumCells))
        print_cells(found.mean_charge_of_cell);
}
}  // namespace

int inspect(Session const& session, InspectArgs const& args)
{
    InspectOptions options;
    options.npy.layout = parse_npy_layout(args.layout);
    options.npy.out_of_range = OutOfRange::drop;  // looking at a file must not fail on one value
    if (!args.map.empty()) options.map = read_channel_map(args.map);
    Inspection const found = calofuse::inspect(args.file, options);
    if (!found.board_warning.empty()) log::warning("{}", found.board_warning);
    if (session.global.json)
        print_json(json_of(found));
    else
        print_text(found);
    return 0;
}
}  // namespace calofuse::commands
