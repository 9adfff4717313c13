/// \file tests/emulator/tests/hopper.hpp
/// Random matrices, their product in double, and pieces of PTX for tests of sm_90a.
#pragma once

#include <cmath>
#include <random>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "tests/emulator/tests/common.hpp"

namespace calofuse::emulator::test {

struct Hopper : Quiet {};

using bf16 = __nv_bfloat16;

template <class T>
T from_float(float f);

template <>
inline bf16 from_float<bf16>(float f)
{
    return __float2bfloat16(f);
}

template <>
inline __half from_float<__half>(float f)
{
    return __float2half(f);
}

template <>
inline float from_float<float>(float f)
{
    return f;
}

inline double to_double(bf16 v)
{
    return double(__bfloat162float(v));
}

inline double to_double(__half v)
{
    return double(__half2float(v));
}

inline double to_double(float v)
{  // as tf32
    unsigned u;
    memcpy(&u, &v, 4);
    u &= 0xffffe000u;
    memcpy(&v, &u, 4);
    return double(v);
}

template <class T>
std::vector<T> random_matrix(size_t n, unsigned seed)
{
    std::mt19937 g(seed);
    std::normal_distribution<float> d;
    std::vector<T> v(n);
    for (auto& x : v)
        x = from_float<T>(d(g));
    return v;
}

template <class T>
void expect_product(std::vector<T> const& a,
                    std::vector<T> const& b,
                    std::vector<float> const& c,
                    std::vector<float> const& d,
                    size_t m,
                    size_t n,
                    size_t k)
{
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) {
            double s = c.empty() ? 0 : double(c[i * n + j]), size = std::fabs(s);
            for (size_t q = 0; q < k; ++q) {
                double const p = to_double(a[i * k + q]) * to_double(b[q * n + j]);
                s += p;
                size += std::fabs(p);
            }
            ASSERT_NEAR(d[i * n + j], s, 2.0 * double(k + 1) * std::ldexp(size, -24))
                << i << " " << j;
        }
}

inline __device__ void wait_barrier(uint32_t bar, uint32_t parity)
{
    uint32_t ok;
    do
        asm volatile(
            "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, "
            "0, p; }"
            : "=r"(ok)
            : "r"(bar), "r"(parity)
            : "memory");
    while (!ok);
}

}  // namespace calofuse::emulator::test
