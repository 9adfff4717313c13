/// \file driver/cli/self_check.hpp
/// Small known answers, computed on this machine by this build: a wrong one names the part that
/// cannot be trusted here. A second or less.
#pragma once

#include <string>
#include <vector>

namespace calofuse {
struct SelfCheck {
    std::string name;
    std::string backend;  ///< "cpu", "cuda" or "host"
    bool passed = false;
    std::string detail;  ///< one line: what was compared, or what went wrong
};

std::vector<SelfCheck> run_self_checks();
}  // namespace calofuse
