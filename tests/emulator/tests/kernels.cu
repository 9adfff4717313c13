// Correct kernels: block and warp collectives, cooperative groups, order between blocks, shared memory.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>

#include "tests/emulator/tests/common.hpp"

namespace calofuse::emulator::test {
namespace {

namespace cg = cooperative_groups;

struct Kernels : Quiet {};

__global__ void block_votes(int* out)
{
    int const t = int(threadIdx.x);
    out[t] = __syncthreads_count(t & 1) * 1000 + __syncthreads_or(t == 70) * 100
             + __syncthreads_and(t < 1000) * 10 + __all_sync(~0u, t >= 0);
}

TEST_F(Kernels, block_votes)
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

TEST_F(Kernels, independent_halves_of_a_warp)
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

TEST_F(Kernels, cooperative_groups_tiles)
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

TEST_F(Kernels, named_barriers)
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

TEST_F(Kernels, last_block_reduction)
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

TEST_F(Kernels, spin_lock_between_lanes_and_blocks)
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

TEST_F(Kernels, blocks_may_wait_for_later_blocks)
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

TEST_F(Kernels, cooperative_grid_sync)
{
    int n = 6 * 96;
    Device<int> a{size_t(n)}, o{size_t(n)};
    void* args[] = {&a.p, &o.p, &n};
    CALOFUSE_CUDA_OK(cudaLaunchCooperativeKernel(reinterpret_cast<void const*>(neighbours), dim3(6),
                                                 dim3(96), args, 0, nullptr));
    auto const v = o.get();
    for (int i = 0; i < n; ++i)
        EXPECT_EQ(v[size_t(i)], ((i + 37) % n) * ((i + 37) % n));
}

__global__ void dynamic_shared(int* out, int n)
{
    extern __shared__ int s[];
    for (int i = int(threadIdx.x); i < n; i += int(blockDim.x))
        s[i] = i;
    __syncthreads();
    if (threadIdx.x == 0) *out = s[n - 1] + s[0];
}

TEST_F(Kernels, large_dynamic_shared_memory)
{
    int const bytes = 227 * 1024;
    CALOFUSE_CUDA_OK(
        cudaFuncSetAttribute(dynamic_shared, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    Device<int> o(1);
    dynamic_shared<<<1, 256, bytes>>>(o.p, bytes / 4);
    CALOFUSE_CUDA_OK(cudaGetLastError());
    EXPECT_EQ(o.get()[0], bytes / 4 - 1);
}

__global__ void bytes_next_to_each_other(unsigned char* out)
{  // neighbours write different bytes of one word: no race
    __shared__ unsigned char s[256];
    s[threadIdx.x] = static_cast<unsigned char>(threadIdx.x);
    __syncthreads();
    out[threadIdx.x] = s[255 - threadIdx.x];
}

TEST_F(Kernels, bytes_of_one_word_are_independent)
{
    Device<unsigned char> o(256);
    bytes_next_to_each_other<<<1, 256>>>(o.p);
    EXPECT_EQ(o.get()[3], 252);
}

}  // namespace
}  // namespace calofuse::emulator::test
