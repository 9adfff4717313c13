// Seeded defects of memory: races, bounds, initialisation.
#include "tests/emulator/tests/defects.hpp"

namespace calofuse::emulator::test {
namespace {

__global__ void missing_barrier(int* out, bool bug)
{
    __shared__ int s[128];
    s[threadIdx.x] = int(threadIdx.x);
    if (!bug) __syncthreads();
    out[threadIdx.x] = s[127 - threadIdx.x];
}

TEST(Defect, missing_syncthreads_after_store)
{
    expect_caught("shared memory", [](bool b) {
        int* p = zeros(128);
        missing_barrier<<<1, 128>>>(p, b);
        cudaFree(p);
    });
}

__global__ void missing_second_barrier(int* out, bool bug)
{
    __shared__ int s[128];
    int v = int(threadIdx.x);
    for (int r = 0; r < 3; ++r) {
        s[threadIdx.x] = v;
        __syncthreads();
        v += s[127 - threadIdx.x];
        if (!bug) __syncthreads();
    }
    out[threadIdx.x] = v;
}

TEST(Defect, buffer_reused_without_barrier)
{
    expect_caught("race in shared memory", [](bool b) {
        int* p = zeros(128);
        missing_second_barrier<<<1, 128>>>(p, b);
        cudaFree(p);
    });
}

__global__ void missing_syncwarp(int* out, bool bug)
{
    __shared__ int s[32];
    s[threadIdx.x] = int(threadIdx.x);
    if (!bug) __syncwarp();
    out[threadIdx.x] = s[31 - threadIdx.x];
}

TEST(Defect, missing_syncwarp)
{
    expect_caught("race in shared memory", [](bool b) {
        int* p = zeros(32);
        missing_syncwarp<<<1, 32>>>(p, b);
        cudaFree(p);
    });
}

__global__ void plain_increment(int* out, bool bug)
{
    __shared__ int s;
    if (threadIdx.x == 0) s = 0;
    __syncthreads();
    if (bug)
        s += 1;
    else
        atomicAdd(&s, 1);
    __syncthreads();
    if (threadIdx.x == 0) *out = s;
}

TEST(Defect, increment_instead_of_atomic_add)
{
    expect_caught("race in shared memory", [](bool b) {
        int* p = zeros(1);
        plain_increment<<<1, 64>>>(p, b);
        cudaFree(p);
    });
}

__global__ void global_neighbour(int* p, bool bug)
{
    int const i = int(threadIdx.x);
    p[i] = i;
    if (bug && i < 63) p[i + 1] = 2 * i;
}

TEST(Defect, race_in_global_memory)
{
    expect_caught("race in global memory", [](bool b) {
        int* p = zeros(64);
        global_neighbour<<<1, 64>>>(p, b);
        cudaFree(p);
    });
}

__global__ void between_blocks(int* p, int* out, bool bug)
{
    if (bug) {
        p[blockIdx.x] = 1;
        out[blockIdx.x] = p[(blockIdx.x + 1) % gridDim.x];
    } else
        out[blockIdx.x] = p[blockIdx.x];
}

TEST(Defect, race_between_blocks)
{
    expect_caught("race between blocks", [](bool b) {
        int *p = zeros(8), *q = zeros(8);
        between_blocks<<<8, 1>>>(p, q, b);
        cudaFree(p);
        cudaFree(q);
    });
}

__global__ void ticket_without_fence(int* part, unsigned* ticket, int* out, bool bug)
{
    part[blockIdx.x] = int(blockIdx.x);
    if (!bug) __threadfence();
    if (atomicAdd(ticket, 1u) == gridDim.x - 1) {
        int s = 0;
        for (unsigned i = 0; i < gridDim.x; ++i)
            s += part[i];
        *out = s;
    }
}

TEST(Defect, ticket_without_fence)
{
    expect_caught("race between blocks", [](bool b) {
        int *p = zeros(8), *t = zeros(1), *o = zeros(1);
        ticket_without_fence<<<8, 1>>>(p, reinterpret_cast<unsigned*>(t), o, b);
        cudaFree(p);
        cudaFree(t);
        cudaFree(o);
    });
}

__global__ void read_only_path(int const* in, int* out)
{
    out[threadIdx.x] = 1;
    out[threadIdx.x + 32] = __ldg(in + threadIdx.x) + 1;
}

TEST(Defect, read_only_load_of_written_data)
{
    expect_caught("read-only load", [](bool b) {
        int *p = zeros(64), *q = zeros(64);
        read_only_path<<<1, 32>>>(b ? q : p, q);
        cudaFree(p);
        cudaFree(q);
    });
}

__global__ void shared_bounds(int* out, int k)
{
    __shared__ int s[64];
    s[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = s[threadIdx.x + unsigned(k)];
}

TEST(Defect, shared_out_of_bounds)
{
    expect_caught("shared memory access out of bounds", [](bool b) {
        int* p = zeros(64);
        shared_bounds<<<1, 64>>>(p, b ? 1 : 0);
        cudaFree(p);
    });
}

__global__ void global_bounds(int* out, int k)
{
    out[threadIdx.x + unsigned(k)] = 1;
}

TEST(Defect, global_out_of_bounds)
{
    expect_caught("global memory write out of bounds", [](bool b) {
        int* p = zeros(64);
        global_bounds<<<1, 64>>>(p, b ? 1 : 0);
        cudaFree(p);
    });
}

__global__ void local_bounds(int* out, int k)
{
    int v[8];
    for (int i = 0; i < 8; ++i)
        v[i] = i + k;
    int s = 0;
    for (int i = 0; i < 8; ++i)
        s += v[(i * k) & 15];
    out[threadIdx.x] = s;
}

TEST(Defect, local_out_of_bounds)
{
    expect_caught("local memory", [](bool b) {
        int* p = zeros(32);
        local_bounds<<<1, 32>>>(p, b ? 3 : 1);
        cudaFree(p);
    });
}

TEST(Defect, use_after_free)
{
    expect_caught("was freed", [](bool b) {
        int* p = zeros(64);
        if (b) cudaFree(p);
        global_bounds<<<1, 64>>>(p, 0);
        if (!b) cudaFree(p);
    });
}

TEST(Defect, host_pointer_in_kernel)
{
    expect_caught("not device memory", [](bool b) {
        static int host[64];
        int* p = zeros(64);
        global_bounds<<<1, 64>>>(b ? host : p, 0);
        cudaFree(p);
    });
}

__global__ void misaligned_access(float* out, int k)
{
    *reinterpret_cast<float2*>(out + k) = make_float2(1, 2);
}

TEST(Defect, misaligned_access)
{
    expect_caught("misaligned address", [](bool b) {
        int* p = zeros(8);
        misaligned_access<<<1, 1>>>(reinterpret_cast<float*>(p), b ? 1 : 2);
        cudaFree(p);
    });
}

__global__ void uninitialised_shared(int* out, bool bug)
{
    __shared__ int s[64];
    if (!bug || threadIdx.x < 60) s[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = s[63 - threadIdx.x];
}

TEST(Defect, uninitialised_shared)
{
    expect_caught("uninitialised shared", [](bool b) {
        int* p = zeros(64);
        uninitialised_shared<<<1, 64>>>(p, b);
        cudaFree(p);
    });
}

TEST(Defect, uninitialised_global)
{
    expect_caught("uninitialised global", [](bool b) {
        int *p, *q = zeros(64);
        cudaMalloc(&p, 256);
        if (!b) cudaMemset(p, 0, 256);
        copy_kernel<<<1, 64>>>(p, q);
        cudaFree(p);
        cudaFree(q);
    });
}

TEST(Leak, is_visible_to_tests)
{
    size_t const before = cuda_emulator::live_allocations();
    int* p = zeros(4);
    EXPECT_EQ(cuda_emulator::live_allocations(), before + 1);
    CALOFUSE_CUDA_OK(cudaFree(p));
}

TEST(Leak, DISABLED_on_purpose)
{
    zeros(4);
}

}  // namespace
}  // namespace calofuse::emulator::test
