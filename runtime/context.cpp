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

#include "runtime/device.hpp"

#if CALOFUSE_HAS_CUDA
#    include "runtime/cuda_check.cuh"
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

/// Blocks are kept until the context dies: a step asks for the same sizes again and again. On a GPU
/// all work of a context is ordered by its one stream, so a block can be handed out again at once.
struct Context::Pool {
    struct Block {
        void* data;
        std::size_t bytes;
        int owner;  ///< 0, or the OwnScratch that it was made for
        bool in_use;
    };
    Backend backend;
    std::vector<Block> blocks;
    int owner = 0, num_owners = 0;  ///< of what is taken now
    std::int64_t num_allocations = 0;
    char const* purpose = "other";
    std::vector<MemoryUse> use;

    /// On a GPU sizes never follow the data, and exact sizes let a checker see every access past
    /// the end. On the CPU sizes up to kHugePage are powers of two, so that scratch whose size
    /// follows the data settles soon.
    std::size_t block_bytes(std::size_t wanted) const
    {
        if (backend == Backend::cuda) return wanted;
        return wanted <= kHugePage ? std::bit_ceil(std::max(wanted, kAlignment))
                                   : rounded_up(wanted, kHugePage);
    }
    void* allocate(std::size_t bytes) const
    {
#if CALOFUSE_HAS_CUDA
        if (backend == Backend::cuda) {
            void* data = nullptr;
            CALOFUSE_CUDA_CHECK(cudaMalloc(&data, bytes));
            return data;
        }
#endif
        return allocate_host(bytes);
    }
    void* take(std::size_t wanted)
    {
        std::size_t const bytes = block_bytes(wanted);
        std::size_t const most = backend == Backend::cuda ? bytes : 2 * bytes;
        Block* best = nullptr;
        for (Block& b : blocks) {
            bool const fits = !b.in_use && b.owner == owner && b.bytes >= bytes && b.bytes <= most;
            if (fits && (best == nullptr || b.bytes < best->bytes)) best = &b;
        }
        if (best == nullptr) {
            count(bytes);  // before it can fail
            blocks.push_back({allocate(bytes), bytes, owner, false});
            best = &blocks.back();
            ++num_allocations;
        }
        best->in_use = true;
        return best->data;
    }
    void count(std::size_t bytes)
    {
        auto found = std::find_if(use.begin(), use.end(),
                                  [&](MemoryUse const& u) { return u.purpose == purpose; });
        if (found == use.end()) found = use.insert(use.end(), {purpose, 0});
        found->bytes += static_cast<std::int64_t>(bytes);
    }
    void give(void* data)
    {
        for (Block& b : blocks)
            if (b.data == data) b.in_use = false;
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

void* Context::allocate(std::size_t bytes)
{
    if (bytes == 0) return nullptr;
    return pool_->take(bytes);
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

Context::OwnScratch::OwnScratch(Context& ctx) : ctx_(&ctx)
{
    CALOFUSE_CHECK(ctx.pool_->owner == 0, "OwnScratch inside OwnScratch");
    ctx.pool_->owner = ++ctx.pool_->num_owners;
}

Context::OwnScratch::~OwnScratch()
{
    ctx_->pool_->owner = 0;
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
    return pool_->use;
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
