// CUDA graphs: explicit construction, instantiation, launch, update. A launch becomes one operation per node.
#include <algorithm>

#include "runtime.hpp"

using namespace emu;

namespace {

Graph* graph_of(cudaGraph_t g)
{
    auto* p = reinterpret_cast<Graph*>(g);
    return context().graphs.count(p) ? p : nullptr;
}
GraphExec* exec_of(cudaGraphExec_t g)
{
    auto* p = reinterpret_cast<GraphExec*>(g);
    return context().execs.count(p) ? p : nullptr;
}
Node* node_of(cudaGraphNode_t n)
{
    return reinterpret_cast<Node*>(n);
}

std::unique_ptr<Graph> clone(Graph const& g)
{
    auto r = std::make_unique<Graph>();
    for (auto& n : g.nodes) {
        auto c = std::make_unique<Node>();
        c->graph = r.get();
        c->index = n->index;
        c->work = n->work;
        r->nodes.push_back(std::move(c));
    }
    for (size_t i = 0; i < g.nodes.size(); ++i)
        for (Node* d : g.nodes[i]->dependencies)
            r->nodes[i]->dependencies.push_back(r->nodes[d->index].get());
    return r;
}

cudaError_t add_node(cudaGraphNode_t* out,
                     cudaGraph_t graph,
                     cudaGraphNode_t const* deps,
                     size_t n,
                     decltype(Node::work) work)
{
    Graph* g = graph_of(graph);
    if (!g) return context().note(cudaErrorInvalidValue);
    auto node = std::make_unique<Node>();
    node->graph = g;
    node->index = g->nodes.size();
    for (size_t i = 0; i < n; ++i)
        node->dependencies.push_back(node_of(deps[i]));
    node->work = std::move(work);
    if (out) *out = reinterpret_cast<cudaGraphNode_t>(node.get());
    g->nodes.push_back(std::move(node));
    return cudaSuccess;
}
cudaError_t kernel_from_params(cudaKernelNodeParams const& p, KernelNode& k)
{
    cudaLaunchConfig_t c{};
    c.gridDim = p.gridDim;
    c.blockDim = p.blockDim;
    c.dynamicSmemBytes = p.sharedMemBytes;
    return prepare_kernel(p.func, c, p.kernelParams, k);
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
/// Topological order: creation order is one unless dependencies were added later.
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

extern "C" {

cudaError_t cudaGraphCreate(cudaGraph_t* out, unsigned)
{
    EMU_LOCK;
    auto* g = new Graph;
    context().graphs.insert(g);
    *out = reinterpret_cast<cudaGraph_t>(g);
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    EMU_LOCK;
    Graph* g = graph_of(graph);
    if (!g) return context().note(cudaErrorInvalidValue);
    context().graphs.erase(g);
    delete g;
    return cudaSuccess;
}
cudaError_t cudaGraphClone(cudaGraph_t* out, cudaGraph_t graph)
{
    EMU_LOCK;
    Graph* g = graph_of(graph);
    if (!g) return context().note(cudaErrorInvalidValue);
    Graph* c = clone(*g).release();
    context().graphs.insert(c);
    *out = reinterpret_cast<cudaGraph_t>(c);
    return cudaSuccess;
}
cudaError_t cudaGraphAddEmptyNode(cudaGraphNode_t* out,
                                  cudaGraph_t g,
                                  cudaGraphNode_t const* d,
                                  size_t n)
{
    EMU_LOCK;
    return add_node(out, g, d, n, EmptyNode{});
}
cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t* out,
                                   cudaGraph_t g,
                                   cudaGraphNode_t const* d,
                                   size_t n,
                                   cudaKernelNodeParams const* p)
{
    EMU_LOCK;
    KernelNode k;
    if (cudaError_t e = kernel_from_params(*p, k); e != cudaSuccess) return context().note(e);
    return add_node(out, g, d, n, std::move(k));
}
cudaError_t cudaGraphAddMemcpyNode1D(cudaGraphNode_t* out,
                                     cudaGraph_t g,
                                     cudaGraphNode_t const* d,
                                     size_t n,
                                     void* to,
                                     void const* from,
                                     size_t bytes,
                                     cudaMemcpyKind kind)
{
    EMU_LOCK;
    return add_node(out, g, d, n, CopyNode{to, from, bytes, kind, 0, 0, bytes, 1});
}
cudaError_t cudaGraphAddMemsetNode(cudaGraphNode_t* out,
                                   cudaGraph_t g,
                                   cudaGraphNode_t const* d,
                                   size_t n,
                                   cudaMemsetParams const* p)
{
    EMU_LOCK;
    return add_node(
        out, g, d, n,
        MemsetNode{p->dst, int(p->value), p->width, p->height, p->pitch, p->elementSize});
}
cudaError_t cudaGraphAddHostNode(cudaGraphNode_t* out,
                                 cudaGraph_t g,
                                 cudaGraphNode_t const* d,
                                 size_t n,
                                 cudaHostNodeParams const* p)
{
    EMU_LOCK;
    return add_node(out, g, d, n, HostNode{p->fn, p->userData});
}
cudaError_t cudaGraphAddDependencies(cudaGraph_t g,
                                     cudaGraphNode_t const* from,
                                     cudaGraphNode_t const* to,
                                     cudaGraphEdgeData const*,
                                     size_t n)
{
    EMU_LOCK;
    if (!graph_of(g)) return context().note(cudaErrorInvalidValue);
    for (size_t i = 0; i < n; ++i)
        node_of(to[i])->dependencies.push_back(node_of(from[i]));
    return cudaSuccess;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* n)
{
    EMU_LOCK;
    Graph* g = graph_of(graph);
    if (!g) return context().note(cudaErrorInvalidValue);
    if (nodes)
        for (size_t i = 0; i < std::min(*n, g->nodes.size()); ++i)
            nodes[i] = reinterpret_cast<cudaGraphNode_t>(g->nodes[i].get());
    *n = g->nodes.size();
    return cudaSuccess;
}
cudaError_t cudaGraphGetRootNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* n)
{
    EMU_LOCK;
    Graph* g = graph_of(graph);
    if (!g) return context().note(cudaErrorInvalidValue);
    size_t k = 0;
    for (auto& q : g->nodes)
        if (q->dependencies.empty()) {
            if (nodes && k < *n) nodes[k] = reinterpret_cast<cudaGraphNode_t>(q.get());
            ++k;
        }
    *n = k;
    return cudaSuccess;
}
cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t node,
                                         cudaGraphNode_t* deps,
                                         cudaGraphEdgeData*,
                                         size_t* n)
{
    EMU_LOCK;
    Node* q = node_of(node);
    if (deps)
        for (size_t i = 0; i < std::min(*n, q->dependencies.size()); ++i)
            deps[i] = reinterpret_cast<cudaGraphNode_t>(q->dependencies[i]);
    *n = q->dependencies.size();
    return cudaSuccess;
}
cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* t)
{
    EMU_LOCK;
    static const cudaGraphNodeType types[] = {cudaGraphNodeTypeEmpty,  cudaGraphNodeTypeKernel,
                                              cudaGraphNodeTypeMemcpy, cudaGraphNodeTypeMemset,
                                              cudaGraphNodeTypeHost,   cudaGraphNodeTypeMemFree};
    *t = types[node_of(node)->work.index()];
    return cudaSuccess;
}
cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t node, cudaKernelNodeParams* p)
{
    EMU_LOCK;
    auto* k = std::get_if<KernelNode>(&node_of(node)->work);
    if (!k) return context().note(cudaErrorInvalidValue);
    k->pointers.clear();
    for (auto& s : k->kernel->params)
        k->pointers.push_back(k->params.data() + s.offset);
    *p = {};
    p->func = const_cast<void*>(k->function);
    p->gridDim = dim3(k->config.grid.x, k->config.grid.y, k->config.grid.z);
    p->blockDim = dim3(k->config.block.x, k->config.block.y, k->config.block.z);
    p->sharedMemBytes = unsigned(k->config.dynamic_shared);
    p->kernelParams = k->pointers.data();
    return cudaSuccess;
}
cudaError_t cudaGraphKernelNodeSetParams(cudaGraphNode_t node, cudaKernelNodeParams const* p)
{
    EMU_LOCK;
    KernelNode k;
    if (cudaError_t e = kernel_from_params(*p, k); e != cudaSuccess) return context().note(e);
    node_of(node)->work = std::move(k);
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* out,
                                          cudaGraph_t graph,
                                          unsigned long long)
{
    EMU_LOCK;
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
    EMU_LOCK;
    GraphExec* e = exec_of(exec);
    if (!e) return context().note(cudaErrorInvalidValue);
    context().execs.erase(e);
    delete e;
    return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t)
{
    EMU_LOCK;
    return exec_of(exec) ? cudaSuccess : context().note(cudaErrorInvalidValue);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    EMU_LOCK;
    Context& x = context();
    EMU_CHECK_STICKY;
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
        const u32 chain = e->chains[n->index];
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
    EMU_LOCK;
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
    EMU_LOCK;
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
    EMU_LOCK;
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
