/// \file tests/emulator/src/runtime.hpp
/// State behind the runtime API: context, streams, operations, events, graphs.
/// Work is a set of operations with dependencies. An operation may run any time after its dependencies; the option
/// CUDA_EMU_STREAMS says when it does: at once (eager), as late as synchronisation allows (lazy), or in random order.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <variant>

#include <cuda_runtime_api.h>

#include "tests/emulator/src/machine.hpp"

namespace calofuse::emulator {

/// Which operations happen before: stream index -> sequence number.
using VectorClock = std::map<u32, u32>;

struct Operation {
    u64 id = 0;
    u32 stream = 0, sequence = 0;
    VectorClock clock;
    vector<std::shared_ptr<Operation>> dependencies;
    std::function<cudaError_t()> run;
    bool done = false;
    char const* what = "";
    u64 finished_at = 0;  // lane instructions, for cudaEventElapsedTime
    // host memory that the operation uses, so that a later operation does not poison it
    char const* host = nullptr;
    size_t host_bytes = 0;
};
using OperationPtr = std::shared_ptr<Operation>;

struct KernelNode {
    void const* function = nullptr;
    Kernel const* kernel = nullptr;
    LaunchConfig config;
    vector<char> params;
    vector<void*> pointers;  // for cudaGraphKernelNodeGetParams
};
struct CopyNode {
    void* to;
    void const* from;
    size_t bytes;
    cudaMemcpyKind kind;
    size_t to_pitch, from_pitch, width, height;
};
struct MemsetNode {
    void* to;
    int value;
    size_t width, height, pitch, element;
};
struct HostNode {
    cudaHostFn_t function;
    void* data;
};
struct FreeNode {
    void* pointer;
};
struct EmptyNode {};

struct Graph;
struct Node {
    Graph* graph = nullptr;
    size_t index = 0;
    vector<Node*> dependencies;
    std::variant<EmptyNode, KernelNode, CopyNode, MemsetNode, HostNode, FreeNode> work;
};
struct Graph {
    vector<std::unique_ptr<Node>> nodes;
};
struct GraphExec {
    std::unique_ptr<Graph> graph;
    Graph const* source = nullptr;
    vector<u32> chains;  // stream index of each node (kNone: the launching stream)
    vector<u32> sequences;
};

struct Capture {
    Graph* graph = nullptr;
    struct Stream* origin = nullptr;
    cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
    bool invalid = false;
    unsigned long long id = 0;
    std::set<struct Stream*> streams;
};

struct Stream {
    u32 index = 0, sequence = 0;
    unsigned flags = 0;
    int priority = 0;
    OperationPtr last;
    vector<OperationPtr> waits;  // of cudaStreamWaitEvent
    Capture* capture = nullptr;
    vector<Node*> capture_tail;
};

struct Event {
    unsigned flags = 0;
    OperationPtr operation;
    Capture* capture = nullptr;
    vector<Node*> capture_tail;
};

struct HostFunction {
    Module* module = nullptr;
    string name;
    Kernel* kernel = nullptr;
    int max_dynamic_shared = 48 * 1024;
    bool max_dynamic_set = false;
    bool non_portable_cluster = false;
};
struct HostVariable {
    Module* module;
    string name;
    size_t bytes;
};

class Context {
  public:
    std::recursive_mutex mutex;
    cudaError_t sticky = cudaSuccess, last = cudaSuccess;

    // errors: note() remembers an error for cudaGetLastError
    cudaError_t note(cudaError_t e);

    // program
    void load();  // parses registered modules
    std::list<Module> modules;
    std::unordered_map<void const*, HostFunction> functions;
    std::unordered_map<void const*, HostVariable> variables;
    HostFunction* find_function(void const* f);
    Kernel* kernel_of(void const* f);
    char* variable_address(void const* host, size_t* bytes = nullptr);

    // streams
    Stream* stream(cudaStream_t s);  // nullptr: invalid handle
    Stream legacy, per_thread;
    std::set<Stream*> streams;
    std::set<Event*> events;
    std::set<Graph*> graphs;
    std::set<GraphExec*> execs;
    std::set<Capture*> captures;
    u32 next_stream = 2;
    OperationPtr enqueue(Stream& s, char const* what, std::function<cudaError_t()> run);
    OperationPtr enqueue_after(Stream& s,
                               u32 chain,
                               u32 sequence,
                               vector<OperationPtr> dependencies,
                               char const* what,
                               std::function<cudaError_t()> run);
    cudaError_t finish(OperationPtr const& op);  // runs it and what it needs, the host waits
    cudaError_t finish_all();
    void progress();   // runs one operation, for queries
    void maybe_run();  // after enqueuing
    bool any_pending() const { return !pending_.empty(); }
    bool host_in_use(char const* p, size_t n) const;
    cudaError_t capture_forbids(Stream* s);  // synchronising calls during capture

    // order between operations, for the race check
    OrderOracle oracle(Operation const& op);
    bool ordered(u32 serial) const;
    Operation const* current = nullptr;

    void reset();

  private:
    vector<OperationPtr> pending_;
    struct Record {
        u32 last;
        u32 stream, sequence;
    };
    std::map<u32, Record> records_;  // first serial -> operation
    VectorClock host_;
    u64 next_id_ = 1;
    Random random_{12345};
    void run(OperationPtr const& op);
    void run_until(vector<OperationPtr> const& goals);
};

Context& context();

/// Whoever refers to it gets hooks.cpp linked from the static library: the report of leaks at exit, the hooks of tests.
extern int exit_hook_anchor;

bool on_device(Allocation const* a);  // device or managed memory
/// Notes the use of host or device memory for the race check between streams.
void touch_range(Allocation* a, char const* p, size_t n, bool write, u32 serial);

Graph* graph_of(cudaGraph_t g);  // nullptr: invalid handle
Node* node_of(cudaGraphNode_t n);
std::unique_ptr<Graph> clone(Graph const& g);
cudaError_t kernel_from_params(cudaKernelNodeParams const& p, KernelNode& k);

/// Work of graph nodes and streams alike.
cudaError_t do_kernel(KernelNode const& k);
cudaError_t do_copy(CopyNode const& c);
cudaError_t do_memset(MemsetNode const& m);
cudaError_t prepare_kernel(void const* f,
                           cudaLaunchConfig_t const& c,
                           void** args,
                           KernelNode& out);
std::function<cudaError_t()> node_work(Node& n);
char const* node_name(Node const& n);
/// Runs or captures a piece of work on a stream.
cudaError_t submit(
    cudaStream_t s,
    std::variant<EmptyNode, KernelNode, CopyNode, MemsetNode, HostNode, FreeNode> work,
    OperationPtr* out = nullptr);

#define CALOFUSE_EMULATOR_LOCK std::lock_guard emu_lock(calofuse::emulator::context().mutex)
#define CALOFUSE_EMULATOR_CHECK_STICKY                       \
    if (calofuse::emulator::context().sticky != cudaSuccess) \
    return calofuse::emulator::context().sticky

}  // namespace calofuse::emulator
