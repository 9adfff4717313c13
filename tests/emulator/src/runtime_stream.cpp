// Streams, events, host functions, stream capture.
#include <algorithm>

#include "report.hpp"
#include "runtime.hpp"

namespace emu {

std::function<cudaError_t()> node_work(Node& n)
{
    struct Visitor {
        std::function<cudaError_t()> operator()(EmptyNode const&) const
        {
            return [] {
                return cudaSuccess;
            };
        }
        std::function<cudaError_t()> operator()(KernelNode const& k) const
        {
            return [k] {
                return do_kernel(k);
            };
        }
        std::function<cudaError_t()> operator()(CopyNode const& c) const
        {
            return [c] {
                return do_copy(c);
            };
        }
        std::function<cudaError_t()> operator()(MemsetNode const& m) const
        {
            return [m] {
                return do_memset(m);
            };
        }
        std::function<cudaError_t()> operator()(HostNode const& h) const
        {
            return [h] {
                h.function(h.data);
                return cudaSuccess;
            };
        }
        std::function<cudaError_t()> operator()(FreeNode const& f) const
        {
            return [f] {
                return free_device(static_cast<char*>(f.pointer)) ? cudaSuccess
                                                                  : cudaErrorInvalidValue;
            };
        }
    };
    return std::visit(Visitor{}, n.work);
}
char const* node_name(Node const& n)
{
    static char const* names[] = {"empty node", "kernel",        "copy",
                                  "memset",     "host function", "free"};
    return names[n.work.index()];
}

cudaError_t submit(
    cudaStream_t handle,
    std::variant<EmptyNode, KernelNode, CopyNode, MemsetNode, HostNode, FreeNode> work,
    OperationPtr* out)
{
    Context& x = context();
    Stream* s = x.stream(handle);
    if (!s) return x.note(cudaErrorInvalidResourceHandle);
    if (s->capture) {
        if (s->capture->invalid) return x.note(cudaErrorStreamCaptureInvalidated);
        auto n = std::make_unique<Node>();
        Graph& g = *s->capture->graph;
        n->graph = &g;
        n->index = g.nodes.size();
        n->dependencies = s->capture_tail;
        if (std::holds_alternative<FreeNode>(work))
            n->work = EmptyNode{};  // memory of a graph lives as long as the process uses it
        else
            n->work = std::move(work);
        s->capture_tail = {n.get()};
        g.nodes.push_back(std::move(n));
        return cudaSuccess;
    }
    for (Capture* c : x.captures)
        if (s == &x.legacy && c->mode != cudaStreamCaptureModeRelaxed && c->origin
            && !(c->origin->flags & cudaStreamNonBlocking)) {
            c->invalid = true;
            return x.note(cudaErrorStreamCaptureImplicit);
        }
    Node n;
    n.work = std::move(work);
    OperationPtr op = x.enqueue(*s, node_name(n), node_work(n));
    if (out) *out = op;
    x.maybe_run();
    return x.sticky;
}

}  // namespace emu

using namespace emu;

namespace {
Event* event_of(cudaEvent_t e)
{
    auto* p = reinterpret_cast<Event*>(e);
    return context().events.count(p) ? p : nullptr;
}
void end_capture(Capture* c)
{
    Context& x = context();
    for (Stream* s : c->streams)
        s->capture = nullptr, s->capture_tail.clear();
    for (Event* e : x.events)
        if (e->capture == c) e->capture = nullptr, e->capture_tail.clear();
    x.captures.erase(c);
    delete c;
}
}  // namespace

extern "C" {

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* out, unsigned flags, int priority)
{
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
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
    EMU_LOCK;
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
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
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
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
    Stream* s = x.stream(handle);
    if (!s) return x.note(cudaErrorInvalidResourceHandle);
    if (s->capture) return x.capture_forbids(s);
    if (!s->last || s->last->done) return x.finish(s->last);
    x.progress();
    return cudaErrorNotReady;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned)
{
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
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
    EMU_LOCK;
    Stream* s = context().stream(h);
    if (!s) return context().note(cudaErrorInvalidResourceHandle);
    *f = s->flags;
    return cudaSuccess;
}
cudaError_t cudaStreamGetPriority(cudaStream_t h, int* p)
{
    EMU_LOCK;
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
    EMU_LOCK;
    Stream* s = context().stream(h);
    if (!s) return context().note(cudaErrorInvalidResourceHandle);
    *id = s->index;
    return cudaSuccess;
}
cudaError_t cudaLaunchHostFunc(cudaStream_t s, cudaHostFn_t f, void* data)
{
    EMU_LOCK;
    EMU_CHECK_STICKY;
    return context().note(submit(s, HostNode{f, data}));
}
cudaError_t cudaStreamAddCallback(cudaStream_t s, cudaStreamCallback_t f, void* data, unsigned)
{
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
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
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
    if (cudaError_t e = x.capture_forbids(nullptr)) return e;
    return x.note(x.finish_all());
}

// ---- events
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* out, unsigned flags)
{
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
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
    EMU_LOCK;
    Event* e = event_of(event);
    if (!e) return context().note(cudaErrorInvalidResourceHandle);
    context().events.erase(e);
    delete e;
    return cudaSuccess;
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t handle, unsigned)
{
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
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
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
    Event* e = event_of(event);
    if (!e) return x.note(cudaErrorInvalidResourceHandle);
    if (e->capture) return e->capture->invalid = true, x.note(cudaErrorCapturedEvent);
    return e->operation ? x.note(x.finish(e->operation)) : cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event)
{
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
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
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
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

// ---- capture
cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode)
{
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
    Stream* s = x.stream(handle);
    if (!s) return x.note(cudaErrorInvalidResourceHandle);
    if (s == &x.legacy) return x.note(cudaErrorStreamCaptureUnsupported);
    if (s->capture) return x.note(cudaErrorIllegalState);
    static unsigned long long next_id = 1;
    auto* c = new Capture;
    c->graph = new Graph;
    x.graphs.insert(c->graph);
    c->origin = s;
    c->mode = mode;
    c->id = next_id++;
    c->streams.insert(s);
    x.captures.insert(c);
    s->capture = c;
    s->capture_tail.clear();
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* out)
{
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
    Stream* s = x.stream(handle);
    if (!s) return x.note(cudaErrorInvalidResourceHandle);
    Capture* c = s->capture;
    if (!c) return x.note(cudaErrorIllegalState);
    if (c->origin != s) return x.note(cudaErrorStreamCaptureUnmatched);
    *out = nullptr;
    if (c->invalid) {
        end_capture(c);
        return x.note(cudaErrorStreamCaptureInvalidated);
    }
    // every forked stream must have joined the origin
    std::set<Node*> joined;
    std::function<void(Node*)> visit = [&](Node* n) {
        if (joined.insert(n).second)
            for (Node* d : n->dependencies)
                visit(d);
    };
    for (Node* n : s->capture_tail)
        visit(n);
    bool const unjoined = joined.size() != c->graph->nodes.size();
    Graph* g = c->graph;
    end_capture(c);
    if (unjoined) return x.note(cudaErrorStreamCaptureUnjoined);
    *out = reinterpret_cast<cudaGraph_t>(g);
    return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status)
{
    EMU_LOCK;
    Context& x = context();
    Stream* s = x.stream(handle);
    if (!s) return x.note(cudaErrorInvalidResourceHandle);
    *status = !s->capture           ? cudaStreamCaptureStatusNone
              : s->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                    : cudaStreamCaptureStatusActive;
    return cudaSuccess;
}
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t handle,
                                     cudaStreamCaptureStatus* status,
                                     unsigned long long* id,
                                     cudaGraph_t* graph,
                                     cudaGraphNode_t const** deps,
                                     cudaGraphEdgeData const** edges,
                                     size_t* n)
{
    EMU_LOCK;
    Stream* s = context().stream(handle);
    if (!s) return context().note(cudaErrorInvalidResourceHandle);
    cudaStreamIsCapturing(handle, status);
    if (s->capture) {
        if (id) *id = s->capture->id;
        if (graph) *graph = reinterpret_cast<cudaGraph_t>(s->capture->graph);
        if (deps) *deps = reinterpret_cast<cudaGraphNode_t const*>(s->capture_tail.data());
        if (n) *n = s->capture_tail.size();
    }
    if (edges) *edges = nullptr;
    return cudaSuccess;
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode)
{
    static thread_local cudaStreamCaptureMode current = cudaStreamCaptureModeGlobal;
    std::swap(*mode, current);
    return cudaSuccess;
}
}
