/// \file runtime/device/cuda_check.cuh
/// Checks around CUDA calls and launches. Only .cu files, .cuh files and runtime/*.cpp include this.
#pragma once

#include <cstddef>

#include <cuda_runtime_api.h>

#include "runtime/error.hpp"

namespace calofuse {
/// Remembers what this thread launched last: asynchronous errors show up at a later call.
void note_launch(char const* kernel);
/// Lets `kernel` have so many bytes of dynamic shared memory, or more if it was allowed more before: a
/// captured graph may hold a larger launch.
void allow_shared_memory(void const* kernel, std::size_t bytes);
/// Out of memory is CF-DEV-03, everything else CF-DEV-04 with the last launch; both exit 69.
[[noreturn]] void throw_cuda(cudaError_t code, char const* call, char const* file, int line);
}  // namespace calofuse

#define CALOFUSE_CUDA_CHECK(call)                                             \
    do {                                                                      \
        cudaError_t const calofuse_code = (call);                             \
        if (calofuse_code != cudaSuccess) [[unlikely]]                        \
            ::calofuse::throw_cuda(calofuse_code, #call, __FILE__, __LINE__); \
    } while (false)
