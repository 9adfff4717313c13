// Launches, function attributes, occupancy. Invalid configurations give the error codes of the real runtime.
#include <cstdio>

#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {
namespace {
constexpr size_t kSharedPerBlock = 48 * 1024, kSharedPerBlockOptin = 227 * 1024,
                 kSharedPerMultiprocessor = 228 * 1024;
constexpr u32 kThreadsPerMultiprocessor = 2048, kBlocksPerMultiprocessor = 32,
              kRegistersPerMultiprocessor = 65536;

int blocks_per_multiprocessor(Kernel const& k, u64 threads, size_t dynamic_shared)
{
    if (threads == 0 || threads > k.max_threads) return 0;
    size_t const shared = round_up(k.shared_static + dynamic_shared, 128) + 1024;
    u64 n =
        std::min<u64>(kBlocksPerMultiprocessor, kThreadsPerMultiprocessor / round_up(threads, 32));
    return int(std::min<u64>(n, kSharedPerMultiprocessor / shared));
}
}  // namespace

cudaError_t prepare_kernel(void const* f, cudaLaunchConfig_t const& c, void** args, KernelNode& out)
{
    Context& x = context();
    HostFunction* h = x.find_function(f);
    if (!h) return cudaErrorInvalidDeviceFunction;
    Kernel const* k = x.kernel_of(f);
    if (!k)
        return h->module->source.empty() ? cudaErrorNoKernelImageForDevice
                                         : cudaErrorInvalidDeviceFunction;
    out.function = f;
    out.kernel = k;
    LaunchConfig& l = out.config;
    l.grid = {c.gridDim.x, c.gridDim.y, c.gridDim.z};
    l.block = {c.blockDim.x, c.blockDim.y, c.blockDim.z};
    l.dynamic_shared = c.dynamicSmemBytes;
    l.cluster = {};
    if (k->required_cluster[0])
        l.cluster = {k->required_cluster[0], k->required_cluster[1], k->required_cluster[2]};
    for (unsigned i = 0; i < c.numAttrs; ++i) {
        auto const& a = c.attrs[i];
        if (a.id == cudaLaunchAttributeClusterDimension)
            l.cluster = {a.val.clusterDim.x, a.val.clusterDim.y, a.val.clusterDim.z};
        if (a.id == cudaLaunchAttributeCooperative) l.cooperative = a.val.cooperative;
    }
    u64 const threads = l.block.count();
    if (!l.grid.count() || !threads || l.grid.x > 0x7fffffffu || l.grid.y > 65535
        || l.grid.z > 65535 || l.block.x > 1024 || l.block.y > 1024 || l.block.z > 64
        || threads > 1024)
        return cudaErrorInvalidConfiguration;
    if (threads > k->max_threads) return cudaErrorInvalidValue;  // above __launch_bounds__
    if (k->required_block[0]
        && (l.block.x != k->required_block[0] || l.block.y != k->required_block[1]
            || l.block.z != k->required_block[2]))
        return cudaErrorInvalidValue;
    if (l.dynamic_shared + k->shared_static
        > std::max(kSharedPerBlock,
                   size_t(h->max_dynamic_set ? h->max_dynamic_shared + k->shared_static : 0)))
        return cudaErrorInvalidValue;
    u64 const cluster = l.cluster.count();
    if (cluster == 0 || cluster > (h->non_portable_cluster ? 16u : 8u))
        return cudaErrorInvalidClusterSize;
    if (l.grid.x % l.cluster.x || l.grid.y % l.cluster.y || l.grid.z % l.cluster.z)
        return cudaErrorInvalidConfiguration;
    if (l.cooperative
        && l.grid.count() > u64(blocks_per_multiprocessor(*k, threads, l.dynamic_shared))
                                * options().multiprocessors)
        return cudaErrorCooperativeLaunchTooLarge;
    out.params.assign(k->param_bytes + 16, 0);
    for (size_t i = 0; i < k->params.size(); ++i)
        memcpy(out.params.data() + k->params[i].offset, args[i], k->params[i].bytes);
    return cudaSuccess;
}

cudaError_t do_kernel(KernelNode const& k)
{
    Context& c = context();
    return run_kernel(*k.kernel, k.config, k.params,
                      c.current ? c.oracle(*c.current) : OrderOracle{});
}

}  // namespace calofuse::emulator

using namespace calofuse::emulator;

namespace {
cudaError_t launch(void const* f, cudaLaunchConfig_t const& c, void** args)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    KernelNode k;
    if (cudaError_t e = prepare_kernel(f, c, args, k); e != cudaSuccess) return x.note(e);
    return x.note(submit(c.stream, std::move(k)));
}
}  // namespace

extern "C" {

cudaError_t cudaLaunchKernel(
    void const* f, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream)
{
    cudaLaunchConfig_t c{};
    c.gridDim = grid;
    c.blockDim = block;
    c.dynamicSmemBytes = shared;
    c.stream = stream;
    return launch(f, c, args);
}
cudaError_t cudaLaunchKernelExC(cudaLaunchConfig_t const* c, void const* f, void** args)
{
    return launch(f, *c, args);
}
cudaError_t cudaLaunchCooperativeKernel(
    void const* f, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream)
{
    cudaLaunchConfig_t c{};
    cudaLaunchAttribute a{};
    a.id = cudaLaunchAttributeCooperative;
    a.val.cooperative = 1;
    c.gridDim = grid;
    c.blockDim = block;
    c.dynamicSmemBytes = shared;
    c.stream = stream;
    c.attrs = &a;
    c.numAttrs = 1;
    return launch(f, c, args);
}
cudaError_t cudaGetFuncBySymbol(cudaFunction_t* out, void const* f)
{
    *out = reinterpret_cast<cudaFunction_t>(const_cast<void*>(f));
    return cudaSuccess;
}
cudaError_t cudaGetKernel(cudaKernel_t* out, void const* f)
{
    *out = reinterpret_cast<cudaKernel_t>(const_cast<void*>(f));
    return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(void const* f, cudaFuncAttribute a, int value)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    HostFunction* h = x.find_function(f);
    Kernel* k = x.kernel_of(f);
    if (!h || !k) return x.note(cudaErrorInvalidDeviceFunction);
    if (a == cudaFuncAttributeMaxDynamicSharedMemorySize) {
        if (value < 0 || size_t(value) + k->shared_static > kSharedPerBlockOptin)
            return x.note(cudaErrorInvalidValue);
        h->max_dynamic_shared = value;
        h->max_dynamic_set = true;
    } else if (a == cudaFuncAttributeNonPortableClusterSizeAllowed)
        h->non_portable_cluster = value != 0;
    return cudaSuccess;
}
cudaError_t cudaFuncSetCacheConfig(void const*, cudaFuncCache)
{
    return cudaSuccess;
}
cudaError_t cudaFuncSetSharedMemConfig(void const*, cudaSharedMemConfig)
{
    return cudaSuccess;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, void const* f)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    CALOFUSE_EMULATOR_CHECK_STICKY;
    HostFunction* h = x.find_function(f);
    Kernel* k = x.kernel_of(f);
    if (!h || !k) return x.note(cudaErrorInvalidDeviceFunction);
    *a = {};
    a->sharedSizeBytes = k->shared_static;
    a->localSizeBytes = k->functions[0].local_bytes;
    a->maxThreadsPerBlock = int(k->max_threads);
    a->numRegs = 32;  // unknown: registers are assigned by ptxas
    a->ptxVersion = a->binaryVersion = 90;
    a->maxDynamicSharedSizeBytes =
        h->max_dynamic_set
            ? h->max_dynamic_shared
            : int(kSharedPerBlock - std::min(kSharedPerBlock, size_t(k->shared_static)));
    a->requiredClusterWidth = int(k->required_cluster[0]);
    a->requiredClusterHeight = int(k->required_cluster[1]);
    a->requiredClusterDepth = int(k->required_cluster[2]);
    return cudaSuccess;
}
cudaError_t cudaFuncGetName(char const** name, void const* f)
{
    CALOFUSE_EMULATOR_LOCK;
    HostFunction* h = context().find_function(f);
    if (!h) return context().note(cudaErrorInvalidDeviceFunction);
    *name = h->name.c_str();
    return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int* n, void const* f, int block, size_t shared, unsigned)
{
    CALOFUSE_EMULATOR_LOCK;
    Context& x = context();
    Kernel* k = x.kernel_of(f);
    if (!k) return x.note(cudaErrorInvalidDeviceFunction);
    if (block <= 0) return x.note(cudaErrorInvalidValue);
    *n = blocks_per_multiprocessor(*k, u64(block), shared);
    return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* n,
                                                          void const* f,
                                                          int block,
                                                          size_t shared)
{
    return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(n, f, block, shared, 0);
}
cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(size_t* bytes, void const* f, int blocks, int)
{
    CALOFUSE_EMULATOR_LOCK;
    Kernel* k = context().kernel_of(f);
    if (!k || blocks <= 0) return context().note(cudaErrorInvalidValue);
    size_t const each = kSharedPerMultiprocessor / size_t(blocks);
    *bytes = each > k->shared_static + 1024
                 ? std::min(kSharedPerBlockOptin, each - 1024) - k->shared_static
                 : 0;
    return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveClusters(int* n, void const* f, cudaLaunchConfig_t const* c)
{
    CALOFUSE_EMULATOR_LOCK;
    Kernel* k = context().kernel_of(f);
    if (!k) return context().note(cudaErrorInvalidDeviceFunction);
    u64 size = 1;
    for (unsigned i = 0; i < c->numAttrs; ++i)
        if (c->attrs[i].id == cudaLaunchAttributeClusterDimension)
            size = u64(c->attrs[i].val.clusterDim.x) * c->attrs[i].val.clusterDim.y
                   * c->attrs[i].val.clusterDim.z;
    *n = int(u64(blocks_per_multiprocessor(*k, u64(c->blockDim.x) * c->blockDim.y * c->blockDim.z,
                                           c->dynamicSmemBytes))
             * options().multiprocessors / size);
    return cudaSuccess;
}
cudaError_t cudaOccupancyMaxPotentialClusterSize(int* n, void const* f, cudaLaunchConfig_t const*)
{
    CALOFUSE_EMULATOR_LOCK;
    HostFunction* h = context().find_function(f);
    if (!h) return context().note(cudaErrorInvalidDeviceFunction);
    *n = h->non_portable_cluster ? 16 : 8;
    return cudaSuccess;
}
}
