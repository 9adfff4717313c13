/// \file tests/emulator/src/shadow.hpp
/// Race, initialisation and proxy checks on the shadow of shared and global memory.
/// The rule is that of the PTX memory model: two accesses of which one writes conflict unless both are strong or
/// one happens before the other. Order comes from barriers, __syncwarp, mbarriers, fence + atomic, and stream order.
#pragma once

#include "tests/emulator/src/machine.hpp"

namespace calofuse::emulator {

enum class Access : u8 { read, write, atomic };

/// Checks and records one access of lane `lane` to bytes [offset, offset + n) of a shadow.
void check_access(Warp& w,
                  Instruction const& i,
                  Shadow& s,
                  size_t offset,
                  u32 n,
                  Access access,
                  u32 lane,
                  bool global);

/// The same for a read of all lanes of `mask` at one address.
void check_uniform_read(
    Warp& w, Instruction const& i, Shadow& s, size_t offset, u32 n, u32 mask, bool global);

/// A coalesced full-warp read or write of whole words: lane l accesses [offset + l*n, offset + (l+1)*n).
void check_coalesced(
    Warp& w, Instruction const& i, Shadow& s, size_t offset, u32 n, Access access, bool global);

/// Reads of the asynchronous proxy (wgmma, bulk stores): initialised, ordered, and fenced?
void check_async_read(Warp& w, Instruction const& i, Shadow& s, size_t offset, u32 n, u32 lane);

/// A bulk copy has landed: the bytes are written by the asynchronous proxy now.
void mark_async_write(Block& b, Shadow& s, size_t offset, u32 n);
void mark_pending(Shadow& s, size_t offset, u32 n, bool pending);

void sync_lanes(Warp& w, u32 mask);
void sync_block(Block& b, int barrier);  // all lanes that wait at this barrier
void sync_cluster(Group& g);
void publish(Warp& w, u32 lane, char const* variable, bool release);
void acquire(Warp& w, u32 lane, char const* variable);
void publish_barrier(Warp& w, u32 lane, char const* mbarrier);
void publish_async(Block& b, char const* mbarrier);
void reset_known(Block& b);

}  // namespace calofuse::emulator
