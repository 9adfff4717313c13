// Tensor cores, clusters, asynchronous copies (sm_90a). Matrix products are compared with a double reference.
#include <cmath>
#include <random>

#include <cooperative_groups.h>
#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "common.hpp"
namespace cg = cooperative_groups;

struct Hopper : Quiet {};
using bf16 = __nv_bfloat16;

namespace {
template <class T>
T from_float(float f);
template <>
bf16 from_float<bf16>(float f)
{
    return __float2bfloat16(f);
}
template <>
__half from_float<__half>(float f)
{
    return __float2half(f);
}
template <>
float from_float<float>(float f)
{
    return f;
}
double to_double(bf16 v)
{
    return double(__bfloat162float(v));
}
double to_double(__half v)
{
    return double(__half2float(v));
}
double to_double(float v)
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
/// a: m x k, b: k x n (both row by row); the sum of k products in single precision differs from the exact one by at most
/// k * 2^-24 * sum |a||b| + |c| (twice that on hardware, which truncates).
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
}  // namespace

// ---- mma.sync
template <class T>
__global__ void mma_k16(const T* a, const T* b, float const* c, float* d)
{  // 16x16 * 16x8
    int const g = int(threadIdx.x) / 4, t = int(threadIdx.x) % 4;
    unsigned fa[4], fb[2];
    auto two = [](T x, T y) {
        return unsigned(__builtin_bit_cast(unsigned short, x))
               | unsigned(__builtin_bit_cast(unsigned short, y)) << 16;
    };
    for (int r = 0; r < 4; ++r) {
        int const row = g + 8 * (r & 1), col = 2 * t + 8 * (r >> 1);
        fa[r] = two(a[row * 16 + col], a[row * 16 + col + 1]);
    }
    for (int r = 0; r < 2; ++r) {
        int const k = 2 * t + 8 * r;
        fb[r] = two(b[k * 8 + g], b[(k + 1) * 8 + g]);
    }
    float f[4];
    for (int r = 0; r < 4; ++r)
        f[r] = c[(g + 8 * (r >> 1)) * 8 + 2 * t + (r & 1)];
    if constexpr (sizeof(T) == 2 && std::is_same_v<T, bf16>)
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
            : "+f"(f[0]), "+f"(f[1]), "+f"(f[2]), "+f"(f[3])
            : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
    else
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
            : "+f"(f[0]), "+f"(f[1]), "+f"(f[2]), "+f"(f[3])
            : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
    for (int r = 0; r < 4; ++r)
        d[(g + 8 * (r >> 1)) * 8 + 2 * t + (r & 1)] = f[r];
}
__global__ void mma_tf32(float const* a, float const* b, float const* c, float* d)
{  // 16x8 * 8x8
    int const g = int(threadIdx.x) / 4, t = int(threadIdx.x) % 4;
    unsigned fa[4], fb[2];
    for (int r = 0; r < 4; ++r)
        fa[r] = __float_as_uint(a[(g + 8 * (r & 1)) * 8 + t + 4 * (r >> 1)]);
    for (int r = 0; r < 2; ++r)
        fb[r] = __float_as_uint(b[(t + 4 * r) * 8 + g]);
    float f[4];
    for (int r = 0; r < 4; ++r)
        f[r] = c[(g + 8 * (r >> 1)) * 8 + 2 * t + (r & 1)];
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
        : "+f"(f[0]), "+f"(f[1]), "+f"(f[2]), "+f"(f[3])
        : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
    for (int r = 0; r < 4; ++r)
        d[(g + 8 * (r >> 1)) * 8 + 2 * t + (r & 1)] = f[r];
}
template <class T>
void test_mma(unsigned seed)
{
    auto const a = random_matrix<T>(256, seed), b = random_matrix<T>(128, seed + 1);
    auto const c = random_matrix<float>(128, seed + 2);
    Device<T> da(a), db(b);
    Device<float> dc(c), dd(128);
    mma_k16<T><<<1, 32>>>(da.p, db.p, dc.p, dd.p);
    expect_product(a, b, c, dd.get(), 16, 8, 16);
}
TEST_F(Hopper, MmaBf16)
{
    test_mma<bf16>(1);
}
TEST_F(Hopper, MmaF16)
{
    test_mma<__half>(2);
}
TEST_F(Hopper, MmaTf32)
{
    auto const a = random_matrix<float>(128, 3), b = random_matrix<float>(64, 4),
               c = random_matrix<float>(128, 5);
    Device<float> da(a), db(b), dc(c), dd(128);
    mma_tf32<<<1, 32>>>(da.p, db.p, dc.p, dd.p);
    expect_product(a, b, c, dd.get(), 16, 8, 8);
}

// ---- ldmatrix and stmatrix
__global__ void matrix_copy(unsigned short const* in,
                            unsigned short* out,
                            unsigned short* transposed,
                            unsigned short* stored)
{
    __shared__ __align__(16) unsigned short s[256], r[256];
    for (int i = int(threadIdx.x); i < 256; i += 32)
        s[i] = in[i];
    __syncwarp();
    unsigned const at = unsigned(__cvta_generic_to_shared(s + threadIdx.x * 8)),
                   to = unsigned(__cvta_generic_to_shared(r + threadIdx.x * 8));
    unsigned v[4], w[4];
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];"
                 : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
                 : "r"(at)
                 : "memory");
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3},[%4];"
                 : "=r"(w[0]), "=r"(w[1]), "=r"(w[2]), "=r"(w[3])
                 : "r"(at)
                 : "memory");
    asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(to),
                 "r"(w[0]), "r"(w[1]), "r"(w[2]), "r"(w[3])
                 : "memory");
    __syncwarp();
    int const g = int(threadIdx.x) / 4, t = int(threadIdx.x) % 4;
    for (int q = 0; q < 4; ++q)
        for (int h = 0; h < 2; ++h) {
            out[q * 64 + g * 8 + 2 * t + h] = static_cast<unsigned short>(v[q] >> 16 * h);
            transposed[q * 64 + g * 8 + 2 * t + h] = static_cast<unsigned short>(w[q] >> 16 * h);
        }
    for (int i = int(threadIdx.x); i < 256; i += 32)
        stored[i] = r[i];
}
TEST_F(Hopper, LdmatrixAndStmatrix)
{
    std::vector<unsigned short> in(256);
    for (size_t i = 0; i < 256; ++i)
        in[i] = static_cast<unsigned short>(i * 257);
    Device<unsigned short> d(in), o(256), t(256), s(256);
    matrix_copy<<<1, 32>>>(d.p, o.p, t.p, s.p);
    EXPECT_EQ(o.get(), in);
    EXPECT_EQ(s.get(), in);  // transposed twice
    auto const v = t.get();
    for (size_t q = 0; q < 4; ++q)
        for (size_t r = 0; r < 8; ++r)
            for (size_t c = 0; c < 8; ++c)
                EXPECT_EQ(v[q * 64 + r * 8 + c], in[q * 64 + c * 8 + r]);
}

// ---- wgmma with one operand brought by a bulk copy
__device__ uint64_t descriptor(void const* p, uint32_t lbo, uint32_t sbo)
{
    const uint32_t a = uint32_t(__cvta_generic_to_shared(p));
    return uint64_t(a >> 4 & 0x3fff) | uint64_t(lbo >> 4) << 16 | uint64_t(sbo >> 4) << 32;
}
__device__ void wait_barrier(uint32_t bar, uint32_t parity)
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
// D[64][64] = A[64][64] * B[64][64]^T; both in 8x8 core matrices: [k/8][row/8][row%8][k%8]
__global__ void __launch_bounds__(128) wgmma_kernel(bf16 const* A, bf16 const* Bcore, float* D)
{
    __shared__ __align__(128) bf16 a[4096];
    __shared__ __align__(128) bf16 b[4096];
    __shared__ __align__(8) uint64_t bar;
    int const t = int(threadIdx.x);
    const uint32_t mb = uint32_t(__cvta_generic_to_shared(&bar));
    if (t == 0) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(mb), "r"(1) : "memory");
        asm volatile("fence.proxy.async;" ::: "memory");
    }
    __syncthreads();
    if (t == 0) {
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(mb), "r"(8192)
                     : "memory");
        asm volatile(
            "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, "
            "[%3];" ::"r"(uint32_t(__cvta_generic_to_shared(b))),
            "l"(Bcore), "r"(8192), "r"(mb)
            : "memory");
    }
    for (int i = t; i < 4096; i += 128) {
        int const r = i / 64, k = i % 64;
        a[(k / 8) * 512 + (r / 8) * 64 + r % 8 * 8 + k % 8] = A[i];
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    wait_barrier(mb, 0);
    float d[32];
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        const uint64_t da = descriptor(a + k * 1024, 1024, 128),
                       db = descriptor(b + k * 1024, 1024, 128);
        asm volatile(
            "{ .reg .pred p; setp.ne.b32 p, %34, 0; "
            "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
            "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%"
            "23,%24,%25,%26,%27,%28,%29,%30,%31}, %32, %33, p, 1, 1, 0, 0; }"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),
              "+f"(d[7]), "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]),
              "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]),
              "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),
              "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]),
              "+f"(d[31])
            : "l"(da), "l"(db), "r"(k));
    }
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    int const w = t / 32, g = t % 32 / 4, q = t % 4;
    for (int j = 0; j < 32; ++j)
        D[(w * 16 + g + j % 4 / 2 * 8) * 64 + j / 4 * 8 + q * 2 + j % 2] = d[j];
}
TEST_F(Hopper, WgmmaAndBulkCopy)
{
    auto const a = random_matrix<bf16>(4096, 6), b = random_matrix<bf16>(4096, 7);
    std::vector<bf16> core(4096), bt(4096);
    for (size_t n = 0; n < 64; ++n)
        for (size_t k = 0; k < 64; ++k)
            core[(k / 8) * 512 + (n / 8) * 64 + n % 8 * 8 + k % 8] = b[n * 64 + k],
                                                                bt[k * 64 + n] = b[n * 64 + k];
    Device<bf16> da(a), db(core);
    Device<float> d(4096);
    wgmma_kernel<<<1, 128>>>(da.p, db.p, d.p);
    CUDA_OK(cudaDeviceSynchronize());
    expect_product(a, bt, {}, d.get(), 64, 64, 64);
}

// ---- clusters
__global__ void cluster_sum(int* out)
{
    __shared__ int v[64];
    auto c = cg::this_cluster();
    v[threadIdx.x] = int(c.block_rank()) * 100 + int(threadIdx.x);
    c.sync();
    int s = 0;
    for (unsigned r = 0; r < c.num_blocks(); ++r)
        s += *c.map_shared_rank(&v[threadIdx.x], r);
    // the same through a shared::cluster address
    unsigned const mine = unsigned(__cvta_generic_to_shared(&v[threadIdx.x]));
    unsigned remote;
    int x;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;"
                 : "=r"(remote)
                 : "r"(mine), "r"((c.block_rank() + 1) % c.num_blocks()));
    asm volatile("ld.shared::cluster.s32 %0, [%1];" : "=r"(x) : "r"(remote) : "memory");
    c.sync();
    out[blockIdx.x * blockDim.x + threadIdx.x] = s * 1000 + x;
}
TEST_F(Hopper, ClusterWithDistributedSharedMemory)
{
    Device<int> o(8 * 64);
    cudaLaunchAttribute a{};
    a.id = cudaLaunchAttributeClusterDimension;
    a.val.clusterDim.x = 4;
    a.val.clusterDim.y = a.val.clusterDim.z = 1;
    cudaLaunchConfig_t c{};
    c.gridDim = 8;
    c.blockDim = 64;
    c.attrs = &a;
    c.numAttrs = 1;
    CUDA_OK(cudaLaunchKernelEx(&c, cluster_sum, o.p));
    auto const v = o.get();
    for (int b = 0; b < 8; ++b)
        for (int t = 0; t < 64; ++t)
            EXPECT_EQ(v[size_t(b * 64 + t)], (600 + 4 * t) * 1000 + (b + 1) % 4 * 100 + t);
}

// ---- cp.async pipeline
__global__ void pipeline(float const* in, float* out, int stages)
{
    __shared__ __align__(16) float buf[2][128];
    auto fetch = [&](int s) {
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(
                         unsigned(__cvta_generic_to_shared(&buf[s & 1][threadIdx.x]))),
                     "l"(in + s * 128 + threadIdx.x)
                     : "memory");
        asm volatile("cp.async.commit_group;" ::: "memory");
    };
    float sum = 0;
    fetch(0);
    for (int s = 0; s < stages; ++s) {
        if (s + 1 < stages)
            fetch(s + 1);
        else
            asm volatile("cp.async.commit_group;" ::: "memory");
        asm volatile("cp.async.wait_group 1;" ::: "memory");
        __syncthreads();
        sum += buf[s & 1][127 - threadIdx.x];
        __syncthreads();
    }
    out[threadIdx.x] = sum;
}
TEST_F(Hopper, CpAsyncPipeline)
{
    std::vector<float> in(128 * 5);
    for (size_t i = 0; i < in.size(); ++i)
        in[i] = float(i);
    Device<float> d(in), o(128);
    pipeline<<<1, 128>>>(d.p, o.p, 5);
    EXPECT_EQ(o.get()[0], 127 * 5 + 128 * 10);
}

// ---- tensor maps
CUtensorMap make_map(float* p,
                     unsigned rank,
                     cuuint64_t const* size,
                     cuuint64_t const* stride,
                     cuuint32_t const* box,
                     CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE)
{
    CUtensorMap m;
    void* f = nullptr;
    cudaDriverEntryPointQueryResult r;
    EXPECT_EQ(cudaSuccess, cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &f, 12000,
                                                            cudaEnableDefault, &r));
    const cuuint32_t one[5] = {1, 1, 1, 1, 1};
    EXPECT_EQ(CUDA_SUCCESS,
              reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(f)(
                  &m, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, rank, p, size, stride, box, one,
                  CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle, CU_TENSOR_MAP_L2_PROMOTION_NONE,
                  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
    return m;
}
template <int Rank>
__global__ void tensor_copy(const __grid_constant__ CUtensorMap in,
                            const __grid_constant__ CUtensorMap out,
                            float* seen,
                            int n,
                            int x,
                            int y,
                            int z)
{
    extern __shared__ __align__(1024) float tile[];
    __shared__ __align__(8) uint64_t bar;
    const uint32_t mb = uint32_t(__cvta_generic_to_shared(&bar)),
                   to = uint32_t(__cvta_generic_to_shared(tile));
    if (threadIdx.x == 0) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(mb) : "memory");
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
        asm volatile("fence.proxy.async;" ::: "memory");
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(mb), "r"(n * 4)
                     : "memory");
        if constexpr (Rank == 1)
            asm volatile(
                "cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
                "[%1, {%2}], [%3];" ::"r"(to),
                "l"(&in), "r"(x), "r"(mb)
                : "memory");
        if constexpr (Rank == 2)
            asm volatile(
                "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
                "[%1, {%2, %3}], [%4];" ::"r"(to),
                "l"(&in), "r"(x), "r"(y), "r"(mb)
                : "memory");
        if constexpr (Rank == 3)
            asm volatile(
                "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
                "[%1, {%2, %3, %4}], [%5];" ::"r"(to),
                "l"(&in), "r"(x), "r"(y), "r"(z), "r"(mb)
                : "memory");
    }
    __syncthreads();
    wait_barrier(mb, 0);
    for (int i = int(threadIdx.x); i < n; i += int(blockDim.x)) {
        seen[i] = tile[i];
        tile[i] += 1000;
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    if (threadIdx.x == 0) {
        if constexpr (Rank == 1)
            asm volatile(
                "cp.async.bulk.tensor.1d.global.shared::cta.bulk_group [%0, {%1}], [%2];" ::"l"(
                    &out),
                "r"(x), "r"(to)
                : "memory");
        if constexpr (Rank == 2)
            asm volatile(
                "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%1, %2}], [%3];" ::"l"(
                    &out),
                "r"(x), "r"(y), "r"(to)
                : "memory");
        if constexpr (Rank == 3)
            asm volatile(
                "cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%1, %2, %3}], [%4];" ::
                    "l"(&out),
                "r"(x), "r"(y), "r"(z), "r"(to)
                : "memory");
        asm volatile("cp.async.bulk.commit_group;" ::: "memory");
        asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
    }
}
template <int Rank>
void test_tensor(std::vector<cuuint64_t> size,
                 std::vector<cuuint32_t> box,
                 int x,
                 int y,
                 int z,
                 CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE)
{
    size.resize(3, 1);
    box.resize(3, 1);
    const size_t total = size[0] * size[1] * size[2], n = size_t(box[0]) * box[1] * box[2];
    std::vector<float> in(total);
    for (size_t i = 0; i < total; ++i)
        in[i] = float(i + 1);
    Device<float> d(in), o(std::vector<float>(total, 0.f)), seen(n);
    const cuuint64_t stride[2] = {size[0] * 4, size[0] * size[1] * 4};
    const CUtensorMap a = make_map(d.p, Rank, size.data(), stride, box.data(), swizzle),
                      b = make_map(o.p, Rank, size.data(), stride, box.data(), swizzle);
    tensor_copy<Rank><<<1, 64, n * 4 + 1024>>>(a, b, seen.p, int(n), x, y, z);
    CUDA_OK(cudaDeviceSynchronize());
    auto const s = seen.get(), r = o.get();
    std::vector<float> expected(total, 0.f);
    size_t i = 0;
    for (int c = 0; c < int(box[2]); ++c)
        for (int e = 0; e < int(box[1]); ++e)
            for (int f = 0; f < int(box[0]); ++f, ++i) {
                long const px = x + f, py = y + e, pz = z + c;
                bool const inside = px >= 0 && py >= 0 && pz >= 0 && px < long(size[0])
                                    && py < long(size[1]) && pz < long(size[2]);
                const size_t at =
                    inside ? size_t(px) + size[0] * (size_t(py) + size[1] * size_t(pz)) : 0;
                size_t where = i;
                if (swizzle == CU_TENSOR_MAP_SWIZZLE_128B)
                    where = (i * 4 ^ (i * 4 >> 7 & 7) << 4) / 4;
                EXPECT_EQ(s[where], inside ? in[at] : 0.f) << f << " " << e << " " << c;
                if (inside) expected[at] = in[at] + 1000;
            }
    EXPECT_EQ(r, expected);
}
TEST_F(Hopper, TensorCopy1D)
{
    test_tensor<1>({100}, {64}, 60, 0, 0);
}
TEST_F(Hopper, TensorCopy2D)
{
    test_tensor<2>({32, 20}, {16, 8}, -4, 15, 0);
}
TEST_F(Hopper, TensorCopy2DSwizzled)
{
    test_tensor<2>({64, 32}, {32, 16}, 8, 4, 0, CU_TENSOR_MAP_SWIZZLE_128B);
}
TEST_F(Hopper, TensorCopy3D)
{
    test_tensor<3>({16, 12, 10}, {8, 4, 3}, 12, -1, 8);
}

// ---- the usual pipeline: tensor copies with 128-byte swizzle, wgmma on the swizzled tiles
// A is 64x64 row by row (K-major). B is 64x64: K-major (n, k) or, transposed, MN-major (k, n).
template <bool Transposed>
__global__ void __launch_bounds__(128) swizzled_wgmma(const __grid_constant__ CUtensorMap ma,
                                                      const __grid_constant__ CUtensorMap mbb,
                                                      float* D)
{
    extern __shared__ __align__(1024) unsigned char tiles[];
    __shared__ __align__(8) uint64_t bar;
    const uint32_t mb = uint32_t(__cvta_generic_to_shared(&bar)),
                   a = uint32_t(__cvta_generic_to_shared(tiles)), b = a + 8192;
    int const t = int(threadIdx.x);
    if (t == 0) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(mb) : "memory");
        asm volatile("fence.proxy.async;" ::: "memory");
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], 16384;" ::"r"(mb)
                     : "memory");
        asm volatile(
            "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
            "[%1, {%2, %3}], [%4];" ::"r"(a),
            "l"(&ma), "r"(0), "r"(0), "r"(mb)
            : "memory");
        asm volatile(
            "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
            "[%1, {%2, %3}], [%4];" ::"r"(b),
            "l"(&mbb), "r"(0), "r"(0), "r"(mb)
            : "memory");
    }
    __syncthreads();
    wait_barrier(mb, 0);
    float d[32];
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    auto swizzled = [](uint32_t at) {
        return uint64_t(at >> 4 & 0x3fff) | uint64_t(1) << 16 | uint64_t(64) << 32
               | uint64_t(1) << 62;
    };  // groups of eight rows: 1024 bytes
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        const uint64_t da = swizzled(a + k * 32),
                       db = swizzled(Transposed ? b + k * 2048 : b + k * 32);
        asm volatile(
            "{ .reg .pred p; setp.ne.b32 p, %34, 0; "
            "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
            "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%"
            "23,%24,%25,%26,%27,%28,%29,%30,%31}, %32, %33, p, 1, 1, 0, %35; }"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),
              "+f"(d[7]), "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]),
              "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]),
              "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),
              "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]),
              "+f"(d[31])
            : "l"(da), "l"(db), "r"(k), "n"(Transposed ? 1 : 0));
    }
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    int const w = t / 32, g = t % 32 / 4, q = t % 4;
    for (int j = 0; j < 32; ++j)
        D[(w * 16 + g + j % 4 / 2 * 8) * 64 + j / 4 * 8 + q * 2 + j % 2] = d[j];
}
CUtensorMap bf16_map(bf16* p)
{
    CUtensorMap m;
    void* f = nullptr;
    cudaDriverEntryPointQueryResult r;
    EXPECT_EQ(cudaSuccess, cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &f, 12000,
                                                            cudaEnableDefault, &r));
    const cuuint64_t size[2] = {64, 64}, stride[1] = {128};
    const cuuint32_t box[2] = {64, 64}, one[2] = {1, 1};
    EXPECT_EQ(CUDA_SUCCESS,
              reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(f)(
                  &m, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, p, size, stride, box, one,
                  CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                  CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
    return m;
}
TEST_F(Hopper, SwizzledTensorCopyAndWgmma)
{
    auto const a = random_matrix<bf16>(4096, 8), b = random_matrix<bf16>(4096, 9);
    std::vector<bf16> bt(4096);
    for (size_t n = 0; n < 64; ++n)
        for (size_t k = 0; k < 64; ++k)
            bt[n * 64 + k] = b[k * 64 + n];
    Device<bf16> da(a), db(b), dbt(bt);
    Device<float> d(4096);
    swizzled_wgmma<false><<<1, 128, 17 * 1024>>>(bf16_map(da.p), bf16_map(dbt.p), d.p);
    CUDA_OK(cudaDeviceSynchronize());
    expect_product(a, b, {}, d.get(), 64, 64, 64);
    swizzled_wgmma<true><<<1, 128, 17 * 1024>>>(bf16_map(da.p), bf16_map(db.p), d.p);
    CUDA_OK(cudaDeviceSynchronize());
    expect_product(a, b, {}, d.get(), 64, 64, 64);
}

// ---- mbarriers as a queue between a producer and consumer warps, across several phases
__global__ void queue(int const* in, int* out, int rounds)
{
    __shared__ int slot[32];
    __shared__ __align__(8) uint64_t full, empty;
    const uint32_t f = uint32_t(__cvta_generic_to_shared(&full)),
                   e = uint32_t(__cvta_generic_to_shared(&empty));
    if (threadIdx.x == 0) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 32;" ::"r"(f) : "memory");
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 32;" ::"r"(e) : "memory");
    }
    __syncthreads();
    int const lane = int(threadIdx.x) % 32;
    for (int r = 0; r < rounds; ++r) {
        if (threadIdx.x < 32) {
            wait_barrier(e, uint32_t(r + 1) & 1);
            slot[lane] = in[r * 32 + lane];
            asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(f) : "memory");
        } else {
            wait_barrier(f, uint32_t(r) & 1);
            out[r * 32 + lane] = slot[31 - lane];
            asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(e) : "memory");
        }
    }
}
TEST_F(Hopper, MbarrierQueue)
{
    std::vector<int> in(32 * 6);
    for (size_t i = 0; i < in.size(); ++i)
        in[i] = int(i);
    Device<int> d(in), o(in.size());
    queue<<<1, 64>>>(d.p, o.p, 6);
    auto const v = o.get();
    for (int r = 0; r < 6; ++r)
        for (int l = 0; l < 32; ++l)
            EXPECT_EQ(v[size_t(r * 32 + l)], r * 32 + 31 - l);
}
