/// \file driver/focalh/report_events.hpp
/// The events that a run was made of, for pictures; a report without them is still a report.
#pragma once

#include <optional>
#include <string>

#include "driver/report/data.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
struct ReportEvents {
    std::optional<Dataset> events;  ///< with pedestals (256), from its file or estimated
    std::string why_not;            ///< one sentence, where there are none
};

/// Reads the store that data.json names. A store that is gone, damaged or another one than the run
/// used is no error, but said.
ReportEvents read_report_events(ReportData const& data);
}  // namespace calofuse
