/// \file driver/focalh/sections.hpp
/// What the report says of the detector: hits, mean images, modules, the most confident mistakes.
#pragma once

#include <string>
#include <vector>

#include "driver/focalh/report_hits.hpp"
#include "driver/kinds.hpp"
#include "driver/report/data.hpp"
#include "driver/report/page.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
/// `events` (with its pedestals, 256) may be null: then the images are left out, and `why_no_events`
/// is shown. `hits`: of a run of a network on hits. Hits and mistakes are those of a binary task.
std::vector<Section> focalh_sections(ReportData const& data,
                                     FocalhEvents const* events,
                                     std::string const& why_no_events,
                                     ReportHits const& hits = {});

namespace focalh {
/// The same with the store that the run names, as far as it can be read.
ReportPart report_part(ReportData const& data);
}  // namespace focalh
}  // namespace calofuse
