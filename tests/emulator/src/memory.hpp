/// \file tests/emulator/src/memory.hpp
/// Device memory: allocations in the address space of the process, each with its shadow.
#pragma once

#include <memory>
#include <mutex>

#include "tests/emulator/src/base.hpp"

namespace calofuse::emulator {

/// When and by whom something was accessed, packed so that a later block compares greater.
/// serial of the block (24) | time (28) | warp (6) | lane (5) | strong (1)
using Epoch = u64;
constexpr u32 kAsyncWarp = 63;  // bulk copies have no thread
constexpr Epoch epoch(u64 serial, u64 time, u64 warp, u64 lane, bool strong)
{
    return serial << 40 | time << 12 | warp << 6 | lane << 1 | u64(strong);
}
constexpr u32 serial_of(Epoch e)
{
    return u32(e >> 40);
}
constexpr u32 time_of(Epoch e)
{
    return u32(e >> 12) & 0xfffffff;
}
constexpr u32 warp_of(Epoch e)
{
    return u32(e >> 6) & 63;
}
constexpr u32 lane_of(Epoch e)
{
    return u32(e >> 1) & 31;
}
constexpr bool strong_of(Epoch e)
{
    return e & 1;
}

/// Shadow of four bytes (or of one byte where a word is accessed in parts).
struct Cell {
    Epoch write = 0;
    Epoch read[2] = {0, 0};  // readers of two different warps
    u32 lanes[2] = {0, 0};   // the lanes behind read[]
    u32 write_pc = 0, read_pc = 0;
};

// state of a word: one bit per byte that says "written", and two flags
constexpr u8 kWritten = 15, kSplit = 16, kPending = 32;

/// Shadow of a piece of memory. The arrays are mapped lazily, untouched parts cost nothing.
struct Shadow {
    size_t bytes = 0;
    u8* state = nullptr;    // per word
    Cell* words = nullptr;  // per word
    Cell* parts = nullptr;  // per byte, valid where state has kSplit
    bool check_init = true;
    explicit Shadow(size_t bytes);
    ~Shadow();
    Shadow(Shadow const&) = delete;
    Shadow& operator=(Shadow const&) = delete;
    void forget_epochs();
    void set_written(size_t offset, size_t n);
    void copy_written(size_t offset, Shadow const* from, size_t from_offset, size_t n);
};

enum class MemoryKind : u8 { device, managed, pinned_host, module, heap };

struct Allocation {
    char* base = nullptr;
    size_t bytes = 0;
    MemoryKind kind = MemoryKind::device;
    std::unique_ptr<Shadow> shadow;
    u64 number = 0;  // counts allocations, for messages
    bool contains(char const* p, size_t n) const { return p >= base && p + n <= base + bytes; }
};

/// All memory that kernels may use. Lookups are frequent: callers keep the last hit and compare generation().
class DeviceMemory {
  public:
    Allocation* add(char* base, size_t bytes, MemoryKind kind);
    bool remove(char* base);
    Allocation* find(void const* p, size_t n = 1);
    u64 generation() const { return generation_; }
    string describe(void const* p);  // "4 bytes behind allocation #3 of 400 bytes", for messages
    size_t live(MemoryKind kind, string* list = nullptr);
    void forget_history();  // after a reset
    void forget_epochs();   // before block serials start again
    template <class F>
    void for_each(F f)
    {
        for (auto& a : sorted_)
            f(*a);
    }

  private:
    vector<std::unique_ptr<Allocation>> sorted_;
    struct Freed {
        char* base;
        size_t bytes;
        u64 number;
    };
    vector<Freed> freed_;
    u64 generation_ = 1, next_number_ = 1;
};

DeviceMemory& device_memory();

/// Allocates device memory: 256-byte aligned, filled with 0xFF (NaN), surrounded by unused bytes. nullptr when out of memory.
char* allocate_device(size_t bytes, MemoryKind kind);
bool free_device(char* p);

}  // namespace calofuse::emulator
