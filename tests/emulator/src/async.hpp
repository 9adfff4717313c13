/// \file tests/emulator/src/async.hpp
/// What the families of asynchronous copies share: cp.async (ops_copy_async.cpp), mbarrier (ops_mbarrier.cpp),
/// bulk copies (ops_bulk.cpp) and tensor copies (ops_tensor.cpp).
/// The option CUDA_EMU_ASYNC decides whether data arrives at once or as late as the program allows.
#pragma once

#include <functional>

#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {

/// Whether a copy that starts now takes effect at once.
bool early(Warp& w);

struct Mbarrier {
    u64 phase : 1, pending : 20, expected : 20, valid : 1;
    s64 tx : 22;
};
static_assert(sizeof(Mbarrier) == 8);
Mbarrier load_barrier(char const* p);
void store_barrier(char* p, Mbarrier const& b);
void complete_phase(Mbarrier& b);

/// The copies of one thread land, except those of its last `keep` groups.
void land_up_to(Warp& w, u32 lane, s64 keep);
/// cp.async.mbarrier.arrive: arrives when the copies of the thread have landed; we let them land now.
void copies_arrive(Warp& w, Instruction const& i, u32 m);

struct BulkTarget {
    Block* block;
    u32 offset;  // in its shared memory
    char* barrier;
    Block* barrier_block;
};
void start_bulk(Warp& w,
                Instruction const& i,
                u32 lane,
                BulkTarget const& t,
                u32 bytes,
                std::function<void()> copy);
void start_bulk_store(Warp& w, u32 lane, std::function<void()> copy);
/// kind: 0 copy, 1 add, 2 min, 3 max; type: u32, s32, u64, f32, f64, f16, bf16
void combine_bytes(char* to, char const* from, u32 bytes, int kind, int type);

/// list: 0 shared address, 1 map address, 2 mbarrier (or kNone), 3 multicast mask (or kNone), 4.. coordinates
void tensor_load(Warp& w, Instruction const& i, u32 m);
void tensor_store(Warp& w, Instruction const& i, u32 m);  // mode: kind as above

Space take_shared(Op& o);
string inner(string const& s);  // "[x]" -> "x"
void decode_mbarrier(Op& o);
void decode_bulk(Op& o, bool reduce);

}  // namespace calofuse::emulator
