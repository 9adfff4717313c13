/// \file runtime/cuda_check.cuh
/// Checks around CUDA calls. Only .cu files and runtime/*.cpp include this.
#pragma once

#include <cuda_runtime_api.h>

#include "runtime/error.hpp"

#define CALOFUSE_CUDA_CHECK(call)                                                                  \
    do {                                                                                           \
        cudaError_t const calofuse_code = (call);                                                  \
        if (calofuse_code != cudaSuccess) [[unlikely]] {                                           \
            ::calofuse::throw_check(__FILE__, __LINE__, #call, cudaGetErrorString(calofuse_code)); \
        }                                                                                          \
    } while (false)

/// After every <<<>>>.
#define CALOFUSE_CHECK_LAUNCH() CALOFUSE_CUDA_CHECK(cudaGetLastError())
