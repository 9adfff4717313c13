/// \file tests/support/heap_count.hpp
/// Counts every heap allocation of the program that includes it (in one source file): a warm training
/// step must make none on a CPU. Launches are not ours: the emulator allocates in each of them.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::int64_t> g_heap_allocations{0};
}  // namespace

// g++ 12 takes the replaced pair below for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t size)
{
    ++g_heap_allocations;
    if (void* const p = std::malloc(size == 0 ? 1 : size)) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept
{
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept
{
    std::free(p);
}
