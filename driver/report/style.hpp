/// \file driver/report/style.hpp
/// The style sheet of the report: light, dark and paper.
#pragma once

#include <string_view>

namespace calofuse {
std::string_view report_css();
}  // namespace calofuse
