// Clusters and asynchronous copies: cp.async, tensor copies, mbarrier.
#include <cooperative_groups.h>
#include <cuda.h>

#include "tests/emulator/tests/hopper.hpp"

namespace calofuse::emulator::test {
namespace {

namespace cg = cooperative_groups;

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

TEST_F(Hopper, cluster_with_distributed_shared_memory)
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
    CALOFUSE_CUDA_OK(cudaLaunchKernelEx(&c, cluster_sum, o.p));
    auto const v = o.get();
    for (int b = 0; b < 8; ++b)
        for (int t = 0; t < 64; ++t)
            EXPECT_EQ(v[size_t(b * 64 + t)], (600 + 4 * t) * 1000 + (b + 1) % 4 * 100 + t);
}

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

TEST_F(Hopper, cp_async_pipeline)
{
    std::vector<float> in(128 * 5);
    for (size_t i = 0; i < in.size(); ++i)
        in[i] = float(i);
    Device<float> d(in), o(128);
    pipeline<<<1, 128>>>(d.p, o.p, 5);
    EXPECT_EQ(o.get()[0], 127 * 5 + 128 * 10);
}

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
    cuuint32_t const one[5] = {1, 1, 1, 1, 1};
    EXPECT_EQ(CUDA_SUCCESS,
              reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(f)(
                  &m, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, rank, p, size, stride, box, one,
                  CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle, CU_TENSOR_MAP_L2_PROMOTION_NONE,
                  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
    return m;
}

template <int kRank>
__global__ void tensor_copy(__grid_constant__ const CUtensorMap in,
                            __grid_constant__ const CUtensorMap out,
                            float* seen,
                            int n,
                            int x,
                            int y,
                            int z)
{
    extern __shared__ __align__(1024) float tile[];
    __shared__ __align__(8) uint64_t bar;
    uint32_t const mb = uint32_t(__cvta_generic_to_shared(&bar)),
                   to = uint32_t(__cvta_generic_to_shared(tile));
    if (threadIdx.x == 0) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(mb) : "memory");
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
        asm volatile("fence.proxy.async;" ::: "memory");
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(mb), "r"(n * 4)
                     : "memory");
        if constexpr (kRank == 1)
            asm volatile(
                "cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
                "[%1, {%2}], [%3];" ::"r"(to),
                "l"(&in), "r"(x), "r"(mb)
                : "memory");
        if constexpr (kRank == 2)
            asm volatile(
                "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
                "[%1, {%2, %3}], [%4];" ::"r"(to),
                "l"(&in), "r"(x), "r"(y), "r"(mb)
                : "memory");
        if constexpr (kRank == 3)
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
        if constexpr (kRank == 1)
            asm volatile(
                "cp.async.bulk.tensor.1d.global.shared::cta.bulk_group [%0, {%1}], [%2];" ::"l"(
                    &out),
                "r"(x), "r"(to)
                : "memory");
        if constexpr (kRank == 2)
            asm volatile(
                "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%1, %2}], [%3];" ::"l"(
                    &out),
                "r"(x), "r"(y), "r"(to)
                : "memory");
        if constexpr (kRank == 3)
            asm volatile(
                "cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%1, %2, %3}], [%4];" ::
                    "l"(&out),
                "r"(x), "r"(y), "r"(z), "r"(to)
                : "memory");
        asm volatile("cp.async.bulk.commit_group;" ::: "memory");
        asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
    }
}

template <int kRank>
void test_tensor(std::vector<cuuint64_t> size,
                 std::vector<cuuint32_t> box,
                 int x,
                 int y,
                 int z,
                 CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE)
{
    size.resize(3, 1);
    box.resize(3, 1);
    size_t const total = size[0] * size[1] * size[2], n = size_t(box[0]) * box[1] * box[2];
    std::vector<float> in(total);
    for (size_t i = 0; i < total; ++i)
        in[i] = float(i + 1);
    Device<float> d(in), o(std::vector<float>(total, 0.f)), seen(n);
    cuuint64_t const stride[2] = {size[0] * 4, size[0] * size[1] * 4};
    CUtensorMap const a = make_map(d.p, kRank, size.data(), stride, box.data(), swizzle),
                      b = make_map(o.p, kRank, size.data(), stride, box.data(), swizzle);
    tensor_copy<kRank><<<1, 64, n * 4 + 1024>>>(a, b, seen.p, int(n), x, y, z);
    CALOFUSE_CUDA_OK(cudaDeviceSynchronize());
    auto const s = seen.get(), r = o.get();
    std::vector<float> expected(total, 0.f);
    size_t i = 0;
    for (int c = 0; c < int(box[2]); ++c)
        for (int e = 0; e < int(box[1]); ++e)
            for (int f = 0; f < int(box[0]); ++f, ++i) {
                long const px = x + f, py = y + e, pz = z + c;
                bool const inside = px >= 0 && py >= 0 && pz >= 0 && px < long(size[0])
                                    && py < long(size[1]) && pz < long(size[2]);
                size_t const at =
                    inside ? size_t(px) + size[0] * (size_t(py) + size[1] * size_t(pz)) : 0;
                size_t where = i;
                if (swizzle == CU_TENSOR_MAP_SWIZZLE_128B)
                    where = (i * 4 ^ (i * 4 >> 7 & 7) << 4) / 4;
                EXPECT_EQ(s[where], inside ? in[at] : 0.f) << f << " " << e << " " << c;
                if (inside) expected[at] = in[at] + 1000;
            }
    EXPECT_EQ(r, expected);
}

TEST_F(Hopper, tensor_copy_1d)
{
    test_tensor<1>({100}, {64}, 60, 0, 0);
}

TEST_F(Hopper, tensor_copy_2d)
{
    test_tensor<2>({32, 20}, {16, 8}, -4, 15, 0);
}

TEST_F(Hopper, tensor_copy_2d_swizzled)
{
    test_tensor<2>({64, 32}, {32, 16}, 8, 4, 0, CU_TENSOR_MAP_SWIZZLE_128B);
}

TEST_F(Hopper, tensor_copy_3d)
{
    test_tensor<3>({16, 12, 10}, {8, 4, 3}, 12, -1, 8);
}

__global__ void queue(int const* in, int* out, int rounds)
{
    __shared__ int slot[32];
    __shared__ __align__(8) uint64_t full, empty;
    uint32_t const f = uint32_t(__cvta_generic_to_shared(&full)),
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

TEST_F(Hopper, mbarrier_queue)
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

}  // namespace
}  // namespace calofuse::emulator::test
