// The runtime API: graphs and their nodes.
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {

Graph* graph_of(cudaGraph_t g)
{
    auto* p = reinterpret_cast<Graph*>(g);
    return context().graphs.count(p) ? p : nullptr;
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

namespace {

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

}  // namespace

cudaError_t kernel_from_params(cudaKernelNodeParams const& p, KernelNode& k)
{
    cudaLaunchConfig_t c{};
    c.gridDim = p.gridDim;
    c.blockDim = p.blockDim;
    c.dynamicSmemBytes = p.sharedMemBytes;
    return prepare_kernel(p.func, c, p.kernelParams, k);
}

}  // namespace calofuse::emulator

using namespace calofuse::emulator;

extern "C" {

cudaError_t cudaGraphCreate(cudaGraph_t* out, unsigned)
{
    CALOFUSE_EMULATOR_LOCK;
    auto* g = new Graph;
    context().graphs.insert(g);
    *out = reinterpret_cast<cudaGraph_t>(g);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    CALOFUSE_EMULATOR_LOCK;
    Graph* g = graph_of(graph);
    if (!g) return context().note(cudaErrorInvalidValue);
    context().graphs.erase(g);
    delete g;
    return cudaSuccess;
}

cudaError_t cudaGraphClone(cudaGraph_t* out, cudaGraph_t graph)
{
    CALOFUSE_EMULATOR_LOCK;
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
    CALOFUSE_EMULATOR_LOCK;
    return add_node(out, g, d, n, EmptyNode{});
}

cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t* out,
                                   cudaGraph_t g,
                                   cudaGraphNode_t const* d,
                                   size_t n,
                                   cudaKernelNodeParams const* p)
{
    CALOFUSE_EMULATOR_LOCK;
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
    CALOFUSE_EMULATOR_LOCK;
    return add_node(out, g, d, n, CopyNode{to, from, bytes, kind, 0, 0, bytes, 1});
}

cudaError_t cudaGraphAddMemsetNode(cudaGraphNode_t* out,
                                   cudaGraph_t g,
                                   cudaGraphNode_t const* d,
                                   size_t n,
                                   cudaMemsetParams const* p)
{
    CALOFUSE_EMULATOR_LOCK;
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
    CALOFUSE_EMULATOR_LOCK;
    return add_node(out, g, d, n, HostNode{p->fn, p->userData});
}

cudaError_t cudaGraphAddDependencies(cudaGraph_t g,
                                     cudaGraphNode_t const* from,
                                     cudaGraphNode_t const* to,
                                     cudaGraphEdgeData const*,
                                     size_t n)
{
    CALOFUSE_EMULATOR_LOCK;
    if (!graph_of(g)) return context().note(cudaErrorInvalidValue);
    for (size_t i = 0; i < n; ++i)
        node_of(to[i])->dependencies.push_back(node_of(from[i]));
    return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* n)
{
    CALOFUSE_EMULATOR_LOCK;
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
    CALOFUSE_EMULATOR_LOCK;
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
    CALOFUSE_EMULATOR_LOCK;
    Node* q = node_of(node);
    if (deps)
        for (size_t i = 0; i < std::min(*n, q->dependencies.size()); ++i)
            deps[i] = reinterpret_cast<cudaGraphNode_t>(q->dependencies[i]);
    *n = q->dependencies.size();
    return cudaSuccess;
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* t)
{
    CALOFUSE_EMULATOR_LOCK;
    static cudaGraphNodeType const types[] = {cudaGraphNodeTypeEmpty,  cudaGraphNodeTypeKernel,
                                              cudaGraphNodeTypeMemcpy, cudaGraphNodeTypeMemset,
                                              cudaGraphNodeTypeHost,   cudaGraphNodeTypeMemFree};
    *t = types[node_of(node)->work.index()];
    return cudaSuccess;
}

cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t node, cudaKernelNodeParams* p)
{
    CALOFUSE_EMULATOR_LOCK;
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
    CALOFUSE_EMULATOR_LOCK;
    KernelNode k;
    if (cudaError_t e = kernel_from_params(*p, k); e != cudaSuccess) return context().note(e);
    node_of(node)->work = std::move(k);
    return cudaSuccess;
}
}
