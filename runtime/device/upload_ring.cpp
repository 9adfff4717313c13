#include "runtime/device/upload_ring.hpp"

#include "runtime/config.hpp"

#if CALOFUSE_HAS_CUDA
#    include <fmt/format.h>

#    include "runtime/device/cuda_check.cuh"

namespace calofuse {
namespace {
std::byte* new_pinned(std::size_t bytes)
{
    void* pinned = nullptr;
    cudaError_t const got = cudaMallocHost(&pinned, bytes);
    if (got == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        throw Error(Exit::os, "CF-DEV-06",
                    fmt::format("the system does not let {} MB of the host's memory be pinned",
                                bytes / 1'000'000),
                    "lower train.batch_size or train.steps_per_graph: three slots of as many rows");
    }
    CALOFUSE_CUDA_CHECK(got);
    return static_cast<std::byte*>(pinned);
}

CUevent_st* new_event()
{
    cudaEvent_t event = nullptr;
    CALOFUSE_CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    return event;
}
}  // namespace

void UploadRing::Release::operator()(std::byte* pinned) const noexcept
{
    cudaFreeHost(pinned);
}
void UploadRing::Release::operator()(CUevent_st* event) const noexcept
{
    cudaEventDestroy(event);
}
void UploadRing::Release::operator()(CUstream_st* stream) const noexcept
{
    cudaStreamDestroy(stream);
}

UploadRing::UploadRing(Context& ctx, int slots, std::size_t bytes_per_slot)
    : ctx_(&ctx)
    , bytes_(bytes_per_slot)
    , device_(ctx, static_cast<std::int64_t>(bytes_per_slot) * slots)
    , slots_(static_cast<std::size_t>(slots))
{
    CALOFUSE_CHECK(ctx.backend() == Backend::cuda, "an upload ring needs a GPU");
    cudaStream_t stream = nullptr;
    CALOFUSE_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    copies_.reset(stream);
    for (Slot& s : slots_) {
        s.pinned.reset(new_pinned(bytes_));
        s.uploaded.reset(new_event());
        s.released.reset(new_event());
        // The memory may be a block that earlier work of the context still uses.
        CALOFUSE_CUDA_CHECK(cudaEventRecord(s.released.get(), ctx.stream()));
    }
}

UploadRing::~UploadRing()
{
    cudaStreamSynchronize(copies_.get());
    cudaStreamSynchronize(ctx_->stream());
}

std::byte* UploadRing::stage(int slot)
{
    Slot const& s = slots_[static_cast<std::size_t>(slot)];
    CALOFUSE_CUDA_CHECK(cudaEventSynchronize(s.uploaded.get()));
    return s.pinned.get();
}

void UploadRing::upload(int slot, std::span<Piece const> pieces)
{
    Slot const& s = slots_[static_cast<std::size_t>(slot)];
    CALOFUSE_CUDA_CHECK(cudaStreamWaitEvent(copies_.get(), s.released.get()));
    for (Piece const& piece : pieces)
        CALOFUSE_CUDA_CHECK(cudaMemcpyAsync(device_data() + piece.to, s.pinned.get() + piece.from,
                                            piece.bytes, cudaMemcpyHostToDevice, copies_.get()));
    CALOFUSE_CUDA_CHECK(cudaEventRecord(s.uploaded.get(), copies_.get()));
}

void UploadRing::upload(int slot, std::size_t bytes)
{
    Piece const whole{.from = 0, .to = static_cast<std::size_t>(slot) * bytes_, .bytes = bytes};
    upload(slot, std::span(&whole, 1));
}

void UploadRing::acquire(int slot)
{
    CALOFUSE_CUDA_CHECK(
        cudaStreamWaitEvent(ctx_->stream(), slots_[static_cast<std::size_t>(slot)].uploaded.get()));
}

void UploadRing::release(int slot)
{
    CALOFUSE_CUDA_CHECK(
        cudaEventRecord(slots_[static_cast<std::size_t>(slot)].released.get(), ctx_->stream()));
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
void UploadRing::Release::operator()(std::byte*) const noexcept {}
void UploadRing::Release::operator()(CUevent_st*) const noexcept {}
void UploadRing::Release::operator()(CUstream_st*) const noexcept {}
std::byte* UploadRing::stage(int)
{
    return nullptr;
}
void UploadRing::upload(int, std::span<Piece const>) {}
void UploadRing::upload(int, std::size_t) {}
void UploadRing::acquire(int) {}
void UploadRing::release(int) {}
}  // namespace calofuse
#endif
