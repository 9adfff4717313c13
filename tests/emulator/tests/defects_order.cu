// Seeded defects of order: barriers, warps, asynchronous copies, endless kernels, streams.
#include <cooperative_groups.h>

#include "tests/emulator/tests/defects.hpp"

namespace calofuse::emulator::test {
namespace {

__global__ void divergent_barrier(int* out, bool bug)
{
    __shared__ int s[64];
    s[threadIdx.x] = int(threadIdx.x);
    if (bug) {
        if (threadIdx.x < 32) {
            asm volatile("bar.sync 0;" ::: "memory");
            s[threadIdx.x] += 1;
        } else {
            asm volatile("bar.sync 0;" ::: "memory");
            s[threadIdx.x] += 2;
        }
    } else
        __syncthreads();
    __syncthreads();
    out[threadIdx.x] = s[threadIdx.x ^ 1];
}

TEST(Defect, divergent_barrier)
{
    expect_caught("divergent barrier", [](bool b) {
        int* p = zeros(64);
        divergent_barrier<<<1, 64>>>(p, b);
        cudaFree(p);
    });
}

__global__ void early_exit(int* out, int n)
{
    __shared__ int s[64];
    if (int(threadIdx.x) >= n) return;
    s[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = s[0];
}

TEST(Defect, barrier_after_early_return)
{
    expect_caught("they have exited", [](bool b) {
        int* p = zeros(64);
        early_exit<<<1, 64>>>(p, b ? 50 : 64);
        cudaFree(p);
    });
}

__global__ void deadlock(int* out, bool bug)
{
    if (threadIdx.x < 32)
        asm volatile("bar.sync 1, 64;" ::: "memory");
    else
        asm volatile("bar.sync %0, 64;" ::"r"(bug ? 2 : 1) : "memory");
    out[threadIdx.x] = 1;
}

TEST(Defect, deadlock)
{
    expect_caught("deadlock", [](bool b) {
        int* p = zeros(64);
        deadlock<<<1, 64>>>(p, b);
        cudaFree(p);
    });
}

__global__ void wrong_mask(int* out, bool bug)
{
    int v = int(threadIdx.x);
    if (threadIdx.x < 16) v = __shfl_sync(0x0000ffffu, v, bug ? 20 : 3);
    out[threadIdx.x] = v;
}

TEST(Defect, shuffle_from_inactive_lane)
{
    expect_caught("shuffle reads a lane", [](bool b) {
        int* p = zeros(32);
        wrong_mask<<<1, 32>>>(p, b);
        cudaFree(p);
    });
}

__global__ void not_in_mask(int* out, bool bug)
{
    out[threadIdx.x] = int(__ballot_sync(bug ? 0x7fffffffu : ~0u, 1));
}

TEST(Defect, lane_not_in_its_mask)
{
    expect_caught("member mask", [](bool b) {
        int* p = zeros(32);
        not_in_mask<<<1, 32>>>(p, b);
        cudaFree(p);
    });
}

__global__ void copy_wait(int const* in, int* out, bool bug)
{
    __shared__ __align__(16) int s[64];
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(
                     unsigned(__cvta_generic_to_shared(s + threadIdx.x))),
                 "l"(in + threadIdx.x)
                 : "memory");
    asm volatile("cp.async.commit_group;" ::: "memory");
    if (bug)
        asm volatile("cp.async.wait_group 1;" ::: "memory");
    else
        asm volatile("cp.async.wait_group 0;" ::: "memory");
    __syncthreads();
    out[threadIdx.x] = s[63 - threadIdx.x];
    asm volatile("cp.async.wait_all;" ::: "memory");
}

TEST(Defect, wrong_cp_async_wait_count)
{
    expect_caught("shared memory", [](bool b) {
        int *p = zeros(64), *q = zeros(64);
        copy_wait<<<1, 64>>>(p, q, b);
        cudaFree(p);
        cudaFree(q);
    });
}

__device__ void wait_for(unsigned bar)
{
    unsigned ok;
    do
        asm volatile(
            "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], 0; selp.u32 %0, 1, "
            "0, p; }"
            : "=r"(ok)
            : "r"(bar)
            : "memory");
    while (!ok);
}

__global__ void bulk(int const* in, int* out, int bug)
{
    __shared__ __align__(16) int s[64];
    __shared__ __align__(8) unsigned long long bar;
    unsigned const mb = unsigned(__cvta_generic_to_shared(&bar)),
                   to = unsigned(__cvta_generic_to_shared(s));
    if (threadIdx.x == 0) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(mb) : "memory");
        asm volatile("fence.proxy.async;" ::: "memory");
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], 256;" ::"r"(mb)
                     : "memory");
        asm volatile(
            "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], 256, "
            "[%2];" ::"r"(to),
            "l"(in), "r"(mb)
            : "memory");
    }
    __syncthreads();
    if (bug != 1) wait_for(mb);
    out[threadIdx.x] = s[63 - threadIdx.x];
    if (bug == 1) wait_for(mb);
    __syncthreads();
    s[threadIdx.x] = 5;
    if (bug != 2) asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    if (threadIdx.x == 0) {
        asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], 256;" ::"l"(out + 64),
                     "r"(to)
                     : "memory");
        asm volatile("cp.async.bulk.commit_group;" ::: "memory");
        asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
    }
}

TEST(Defect, bulk_copy_read_before_its_mbarrier)
{
    expect_caught("shared memory", [](bool b) {
        int *p = zeros(64), *q = zeros(128);
        bulk<<<1, 64>>>(p, q, b ? 1 : 0);
        cudaFree(p);
        cudaFree(q);
    });
}

TEST(Defect, missing_proxy_fence)
{
    expect_caught("fence.proxy.async", [](bool b) {
        int *p = zeros(64), *q = zeros(128);
        bulk<<<1, 64>>>(p, q, b ? 2 : 0);
        cudaFree(p);
        cudaFree(q);
    });
}

__global__ void __launch_bounds__(128) wgmma_wait(float* out, bool bug)
{
    __shared__ __align__(128) unsigned short a[64 * 16], b[8 * 16];
    for (int i = int(threadIdx.x); i < 64 * 16; i += 128)
        a[i] = 0x3f80;
    if (threadIdx.x < 128) b[threadIdx.x] = 0x3f80;
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    auto descriptor = [](void const* p, unsigned lbo) {
        return (unsigned long long)(unsigned(__cvta_generic_to_shared(p)) >> 4 & 0x3fff)
               | (unsigned long long)(lbo >> 4) << 16 | (unsigned long long)(128 >> 4) << 32;
    };
    float d[4] = {};
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    asm volatile(
        "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%0,%1,%2,%3}, %4, %5, 1, 1, 1, 0, 0;"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "l"(descriptor(a, 1024)), "l"(descriptor(b, 128)));
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    if (!bug) asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    for (int k = 0; k < 4; ++k)
        out[threadIdx.x * 4 + k] = d[k];
}

TEST(Defect, missing_wgmma_wait)
{
    expect_caught("wgmma.wait_group", [](bool b) {
        int* p = zeros(512);
        wgmma_wait<<<1, 128>>>(reinterpret_cast<float*>(p), b);
        if (!b) {
            float v = 0;
            cudaMemcpy(&v, p, 4, cudaMemcpyDeviceToHost);
            EXPECT_EQ(v, 16.f);
        }
        cudaFree(p);
    });
}

__global__ void grid_exchange(int* a, int* out, bool bug)
{
    a[blockIdx.x] = 1;
    if (!bug) cooperative_groups::this_grid().sync();
    out[blockIdx.x] = a[(blockIdx.x + 1) % gridDim.x];
}

TEST(Defect, missing_grid_sync)
{
    expect_caught("race between blocks", [](bool b) {
        int *p = zeros(4), *q = zeros(4);
        void* args[] = {&p, &q, &b};
        cudaLaunchCooperativeKernel(reinterpret_cast<void const*>(grid_exchange), dim3(4), dim3(1),
                                    args, 0, nullptr);
        cudaFree(p);
        cudaFree(q);
    });
}

__global__ void endless(int volatile* flag, bool bug)
{
    while (bug && *flag == 0) {
    }
}

TEST(Defect, endless_loop)
{
    cuda_emulator::set_option("max_warp_instructions", "3000000");
    expect_caught("runs too long",
                  [](bool b) {
                      int* p = zeros(1);
                      endless<<<1, 1>>>(p, b);
                      cudaFree(p);
                  },
                  {"forward"});
    cuda_emulator::set_option("max_warp_instructions", "4000000000");
}

__device__ __noinline__ int descend(int n, int limit)
{
    return n >= limit ? n : descend(n + 1, limit) + n % 3;
}

__global__ void recursion(int* out, int limit)
{
    out[threadIdx.x] = descend(0, limit);
}

TEST(Defect, stack_overflow)
{
    expect_caught("stack overflow",
                  [](bool b) {
                      int* p = zeros(32);
                      recursion<<<1, 32>>>(p, b ? 1 << 30 : 100);
                      cudaFree(p);
                  },
                  {"forward"});
}

__global__ void slow_fill(int* p, int v)
{
    p[threadIdx.x] = v;
}

TEST(Defect, missing_stream_synchronisation)
{
    for (char const* order : {"eager", "lazy", "shuffle"}) {
        cuda_emulator::set_option("streams", order);
        expect_caught("race between streams",
                      [](bool b) {
                          int *p = zeros(64), *q = zeros(64);
                          cudaStream_t s, t;
                          cudaEvent_t e;
                          cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
                          cudaStreamCreateWithFlags(&t, cudaStreamNonBlocking);
                          cudaEventCreate(&e);
                          slow_fill<<<1, 64, 0, s>>>(p, 7);
                          cudaEventRecord(e, s);
                          if (!b) cudaStreamWaitEvent(t, e, 0);
                          copy_kernel<<<1, 64, 0, t>>>(p, q);
                          cudaDeviceSynchronize();
                          cudaEventDestroy(e);
                          cudaStreamDestroy(s);
                          cudaStreamDestroy(t);
                          cudaFree(p);
                          cudaFree(q);
                      },
                      {"forward"});
    }
    cuda_emulator::set_option("streams", "lazy");
}

TEST(Defect, copy_to_host_without_synchronisation)
{
    for (char const* order : {"eager", "lazy", "shuffle"}) {
        cuda_emulator::set_option("streams", order);
        expect_caught("race between streams",
                      [](bool b) {
                          int *p = zeros(64), h[64];
                          cudaStream_t s;
                          cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
                          slow_fill<<<1, 64, 0, s>>>(p, 7);
                          if (!b) cudaStreamSynchronize(s);
                          cudaMemcpy(
                              h, p, 256,
                              cudaMemcpyDeviceToHost);  // the legacy stream does not wait for s
                          cudaDeviceSynchronize();
                          cudaStreamDestroy(s);
                          cudaFree(p);
                      },
                      {"forward"});
    }
    cuda_emulator::set_option("streams", "lazy");
}

TEST(Defect, pinned_buffer_reused_too_early)
{
    expect_caught("pinned host buffer was changed", [](bool b) {
        int *p = zeros(64), *h;
        cudaStream_t s;
        cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
        cudaMallocHost(&h, 256);
        memset(h, 1, 256);
        cudaMemcpyAsync(p, h, 256, cudaMemcpyHostToDevice, s);
        if (!b) cudaStreamSynchronize(s);
        h[3] = 99;
        cudaStreamSynchronize(s);
        cudaFreeHost(h);
        cudaStreamDestroy(s);
        cudaFree(p);
    });
}

TEST(Defect, pinned_result_read_too_early_is_poisoned)
{
    int *p = zeros(64), *h;
    CALOFUSE_CUDA_OK(cudaMallocHost(&h, 256));
    h[0] = 5;
    CALOFUSE_CUDA_OK(cudaMemcpyAsync(h, p, 256, cudaMemcpyDeviceToHost, nullptr));
    EXPECT_EQ(h[0], -1);  // all ones until the copy has run
    CALOFUSE_CUDA_OK(cudaDeviceSynchronize());
    EXPECT_EQ(h[0], 0);
    CALOFUSE_CUDA_OK(cudaFreeHost(h));
    CALOFUSE_CUDA_OK(cudaFree(p));
}

}  // namespace
}  // namespace calofuse::emulator::test
