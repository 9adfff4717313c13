/// \file tests/emulator/src/scheduler.hpp
/// Running a launch: launch.cpp starts engines, an engine (engine.cpp) runs groups of blocks, warp_runner.cpp runs
/// one warp.
#pragma once

#include "tests/emulator/src/machine.hpp"

namespace calofuse::emulator {

/// Runs groups of blocks until `next_group` has passed all `groups`; `order` (if any) permutes them.
void run_groups(Launch& launch, std::atomic<u64>& next_group, u64 groups, vector<u32> const& order);

/// Runs one group of lanes for at most `quantum` instructions. False: no lane can run.
bool run_warp(Warp& w, Kernel const& k, u32 quantum);

/// Lets all lanes go on that wait at barrier `id` of the block.
void release_barrier(Block& b, int id);

// for messages: "(1,0,0)", "block (1,0,0) thread (5,0,0)"
string block_name(Block const& b);
string thread_name(Warp const& w, u32 lane);

}  // namespace calofuse::emulator
