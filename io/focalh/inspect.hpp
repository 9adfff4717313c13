/// \file io/focalh/inspect.hpp
/// What is in a file: for `calofuse inspect`, which prints it as text or JSON.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "io/focalh/module_activation.hpp"
#include "io/focalh/npy_events.hpp"
#include "io/store/summary.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
/// Events that belong together: of a file, a label, or a label and an energy.
struct InspectGroup {
    std::string name;  ///< path of the file; empty for others
    Label label = Label::unknown;
    float energy_gev = 0;
    EventCounts counts;
    std::int64_t empty_triggers = 0;
    std::int64_t saturated_events = 0;  ///< with a cell at the maximum
    std::int64_t saturated_cells = 0;
    double mean_charge = 0;    ///< per event: sum over cells of ADC above pedestal
    ModuleActivation modules;  ///< and to which side they lean
};

struct Inspection {
    std::string
        kind;  ///< "npy" | "store" | "channel map" | "pedestals" | "safetensors" | "manifest"
    std::string path;
    std::string sha256;
    std::int64_t bytes = 0;
    /// What kinds differ in: ("shape", "(400, 256) <i2"), ("format_version", "1"), ...
    std::vector<std::pair<std::string, std::string>> properties;
    std::vector<ColumnSummary> columns;  ///< of a store
    std::vector<TableSummary> tables;    ///< its ragged ones
    // Below: of FoCal-H events.
    InspectGroup total;
    std::vector<InspectGroup> files, labels, energies;
    std::uint16_t max_adc = kMaxAdc;  ///< the value that counts as saturated
    std::vector<float> pedestals;     ///< (256) of the file, or the estimate
    bool pedestals_are_estimated = true;
    std::vector<double> mean_charge_of_cell;  ///< (249) mean ADC - pedestal, in cell order
    std::string board_warning;                ///< see BoardCheck
};

struct InspectOptions {
    NpyEventOptions npy;
    ChannelMap map = ChannelMap::focalh_prototype2();  ///< of .npy files; a store has its own
};
/// By content, then by name; a file of no known kind is CF-INS-01.
Inspection inspect(std::string const& path, InspectOptions const& options = {});
}  // namespace calofuse
