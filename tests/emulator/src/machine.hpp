/// \file tests/emulator/src/machine.hpp
/// The machine that runs a kernel: launch, groups of blocks (a cluster or a cooperative grid), blocks, warps, frames.
#pragma once

#include <array>
#include <atomic>
#include <driver_types.h>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector_types.h>

#include "tests/emulator/src/memory.hpp"
#include "tests/emulator/src/options.hpp"
#include "tests/emulator/src/program.hpp"

namespace calofuse::emulator {

struct Block;
struct Group;
struct Launch;

/// Activation of a function by some lanes of a warp; the kernel itself is the first frame.
struct Frame {
    FunctionInfo const* function = nullptr;
    std::unique_ptr<char[]> storage;
    char* registers = nullptr;  // rows of 32 lanes
    u32* predicates = nullptr;
    char* local = nullptr;   // lane after lane
    char* params = nullptr;  // lane after lane: incoming parameters, result, outgoing parameters
    u32 local_stride = 0, param_stride = 0;
    Frame* caller = nullptr;
    Instruction const* call = nullptr;
    u32 return_pc = 0, depth = 0, lanes = 0;
};

struct PendingCopy {  // cp.async
    char* to;
    char const* from;
    u32 bytes, from_bytes, group;
    Instruction const* instruction;
};

struct PendingWgmma {
    Instruction const* instruction;
    u64 descriptor_a, descriptor_b;
    u32 registers_a[4][kWarpSize];
    bool accumulate;
    u32 group;
    bool done;  // took effect at once, the wait is still due
};

struct Warp {
    char* registers = nullptr;  // of the running frame
    u32* predicates = nullptr;
    Frame* frame = nullptr;
    Block* block = nullptr;
    u32 index = 0;
    u32 live = 0, blocked = 0, waiting = 0, all = 0, yielded = 0;
    u32 pc[kWarpSize];
    Frame* frames[kWarpSize];
    int barrier[kWarpSize];  // the barrier a blocked lane waits at
    u32 cluster_phase[kWarpSize];
    Frame base;
    vector<std::unique_ptr<Frame>> pool;
    vector<Frame*> free_frames;
    vector<Frame*> live_frames;  // besides base
    // asynchronous work
    vector<PendingCopy> copies[kWarpSize];
    u32 copy_group[kWarpSize];
    u32 copies_pending = 0;  // lanes with pending copies
    vector<PendingWgmma> wgmmas;
    u32 wgmma_group = 0;
    // what the lanes know of each other (race check): accesses up to this time are ordered before ours
    u32 sync_time = 0;
    std::unique_ptr<u32[]>
        lane_known;          // [32][32], allocated when a partial synchronisation happens
    vector<u32> warp_known;  // per warp of the block, [64]
    u32 proxy_fence_time = 0;
    // cache of the last global access
    Allocation* last = nullptr;
    u64 last_generation = 0;
    char* pointers[kWarpSize];  // result of address resolution
    enum Pattern : u8 { scattered, uniform, coalesced } pattern = scattered;
};

struct NamedBarrier {
    u32 arrived = 0, expected = 0;  // expected 0: all threads of the block that have not exited
    u64 count = 0;                  // of true predicates (bar.red)
    Instruction const* first = nullptr;
    bool with_arrive = false;
    struct Reducer {
        Warp* warp;
        Frame* frame;
        u32 lanes;
        Instruction const* instruction;
    };
    vector<Reducer> reducers;
};

struct PendingBulk {  // bulk copy into shared memory, completes on an mbarrier
    std::function<void()> copy;
    Block* to;          // receives the data
    u32 offset, bytes;  // in its shared memory
    char* barrier;      // mbarrier
    Block* barrier_block;
};

struct PendingBulkStore {  // bulk copy out of shared memory, completes with a bulk group
    std::function<void()> copy;
    u32 group, thread;
};

/// What one synchronisation variable (atomic flag, mbarrier) passes on.
struct Published {
    std::map<u32, u32> blocks;                 // block serial -> time
    std::map<u32, std::array<u32, 64>> warps;  // block serial -> time per warp
};

struct Block {
    Group* group = nullptr;
    Launch* launch = nullptr;
    char* shared = nullptr;
    u32 shared_bytes = 0;
    u32 ctaid[3], rank = 0, serial = 0, live = 0, threads = 0;
    vector<Warp> warps;
    NamedBarrier barriers[16];
    vector<PendingBulk> bulk;
    vector<PendingBulkStore> bulk_stores;
    std::unordered_map<u32, u32> bulk_group;  // per thread
    // race check
    std::unique_ptr<Shadow> shadow;
    u32 time = 1, sync_time = 0;
    bool fenced = false;
    std::map<u32, u32> known;  // of other blocks: serial -> time
};

/// Blocks that run side by side: one block, a cluster, or the whole cooperative grid.
struct Group {
    vector<Block> blocks;
    char* arena = nullptr;  // the shared memory of all blocks
    size_t arena_bytes = 0, arena_stride = 0;
    u32 arrived = 0, phase = 0, total = 0;  // cluster barrier
    u32 first_serial = 0;
    u64 index = 0;
    bool active = false;
    u64 strong_accesses = 0;  // hints at waiting for other blocks
    u32 exited = 0;           // threads
    Random random;
    std::unordered_map<char const*, Published> published;  // by variables in shared memory
};

struct Dim {
    u32 x = 1, y = 1, z = 1;
    u64 count() const { return u64(x) * y * z; }
};

struct LaunchConfig {
    Dim grid, block, cluster;
    size_t dynamic_shared = 0;
    bool cooperative = false;
};

/// Set by the stream layer: whether the launch or copy that used block serial `serial` is ordered before the running one.
struct OrderOracle {
    u32 ordered_below = 0;  // everything with a smaller serial is ordered
    bool (*ordered)(u32 serial) = nullptr;
};

struct Launch {
    Kernel const* kernel = nullptr;
    LaunchConfig config;
    char* params = nullptr;
    u32 first_serial = 0;
    u64 fresh = 0;  // epochs below this need no further look (ordered before this launch)
    OrderOracle order;
    std::unordered_map<char const*, Published> published;
    u64 grid_workspace[32] = {};  // cooperative groups keep the grid barrier here
    u64 warp_instructions = 0, lane_instructions = 0;
    std::atomic<bool> stop{false};
};

/// Ends the running kernel; becomes the sticky error of the context.
struct Fault {
    cudaError_t error;
};

/// Runs a kernel to its end. Returns the error that the device would report.
cudaError_t run_kernel(Kernel const& k,
                       LaunchConfig const& c,
                       vector<char> params,
                       OrderOracle const& order);

u32 next_serial(u32 count = 1);  // serials of blocks and of copies, increasing
constexpr u32 kMaxSerial = (1u << 24) - 1;
void restart_serials();  // only while nothing runs
u64 total_launches();
u64 total_warp_instructions();
u64 total_lane_instructions();

/// A finding inside a kernel, with thread and source line.
void report_at(
    Warp& w, Instruction const& i, u32 lane, string const& what, string const& detail = {});
[[noreturn]] void fault_at(Warp& w,
                           Instruction const& i,
                           u32 lane,
                           cudaError_t error,
                           string const& what,
                           string const& detail = {});

// frames (ops_control.cpp)
void push_frame(Warp& w,
                Kernel const& k,
                Instruction const& i,
                CallSite const& site,
                FunctionInfo const& f,
                u32 mask);
void pop_frame(Warp& w, Kernel const& k, u32 mask);
void fill_specials(Warp& w, FunctionInfo const& f, char* registers);
int resolve_indirect(
    Warp& w, Kernel const& k, Instruction const& i, CallSite const& site, u32& mask);
void call_builtin(Warp& w, Kernel const& k, Instruction const& i, CallSite const& site, u32 mask);
void init_frame_storage(Frame& f, FunctionInfo const& info);

// asynchronous copies (ops_async.cpp)
void land_bulk(Block& b);
void thread_exits(Warp& w, Instruction const& i, u32 mask);
void drain_bulk_stores(Block& b);

}  // namespace calofuse::emulator
