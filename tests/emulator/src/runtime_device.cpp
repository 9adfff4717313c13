// The runtime API: devices, their attributes and limits.
#include <cstdio>

#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {
namespace {

int attribute(cudaDeviceAttr a)
{
    switch (a) {
        case cudaDevAttrMaxThreadsPerBlock:
            return 1024;
        case cudaDevAttrMaxBlockDimX:
        case cudaDevAttrMaxBlockDimY:
            return 1024;
        case cudaDevAttrMaxBlockDimZ:
            return 64;
        case cudaDevAttrMaxGridDimX:
            return 2147483647;
        case cudaDevAttrMaxGridDimY:
        case cudaDevAttrMaxGridDimZ:
            return 65535;
        case cudaDevAttrMaxSharedMemoryPerBlock:
            return 49152;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin:
            return 232448;
        case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
            return 233472;
        case cudaDevAttrReservedSharedMemoryPerBlock:
            return 1024;
        case cudaDevAttrTotalConstantMemory:
            return 65536;
        case cudaDevAttrWarpSize:
            return 32;
        case cudaDevAttrMaxRegistersPerBlock:
        case cudaDevAttrMaxRegistersPerMultiprocessor:
            return 65536;
        case cudaDevAttrMultiProcessorCount:
            return int(options().multiprocessors);
        case cudaDevAttrMaxThreadsPerMultiProcessor:
            return 2048;
        case cudaDevAttrMaxBlocksPerMultiprocessor:
            return 32;
        case cudaDevAttrComputeCapabilityMajor:
            return 9;
        case cudaDevAttrComputeCapabilityMinor:
            return 0;
        case cudaDevAttrL2CacheSize:
            return 50 << 20;
        case cudaDevAttrClockRate:
            return 1000000;
        case cudaDevAttrMemoryClockRate:
            return 1000000;
        case cudaDevAttrGlobalMemoryBusWidth:
            return 5120;
        case cudaDevAttrConcurrentKernels:
        case cudaDevAttrUnifiedAddressing:
        case cudaDevAttrManagedMemory:
        case cudaDevAttrConcurrentManagedAccess:
        case cudaDevAttrCanMapHostMemory:
        case cudaDevAttrCooperativeLaunch:
        case cudaDevAttrStreamPrioritiesSupported:
        case cudaDevAttrMemoryPoolsSupported:
        case cudaDevAttrComputePreemptionSupported:
        case cudaDevAttrHostRegisterSupported:
        case cudaDevAttrClusterLaunch:
        case cudaDevAttrGlobalL1CacheSupported:
        case cudaDevAttrLocalL1CacheSupported:
        case cudaDevAttrCanUseHostPointerForRegisteredMem:
            return 1;
        case cudaDevAttrAsyncEngineCount:
            return 3;
        case cudaDevAttrTextureAlignment:
            return 512;
        default:
            return 0;
    }
}

}  // namespace
}  // namespace calofuse::emulator

using namespace calofuse::emulator;

extern "C" {

cudaError_t cudaGetDeviceCount(int* n)
{
    *n = 1;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int* d)
{
    CALOFUSE_EMULATOR_LOCK;
    CALOFUSE_EMULATOR_CHECK_STICKY;
    *d = 0;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int d)
{
    CALOFUSE_EMULATOR_LOCK;
    CALOFUSE_EMULATOR_CHECK_STICKY;
    return d == 0 ? cudaSuccess : context().note(cudaErrorInvalidDevice);
}

cudaError_t cudaInitDevice(int d, unsigned, unsigned)
{
    return cudaSetDevice(d);
}

cudaError_t cudaSetDeviceFlags(unsigned)
{
    return cudaSuccess;
}

cudaError_t cudaGetDeviceFlags(unsigned* f)
{
    *f = 0;
    return cudaSuccess;
}

cudaError_t cudaDeviceReset()
{
    CALOFUSE_EMULATOR_LOCK;
    context().reset();
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* v, cudaDeviceAttr a, int d)
{
    CALOFUSE_EMULATOR_LOCK;
    if (d != 0) return context().note(cudaErrorInvalidDevice);
    *v = attribute(a);
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int d)
{
    CALOFUSE_EMULATOR_LOCK;
    if (d != 0) return context().note(cudaErrorInvalidDevice);
    memset(p, 0, sizeof *p);
    snprintf(p->name, sizeof p->name, "PTX emulator (sm_90)");
    p->totalGlobalMem = (options().memory_kb << 10);
    p->sharedMemPerBlock = 49152;
    p->sharedMemPerBlockOptin = 232448;
    p->sharedMemPerMultiprocessor = 233472;
    p->reservedSharedMemPerBlock = 1024;
    p->regsPerBlock = p->regsPerMultiprocessor = 65536;
    p->warpSize = 32;
    p->memPitch = 2147483647;
    p->maxThreadsPerBlock = 1024;
    p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
    p->maxThreadsDim[2] = 64;
    p->maxGridSize[0] = 2147483647;
    p->maxGridSize[1] = p->maxGridSize[2] = 65535;
    p->totalConstMem = 65536;
    p->major = 9;
    p->multiProcessorCount = int(options().multiprocessors);
    p->maxThreadsPerMultiProcessor = 2048;
    p->maxBlocksPerMultiProcessor = 32;
    p->l2CacheSize = 50 << 20;
    p->memoryBusWidth = 5120;
    p->textureAlignment = 512;
    p->asyncEngineCount = 3;
    p->concurrentKernels = p->unifiedAddressing = p->managedMemory = p->concurrentManagedAccess =
        p->canMapHostMemory = 1;
    p->cooperativeLaunch = p->streamPrioritiesSupported = p->memoryPoolsSupported =
        p->clusterLaunch = p->hostRegisterSupported = 1;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* v)
{
    *v = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* v)
{
    *v = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest)
{
    if (least) *least = 0;
    if (greatest) *greatest = -5;
    return cudaSuccess;
}

cudaError_t cudaDeviceSetLimit(cudaLimit, size_t)
{
    return cudaSuccess;
}

cudaError_t cudaDeviceGetLimit(size_t* v, cudaLimit l)
{
    *v = l == cudaLimitStackSize        ? 1024
         : l == cudaLimitPrintfFifoSize ? 1 << 20
         : l == cudaLimitMallocHeapSize ? 8 << 20
                                        : 0;
    return cudaSuccess;
}

cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache)
{
    return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char* s, int n, int)
{
    snprintf(s, size_t(n), "0000:00:00.0");
    return cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int, int)
{
    *can = 0;
    return cudaSuccess;
}

cudaError_t cudaCtxResetPersistingL2Cache()
{
    return cudaSuccess;
}

cudaError_t cudaProfilerStart()
{
    return cudaSuccess;
}

cudaError_t cudaProfilerStop()
{
    return cudaSuccess;
}

cudaError_t cudaStreamSetAttribute(cudaStream_t,
                                   cudaLaunchAttributeID,
                                   cudaLaunchAttributeValue const*)
{
    return cudaSuccess;
}
}
