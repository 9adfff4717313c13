// Pieces of work of streams and graph nodes alike.
#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {

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

}  // namespace calofuse::emulator
