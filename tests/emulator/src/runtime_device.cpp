// Device, errors, limits, the end of the process. The device is a small sm_90 with the limits of an H100/H200.
#include <cstdio>
#include <cstdlib>

#include <cuda.h>

#include "report.hpp"
#include "runtime.hpp"
#include "tensor_map.hpp"

using namespace emu;

namespace {

struct ErrorText {
    cudaError_t code;
    char const *name, *text;
};
#define E(code, text)     \
    {                     \
        code, #code, text \
    }
const ErrorText kErrors[] = {
    E(cudaSuccess, "no error"),
    E(cudaErrorInvalidValue, "invalid argument"),
    E(cudaErrorMemoryAllocation, "out of memory"),
    E(cudaErrorInitializationError, "initialization error"),
    E(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    E(cudaErrorInvalidPitchValue, "invalid pitch argument"),
    E(cudaErrorInvalidSymbol, "invalid device symbol"),
    E(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    E(cudaErrorMissingConfiguration, "__global__ function call is not configured"),
    E(cudaErrorInvalidDeviceFunction, "invalid device function"),
    E(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    E(cudaErrorInvalidDevice, "invalid device ordinal"),
    E(cudaErrorNoKernelImageForDevice, "no kernel image is available for execution on the device"),
    E(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    E(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    E(cudaErrorNotReady, "device not ready"),
    E(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    E(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    E(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
    E(cudaErrorHostMemoryAlreadyRegistered,
      "part or all of the requested memory range is already mapped"),
    E(cudaErrorHostMemoryNotRegistered,
      "pointer does not correspond to a registered memory region"),
    E(cudaErrorHardwareStackError, "hardware stack error"),
    E(cudaErrorIllegalInstruction, "an illegal instruction was encountered"),
    E(cudaErrorMisalignedAddress, "misaligned address"),
    E(cudaErrorAssert, "device-side assert triggered"),
    E(cudaErrorLaunchFailure, "unspecified launch failure"),
    E(cudaErrorCooperativeLaunchTooLarge, "too many blocks in cooperative launch"),
    E(cudaErrorNotSupported, "operation not supported"),
    E(cudaErrorInvalidClusterSize, "cluster size is invalid"),
    E(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    E(cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture"),
    E(cudaErrorStreamCaptureMerge,
      "operation would result in a merge of separate capture sequences"),
    E(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began"),
    E(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    E(cudaErrorStreamCaptureIsolation, "dependency created on uncaptured work in another stream"),
    E(cudaErrorStreamCaptureImplicit,
      "operation would make the legacy stream depend on a capturing blocking stream"),
    E(cudaErrorCapturedEvent,
      "operation not permitted on an event last recorded in a capturing stream"),
    E(cudaErrorGraphExecUpdateFailure,
      "the graph update was not performed because it included changes which violated constraints "
      "specific to instantiated graph update"),
    E(cudaErrorSymbolNotFound, "named symbol not found"),
    E(cudaErrorUnknown, "unknown error"),
};
#undef E

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

void at_exit()
{
    Context& x = context();
    if (x.sticky == cudaSuccess) {
        x.finish_all();
        if (options().check_leak) {
            string list;
            if (const size_t n = device_memory().live(MemoryKind::Device, &list))
                report({std::to_string(n) + " device allocations were never freed", "", "", "", "",
                        list});
            list.clear();
            if (const size_t n = device_memory().live(MemoryKind::PinnedHost, &list))
                report({std::to_string(n) + " pinned host allocations were never freed", "", "", "",
                        "", list});
        }
    }
    if (options().stats)
        fprintf(stderr, "cuda-emulator: %llu warp instructions, %llu lane instructions\n",
                (unsigned long long)total_warp_instructions(),
                (unsigned long long)total_lane_instructions());
    if (report_count()) {
        fprintf(stderr, "cuda-emulator: %zu finding(s)\n", report_count());
        fflush(stdout);
        fflush(stderr);
        _exit(66);
    }
}
struct ExitHook {
    ExitHook() {}
    ~ExitHook() { at_exit(); }
};
__attribute__((init_priority(110)))
ExitHook g_exit_hook;  // constructed early, so destroyed after the program's own static objects

}  // namespace

namespace emu {
int exit_hook_anchor =
    0;  // referenced by fatbinary.cpp, so that a static link always contains the exit hook
}

extern "C" {

char const* cudaGetErrorName(cudaError_t e)
{
    for (auto& t : kErrors)
        if (t.code == e) return t.name;
    return "unrecognized error code";
}
char const* cudaGetErrorString(cudaError_t e)
{
    for (auto& t : kErrors)
        if (t.code == e) return t.text;
    return "unrecognized error code";
}
cudaError_t cudaGetLastError()
{
    EMU_LOCK;
    Context& x = context();
    const cudaError_t e = x.last;
    x.last = x.sticky;
    return e;
}
cudaError_t cudaPeekAtLastError()
{
    EMU_LOCK;
    return context().last;
}

cudaError_t cudaGetDeviceCount(int* n)
{
    *n = 1;
    return cudaSuccess;
}
cudaError_t cudaGetDevice(int* d)
{
    EMU_LOCK;
    EMU_CHECK_STICKY;
    *d = 0;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int d)
{
    EMU_LOCK;
    EMU_CHECK_STICKY;
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
    EMU_LOCK;
    context().reset();
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* v, cudaDeviceAttr a, int d)
{
    EMU_LOCK;
    if (d != 0) return context().note(cudaErrorInvalidDevice);
    *v = attribute(a);
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int d)
{
    EMU_LOCK;
    if (d != 0) return context().note(cudaErrorInvalidDevice);
    memset(p, 0, sizeof *p);
    snprintf(p->name, sizeof p->name, "PTX emulator (sm_90)");
    p->totalGlobalMem = size_t(8) << 30;
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

// ---- the few driver functions that programs ask for by name
static CUresult encode_tiled(CUtensorMap* map,
                             CUtensorMapDataType type,
                             cuuint32_t rank,
                             void* address,
                             cuuint64_t const* size,
                             cuuint64_t const* stride,
                             cuuint32_t const* box,
                             cuuint32_t const* element_stride,
                             CUtensorMapInterleave interleave,
                             CUtensorMapSwizzle swizzle,
                             CUtensorMapL2promotion,
                             CUtensorMapFloatOOBfill fill)
{
    static const u8 bytes[] = {1, 2, 4, 4, 8, 8, 2,
                               4, 8, 2, 4, 4, 4};  // in the order of CUtensorMapDataType
    if (!map || reinterpret_cast<u64>(map) % 64 || rank < 1 || rank > 5
        || size_t(type) >= sizeof bytes || reinterpret_cast<u64>(address) % 16
        || interleave != CU_TENSOR_MAP_INTERLEAVE_NONE)
        return CUDA_ERROR_INVALID_VALUE;
    TensorMap t{};
    t.magic = TensorMap::kMagic;
    t.element_bytes = bytes[type];
    t.data_type = u8(type);
    t.rank = u8(rank);
    t.fill_nan = fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;
    t.address = reinterpret_cast<u64>(address);
    switch (swizzle) {
        case CU_TENSOR_MAP_SWIZZLE_NONE:
            t.swizzle = 0;
            break;
        case CU_TENSOR_MAP_SWIZZLE_32B:
            t.swizzle = 1;
            break;
        case CU_TENSOR_MAP_SWIZZLE_64B:
            t.swizzle = 2;
            break;
        case CU_TENSOR_MAP_SWIZZLE_128B:
            t.swizzle = 3;
            break;
        default:
            return CUDA_ERROR_INVALID_VALUE;
    }
    for (u32 d = 0; d < rank; ++d) {
        if (size[d] == 0 || size[d] > (1ull << 32) || box[d] == 0 || box[d] > 256
            || element_stride[d] == 0 || element_stride[d] > 8)
            return CUDA_ERROR_INVALID_VALUE;
        t.size[d] = u32(size[d] == (1ull << 32) ? 0xffffffffu : size[d]);
        t.box[d] = u16(box[d]);
        t.element_stride[d] = u16(element_stride[d]);
        if (d + 1 < rank) {
            if (stride[d] % 16 || stride[d] >= (1ull << 40)) return CUDA_ERROR_INVALID_VALUE;
            t.stride[d] = stride[d];
        }
    }
    const u32 inner = t.box[0] * t.element_bytes;
    if (inner % 16 || (t.swizzle && inner > (16u << t.swizzle))) return CUDA_ERROR_INVALID_VALUE;
    memset(map, 0, sizeof *map);
    memcpy(map, &t, sizeof t);
    return CUDA_SUCCESS;
}
static CUresult error_string(CUresult e, char const** s)
{
    *s = cudaGetErrorString(cudaError_t(e));
    return CUDA_SUCCESS;
}
static CUresult error_name(CUresult e, char const** s)
{
    *s = cudaGetErrorName(cudaError_t(e));
    return CUDA_SUCCESS;
}
cudaError_t cudaGetDriverEntryPointByVersion(char const* symbol,
                                             void** f,
                                             unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* status)
{
    EMU_LOCK;
    const string s = symbol;
    *f = s == "cuTensorMapEncodeTiled" ? reinterpret_cast<void*>(encode_tiled)
         : s == "cuGetErrorString"     ? reinterpret_cast<void*>(error_string)
         : s == "cuGetErrorName"       ? reinterpret_cast<void*>(error_name)
                                       : nullptr;
    if (status) *status = *f ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
    return *f ? cudaSuccess : status ? cudaSuccess : context().note(cudaErrorSymbolNotFound);
}
cudaError_t cudaGetDriverEntryPoint(char const* symbol,
                                    void** f,
                                    unsigned long long flags,
                                    cudaDriverEntryPointQueryResult* status)
{
    return cudaGetDriverEntryPointByVersion(symbol, f, CUDART_VERSION, flags, status);
}

// ---- hooks for test programs, see include/cuda_emulator.hpp
int cudaEmulatorReportCount()
{
    EMU_LOCK;
    return int(report_count());
}
char const* cudaEmulatorReportText()
{
    static thread_local string text;
    text = report_text();
    return text.c_str();
}
void cudaEmulatorClearReports()
{
    clear_reports();
}
unsigned long long cudaEmulatorLaneInstructions()
{
    return total_lane_instructions();
}
unsigned long long cudaEmulatorWarpInstructions()
{
    return total_warp_instructions();
}
int cudaEmulatorSetOption(char const* name, char const* value)
{
    EMU_LOCK;
    const string n = name, v = value;
    Options& o = options();
    if (n == "schedule")
        o.schedule = v == "reverse"  ? Schedule::Reverse
                     : v == "random" ? Schedule::Random
                                     : Schedule::Forward;
    else if (n == "async")
        o.async_copies = v == "early"    ? AsyncCopies::Early
                         : v == "random" ? AsyncCopies::Random
                                         : AsyncCopies::Late;
    else if (n == "streams")
        o.stream_order = v == "eager"     ? StreamOrder::Eager
                         : v == "shuffle" ? StreamOrder::Shuffle
                                          : StreamOrder::Lazy;
    else if (n == "seed")
        o.seed = u32(strtoul(value, nullptr, 0));
    else if (n == "max_warp_instructions")
        o.max_warp_instructions = strtoull(value, nullptr, 0);
    else
        return 0;
    return 1;
}
size_t cudaEmulatorLiveAllocations()
{
    EMU_LOCK;
    return device_memory().live(MemoryKind::Device);
}
}
