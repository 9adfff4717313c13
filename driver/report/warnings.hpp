/// \file driver/report/warnings.hpp
/// What in a run should make its reader stop. Only what the run's own files say.
#pragma once

#include <string>
#include <vector>

#include "driver/report/data.hpp"

namespace calofuse {
/// One sentence each, the most serious first; empty if nothing stands out.
std::vector<std::string> find_warnings(ReportData const& data);
}  // namespace calofuse
