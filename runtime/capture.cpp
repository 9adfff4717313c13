#include "runtime/capture.hpp"

#include "runtime/config.hpp"

#if CALOFUSE_HAS_CUDA
#    include "runtime/cuda_check.cuh"
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
    Context::OwnScratch const own(ctx);
    OpenCapture open(ctx.stream());
    work_();
    open.end();
    CALOFUSE_CUDA_CHECK(cudaGraphInstantiate(&graph_, open.graph, 0));
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
        note_launch("a captured graph");
        CALOFUSE_CUDA_CHECK(cudaGraphLaunch(graph_, ctx_->stream()));
        return;
    }
#endif
    work_();
}
}  // namespace calofuse
