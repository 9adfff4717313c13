/// \file driver/report/report.hpp
/// report.html: everything about a run in one file that opens anywhere. The same run directory and
/// store give the same bytes.
#pragma once

#include <string>
#include <vector>

#include "driver/report/data.hpp"
#include "driver/report/page.hpp"

namespace calofuse {
/// The page. `more`: what a detector has to say, set behind the sections of the task.
std::string report_html(ReportData const& data, std::vector<Section> const& more = {});
}  // namespace calofuse
