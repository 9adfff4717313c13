#include "driver/commands/timing.hpp"

#include <algorithm>
#include <ctime>

#include "driver/train/clock.hpp"

namespace calofuse::commands {
namespace {
/// Processor time of all threads of this process.
double cpu_time()
{
    std::timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void add_stage(Timing& timing, std::string const& name, double seconds)
{
    auto const found = std::find_if(timing.stages.begin(), timing.stages.end(),
                                    [&](auto const& s) { return s.first == name; });
    if (found == timing.stages.end())
        timing.stages.emplace_back(name, 1e3 * seconds);
    else
        found->second += 1e3 * seconds;
}
}  // namespace

Calls::Calls(std::int64_t warmup_steps, std::int64_t steps, std::int64_t per_call)
    : steps_per_call(per_call)
{
    auto const rounded_up = [per_call](std::int64_t n) {
        return (n + per_call - 1) / per_call;
    };
    // On a GPU the first call runs without a graph, the second captures it.
    warmup = std::max<std::int64_t>(rounded_up(warmup_steps), per_call > 1 ? 2 : 0);
    timed = rounded_up(steps);
    staged = rounded_up(std::min<std::int64_t>(steps, 5));
}

Timing measure(Calls const& calls,
               std::function<void()> const& call,
               std::function<void(Tape::Timer)> const& set_timer)
{
    Timing timing;
    for (std::int64_t i = 0; i < calls.warmup; ++i)
        call();
    double const cpu = cpu_time(), begin = now_s();
    for (std::int64_t i = 0; i < calls.timed; ++i) {
        double const t = now_s();
        call();
        timing.step_ms.push_back(1e3 * (now_s() - t) / static_cast<double>(calls.steps_per_call));
    }
    timing.steps = calls.timed * calls.steps_per_call;
    timing.wall_s = now_s() - begin;
    timing.cpu_s = cpu_time() - cpu;
    set_timer([&](std::string const& name, double seconds) { add_stage(timing, name, seconds); });
    for (std::int64_t i = 0; i < calls.staged; ++i)
        call();
    for (auto& stage : timing.stages)
        stage.second /= static_cast<double>(calls.staged * calls.steps_per_call);
    std::sort(timing.step_ms.begin(), timing.step_ms.end());
    return timing;
}
}  // namespace calofuse::commands
