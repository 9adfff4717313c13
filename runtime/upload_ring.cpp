#include "runtime/upload_ring.hpp"

#include "runtime/config.hpp"

#if CALOFUSE_HAS_CUDA
#    include "runtime/cuda_check.cuh"

namespace calofuse {
UploadRing::UploadRing(Context& ctx, int slots, std::size_t bytes_per_slot)
    : ctx_(&ctx)
    , bytes_(bytes_per_slot)
    , device_(ctx, static_cast<std::int64_t>(bytes_per_slot) * slots)
    , slots_(static_cast<std::size_t>(slots))
{
    CALOFUSE_CHECK(ctx.backend() == Backend::cuda, "an upload ring needs a GPU");
    CALOFUSE_CUDA_CHECK(cudaStreamCreateWithFlags(&copies_, cudaStreamNonBlocking));
    for (Slot& s : slots_) {
        CALOFUSE_CUDA_CHECK(cudaMallocHost(reinterpret_cast<void**>(&s.pinned), bytes_));
        CALOFUSE_CUDA_CHECK(cudaEventCreateWithFlags(&s.uploaded, cudaEventDisableTiming));
        CALOFUSE_CUDA_CHECK(cudaEventCreateWithFlags(&s.released, cudaEventDisableTiming));
        // The memory may be a block that earlier work of the context still uses.
        CALOFUSE_CUDA_CHECK(cudaEventRecord(s.released, ctx.stream()));
    }
}

UploadRing::~UploadRing()
{
    cudaStreamSynchronize(copies_);
    cudaStreamSynchronize(ctx_->stream());
    for (Slot const& s : slots_) {
        cudaEventDestroy(s.uploaded);
        cudaEventDestroy(s.released);
        cudaFreeHost(s.pinned);
    }
    cudaStreamDestroy(copies_);
}

std::byte* UploadRing::stage(int slot)
{
    Slot const& s = slots_[static_cast<std::size_t>(slot)];
    CALOFUSE_CUDA_CHECK(cudaEventSynchronize(s.uploaded));
    return s.pinned;
}

void UploadRing::upload(int slot, std::size_t bytes)
{
    Slot const& s = slots_[static_cast<std::size_t>(slot)];
    CALOFUSE_CUDA_CHECK(cudaStreamWaitEvent(copies_, s.released));
    CALOFUSE_CUDA_CHECK(cudaMemcpyAsync(device_data() + static_cast<std::size_t>(slot) * bytes_,
                                        s.pinned, bytes, cudaMemcpyHostToDevice, copies_));
    CALOFUSE_CUDA_CHECK(cudaEventRecord(s.uploaded, copies_));
}

void UploadRing::acquire(int slot)
{
    CALOFUSE_CUDA_CHECK(
        cudaStreamWaitEvent(ctx_->stream(), slots_[static_cast<std::size_t>(slot)].uploaded));
}

void UploadRing::release(int slot)
{
    CALOFUSE_CUDA_CHECK(
        cudaEventRecord(slots_[static_cast<std::size_t>(slot)].released, ctx_->stream()));
}
}  // namespace calofuse
#else
namespace calofuse {
UploadRing::UploadRing(Context& ctx, int, std::size_t bytes)
    : ctx_(&ctx), bytes_(bytes), device_(ctx, 0)
{
    throw_not_built("UploadRing", "CUDA");
}
UploadRing::~UploadRing() = default;
std::byte* UploadRing::stage(int)
{
    return nullptr;
}
void UploadRing::upload(int, std::size_t) {}
void UploadRing::acquire(int) {}
void UploadRing::release(int) {}
}  // namespace calofuse
#endif
