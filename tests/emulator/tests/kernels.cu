// Correct kernels: block and warp collectives, cooperative groups, math, device functions, inter-block patterns.
#include <cmath>

#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "common.hpp"
namespace cg = cooperative_groups;

struct Kernels : Quiet {};

__global__ void block_votes(int* out)
{
    int const t = int(threadIdx.x);
    out[t] = __syncthreads_count(t & 1) * 1000 + __syncthreads_or(t == 70) * 100
             + __syncthreads_and(t < 1000) * 10 + __all_sync(~0u, t >= 0);
}
TEST_F(Kernels, BlockVotes)
{
    Device<int> o(96);
    block_votes<<<1, 96>>>(o.p);
    for (int v : o.get())
        EXPECT_EQ(v, 48 * 1000 + 100 + 10 + 1);
}

__global__ void independent_halves(int* out)
{
    int const t = int(threadIdx.x);
    int v;
    if (t < 16)
        v = __shfl_sync(0x0000ffffu, t * 10, 3);
    else
        v = __reduce_add_sync(0xffff0000u, t);
    __syncwarp();
    out[t] = v + int(__popc(__match_any_sync(~0u, t / 8)));
}
TEST_F(Kernels, IndependentHalvesOfAWarp)
{
    Device<int> o(32);
    independent_halves<<<1, 32>>>(o.p);
    auto const v = o.get();
    EXPECT_EQ(v[0], 38);
    EXPECT_EQ(v[31], (16 + 31) * 8 + 8);
}

__global__ void tiles(int* out)
{
    auto b = cg::this_thread_block();
    auto t = cg::tiled_partition<16>(b);
    int const v = int(threadIdx.x);
    int r = cg::reduce(t, v, cg::plus<int>());
    int const s = cg::exclusive_scan(t, v);
    if (v % 3 == 0) r += 1000 * int(cg::coalesced_threads().size());
    out[threadIdx.x] = r + 100000 * (s & 7);
}
TEST_F(Kernels, CooperativeGroupsTiles)
{
    Device<int> o(64);
    tiles<<<1, 64>>>(o.p);
    auto const v = o.get();
    for (int i = 0; i < 64; ++i) {
        int const base = i / 16 * 16;
        int r = 16 * base + 120, s = 0;
        for (int j = base; j < i; ++j)
            s += j;
        if (i % 3 == 0) {
            int n = 0;
            for (int j = i / 32 * 32; j < i / 32 * 32 + 32; ++j)
                n += j % 3 == 0;
            r += 1000 * n;
        }
        EXPECT_EQ(v[size_t(i)], r + 100000 * (s & 7));
    }
}

__global__ void producer_consumer(int* out)
{  // named barriers
    __shared__ int box[32];
    int const t = int(threadIdx.x);
    for (int r = 0; r < 3; ++r) {
        if (t < 32) {
            asm volatile("bar.sync 1, 64;" ::: "memory");
            out[r * 32 + t] = box[31 - t];
            asm volatile("bar.arrive 2, 64;" ::: "memory");
        } else {
            if (r) asm volatile("bar.sync 2, 64;" ::: "memory");
            box[t - 32] = r * 1000 + t;
            asm volatile("bar.arrive 1, 64;" ::: "memory");
        }
    }
    if (t >= 32) asm volatile("bar.sync 2, 64;" ::: "memory");
}
TEST_F(Kernels, NamedBarriers)
{
    Device<int> o(96);
    producer_consumer<<<1, 64>>>(o.p);
    EXPECT_EQ(o.get()[0], 63);
    EXPECT_EQ(o.get()[95], 2032);
}

__global__ void last_block_sums(int const* in, int* part, unsigned* ticket, int* out, int n)
{
    __shared__ int w[8];
    __shared__ bool last;
    int s = 0;
    for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < n;
         i += int(gridDim.x * blockDim.x))
        s += in[i];
    s = __reduce_add_sync(~0u, s);
    if ((threadIdx.x & 31) == 0) w[threadIdx.x >> 5] = s;
    __syncthreads();
    if (threadIdx.x == 0) {
        int b = 0;
        for (int k = 0; k < 8; ++k)
            b += w[k];
        part[blockIdx.x] = b;
        __threadfence();
        last = atomicAdd(ticket, 1u) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        int b = 0;
        for (unsigned k = 0; k < gridDim.x; ++k)
            b += part[k];
        *out = b;
    }
}
TEST_F(Kernels, LastBlockReduction)
{
    std::vector<int> in(5000);
    int sum = 0;
    for (size_t i = 0; i < in.size(); ++i)
        sum += in[i] = int(i * 37 % 101);
    Device<int> d(in), part(7), out(1);
    Device<unsigned> ticket(std::vector<unsigned>{0});
    last_block_sums<<<7, 256>>>(d.p, part.p, ticket.p, out.p, 5000);
    EXPECT_EQ(out.get()[0], sum);
}

__global__ void spin_lock(int* lock, int* count)
{  // lanes of one warp compete: needs independent thread scheduling
    for (bool done = false; !done;) {
        if (atomicCAS(lock, 0, 1) == 0) {
            __threadfence();
            int const n = *reinterpret_cast<int volatile*>(count);
            *reinterpret_cast<int volatile*>(count) = n + 1;
            __threadfence();
            atomicExch(lock, 0);
            done = true;
        }
    }
}
TEST_F(Kernels, SpinLockBetweenLanesAndBlocks)
{
    Device<int> lock(std::vector<int>{0}), count(std::vector<int>{0});
    spin_lock<<<3, 64>>>(lock.p, count.p);
    EXPECT_EQ(count.get()[0], 192);
}
__global__ void wait_for_higher_block(int volatile* flag, int* out)
{
    if (blockIdx.x == 0) {
        while (*flag == 0)
            __nanosleep(100);
        *out = *flag;
    } else if (blockIdx.x == gridDim.x - 1)
        *flag = 42;
}
TEST_F(Kernels, BlocksMayWaitForLaterBlocks)
{
    Device<int> flag(std::vector<int>{0}), out(1);
    wait_for_higher_block<<<4, 1>>>(flag.p, out.p);
    EXPECT_EQ(out.get()[0], 42);
}

__global__ void neighbours(int* a, int* out, int n)
{
    auto g = cg::this_grid();
    int const i = int(g.thread_rank());
    a[i] = i * i;
    g.sync();
    out[i] = a[(i + 37) % n];
}
TEST_F(Kernels, CooperativeGridSync)
{
    int n = 6 * 96;
    Device<int> a{size_t(n)}, o{size_t(n)};
    void* args[] = {&a.p, &o.p, &n};
    CUDA_OK(cudaLaunchCooperativeKernel(reinterpret_cast<void const*>(neighbours), dim3(6),
                                        dim3(96), args, 0, nullptr));
    auto const v = o.get();
    for (int i = 0; i < n; ++i)
        EXPECT_EQ(v[size_t(i)], ((i + 37) % n) * ((i + 37) % n));
}

__global__ void math(float const* x,
                     float* y,
                     __half2 const* h,
                     __half2* ho,
                     __nv_bfloat162 const* q,
                     __nv_bfloat162* qo)
{
    unsigned const i = threadIdx.x;
    float const v = x[i];
    y[i] = expf(v) + logf(fabsf(v) + 1) + sinf(v * 10) + powf(fabsf(v), 1.5f) + tanhf(v) + erff(v)
           + v / 3.f + sqrtf(fabsf(v)) + rsqrtf(fabsf(v) + 1) + __expf(v) + floorf(v) + rintf(v)
           + fmodf(v, 0.3f) + cbrtf(v) + float(atan2(double(v), 2.0));
    ho[i] = __hfma2(h[i], h[i], __hadd2(h[i], h[i]));
    qo[i] = __hmul2(q[i], __hmax2(q[i], q[i]));
}
TEST_F(Kernels, DeviceMathLibrary)
{
    std::vector<float> x(32);
    std::vector<__half2> h(32);
    std::vector<__nv_bfloat162> q(32);
    for (int i = 0; i < 32; ++i)
        x[size_t(i)] = float(i) * 3.1f - 50.f,
        h[size_t(i)] = __floats2half2_rn(float(i) * 0.1f, float(i) * 0.2f),
        q[size_t(i)] = __floats2bfloat162_rn(float(i) * 0.1f, float(i) * 0.3f);
    Device<float> dx(x), dy(32);
    Device<__half2> dh(h), dho(32);
    Device<__nv_bfloat162> dq(q), dqo(32);
    math<<<1, 32>>>(dx.p, dy.p, dh.p, dho.p, dq.p, dqo.p);
    auto const y = dy.get();
    auto const ho = dho.get();
    auto const qo = dqo.get();
    for (size_t i = 0; i < 32; ++i) {
        double const v = double(x[i]);
        double const parts[] = {std::exp(v),
                                std::log(std::fabs(v) + 1),
                                std::sin(v * 10),
                                std::pow(std::fabs(v), 1.5),
                                std::tanh(v),
                                std::erf(v),
                                v / 3,
                                std::sqrt(std::fabs(v)),
                                1 / std::sqrt(std::fabs(v) + 1),
                                std::exp(v),
                                std::floor(v),
                                std::rint(v),
                                double(fmodf(x[i], 0.3f)),
                                std::cbrt(v),
                                std::atan2(v, 2.0)};
        double r = 0, size = 0;
        for (double p : parts)
            r += p, size += std::fabs(p);
        EXPECT_NEAR(y[i], r, 1e-6 * size + 1e-5) << v;
        float const a = __low2float(h[i]), c = __high2float(q[i]);
        EXPECT_NEAR(__low2float(ho[i]), a * a + 2 * a, 0.02);
        EXPECT_NEAR(__high2float(qo[i]), c * c, 0.5);
    }
}

// ---- device functions that are really called
__device__ __noinline__ int fibonacci(int n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
__device__ __noinline__ int twice(int x)
{
    return 2 * x;
}
__device__ __noinline__ int square(int x)
{
    return x * x;
}
__device__ __noinline__ void through_pointer(int* local, int k)
{
    for (int i = 0; i < 4; ++i)
        local[i] += k * i;
}
struct Shape {
    virtual __device__ int area() const = 0;
};
struct Box : Shape {
    int a, b;
    __device__ Box(int x, int y) : a(x), b(y) {}
    __device__ __noinline__ int area() const override { return a * b; }
};
struct Disc : Shape {
    int r;
    __device__ explicit Disc(int x) : r(x) {}
    __device__ __noinline__ int area() const override { return 3 * r * r; }
};
struct Big {
    int v[6];
};
__device__ __noinline__ Big rotate(Big b, int k)
{
    Big r;
    for (int i = 0; i < 6; ++i)
        r.v[i] = b.v[(i + k) % 6];
    return r;
}
__global__ void calls(int* out, int depth)
{
    int const t = int(threadIdx.x);
    int (*f)(int) = t & 1 ? twice : square;
    if (depth > 100) f = fibonacci;
    int local[4] = {1, 2, 3, 4};
    through_pointer(local, t);
    Box box(t, 2);
    Disc disc(t);
    Shape const* s = t % 3 ? static_cast<Shape const*>(&box) : &disc;
    Big b;
    for (int i = 0; i < 6; ++i)
        b.v[i] = t + i;
    b = rotate(b, t % 6);
    out[t] = fibonacci(t % depth) * 1000000 + f(t) * 100 + local[3] + s->area() + b.v[0] * 7;
}
TEST_F(Kernels, FunctionCallsRecursionAndPointers)
{
    Device<int> o(64);
    calls<<<1, 64>>>(o.p, 11);
    auto const v = o.get();
    int fib[12] = {0, 1};
    for (int i = 2; i < 12; ++i)
        fib[i] = fib[i - 1] + fib[i - 2];
    for (int t = 0; t < 64; ++t)
        EXPECT_EQ(v[size_t(t)], fib[t % 11] * 1000000 + (t & 1 ? 2 * t : t * t) * 100 + 4 + 3 * t
                                    + (t % 3 ? t * 2 : 3 * t * t) + (t + t % 6) * 7);
}

__constant__ float c_table[4];
__device__ int g_counter = 5;
__device__ float g_array[8] = {1, 2, 3};
__managed__ int m_value = 3;
__global__ void symbols(float* out)
{
    out[threadIdx.x] = c_table[threadIdx.x & 3] + g_array[threadIdx.x & 7] + float(m_value);
    atomicAdd(&g_counter, 1);
}
TEST_F(Kernels, SymbolsConstantAndManagedMemory)
{
    float const table[4] = {10, 20, 30, 40};
    CUDA_OK(cudaMemcpyToSymbol(c_table, table, sizeof table));
    m_value = 100;
    Device<float> o(32);
    symbols<<<1, 32>>>(o.p);
    auto const v = o.get();
    EXPECT_EQ(v[1], 20 + 2 + 100);
    EXPECT_EQ(v[7], 40 + 0 + 100);
    int n;
    CUDA_OK(cudaMemcpyFromSymbol(&n, g_counter, sizeof n));
    EXPECT_EQ(n, 37);
}

__global__ void dynamic_shared(int* out, int n)
{
    extern __shared__ int s[];
    for (int i = int(threadIdx.x); i < n; i += int(blockDim.x))
        s[i] = i;
    __syncthreads();
    if (threadIdx.x == 0) *out = s[n - 1] + s[0];
}
TEST_F(Kernels, LargeDynamicSharedMemory)
{
    int const bytes = 227 * 1024;
    CUDA_OK(
        cudaFuncSetAttribute(dynamic_shared, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    Device<int> o(1);
    dynamic_shared<<<1, 256, bytes>>>(o.p, bytes / 4);
    CUDA_OK(cudaGetLastError());
    EXPECT_EQ(o.get()[0], bytes / 4 - 1);
}
__global__ void bytes_next_to_each_other(unsigned char* out)
{  // neighbours write different bytes of one word: no race
    __shared__ unsigned char s[256];
    s[threadIdx.x] = static_cast<unsigned char>(threadIdx.x);
    __syncthreads();
    out[threadIdx.x] = s[255 - threadIdx.x];
}
TEST_F(Kernels, BytesOfOneWordAreIndependent)
{
    Device<unsigned char> o(256);
    bytes_next_to_each_other<<<1, 256>>>(o.p);
    EXPECT_EQ(o.get()[3], 252);
}
__global__ void switch_on(int const* in, int* out)
{
    int const t = int(threadIdx.x);
    int r = 0;
    switch (in[t]) {
        case 0:
            r = __popc(unsigned(t));
            break;
        case 1:
            r = t * t;
            break;
        case 2:
            r = t ^ 21;
            break;
        case 3:
            r = -t;
            break;
        case 4:
            r = t / 3;
            break;
        case 5:
            r = t % 7;
            break;
        default:
            r = 99;
    }
    out[t] = r;
}
TEST_F(Kernels, SwitchStatements)
{
    std::vector<int> in(64);
    for (int i = 0; i < 64; ++i)
        in[size_t(i)] = i % 7;
    Device<int> d(in), o(64);
    switch_on<<<1, 64>>>(d.p, o.p);
    auto const v = o.get();
    EXPECT_EQ(v[8], 64);
    EXPECT_EQ(v[9], 9 ^ 21);
    EXPECT_EQ(v[10], -10);
    EXPECT_EQ(v[13], 99);
}
