// Allocations and the storage of their shadows.
#include "tests/emulator/src/memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <sys/mman.h>

#include "tests/emulator/src/options.hpp"

namespace calofuse::emulator {
namespace {

void* map_lazily(size_t bytes)
{
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) fatal("no address space for the shadow of an allocation");
    return p;
}

constexpr size_t kGuard = 512;  // unused bytes on either side of an allocation

}  // namespace

Shadow::Shadow(size_t n) : bytes(n)
{
    size_t const words_n = n / 4 + 2;
    state = static_cast<u8*>(map_lazily(words_n));
    words = static_cast<Cell*>(map_lazily(words_n * sizeof(Cell)));
    parts = static_cast<Cell*>(map_lazily(words_n * 4 * sizeof(Cell)));
}

Shadow::~Shadow()
{
    size_t const words_n = bytes / 4 + 2;
    munmap(state, words_n);
    munmap(words, words_n * sizeof(Cell));
    munmap(parts, words_n * 4 * sizeof(Cell));
}

void Shadow::forget_epochs()
{
    size_t const words_n = bytes / 4 + 2;
    madvise(words, words_n * sizeof(Cell), MADV_DONTNEED);  // reads as zero afterwards
    madvise(parts, words_n * 4 * sizeof(Cell), MADV_DONTNEED);
}

void Shadow::set_written(size_t offset, size_t n)
{
    if (!n) return;
    size_t first = offset / 4, last = (offset + n - 1) / 4;
    for (size_t w : {first, last})
        for (u32 b = 0; b < 4; ++b)
            if (w * 4 + b >= offset && w * 4 + b < offset + n) state[w] |= u8(1u << b);
    for (size_t w = first + 1; w < last; ++w)
        state[w] |= kWritten;
}

void Shadow::copy_written(size_t offset, Shadow const* from, size_t from_offset, size_t n)
{
    if (!from || !from->check_init) return set_written(offset, n);
    for (size_t i = 0; i < n; ++i) {
        bool const w = from->state[(from_offset + i) / 4] >> ((from_offset + i) % 4) & 1;
        u8& s = state[(offset + i) / 4];
        u8 const bit = u8(1u << (offset + i) % 4);
        s = u8(w ? s | bit : s & ~bit);
    }
}

Allocation* DeviceMemory::add(char* base, size_t bytes, MemoryKind kind)
{
    auto a = std::make_unique<Allocation>();
    a->base = base;
    a->bytes = bytes;
    a->kind = kind;
    a->number = next_number_++;
    if (options().shadow()) {
        a->shadow = std::make_unique<Shadow>(bytes);
        a->shadow->check_init = kind == MemoryKind::device || kind == MemoryKind::heap;
    }
    auto at = std::upper_bound(sorted_.begin(), sorted_.end(), base,
                               [](char* p, auto& q) { return p < q->base; });
    Allocation* r = a.get();
    sorted_.insert(at, std::move(a));
    std::erase_if(freed_,
                  [&](Freed const& f) { return f.base < base + bytes && base < f.base + f.bytes; });
    return r;
}

bool DeviceMemory::remove(char* base)
{
    auto at = std::lower_bound(sorted_.begin(), sorted_.end(), base,
                               [](auto& q, char* p) { return q->base < p; });
    if (at == sorted_.end() || (*at)->base != base) return false;
    if (freed_.size() > 256) freed_.erase(freed_.begin());
    freed_.push_back({base, (*at)->bytes, (*at)->number});
    sorted_.erase(at);
    ++generation_;
    return true;
}

Allocation* DeviceMemory::find(void const* address, size_t n)
{
    char* p = static_cast<char*>(const_cast<void*>(address));
    auto at = std::upper_bound(sorted_.begin(), sorted_.end(), p,
                               [](char* q, auto& a) { return q < a->base; });
    if (at == sorted_.begin()) return nullptr;
    Allocation* a = (--at)->get();
    return a->contains(p, n) ? a : nullptr;
}

string DeviceMemory::describe(void const* address)
{
    char* p = static_cast<char*>(const_cast<void*>(address));
    char b[256];
    if (p == nullptr) return "null pointer";
    for (auto& f : freed_)
        if (p >= f.base && p < f.base + f.bytes) {
            snprintf(b, sizeof b,
                     "address %p lies in allocation #%llu of %zu bytes, which was freed", address,
                     (unsigned long long)f.number, f.bytes);
            return b;
        }
    Allocation const* best = nullptr;
    size_t distance = 0;
    bool behind = true;
    for (auto& a : sorted_) {
        bool const is_behind = p >= a->base;
        size_t const d = is_behind
                             ? (p >= a->base + a->bytes ? size_t(p - (a->base + a->bytes)) : 0)
                             : size_t(a->base - p);
        if (!best || d < distance) best = a.get(), distance = d, behind = is_behind;
    }
    if (best && distance < (1u << 20)) {
        snprintf(b, sizeof b, "address %p, %zu bytes %s allocation #%llu of %zu bytes", address,
                 distance, behind ? "behind the end of" : "before",
                 (unsigned long long)best->number, best->bytes);
        return b;
    }
    snprintf(b, sizeof b, "address %p is not device memory (a host pointer?)", address);
    return b;
}

size_t DeviceMemory::live(MemoryKind kind, string* list)
{
    size_t n = 0;
    for (auto& a : sorted_)
        if (a->kind == kind) {
            ++n;
            if (list && n <= 8)
                *list += (list->empty() ? "#" : ", #") + std::to_string(a->number) + " ("
                         + std::to_string(a->bytes) + " bytes)";
        }
    return n;
}

void DeviceMemory::forget_history()
{
    freed_.clear();
    ++generation_;
}

void DeviceMemory::forget_epochs()
{
    for (auto& a : sorted_)
        if (a->shadow) a->shadow->forget_epochs();
}

DeviceMemory& device_memory()
{
    static DeviceMemory* m =
        new DeviceMemory;  // never destroyed: host objects may free memory very late
    return *m;
}

char* allocate_device(size_t bytes, MemoryKind kind)
{
    size_t const total = round_up(bytes + 2 * kGuard, 512);
    char* block = static_cast<char*>(aligned_alloc(512, total));
    if (!block) return nullptr;
    memset(block, 0xFF, total);
    device_memory().add(block + kGuard, bytes, kind);
    return block + kGuard;
}

bool free_device(char* p)
{
    if (!device_memory().remove(p)) return false;
    free(p - kGuard);
    return true;
}

}  // namespace calofuse::emulator
