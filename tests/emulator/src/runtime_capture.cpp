// The runtime API: capture of streams into graphs.
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {
namespace {

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
}  // namespace calofuse::emulator

using namespace calofuse::emulator;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
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
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
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
    CALOFUSE_EMULATOR_LOCK;
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
    CALOFUSE_EMULATOR_LOCK;
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
