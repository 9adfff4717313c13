/// \file tests/emulator/cuda_emulator.hpp
/// Optional hooks for test programs. Works in both builds of a test: without the emulator every call is a no-op
/// (the functions behind it are weak symbols).
#pragma once

#include <cstddef>

extern "C" {
int cudaEmulatorReportCount() __attribute__((weak));
char const* cudaEmulatorReportText() __attribute__((weak));
void cudaEmulatorClearReports() __attribute__((weak));
int cudaEmulatorSetOption(char const* name, char const* value) __attribute__((weak));
unsigned long long cudaEmulatorLaneInstructions() __attribute__((weak));
unsigned long long cudaEmulatorWarpInstructions() __attribute__((weak));
std::size_t cudaEmulatorLiveAllocations() __attribute__((weak));
}

namespace cuda_emulator {
inline bool active()
{
    return cudaEmulatorReportCount != nullptr;
}
/// Findings since the start of the process or the last clear_reports().
inline int report_count()
{
    return active() ? cudaEmulatorReportCount() : 0;
}
inline char const* report_text()
{
    return active() ? cudaEmulatorReportText() : "";
}
inline void clear_reports()
{
    if (active()) cudaEmulatorClearReports();
}
/// "schedule", "async", "streams", "seed", "memory_kb", "pinned_kb", "max_launches", "max_warp_instructions"; values as in
/// the environment variables.
inline bool set_option(char const* name, char const* value)
{
    return active() && cudaEmulatorSetOption(name, value);
}
inline unsigned long long lane_instructions()
{
    return active() ? cudaEmulatorLaneInstructions() : 0;
}
inline unsigned long long warp_instructions()
{
    return active() ? cudaEmulatorWarpInstructions() : 0;
}
inline std::size_t live_allocations()
{
    return active() ? cudaEmulatorLiveAllocations() : 0;
}
}  // namespace cuda_emulator
