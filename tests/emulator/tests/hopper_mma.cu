// Tensor cores: mma, ldmatrix, stmatrix, wgmma (also on what a swizzled tensor copy has brought).
#include <cuda.h>

#include "tests/emulator/tests/hopper.hpp"

namespace calofuse::emulator::test {
namespace {

template <class T>
__global__ void mma_k16(T const* a, T const* b, float const* c, float* d)
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

TEST_F(Hopper, mma_bf16)
{
    test_mma<bf16>(1);
}

TEST_F(Hopper, mma_f16)
{
    test_mma<__half>(2);
}

TEST_F(Hopper, mma_tf32)
{
    auto const a = random_matrix<float>(128, 3), b = random_matrix<float>(64, 4),
               c = random_matrix<float>(128, 5);
    Device<float> da(a), db(b), dc(c), dd(128);
    mma_tf32<<<1, 32>>>(da.p, db.p, dc.p, dd.p);
    expect_product(a, b, c, dd.get(), 16, 8, 8);
}

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

TEST_F(Hopper, ldmatrix_and_stmatrix)
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

__device__ uint64_t descriptor(void const* p, uint32_t lbo, uint32_t sbo)
{
    uint32_t const a = uint32_t(__cvta_generic_to_shared(p));
    return uint64_t(a >> 4 & 0x3fff) | uint64_t(lbo >> 4) << 16 | uint64_t(sbo >> 4) << 32;
}

__global__ void __launch_bounds__(128) wgmma_kernel(bf16 const* A, bf16 const* Bcore, float* D)
{
    __shared__ __align__(128) bf16 a[4096];
    __shared__ __align__(128) bf16 b[4096];
    __shared__ __align__(8) uint64_t bar;
    int const t = int(threadIdx.x);
    uint32_t const mb = uint32_t(__cvta_generic_to_shared(&bar));
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
        uint64_t const da = descriptor(a + k * 1024, 1024, 128),
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

TEST_F(Hopper, wgmma_and_bulk_copy)
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
    CALOFUSE_CUDA_OK(cudaDeviceSynchronize());
    expect_product(a, bt, {}, d.get(), 64, 64, 64);
}

template <bool kTransposed>
__global__ void __launch_bounds__(128) swizzled_wgmma(__grid_constant__ const CUtensorMap ma,
                                                      __grid_constant__ const CUtensorMap mbb,
                                                      float* D)
{
    extern __shared__ __align__(1024) unsigned char tiles[];
    __shared__ __align__(8) uint64_t bar;
    uint32_t const mb = uint32_t(__cvta_generic_to_shared(&bar)),
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
        uint64_t const da = swizzled(a + k * 32),
                       db = swizzled(kTransposed ? b + k * 2048 : b + k * 32);
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
            : "l"(da), "l"(db), "r"(k), "n"(kTransposed ? 1 : 0));
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
    cuuint64_t const size[2] = {64, 64}, stride[1] = {128};
    cuuint32_t const box[2] = {64, 64}, one[2] = {1, 1};
    EXPECT_EQ(CUDA_SUCCESS,
              reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(f)(
                  &m, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, p, size, stride, box, one,
                  CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                  CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
    return m;
}

TEST_F(Hopper, swizzled_tensor_copy_and_wgmma)
{
    auto const a = random_matrix<bf16>(4096, 8), b = random_matrix<bf16>(4096, 9);
    std::vector<bf16> bt(4096);
    for (size_t n = 0; n < 64; ++n)
        for (size_t k = 0; k < 64; ++k)
            bt[n * 64 + k] = b[k * 64 + n];
    Device<bf16> da(a), db(b), dbt(bt);
    Device<float> d(4096);
    swizzled_wgmma<false><<<1, 128, 17 * 1024>>>(bf16_map(da.p), bf16_map(dbt.p), d.p);
    CALOFUSE_CUDA_OK(cudaDeviceSynchronize());
    expect_product(a, b, {}, d.get(), 64, 64, 64);
    swizzled_wgmma<true><<<1, 128, 17 * 1024>>>(bf16_map(da.p), bf16_map(db.p), d.p);
    CALOFUSE_CUDA_OK(cudaDeviceSynchronize());
    expect_product(a, b, {}, d.get(), 64, 64, 64);
}

}  // namespace
}  // namespace calofuse::emulator::test
