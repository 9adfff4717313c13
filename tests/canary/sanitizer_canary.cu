// Bugs on purpose: `sanitizer_canary none | memcheck | racecheck | initcheck | synccheck` launches a
// correct kernel, or one with the bug that the compute-sanitizer tool of that name must report. A tool
// that does not has not been running, and its silence about other programs is worth nothing
// (profiling/gpu_check.sh). The same object runs on the emulator, which must report all four.
#include <cstdio>
#include <string>

#include <cuda_runtime.h>

namespace {
constexpr int kThreads = 128;  // also the elements of every buffer

__global__ void reverse(int const* in, int* out)
{
    __shared__ int value[kThreads];
    value[threadIdx.x] = in[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = value[kThreads - 1 - threadIdx.x];
}

/// The last thread writes behind the end.
__global__ void memcheck(int const* in, int* out)
{
    out[threadIdx.x + 1] = in[threadIdx.x];
}

/// Warps read what other warps write, without a barrier between.
__global__ void racecheck(int const* in, int* out)
{
    __shared__ int value[kThreads];
    value[threadIdx.x] = 0;
    __syncthreads();
    value[threadIdx.x] = in[threadIdx.x];
    out[threadIdx.x] = value[kThreads - 1 - threadIdx.x];
}

/// `in` was never written.
__global__ void initcheck(int const* in, int* out)
{
    out[threadIdx.x] = in[threadIdx.x] + 1;
}

/// Half the lanes of every warp wait at a barrier that the others never reach.
__global__ void synccheck(int const* in, int* out)
{
    if (threadIdx.x % 2 == 0) __syncthreads();
    out[threadIdx.x] = in[threadIdx.x];
}

bool failed(cudaError_t code, char const* what)
{
    if (code != cudaSuccess) std::printf("%s: %s\n", what, cudaGetErrorString(code));
    return code != cudaSuccess;
}
}  // namespace

int main(int argc, char** argv)
{
    constexpr int kUsage = 64, kNotRun = 77;
    std::string const bug = argc == 2 ? argv[1] : "";
    auto* const kernel = bug == "none"        ? reverse
                         : bug == "memcheck"  ? memcheck
                         : bug == "racecheck" ? racecheck
                         : bug == "initcheck" ? initcheck
                         : bug == "synccheck" ? synccheck
                                              : nullptr;
    if (kernel == nullptr) {
        std::printf("usage: %s none|memcheck|racecheck|initcheck|synccheck\n", argv[0]);
        return kUsage;
    }
    int *in = nullptr, *out = nullptr, host[kThreads];
    if (failed(cudaMalloc(&in, sizeof host), "not run")
        || failed(cudaMalloc(&out, sizeof host), "not run"))
        return kNotRun;
    for (int i = 0; i < kThreads; ++i)
        host[i] = i;
    if (bug != "initcheck") cudaMemcpy(in, host, sizeof host, cudaMemcpyHostToDevice);
    kernel<<<1, kThreads>>>(in, out);
    // What a kernel with a bug leaves behind is of no interest, only whether a tool reports it.
    if (failed(cudaDeviceSynchronize(), "kernel")) return bug == "none";
    if (bug == "none") {
        if (failed(cudaMemcpy(host, out, sizeof host, cudaMemcpyDeviceToHost), "copy")) return 1;
        for (int i = 0; i < kThreads; ++i)
            if (host[i] != kThreads - 1 - i) return 1;
    }
    cudaFree(in);
    cudaFree(out);
    return 0;
}
