// The runtime API: allocation of device and pinned memory, pools, pointers.
#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {
namespace {

/// Of the memory that the device has, or of what the host may pin.
size_t free_bytes(MemoryKind kind)
{
    size_t used = 0;
    device_memory().for_each([&](Allocation& a) {
        if (a.kind == kind) used += a.bytes;
    });
    size_t const most = (kind == MemoryKind::device ? options().memory_kb : options().pinned_kb)
                        << 10;
    return used > most ? 0 : most - used;
}

cudaError_t allocate(void** p, size_t n, MemoryKind kind)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    if (!p) return x.note(cudaErrorInvalidValue);
    if (cudaError_t e = x.capture_forbids(nullptr)) return e;
    if (n == 0) {
        *p = nullptr;
        return cudaSuccess;
    }
    // Managed memory is the host's; its bound only keeps absurd sizes from the allocator.
    size_t const most = kind == MemoryKind::device ? free_bytes(kind) : size_t(1) << 38;
    *p = n > most ? nullptr : allocate_device(n, kind);
    return *p ? cudaSuccess : x.note(cudaErrorMemoryAllocation);
}

}  // namespace
}  // namespace calofuse::emulator

using namespace calofuse::emulator;

extern "C" {

cudaError_t cudaMalloc(void** p, size_t n)
{
    return allocate(p, n, MemoryKind::device);
}

cudaError_t cudaMallocManaged(void** p, size_t n, unsigned)
{
    return allocate(p, n, MemoryKind::managed);
}

cudaError_t cudaMallocPitch(void** p, size_t* pitch, size_t width, size_t height)
{
    *pitch = round_up(width, 512);
    return allocate(p, *pitch * height, MemoryKind::device);
}

cudaError_t cudaFree(void* p)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    if (!p) return x.sticky;
    if (x.sticky == cudaSuccess) {
        if (cudaError_t e = x.capture_forbids(nullptr)) return e;
        if (cudaError_t e = x.finish_all()) return e;
    }
    Allocation* a = device_memory().find(p);
    bool const freed = a && a->base == p
                       && (a->kind == MemoryKind::device || a->kind == MemoryKind::managed)
                       && free_device(static_cast<char*>(p));
    CALOFUSE_EMULATOR_CHECK_STICKY;
    return freed ? cudaSuccess : x.note(cudaErrorInvalidValue);
}

cudaError_t cudaMallocAsync(void** p, size_t n, cudaStream_t stream)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    Stream* s = x.stream(stream);
    if (!s || !p) return x.note(s ? cudaErrorInvalidValue : cudaErrorInvalidResourceHandle);
    if (!n) {
        *p = nullptr;
        return cudaSuccess;
    }
    char* a = allocate_device(n, MemoryKind::device);
    *p = a;
    if (!a) return x.note(cudaErrorMemoryAllocation);
    if (s->capture) return submit(stream, EmptyNode{});
    // valid in stream order: use by an unordered stream is a race with the allocation
    x.enqueue(*s, "allocation", [a, n] {
        if (context().streams.size() > 0)
            if (Allocation* m = device_memory().find(a, n))
                touch_range(m, a, n, true, next_serial());
        return cudaSuccess;
    });
    x.maybe_run();
    return x.sticky;
}

cudaError_t cudaFreeAsync(void* p, cudaStream_t stream)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    if (!p) return cudaSuccess;
    Allocation* a = device_memory().find(p);
    if (!a || a->base != p || a->kind != MemoryKind::device) return x.note(cudaErrorInvalidValue);
    return x.note(submit(stream, FreeNode{p}));
}

cudaError_t cudaMallocFromPoolAsync(void** p, size_t n, cudaMemPool_t, cudaStream_t s)
{
    return cudaMallocAsync(p, n, s);
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int)
{
    *pool = reinterpret_cast<cudaMemPool_t>(0x10);
    return cudaSuccess;
}

cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int d)
{
    return cudaDeviceGetDefaultMemPool(pool, d);
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*)
{
    return cudaSuccess;
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr, void* v)
{
    *static_cast<u64*>(v) = 0;
    return cudaSuccess;
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t)
{
    return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** p, size_t n, unsigned)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    if (!p) return x.note(cudaErrorInvalidValue);
    if (!n) {
        *p = nullptr;
        return cudaSuccess;
    }
    *p = n > free_bytes(MemoryKind::pinned_host) ? nullptr
                                                 : allocate_device(n, MemoryKind::pinned_host);
    return *p ? cudaSuccess : x.note(cudaErrorMemoryAllocation);
}

cudaError_t cudaMallocHost(void** p, size_t n)
{
    return cudaHostAlloc(p, n, 0);
}

cudaError_t cudaFreeHost(void* p)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    if (!p) return x.sticky;
    if (x.sticky == cudaSuccess) x.finish_all();
    Allocation* a = device_memory().find(p);
    bool const freed = a && a->base == p && a->kind == MemoryKind::pinned_host
                       && free_device(static_cast<char*>(p));
    CALOFUSE_EMULATOR_CHECK_STICKY;
    return freed ? cudaSuccess : x.note(cudaErrorInvalidValue);
}

cudaError_t cudaHostRegister(void* p, size_t n, unsigned)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    if (!p || !n) return x.note(cudaErrorInvalidValue);
    if (device_memory().find(p)) return x.note(cudaErrorHostMemoryAlreadyRegistered);
    device_memory().add(static_cast<char*>(p), n, MemoryKind::pinned_host);
    return cudaSuccess;
}

cudaError_t cudaHostUnregister(void* p)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    x.finish_all();
    return device_memory().remove(static_cast<char*>(p)) ? cudaSuccess
                                                         : x.note(cudaErrorHostMemoryNotRegistered);
}

cudaError_t cudaHostGetDevicePointer(void** d, void* h, unsigned)
{
    *d = h;
    return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, void const* p)
{
    CALOFUSE_EMULATOR_LOCK;
    *a = {};
    Allocation* m = device_memory().find(p);
    a->device = m ? 0 : -2;
    a->type = !m                                   ? cudaMemoryTypeUnregistered
              : m->kind == MemoryKind::pinned_host ? cudaMemoryTypeHost
              : m->kind == MemoryKind::managed     ? cudaMemoryTypeManaged
                                                   : cudaMemoryTypeDevice;
    if (m) a->devicePointer = const_cast<void*>(p);
    if (m && m->kind != MemoryKind::device) a->hostPointer = const_cast<void*>(p);
    if (!m) a->hostPointer = const_cast<void*>(p);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* available, size_t* total)
{
    CALOFUSE_EMULATOR_LOCK;
    *total = (options().memory_kb << 10);
    *available = free_bytes(MemoryKind::device);
    return cudaSuccess;
}
}
