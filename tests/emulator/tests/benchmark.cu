// Interpreted instructions per second, by kind of work. Not a test; run with and without CUDA_EMU_CHECK=none.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "tests/emulator/cuda_emulator.hpp"

namespace {

__global__ void arithmetic(float* x, int n)
{
    float a = float(threadIdx.x), b = 0.5f;
    for (int i = 0; i < n; ++i) {
        a = fmaf(a, b, 1.f);
        b = fmaf(b, 0.999f, a * 1e-6f);
    }
    x[blockIdx.x * blockDim.x + threadIdx.x] = a + b;
}
__global__ void streaming(float const* x, float* y, int n)
{
    for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < n;
         i += int(gridDim.x * blockDim.x))
        y[i] = 2.f * x[i] + y[i];
}
__global__ void shared_stencil(float const* x, float* y, int rounds)
{
    __shared__ float s[258];
    int const t = int(threadIdx.x);
    s[t + 1] = x[t];
    if (t < 2) s[t * 257] = 0;
    __syncthreads();
    for (int r = 0; r < rounds; ++r) {
        float const v = 0.25f * s[t] + 0.5f * s[t + 1] + 0.25f * s[t + 2];
        __syncthreads();
        s[t + 1] = v;
        __syncthreads();
    }
    y[blockIdx.x * 256 + t] = s[t + 1];
}
__global__ void divergent(int* x, int n)
{
    int v = int(threadIdx.x), s = 0;
    for (int i = 0; i < n; ++i) {
        if (v & 1)
            v = 3 * v + 1;
        else
            v >>= 1;
        s += v;
    }
    x[blockIdx.x * blockDim.x + threadIdx.x] = s;
}
__global__ void tensor(float* d, int n)
{
    float f[4] = {};
    unsigned a[4] = {0x3f803f80, 0x3f803f80, 0x3f803f80, 0x3f803f80},
             b[2] = {0x3f803f80, 0x3f803f80};
    for (int i = 0; i < n; ++i)
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
            : "+f"(f[0]), "+f"(f[1]), "+f"(f[2]), "+f"(f[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    d[threadIdx.x] = f[0] + f[1] + f[2] + f[3];
}

/// Best of three, in processor time: other programs may run beside it.
template <class F>
void measure(char const* name, F f)
{
    f();
    cudaDeviceSynchronize();
    double best = 1e9;
    unsigned long long lanes = 0;
    for (int r = 0; r < 3; ++r) {
        auto const before = cuda_emulator::lane_instructions();
        std::clock_t const start = std::clock();
        f();
        cudaDeviceSynchronize();
        best = std::min(best, double(std::clock() - start) / CLOCKS_PER_SEC);
        lanes = cuda_emulator::lane_instructions() - before;
    }
    std::printf("%-16s %8.1f M lane instructions/s  (%.0f M in %.1f ms)\n", name,
                double(lanes) / best * 1e-6, double(lanes) * 1e-6, best * 1e3);
}

}  // namespace

int main()
{
    float *x, *y;
    int* q;
    int const n = 1 << 18;
    cudaMalloc(&x, n * 4);
    cudaMalloc(&y, n * 4);
    cudaMalloc(&q, n * 4);
    cudaMemset(x, 0, n * 4);
    cudaMemset(y, 0, n * 4);
    measure("arithmetic", [&] { arithmetic<<<8, 256>>>(x, 2000); });
    measure("streaming", [&] { streaming<<<16, 256>>>(x, y, n); });
    measure("shared memory", [&] { shared_stencil<<<8, 256>>>(x, y, 200); });
    measure("divergence", [&] { divergent<<<8, 256>>>(q, 500); });
    measure("mma.sync", [&] { tensor<<<1, 32>>>(y, 20000); });
    cudaFree(x);
    cudaFree(y);
    cudaFree(q);
    return 0;
}
