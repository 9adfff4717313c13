// The runtime API: copies, memset, symbols.
#include <algorithm>

#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {
namespace {

u64 hash_bytes(char const* p, size_t n)
{
    u64 h = 1469598103934665603ull;
    for (size_t i = 0; i + 8 <= n; i += 8) {
        u64 v;
        memcpy(&v, p + i, 8);
        h = (h ^ v) * 1099511628211ull;
    }
    for (size_t i = n & ~size_t(7); i < n; ++i)
        h = (h ^ u8(p[i])) * 1099511628211ull;
    return h;
}

}  // namespace

bool on_device(Allocation const* a)
{
    return a && a->kind != MemoryKind::pinned_host;
}

namespace {

bool pinned(Allocation const* a)
{
    return a && a->kind == MemoryKind::pinned_host;
}

}  // namespace

void touch_range(Allocation* a, char const* p, size_t n, bool write, u32 serial)
{
    if (!a || !a->shadow || !options().check_race || !n) return;
    Context& c = context();
    OrderOracle const order = c.current ? c.oracle(*c.current) : OrderOracle{};
    Epoch const fresh = Epoch(order.ordered ? order.ordered_below : serial) << 40,
                mine = epoch(serial, 1, 62, 0, false);
    Shadow& s = *a->shadow;
    size_t const offset = size_t(p - a->base);
    for (size_t w = offset / 4; w <= (offset + n - 1) / 4; ++w) {
        u32 const parts = s.state[w] & kSplit ? 4 : 1;
        for (u32 q = 0; q < parts; ++q) {
            Cell& cell = parts == 4 ? s.parts[w * 4 + q] : s.words[w];
            auto conflict = [&](Epoch e) {
                return e >= fresh && serial_of(e) != serial && !c.ordered(serial_of(e));
            };
            if (conflict(cell.write)
                || (write && (conflict(cell.read[0]) || conflict(cell.read[1])))) {
                report({string("race between streams: ") + (c.current ? c.current->what : "copy")
                            + (write ? " writes" : " reads")
                            + " memory that a kernel or copy of another stream "
                            + (conflict(cell.write) ? "writes" : "reads"),
                        "", "", "", "",
                        "allocation #" + std::to_string(a->number) + " of "
                            + std::to_string(a->bytes) + " bytes, offset " + std::to_string(w * 4)
                            + "; no stream order, event or synchronisation puts one before the "
                              "other"});
                return;
            }
            if (write)
                cell.write = mine, cell.write_pc = 0;
            else if (serial_of(cell.read[0]) != serial)
                cell.read[1] = cell.read[0], cell.lanes[1] = cell.lanes[0], cell.read[0] = mine,
                cell.lanes[0] = 1, cell.read_pc = 0;
        }
    }
}

namespace {

cudaError_t check_range(void const* p, size_t n, bool device)
{
    Allocation* a = device_memory().find(p, n ? n : 1);
    if (device) return a ? cudaSuccess : cudaErrorInvalidValue;
    // a host pointer: must not be device memory (managed and pinned memory may be used as either)
    Allocation* inside = device_memory().find(p, 1);
    return inside && (inside->kind == MemoryKind::device || inside->kind == MemoryKind::module)
               ? cudaErrorInvalidValue
               : cudaSuccess;
}

cudaError_t check_copy(CopyNode& c)
{
    if (c.bytes && (!c.to || !c.from)) return cudaErrorInvalidValue;
    if (c.kind == cudaMemcpyDefault) {
        bool const d = on_device(device_memory().find(c.to)),
                   s = on_device(device_memory().find(c.from));
        c.kind = d   ? (s ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice)
                 : s ? cudaMemcpyDeviceToHost
                     : cudaMemcpyHostToHost;
    }
    if (c.kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
    size_t const to_span = c.height > 1 ? (c.height - 1) * c.to_pitch + c.width : c.bytes,
                 from_span = c.height > 1 ? (c.height - 1) * c.from_pitch + c.width : c.bytes;
    if (c.height > 1 && (c.to_pitch < c.width || c.from_pitch < c.width))
        return cudaErrorInvalidPitchValue;
    if (!c.bytes) return cudaSuccess;
    if (cudaError_t e = check_range(
            c.to, to_span, c.kind == cudaMemcpyHostToDevice || c.kind == cudaMemcpyDeviceToDevice))
        return e;
    return check_range(c.from, from_span,
                       c.kind == cudaMemcpyDeviceToHost || c.kind == cudaMemcpyDeviceToDevice);
}

cudaError_t copy(CopyNode c, cudaStream_t stream, bool async)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    Stream* s = x.stream(stream);
    if (!s) return x.note(cudaErrorInvalidResourceHandle);
    if (!async && x.capture_forbids(nullptr) != cudaSuccess)
        return x.note(cudaErrorStreamCaptureImplicit);
    if (cudaError_t e = check_copy(c); e != cudaSuccess) return x.note(e);
    if (!c.bytes) return cudaSuccess;
    if (!s->capture) {
        bool const from_host = c.kind == cudaMemcpyHostToDevice || c.kind == cudaMemcpyHostToHost,
                   to_host = c.kind == cudaMemcpyDeviceToHost || c.kind == cudaMemcpyHostToHost;
        bool const from_pinned = from_host && pinned(device_memory().find(c.from)),
                   to_pinned = to_host && pinned(device_memory().find(c.to));
        if (async && from_host && !from_pinned
            && c.height <= 1) {  // pageable: the runtime stages the data before it returns
            auto stage = std::make_shared<vector<char>>(static_cast<char const*>(c.from),
                                                        static_cast<char const*>(c.from) + c.bytes);
            OperationPtr op = x.enqueue(*s, "copy to the device", [c, stage]() mutable {
                c.from = stage->data();
                return do_copy(c);
            });
            x.maybe_run();
            return x.sticky;
        }
        if (async && from_pinned && options().check_host) {
            char const* p = static_cast<char const*>(c.from);
            u64 const before = hash_bytes(p, c.bytes);
            OperationPtr op = x.enqueue(*s, "copy to the device", [c, p, before] {
                if (c.height <= 1 && hash_bytes(p, c.bytes) != before)
                    report(
                        {"pinned host buffer was changed while an asynchronous copy from it was "
                         "pending",
                         "", "", "", "",
                         "cudaMemcpyAsync of " + std::to_string(c.bytes)
                             + " bytes; synchronise before the buffer is used again"});
                return do_copy(c);
            });
            op->host = p;
            op->host_bytes = c.bytes;
            x.maybe_run();
            return x.sticky;
        }
        if (async && to_pinned) {
            char* p = static_cast<char*>(c.to);
            if (options().check_host && options().stream_order != StreamOrder::eager
                && !x.host_in_use(p, c.bytes) && c.height <= 1)
                memset(p, 0xFF, c.bytes);
            OperationPtr op = x.enqueue(*s, "copy to the host", [c] { return do_copy(c); });
            op->host = p;
            op->host_bytes = c.bytes;
            x.maybe_run();
            return x.sticky;
        }
        if (to_host) async = false;  // pageable destination: returns when the copy has completed
    }
    OperationPtr op;
    cudaError_t e = submit(stream, c, &op);
    if (e != cudaSuccess) return x.note(e);
    if (!async && op) e = x.finish(op);
    return x.note(e);
}

cudaError_t set(MemsetNode m, cudaStream_t stream, bool async)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    if (!async)
        if (cudaError_t e = x.capture_forbids(nullptr)) return e;
    size_t const span =
        m.height > 1 ? (m.height - 1) * m.pitch + m.width * m.element : m.width * m.element;
    if (span)
        if (cudaError_t e = check_range(m.to, span, true)) return x.note(e);
    OperationPtr op;
    cudaError_t e = submit(stream, m, &op);
    if (e != cudaSuccess) return x.note(e);
    if (!async && op) e = x.finish(op);
    return x.note(e);
}

}  // namespace

cudaError_t do_copy(CopyNode const& c)
{
    size_t const rows = c.height > 1 ? c.height : 1, width = c.height > 1 ? c.width : c.bytes;
    u32 const serial = next_serial();
    for (size_t r = 0; r < rows; ++r) {
        char* to = static_cast<char*>(c.to) + r * c.to_pitch;
        char const* from = static_cast<char const*>(c.from) + r * c.from_pitch;
        Allocation *d = device_memory().find(to, width), *s = device_memory().find(from, width);
        touch_range(s, from, width, false, serial);
        touch_range(d, to, width, true, serial);
        memmove(to, from, width);
        if (d && d->shadow)
            d->shadow->copy_written(size_t(to - d->base), s ? s->shadow.get() : nullptr,
                                    s ? size_t(from - s->base) : 0, width);
    }
    return cudaSuccess;
}

cudaError_t do_memset(MemsetNode const& m)
{
    size_t const rows = m.height > 1 ? m.height : 1;
    u32 const serial = next_serial();
    for (size_t r = 0; r < rows; ++r) {
        char* to = static_cast<char*>(m.to) + r * m.pitch;
        size_t const n = m.width * m.element;
        if (!n) continue;
        Allocation* d = device_memory().find(to, n);
        if (!d) return cudaErrorIllegalAddress;
        touch_range(d, to, n, true, serial);
        if (m.element == 1)
            memset(to, m.value, n);
        else
            for (size_t i = 0; i < m.width; ++i)
                memcpy(to + i * m.element, &m.value, m.element);
        if (d->shadow) d->shadow->set_written(size_t(to - d->base), n);
    }
    return cudaSuccess;
}

}  // namespace calofuse::emulator

using namespace calofuse::emulator;

extern "C" {

cudaError_t cudaMemcpy(void* d, void const* s, size_t n, cudaMemcpyKind k)
{
    return copy({d, s, n, k, 0, 0, n, 1}, nullptr, false);
}

cudaError_t cudaMemcpyAsync(void* d, void const* s, size_t n, cudaMemcpyKind k, cudaStream_t st)
{
    return copy({d, s, n, k, 0, 0, n, 1}, st, true);
}

cudaError_t cudaMemcpy2D(
    void* d, size_t dp, void const* s, size_t sp, size_t w, size_t h, cudaMemcpyKind k)
{
    return copy({d, s, w * h, k, dp, sp, w, h}, nullptr, false);
}

cudaError_t cudaMemcpy2DAsync(void* d,
                              size_t dp,
                              void const* s,
                              size_t sp,
                              size_t w,
                              size_t h,
                              cudaMemcpyKind k,
                              cudaStream_t st)
{
    return copy({d, s, w * h, k, dp, sp, w, h}, st, true);
}

cudaError_t cudaMemcpyPeerAsync(void* d, int, void const* s, int, size_t n, cudaStream_t st)
{
    return copy({d, s, n, cudaMemcpyDeviceToDevice, 0, 0, n, 1}, st, true);
}

cudaError_t cudaMemset(void* d, int v, size_t n)
{
    return set({d, v & 255, n, 1, 0, 1}, nullptr, false);
}

cudaError_t cudaMemsetAsync(void* d, int v, size_t n, cudaStream_t s)
{
    return set({d, v & 255, n, 1, 0, 1}, s, true);
}

cudaError_t cudaMemset2D(void* d, size_t pitch, int v, size_t w, size_t h)
{
    return set({d, v & 255, w, h, pitch, 1}, nullptr, false);
}

cudaError_t cudaMemset2DAsync(void* d, size_t pitch, int v, size_t w, size_t h, cudaStream_t s)
{
    return set({d, v & 255, w, h, pitch, 1}, s, true);
}

cudaError_t cudaMemPrefetchAsync(void const*, size_t, cudaMemLocation, unsigned, cudaStream_t)
{
    return cudaSuccess;
}

cudaError_t cudaMemAdvise(void const*, size_t, cudaMemoryAdvise, cudaMemLocation)
{
    return cudaSuccess;
}

cudaError_t cudaGetSymbolAddress(void** p, void const* symbol)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    *p = x.variable_address(symbol);
    return *p ? cudaSuccess : x.note(cudaErrorInvalidSymbol);
}

cudaError_t cudaGetSymbolSize(size_t* n, void const* symbol)
{
    CALOFUSE_EMULATOR_LOCK;
    return context().variable_address(symbol, n) ? cudaSuccess
                                                 : context().note(cudaErrorInvalidSymbol);
}

cudaError_t cudaMemcpyToSymbolAsync(
    void const* symbol, void const* s, size_t n, size_t offset, cudaMemcpyKind k, cudaStream_t st)
{
    char* p = context().variable_address(symbol);
    if (!p) return context().note(cudaErrorInvalidSymbol);
    return copy({p + offset, s, n, k, 0, 0, n, 1}, st, true);
}

cudaError_t cudaMemcpyToSymbol(
    void const* symbol, void const* s, size_t n, size_t offset, cudaMemcpyKind k)
{
    char* p = context().variable_address(symbol);
    if (!p) return context().note(cudaErrorInvalidSymbol);
    return copy({p + offset, s, n, k, 0, 0, n, 1}, nullptr, false);
}

cudaError_t cudaMemcpyFromSymbolAsync(
    void* d, void const* symbol, size_t n, size_t offset, cudaMemcpyKind k, cudaStream_t st)
{
    char* p = context().variable_address(symbol);
    if (!p) return context().note(cudaErrorInvalidSymbol);
    return copy({d, p + offset, n, k, 0, 0, n, 1}, st, true);
}

cudaError_t cudaMemcpyFromSymbol(
    void* d, void const* symbol, size_t n, size_t offset, cudaMemcpyKind k)
{
    char* p = context().variable_address(symbol);
    if (!p) return context().note(cudaErrorInvalidSymbol);
    return copy({d, p + offset, n, k, 0, 0, n, 1}, nullptr, false);
}
}
