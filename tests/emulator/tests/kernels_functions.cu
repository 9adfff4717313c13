// Correct kernels: device functions, the maths library, symbols, switches.
#include <cmath>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "tests/emulator/tests/common.hpp"

namespace calofuse::emulator::test {
namespace {

struct Functions : Quiet {};

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

TEST_F(Functions, device_math_library)
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

TEST_F(Functions, function_calls_recursion_and_pointers)
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

TEST_F(Functions, symbols_constant_and_managed_memory)
{
    float const table[4] = {10, 20, 30, 40};
    CALOFUSE_CUDA_OK(cudaMemcpyToSymbol(c_table, table, sizeof table));
    m_value = 100;
    Device<float> o(32);
    symbols<<<1, 32>>>(o.p);
    auto const v = o.get();
    EXPECT_EQ(v[1], 20 + 2 + 100);
    EXPECT_EQ(v[7], 40 + 0 + 100);
    int n;
    CALOFUSE_CUDA_OK(cudaMemcpyFromSymbol(&n, g_counter, sizeof n));
    EXPECT_EQ(n, 37);
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

TEST_F(Functions, switch_statements)
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

}  // namespace
}  // namespace calofuse::emulator::test
