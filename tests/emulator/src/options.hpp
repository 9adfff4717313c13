/// \file tests/emulator/src/options.hpp
/// Options of the emulator; every one is read once from an environment variable (see README.md).
#pragma once

#include "tests/emulator/src/base.hpp"

namespace calofuse::emulator {

enum class Schedule { forward, reverse, random };  // order of blocks and of warps
enum class AsyncCopies { late, early, random };  // when cp.async, bulk copies and wgmma take effect
enum class StreamOrder { eager, lazy, shuffle };  // when the work of a stream runs

struct Options {
    bool check_race = true;   // races in shared and global memory, also between streams
    bool check_init = true;   // reads of memory that nobody has written
    bool check_leak = true;   // allocations that are alive at exit
    bool check_proxy = true;  // missing fence.proxy.async
    bool check_host = true;   // pinned host buffers reused while a copy is pending
    Schedule schedule = Schedule::forward;
    AsyncCopies async_copies = AsyncCopies::late;
    StreamOrder stream_order = StreamOrder::lazy;
    u32 seed = 1;
    u32 threads = 1;
    u32 multiprocessors = 4;
    u64 memory_kb = 8u << 20;
    u64 pinned_kb = 8u << 20;
    u32 max_reports = 20;
    u64 max_warp_instructions = 4'000'000'000;  // per kernel launch
    u64 max_launches = ~u64(0);                 // the device is lost at the next one
    bool stats = false;
    bool shadow() const { return check_race || check_init || check_proxy; }
};

/// The options in force. Tests may change them between launches (never while a kernel runs).
Options& options();

/// Small generator for the random schedules; the sequence depends only on the seed.
struct Random {
    u32 state = 1;
    u32 next()
    {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        return state;
    }
    u32 below(u32 n) { return u32(u64(next()) * n >> 32); }
};

}  // namespace calofuse::emulator
