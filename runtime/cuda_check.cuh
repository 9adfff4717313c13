/// \file runtime/cuda_check.cuh
/// Checks around CUDA calls. Only .cu files, .cuh files and runtime/*.cpp include this.
#pragma once

#include <cuda_runtime_api.h>

#include "runtime/error.hpp"

namespace calofuse {
/// Remembers what this thread launched last: asynchronous errors show up at a later call.
void note_launch(char const* kernel);
/// Out of memory is CF-DEV-03, everything else CF-DEV-04 with the last launch; both exit 69.
[[noreturn]] void throw_cuda(cudaError_t code, char const* call, char const* file, int line);
}  // namespace calofuse

#define CALOFUSE_CUDA_CHECK(call)                                             \
    do {                                                                      \
        cudaError_t const calofuse_code = (call);                             \
        if (calofuse_code != cudaSuccess) [[unlikely]]                        \
            ::calofuse::throw_cuda(calofuse_code, #call, __FILE__, __LINE__); \
    } while (false)
