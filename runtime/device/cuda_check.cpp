#include "runtime/device/cuda_check.cuh"

#include <fmt/format.h>
#include <map>
#include <mutex>
#include <utility>

#include "runtime/device/device.hpp"

namespace calofuse {
namespace {
thread_local char const* last_launch = "none";
}

void note_launch(char const* kernel)
{
    last_launch = kernel;
}

void allow_shared_memory(void const* kernel, std::size_t bytes)
{
    static std::mutex mutex;
    static std::map<std::pair<int, void const*>, std::size_t> allowed;  // of a device and a kernel
    int device = 0;
    CALOFUSE_CUDA_CHECK(cudaGetDevice(&device));
    std::lock_guard const lock(mutex);
    std::size_t& most = allowed[{device, kernel}];
    if (bytes <= most) return;
    CALOFUSE_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                             static_cast<int>(bytes)));
    most = bytes;
}

void throw_cuda(cudaError_t code, char const* call, char const* file, int line)
{
    cudaGetLastError();  // or the next launch would be blamed for it
    if (code == cudaErrorMemoryAllocation)
        throw Error(Exit::unavailable, kOutOfDeviceMemory, "the GPU's memory is exhausted",
                    "lower train.batch_size, or keep the events on the host: --data-on host");
    throw Error(
        Exit::unavailable, "CF-DEV-04",
        fmt::format("{}: {} (from {}, {}:{}; last launch: {})", cudaGetErrorName(code),
                    cudaGetErrorString(code), call, file, line, last_launch),
        "what this process computed on the GPU is lost; start again from the last checkpoint");
}
}  // namespace calofuse
