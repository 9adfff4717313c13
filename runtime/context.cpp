#include "runtime/context.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <new>
#include <sys/mman.h>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/device/device.hpp"

#if CALOFUSE_HAS_CUDA
#    include "runtime/device/cuda_check.cuh"
#endif

namespace calofuse {
namespace {
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = 2U << 20U;

std::size_t rounded_up(std::size_t bytes, std::size_t unit)
{
    return (std::max<std::size_t>(bytes, 1) + unit - 1) / unit * unit;
}

/// Large blocks ask for huge pages: a step walks through hundreds of MiB, and its column-wise passes
/// touch a new 4 KiB page in almost every row.
void* allocate_host(std::size_t bytes)
{
    bool const huge = bytes >= 2 * kHugePage;
    std::size_t const alignment = huge ? kHugePage : kAlignment;
    std::size_t const rounded = rounded_up(bytes, alignment);
    void* const data = std::aligned_alloc(alignment, rounded);
    if (data == nullptr) throw std::bad_alloc();
    if (huge) madvise(data, rounded, MADV_HUGEPAGE);  // a hint: nothing depends on its success
    return data;
}
}  // namespace

/// Blocks are kept: a step asks for the same sizes again and again. On a GPU all work of a context is
/// ordered by its one stream, so a block can be handed out again at once. Where the GPU has no more
/// memory, idle blocks go back to it, but never scratch: captured graphs know its addresses.
struct Context::Pool {
    struct Block {
        void* data;
        std::size_t bytes;
        Memory kind;
        bool in_use;
        char const* purpose;  ///< of its last user
    };
    Backend backend;
    CUstream_st* stream = nullptr;
    std::vector<Block> blocks;
    std::int64_t num_allocations = 0;
    char const* purpose = "other";
    MemoryUse refused;  ///< the last request, if it failed

    /// On a GPU sizes never follow the data, and exact sizes let a checker see every access past
    /// the end. On the CPU sizes up to kHugePage are powers of two, so that scratch whose size
    /// follows the data settles soon.
    std::size_t block_bytes(std::size_t wanted) const
    {
        if (backend == Backend::cuda) return wanted;
        return wanted <= kHugePage ? std::bit_ceil(std::max(wanted, kAlignment))
                                   : rounded_up(wanted, kHugePage);
    }
    void* allocate(std::size_t bytes)
    {
#if CALOFUSE_HAS_CUDA
        if (backend == Backend::cuda) {
            void* data = nullptr;
            cudaError_t got = cudaMalloc(&data, bytes);
            if (got == cudaErrorMemoryAllocation && give_back_idle()) {
                cudaGetLastError();
                got = cudaMalloc(&data, bytes);
            }
            CALOFUSE_CUDA_CHECK(got);
            return data;
        }
#endif
        return allocate_host(bytes);
    }
#if CALOFUSE_HAS_CUDA
    /// False if there was nothing to give.
    bool give_back_idle()
    {
        cudaStreamCaptureStatus capturing{};
        CALOFUSE_CUDA_CHECK(cudaStreamIsCapturing(stream, &capturing));
        if (capturing != cudaStreamCaptureStatusNone) return false;  // cudaFree would wait for it
        CALOFUSE_CUDA_CHECK(cudaStreamSynchronize(stream));
        return std::erase_if(blocks,
                             [](Block const& b) {
                                 if (b.in_use || b.kind == Memory::scratch) return false;
                                 return cudaFree(b.data) == cudaSuccess;
                             })
               > 0;
    }
#endif
    void* take(std::size_t wanted, Memory kind)
    {
        std::size_t const bytes = block_bytes(wanted);
        std::size_t const most = backend == Backend::cuda ? bytes : 2 * bytes;
        char const* const what = kind == Memory::scratch ? "scratch of operators" : purpose;
        Block* best = nullptr;
        for (Block& b : blocks) {
            bool const fits = !b.in_use && b.kind == kind && b.bytes >= bytes && b.bytes <= most;
            if (fits && (best == nullptr || b.bytes < best->bytes)) best = &b;
        }
        if (best == nullptr) {
            refused = {what, static_cast<std::int64_t>(bytes)};
            blocks.push_back({allocate(bytes), bytes, kind, false, what});
            refused = {};
            best = &blocks.back();
            ++num_allocations;
        }
        best->in_use = true;
        best->purpose = what;
        return best->data;
    }
    void give(void* data)
    {
        for (Block& b : blocks)
            if (b.data == data) b.in_use = false;
    }
    std::vector<MemoryUse> use() const
    {
        std::vector<MemoryUse> out;
        auto const add = [&](std::string const& what, std::size_t bytes) {
            auto found = std::find_if(out.begin(), out.end(),
                                      [&](MemoryUse const& u) { return u.purpose == what; });
            if (found == out.end()) found = out.insert(out.end(), {what, 0});
            found->bytes += static_cast<std::int64_t>(bytes);
        };
        for (Block const& b : blocks)
            add(b.purpose, b.bytes);
        if (refused.bytes > 0) add(refused.purpose, static_cast<std::size_t>(refused.bytes));
        return out;
    }
    ~Pool()
    {
        for (Block& b : blocks)
            if (backend == Backend::cpu) std::free(b.data);
#if CALOFUSE_HAS_CUDA
            else
                cudaFree(b.data);
#endif
    }
};

Context::Context(Backend backend) : backend_(backend), pool_(std::make_unique<Pool>())
{
    pool_->backend = backend;
}

Context Context::cpu(int threads)
{
    Context ctx(Backend::cpu);
    int const cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    ctx.threads_ = threads > 0 ? threads : cores;
    return ctx;
}

Context Context::cuda(int device)
{
    DeviceList const found = cuda_devices();
    if (found.devices.empty())
        throw Error(Exit::unavailable, "CF-DEV-01", "no usable GPU: " + found.reason,
                    "use --device cpu or auto; calofuse doctor tells more");
    auto const count = static_cast<int>(found.devices.size());
    if (device < 0 || device >= count)
        throw Error(Exit::unavailable, "CF-DEV-01",
                    fmt::format("there is no GPU {}: this machine has {}", device, count),
                    fmt::format("use cuda:0 to cuda:{}", count - 1));
    Context ctx(Backend::cuda);
    ctx.device_ = device;
#if CALOFUSE_HAS_CUDA
    CALOFUSE_CUDA_CHECK(cudaSetDevice(device));
    CALOFUSE_CUDA_CHECK(cudaStreamCreateWithFlags(&ctx.stream_, cudaStreamNonBlocking));
    ctx.pool_->stream = ctx.stream_;
#endif
    return ctx;
}

Context::Context(Context&& other) noexcept
    : backend_(other.backend_)
    , threads_(other.threads_)
    , device_(other.device_)
    , stream_(std::exchange(other.stream_, nullptr))
    , pool_(std::move(other.pool_))
{}

Context::~Context()
{
#if CALOFUSE_HAS_CUDA
    if (stream_ == nullptr) return;
    cudaStreamSynchronize(stream_);  // the pool's memory may still be in use
    cudaStreamDestroy(stream_);
#endif
}

void Context::synchronize()
{
#if CALOFUSE_HAS_CUDA
    if (backend_ == Backend::cuda) CALOFUSE_CUDA_CHECK(cudaStreamSynchronize(stream_));
#endif
}

void* Context::allocate(std::size_t bytes, Memory kind)
{
    if (bytes == 0) return nullptr;
    return pool_->take(bytes, kind);
}

void Context::release(void* data) noexcept
{
    if (data != nullptr) pool_->give(data);
}

void Context::copy_to(void* dst, void const* host_src, std::size_t bytes)
{
    if (bytes == 0) return;
#if CALOFUSE_HAS_CUDA
    if (backend_ == Backend::cuda) {
        CALOFUSE_CUDA_CHECK(cudaMemcpyAsync(dst, host_src, bytes, cudaMemcpyHostToDevice, stream_));
        synchronize();  // `host_src` may go away; no step copies this way
        return;
    }
#endif
    std::memcpy(dst, host_src, bytes);
}

void Context::copy_back(void* host_dst, void const* src, std::size_t bytes)
{
    if (bytes == 0) return;
#if CALOFUSE_HAS_CUDA
    if (backend_ == Backend::cuda) {
        CALOFUSE_CUDA_CHECK(cudaMemcpyAsync(host_dst, src, bytes, cudaMemcpyDeviceToHost, stream_));
        synchronize();
        return;
    }
#endif
    std::memcpy(host_dst, src, bytes);
}

void Context::fill_zero(void* dst, std::size_t bytes)
{
    if (bytes == 0) return;
#if CALOFUSE_HAS_CUDA
    if (backend_ == Backend::cuda) {
        CALOFUSE_CUDA_CHECK(cudaMemsetAsync(dst, 0, bytes, stream_));
        return;
    }
#endif
    std::memset(dst, 0, bytes);
}

bool Context::scratch_in_use() const
{
    return std::any_of(pool_->blocks.begin(), pool_->blocks.end(),
                       [](Pool::Block const& b) { return b.in_use && b.kind == Memory::scratch; });
}

Context::Purpose::Purpose(Context& ctx, char const* purpose)
    : ctx_(&ctx), outer_(std::exchange(ctx.pool_->purpose, purpose))
{}

Context::Purpose::~Purpose()
{
    ctx_->pool_->purpose = outer_;
}

std::vector<Context::MemoryUse> Context::memory_use() const
{
    return pool_->use();
}

std::int64_t Context::num_allocations() const
{
    return pool_->num_allocations;
}

bool is_available(Backend backend, std::string* reason)
{
    if (backend == Backend::cpu) return true;
    DeviceList const found = cuda_devices();
    if (reason != nullptr) *reason = found.reason;
    return !found.devices.empty();
}
}  // namespace calofuse
