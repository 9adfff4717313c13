// The runtime API: streams and events.
#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {
namespace {

Event* event_of(cudaEvent_t e)
{
    auto* p = reinterpret_cast<Event*>(e);
    return context().events.count(p) ? p : nullptr;
}

}  // namespace
}  // namespace calofuse::emulator

using namespace calofuse::emulator;

extern "C" {

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* out, unsigned flags, int priority)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    if (!out || (flags & ~unsigned(cudaStreamNonBlocking))) return x.note(cudaErrorInvalidValue);
    auto* s = new Stream;
    s->index = x.next_stream++;
    s->flags = flags;
    s->priority = priority;
    x.streams.insert(s);
    *out = reinterpret_cast<cudaStream_t>(s);
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* out, unsigned flags)
{
    return cudaStreamCreateWithPriority(out, flags, 0);
}

cudaError_t cudaStreamCreate(cudaStream_t* out)
{
    return cudaStreamCreateWithPriority(out, 0, 0);
}

cudaError_t cudaStreamDestroy(cudaStream_t handle)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    Stream* s = x.stream(handle);
    if (!s || s == &x.legacy || s == &x.per_thread) return x.note(cudaErrorInvalidResourceHandle);
    if (s->capture) return x.note(cudaErrorStreamCaptureUnsupported);
    if (s->last && !s->last->done) {  // the work goes on; later legacy work still waits for it
        x.legacy.waits.push_back(s->last);
    }
    x.streams.erase(s);
    delete s;
    return x.sticky;
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    Stream* s = x.stream(handle);
    if (!s) return x.note(cudaErrorInvalidResourceHandle);
    if (s->capture) return x.capture_forbids(s);
    if (s == &x.legacy) {
        for (Stream* o : x.streams)
            if (!(o->flags & cudaStreamNonBlocking) && o->last) x.finish(o->last);
    }
    for (auto& w : s->waits)
        x.finish(w);
    return x.note(x.finish(s->last));
}

cudaError_t cudaStreamQuery(cudaStream_t handle)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    Stream* s = x.stream(handle);
    if (!s) return x.note(cudaErrorInvalidResourceHandle);
    if (s->capture) return x.capture_forbids(s);
    if (!s->last || s->last->done) return x.finish(s->last);
    x.progress();
    return cudaErrorNotReady;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    Stream* s = x.stream(handle);
    Event* e = event_of(event);
    if (!s || !e) return x.note(cudaErrorInvalidResourceHandle);
    if (e->capture) {
        if (s->capture && s->capture != e->capture) return x.note(cudaErrorStreamCaptureMerge);
        if (!s->capture) {
            s->capture = e->capture;
            s->capture_tail.clear();
            e->capture->streams.insert(s);
        }
        for (Node* n : e->capture_tail)
            if (std::find(s->capture_tail.begin(), s->capture_tail.end(), n)
                == s->capture_tail.end())
                s->capture_tail.push_back(n);
        return cudaSuccess;
    }
    if (s->capture) {
        if (!e->operation) return cudaSuccess;
        s->capture->invalid = true;
        return x.note(cudaErrorStreamCaptureIsolation);
    }
    if (e->operation) s->waits.push_back(e->operation);
    return cudaSuccess;
}

cudaError_t cudaStreamGetFlags(cudaStream_t h, unsigned* f)
{
    CALOFUSE_EMULATOR_LOCK;
    Stream* s = context().stream(h);
    if (!s) return context().note(cudaErrorInvalidResourceHandle);
    *f = s->flags;
    return cudaSuccess;
}

cudaError_t cudaStreamGetPriority(cudaStream_t h, int* p)
{
    CALOFUSE_EMULATOR_LOCK;
    Stream* s = context().stream(h);
    if (!s) return context().note(cudaErrorInvalidResourceHandle);
    *p = s->priority;
    return cudaSuccess;
}

cudaError_t cudaStreamGetDevice(cudaStream_t, int* d)
{
    *d = 0;
    return cudaSuccess;
}

cudaError_t cudaStreamGetId(cudaStream_t h, unsigned long long* id)
{
    CALOFUSE_EMULATOR_LOCK;
    Stream* s = context().stream(h);
    if (!s) return context().note(cudaErrorInvalidResourceHandle);
    *id = s->index;
    return cudaSuccess;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t s, cudaHostFn_t f, void* data)
{
    CALOFUSE_EMULATOR_LOCK;
    CALOFUSE_EMULATOR_CHECK_STICKY;
    return context().note(submit(s, HostNode{f, data}));
}

cudaError_t cudaStreamAddCallback(cudaStream_t s, cudaStreamCallback_t f, void* data, unsigned)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    Stream* q = x.stream(s);
    if (!q) return x.note(cudaErrorInvalidResourceHandle);
    x.enqueue(*q, "callback", [s, f, data] {
        f(s, cudaSuccess, data);
        return cudaSuccess;
    });
    x.maybe_run();
    return x.sticky;
}

cudaError_t cudaDeviceSynchronize()
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    if (cudaError_t e = x.capture_forbids(nullptr)) return e;
    return x.note(x.finish_all());
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* out, unsigned flags)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    if (!out) return x.note(cudaErrorInvalidValue);
    auto* e = new Event;
    e->flags = flags;
    x.events.insert(e);
    *out = reinterpret_cast<cudaEvent_t>(e);
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* out)
{
    return cudaEventCreateWithFlags(out, 0);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    CALOFUSE_EMULATOR_LOCK;
    Event* e = event_of(event);
    if (!e) return context().note(cudaErrorInvalidResourceHandle);
    context().events.erase(e);
    delete e;
    return cudaSuccess;
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t handle, unsigned)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    Stream* s = x.stream(handle);
    Event* e = event_of(event);
    if (!s || !e) return x.note(cudaErrorInvalidResourceHandle);
    if (s->capture) {
        e->capture = s->capture;
        e->capture_tail = s->capture_tail;
        e->operation = nullptr;
        return cudaSuccess;
    }
    e->capture = nullptr;
    e->operation = x.enqueue(*s, "event", nullptr);
    x.maybe_run();
    return x.sticky;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    return cudaEventRecordWithFlags(e, s, 0);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    Event* e = event_of(event);
    if (!e) return x.note(cudaErrorInvalidResourceHandle);
    if (e->capture) return e->capture->invalid = true, x.note(cudaErrorCapturedEvent);
    return e->operation ? x.note(x.finish(e->operation)) : cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    Event* e = event_of(event);
    if (!e) return x.note(cudaErrorInvalidResourceHandle);
    if (e->capture) return e->capture->invalid = true, x.note(cudaErrorCapturedEvent);
    if (!e->operation || e->operation->done)
        return e->operation ? x.finish(e->operation) : cudaSuccess;
    x.progress();
    return cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t a, cudaEvent_t b)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    Event *p = event_of(a), *q = event_of(b);
    if (!p || !q || !p->operation || !q->operation
        || (p->flags | q->flags) & cudaEventDisableTiming)
        return x.note(cudaErrorInvalidResourceHandle);
    if (!p->operation->done || !q->operation->done) return cudaErrorNotReady;
    // a nominal device with 10^12 lane instructions per second, one microsecond per operation
    *ms = float(f64(q->operation->finished_at - p->operation->finished_at) * 1e-9
                + f64(q->operation->id - p->operation->id) * 1e-3);
    return cudaSuccess;
}
}
