#include "runtime/device/capture.hpp"

#include "runtime/config.hpp"

#if CALOFUSE_HAS_CUDA
#    include "runtime/device/cuda_check.cuh"
#endif

namespace calofuse {
#if CALOFUSE_HAS_CUDA
namespace {
/// Ends a capture that an exception leaves behind.
struct OpenCapture {
    cudaStream_t stream;
    cudaGraph_t graph = nullptr;
    bool ended = false;

    explicit OpenCapture(cudaStream_t s) : stream(s)
    {
        // Relaxed: the pool may have to ask the driver for memory.
        CALOFUSE_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    }
    void end()
    {
        ended = true;
        CALOFUSE_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
    }
    ~OpenCapture()
    {
        if (!ended) cudaStreamEndCapture(stream, &graph);
        cudaGetLastError();
        if (graph != nullptr) cudaGraphDestroy(graph);
    }
};
}  // namespace
#endif

Capture::Capture(Context& ctx, std::function<void()> work) : ctx_(&ctx), work_(std::move(work))
{
#if CALOFUSE_HAS_CUDA
    if (ctx.backend() != Backend::cuda) return;
    OpenCapture open(ctx.stream());
    work_();
    open.end();
    CALOFUSE_CUDA_CHECK(cudaGraphInstantiate(&graph_, open.graph, 0));
    // Memory of the graph itself: or the first launch would take it.
    cudaError_t const uploaded = cudaGraphUpload(graph_, ctx.stream());
    if (uploaded != cudaSuccess) cudaGraphExecDestroy(graph_);
    CALOFUSE_CUDA_CHECK(uploaded);
#endif
}

Capture::~Capture()
{
#if CALOFUSE_HAS_CUDA
    if (graph_ == nullptr) return;
    cudaStreamSynchronize(ctx_->stream());
    cudaGraphExecDestroy(graph_);
#endif
}

void Capture::replay()
{
#if CALOFUSE_HAS_CUDA
    if (graph_ != nullptr) {
        CALOFUSE_CHECK(!ctx_->scratch_in_use(), "a replay inside an operator");
        note_launch("a captured graph");
        CALOFUSE_CUDA_CHECK(cudaGraphLaunch(graph_, ctx_->stream()));
        return;
    }
#endif
    work_();
}
}  // namespace calofuse
