/// \file driver/commands/timing.hpp
/// How `profile` times steps: whole ones, and the operators inside them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "models/engine/tape.hpp"

namespace calofuse::commands {
/// Steps that are taken by one call: on a GPU they are one launch, as in `train`.
struct Calls {
    std::int64_t steps_per_call, warmup, timed, staged;

    /// So many steps before the timed ones, and timed ones, rounded up to whole calls.
    Calls(std::int64_t warmup_steps, std::int64_t steps, std::int64_t per_call);
    std::int64_t all() const { return warmup + timed + staged; }
};

struct Timing {
    std::vector<double> step_ms;  ///< of each call, per step; rising
    std::int64_t steps = 0;
    double wall_s = 0, cpu_s = 0;
    std::vector<std::pair<std::string, double>> stages;  ///< ms per step, in order of first use
};

/// Steps are timed as a whole; the stages come from further ones, so that the clock of the stages
/// costs the steps nothing. `set_timer` is called between the two.
Timing measure(Calls const& calls,
               std::function<void()> const& call,
               std::function<void(Tape::Timer)> const& set_timer);
}  // namespace calofuse::commands
