// The runtime API: executable graphs.
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {
namespace {

GraphExec* exec_of(cudaGraphExec_t g)
{
    auto* p = reinterpret_cast<GraphExec*>(g);
    return context().execs.count(p) ? p : nullptr;
}

void set_up_chains(GraphExec& e)
{
    // nodes that follow one another share a stream index, so that clocks stay small
    auto const& nodes = e.graph->nodes;
    e.chains.assign(nodes.size(), kNone);
    vector<bool> continued(nodes.size(), false);
    bool first_root = true;
    for (auto& n : nodes) {
        u32 chain = kNone;
        bool found = false;
        for (Node* d : n->dependencies)
            if (!continued[d->index]) {
                continued[d->index] = true;
                chain = e.chains[d->index];
                found = true;
                break;
            }
        if (!found) {
            if (n->dependencies.empty() && first_root)
                first_root = false;
            else
                chain = context().next_stream++;
        }
        e.chains[n->index] = chain;
    }
    e.sequences.assign(nodes.size(), 0);
}

vector<Node*> ordered_nodes(Graph& g)
{
    vector<Node*> order;
    std::set<Node*> done;
    std::function<void(Node*)> visit = [&](Node* n) {
        if (!done.insert(n).second) return;
        for (Node* d : n->dependencies)
            visit(d);
        order.push_back(n);
    };
    for (auto& n : g.nodes)
        visit(n.get());
    return order;
}

}  // namespace
}  // namespace calofuse::emulator

using namespace calofuse::emulator;

extern "C" {

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* out,
                                          cudaGraph_t graph,
                                          unsigned long long)
{
    CALOFUSE_EMULATOR_LOCK;
    Graph* g = graph_of(graph);
    if (!g) return context().note(cudaErrorInvalidValue);
    auto* e = new GraphExec;
    e->graph = clone(*g);
    e->source = g;
    set_up_chains(*e);
    context().execs.insert(e);
    *out = reinterpret_cast<cudaGraphExec_t>(e);
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* out, cudaGraph_t graph, unsigned long long flags)
{
    return cudaGraphInstantiateWithFlags(out, graph, flags);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    CALOFUSE_EMULATOR_LOCK;
    GraphExec* e = exec_of(exec);
    if (!e) return context().note(cudaErrorInvalidValue);
    context().execs.erase(e);
    delete e;
    return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t)
{
    CALOFUSE_EMULATOR_LOCK;
    return exec_of(exec) ? cudaSuccess : context().note(cudaErrorInvalidValue);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    GraphExec* e = exec_of(exec);
    Stream* s = x.stream(stream);
    if (!e || !s) return x.note(cudaErrorInvalidValue);
    if (s->capture) return x.note(cudaErrorStreamCaptureUnsupported);
    OperationPtr begin = x.enqueue(*s, "graph", nullptr);
    vector<OperationPtr> ops(e->graph->nodes.size()), all = {begin};
    std::map<u32, u32> next;  // chain -> sequence
    for (Node* n : ordered_nodes(*e->graph)) {
        vector<OperationPtr> d = {begin};
        for (Node* q : n->dependencies)
            d.push_back(ops[q->index]);
        u32 const chain = e->chains[n->index];
        u32 sequence = 0;
        if (chain != kNone) {
            static std::map<u32, u32> sequences;
            sequence = ++sequences[chain];
        }
        ops[n->index] =
            x.enqueue_after(*s, chain, sequence, std::move(d), node_name(*n), node_work(*n));
        all.push_back(ops[n->index]);
    }
    s->last = x.enqueue_after(*s, kNone, 0, all, "end of a graph", nullptr);
    x.maybe_run();
    return x.sticky;
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t exec,
                                             cudaGraphNode_t node,
                                             cudaKernelNodeParams const* p)
{
    CALOFUSE_EMULATOR_LOCK;
    GraphExec* e = exec_of(exec);
    Node* n = node_of(node);
    if (!e || !n || n->index >= e->graph->nodes.size()
        || !std::holds_alternative<KernelNode>(e->graph->nodes[n->index]->work))
        return context().note(cudaErrorInvalidValue);
    KernelNode k;
    if (cudaError_t r = kernel_from_params(*p, k); r != cudaSuccess) return context().note(r);
    k.config.cluster = std::get<KernelNode>(e->graph->nodes[n->index]->work).config.cluster;
    e->graph->nodes[n->index]->work = std::move(k);
    return cudaSuccess;
}

cudaError_t cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t exec,
                                               cudaGraphNode_t node,
                                               void* to,
                                               void const* from,
                                               size_t bytes,
                                               cudaMemcpyKind kind)
{
    CALOFUSE_EMULATOR_LOCK;
    GraphExec* e = exec_of(exec);
    Node* n = node_of(node);
    if (!e || !n || n->index >= e->graph->nodes.size()
        || !std::holds_alternative<CopyNode>(e->graph->nodes[n->index]->work))
        return context().note(cudaErrorInvalidValue);
    e->graph->nodes[n->index]->work = CopyNode{to, from, bytes, kind, 0, 0, bytes, 1};
    return cudaSuccess;
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec,
                                cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo* info)
{
    CALOFUSE_EMULATOR_LOCK;
    GraphExec* e = exec_of(exec);
    Graph* g = graph_of(graph);
    if (!e || !g) return context().note(cudaErrorInvalidValue);
    auto fail = [&](cudaGraphExecUpdateResult r, Node* n) {
        if (info)
            *info = {}, info->result = r, info->errorNode = reinterpret_cast<cudaGraphNode_t>(n);
        return context().note(cudaErrorGraphExecUpdateFailure);
    };
    if (g->nodes.size() != e->graph->nodes.size())
        return fail(cudaGraphExecUpdateErrorTopologyChanged, nullptr);
    for (size_t i = 0; i < g->nodes.size(); ++i) {
        Node &a = *g->nodes[i], &b = *e->graph->nodes[i];
        if (a.work.index() != b.work.index())
            return fail(cudaGraphExecUpdateErrorNodeTypeChanged, &a);
        if (a.dependencies.size() != b.dependencies.size())
            return fail(cudaGraphExecUpdateErrorTopologyChanged, &a);
        for (size_t d = 0; d < a.dependencies.size(); ++d)
            if (a.dependencies[d]->index != b.dependencies[d]->index)
                return fail(cudaGraphExecUpdateErrorTopologyChanged, &a);
        if (auto* k = std::get_if<KernelNode>(&a.work);
            k && k->kernel != std::get<KernelNode>(b.work).kernel)
            return fail(cudaGraphExecUpdateErrorFunctionChanged, &a);
    }
    for (size_t i = 0; i < g->nodes.size(); ++i)
        e->graph->nodes[i]->work = g->nodes[i]->work;
    if (info) *info = {}, info->result = cudaGraphExecUpdateSuccess;
    return cudaSuccess;
}
}
