/// \file driver/report/report.hpp
/// report.html: everything about a run in one file that opens anywhere. The same run directory and
/// store give the same bytes.
#pragma once

#include <string>

#include "driver/focalh/report_hits.hpp"
#include "driver/report/data.hpp"
#include "runtime/event_set.hpp"

namespace calofuse {
/// The page. `events` (with its pedestals, 256) may be null: then the images are left out, and
/// `why_no_events` is shown. `hits`: of a run of a network on hits.
std::string report_html(ReportData const& data,
                        EventSet const* events,
                        std::string const& why_no_events,
                        ReportHits const& hits = {});
}  // namespace calofuse
