// What happens at exit (leaks, statistics), and the hooks for test programs (cuda_emulator.hpp).
#include <cstdio>
#include <unistd.h>

#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {
namespace {

void at_exit()
{
    Context& x = context();
    if (x.sticky == cudaSuccess) {
        x.finish_all();
        if (options().check_leak) {
            string list;
            if (size_t const n = device_memory().live(MemoryKind::device, &list))
                report({std::to_string(n) + " device allocations were never freed", "", "", "", "",
                        list});
            list.clear();
            if (size_t const n = device_memory().live(MemoryKind::pinned_host, &list))
                report({std::to_string(n) + " pinned host allocations were never freed", "", "", "",
                        "", list});
        }
    }
    if (options().stats)
        fprintf(stderr,
                "cuda-emulator: %llu launches, %llu warp instructions, %llu lane instructions\n",
                (unsigned long long)total_launches(), (unsigned long long)total_warp_instructions(),
                (unsigned long long)total_lane_instructions());
    if (report_count()) {
        fprintf(stderr, "cuda-emulator: %zu finding(s)\n", report_count());
        fflush(stdout);
        fflush(stderr);
        _exit(66);
    }
}

struct ExitHook {
    ExitHook() {}
    ~ExitHook() { at_exit(); }
};

__attribute__((init_priority(110)))
ExitHook g_exit_hook;  // constructed early, so destroyed after the program's own static objects

}  // namespace

int exit_hook_anchor = 0;

}  // namespace calofuse::emulator

using namespace calofuse::emulator;

extern "C" {

int cudaEmulatorReportCount()
{
    CALOFUSE_EMULATOR_LOCK;
    return int(report_count());
}

char const* cudaEmulatorReportText()
{
    static thread_local string text;
    text = report_text();
    return text.c_str();
}

void cudaEmulatorClearReports()
{
    clear_reports();
}

unsigned long long cudaEmulatorLaneInstructions()
{
    return total_lane_instructions();
}

unsigned long long cudaEmulatorWarpInstructions()
{
    return total_warp_instructions();
}

int cudaEmulatorSetOption(char const* name, char const* value)
{
    CALOFUSE_EMULATOR_LOCK;
    string const n = name, v = value;
    Options& o = options();
    if (n == "schedule")
        o.schedule = v == "reverse"  ? Schedule::reverse
                     : v == "random" ? Schedule::random
                                     : Schedule::forward;
    else if (n == "async")
        o.async_copies = v == "early"    ? AsyncCopies::early
                         : v == "random" ? AsyncCopies::random
                                         : AsyncCopies::late;
    else if (n == "streams")
        o.stream_order = v == "eager"     ? StreamOrder::eager
                         : v == "shuffle" ? StreamOrder::shuffle
                                          : StreamOrder::lazy;
    else if (n == "seed")
        o.seed = u32(strtoul(value, nullptr, 0));
    else if (n == "memory_kb")
        o.memory_kb = strtoull(value, nullptr, 0);
    else if (n == "pinned_kb")
        o.pinned_kb = strtoull(value, nullptr, 0);
    else if (n == "max_launches")
        o.max_launches = strtoull(value, nullptr, 0);
    else if (n == "max_warp_instructions")
        o.max_warp_instructions = strtoull(value, nullptr, 0);
    else
        return 0;
    return 1;
}

size_t cudaEmulatorLiveAllocations()
{
    CALOFUSE_EMULATOR_LOCK;
    return device_memory().live(MemoryKind::device);
}
}
