#include "runtime/cuda_check.cuh"

#include <fmt/format.h>

#include "runtime/device.hpp"

namespace calofuse {
namespace {
thread_local char const* last_launch = "none";
}

void note_launch(char const* kernel)
{
    last_launch = kernel;
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
