/// \file driver/cli/signals.hpp
/// Ctrl-C once: finish the step, save, exit 75. Twice: exit 75 at once, with what was saved before.
#pragma once

#include <string>

namespace calofuse {
/// While one of these lives, SIGINT, SIGTERM and SIGUSR1 only raise a flag; commands that poll it
/// hold one. A second signal 0.1 s or more after the first (launchers pass on what the terminal
/// sends anyway) ends the process.
class StopSignals {
  public:
    StopSignals();
    ~StopSignals();
    StopSignals(StopSignals const&) = delete;
    StopSignals& operator=(StopSignals const&) = delete;
};

bool stop_requested();
/// "SIGINT", ... of the first signal; "" before it.
char const* stop_signal();
/// Throws CF-STOP-01 (exit 75) if a stop was requested: `what` there is now, in one clause, and, as
/// the hint, `how` to go on.
void throw_if_stopped(std::string const& what, std::string const& how);
}  // namespace calofuse
