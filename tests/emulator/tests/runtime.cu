// The runtime API: streams, events, graphs, memory, errors, occupancy, printf, assert.
#undef NDEBUG
#include <cassert>
#include <cstdio>

#include "tests/emulator/tests/common.hpp"

namespace calofuse::emulator::test {
namespace {

struct Runtime : Quiet {};

__global__ void fill(int* p, int value, int n)
{
    for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < n;
         i += int(gridDim.x * blockDim.x))
        p[i] = value;
}
__global__ void add(int* p, int value, int n)
{
    for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < n;
         i += int(gridDim.x * blockDim.x))
        p[i] += value;
}
__global__ void sum2(int const* a, int const* b, int* c, int n)
{
    for (int i = int(threadIdx.x); i < n; i += int(blockDim.x))
        c[i] = a[i] + b[i];
}
struct Streams {
    cudaStream_t a, b;
    Streams()
    {
        cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking);
        cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking);
    }
    ~Streams()
    {
        cudaStreamDestroy(a);
        cudaStreamDestroy(b);
    }
};

TEST_F(Runtime, streams_ordered_by_events)
{
    Streams s;
    cudaEvent_t e;
    CALOFUSE_CUDA_OK(cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
    Device<int> p(256);
    for (int round = 0; round < 5; ++round) {
        fill<<<1, 64, 0, s.a>>>(p.p, round, 256);
        CALOFUSE_CUDA_OK(cudaEventRecord(e, s.a));
        CALOFUSE_CUDA_OK(cudaStreamWaitEvent(s.b, e, 0));
        add<<<1, 64, 0, s.b>>>(p.p, 10, 256);
        CALOFUSE_CUDA_OK(cudaEventRecord(e, s.b));
        CALOFUSE_CUDA_OK(cudaStreamWaitEvent(s.a, e, 0));
    }
    CALOFUSE_CUDA_OK(cudaStreamSynchronize(s.b));
    EXPECT_EQ(p.get()[7], 14);
    CALOFUSE_CUDA_OK(cudaEventDestroy(e));
}
TEST_F(Runtime, legacy_stream_orders_blocking_streams)
{
    cudaStream_t s;
    CALOFUSE_CUDA_OK(cudaStreamCreate(&s));
    Device<int> p(64);
    fill<<<1, 64, 0, s>>>(p.p, 3, 64);
    add<<<1, 64>>>(p.p, 4, 64);
    add<<<1, 64, 0, s>>>(p.p, 5, 64);
    EXPECT_EQ(p.get()[63], 12);
    CALOFUSE_CUDA_OK(cudaStreamDestroy(s));
}
TEST_F(Runtime, events_and_queries)
{
    Streams s;
    cudaEvent_t a, b;
    CALOFUSE_CUDA_OK(cudaEventCreate(&a));
    CALOFUSE_CUDA_OK(cudaEventCreate(&b));
    Device<int> p(64);
    CALOFUSE_CUDA_OK(cudaEventRecord(a, s.a));
    fill<<<1, 64, 0, s.a>>>(p.p, 3, 64);
    CALOFUSE_CUDA_OK(cudaEventRecord(b, s.a));
    int polls = 0;
    while (cudaEventQuery(b) == cudaErrorNotReady)
        ASSERT_LT(++polls, 100);
    float ms = -1;
    CALOFUSE_CUDA_OK(cudaEventElapsedTime(&ms, a, b));
    EXPECT_GT(ms, 0.f);
    while (cudaStreamQuery(s.a) == cudaErrorNotReady)
        ASSERT_LT(++polls, 200);
    CALOFUSE_CUDA_OK(cudaGetLastError());
    CALOFUSE_CUDA_OK(cudaEventDestroy(a));
    CALOFUSE_CUDA_OK(cudaEventDestroy(b));
}
TEST_F(Runtime, pinned_copies_and_host_functions)
{
    Streams s;
    int *h, calls = 0;
    CALOFUSE_CUDA_OK(cudaMallocHost(&h, 64 * 4));
    Device<int> p(64);
    for (int i = 0; i < 64; ++i)
        h[i] = i;
    CALOFUSE_CUDA_OK(cudaMemcpyAsync(p.p, h, 256, cudaMemcpyHostToDevice, s.a));
    add<<<1, 64, 0, s.a>>>(p.p, 100, 64);
    CALOFUSE_CUDA_OK(cudaMemcpyAsync(h, p.p, 256, cudaMemcpyDeviceToHost, s.a));
    CALOFUSE_CUDA_OK(cudaLaunchHostFunc(
        s.a, [](void* c) { ++*static_cast<int*>(c); }, &calls));
    CALOFUSE_CUDA_OK(cudaStreamSynchronize(s.a));
    EXPECT_EQ(h[5], 105);
    EXPECT_EQ(calls, 1);
    std::vector<int> pageable(64, 7);
    CALOFUSE_CUDA_OK(cudaMemcpyAsync(p.p, pageable.data(), 256, cudaMemcpyHostToDevice, s.a));
    pageable.assign(64, 0);  // allowed: the call has staged the data
    CALOFUSE_CUDA_OK(cudaStreamSynchronize(s.a));
    EXPECT_EQ(p.get()[9], 7);
    CALOFUSE_CUDA_OK(cudaFreeHost(h));
}
TEST_F(Runtime, stream_ordered_allocation)
{
    Streams s;
    int *p, out[4];
    CALOFUSE_CUDA_OK(cudaMallocAsync(&p, 16, s.a));
    fill<<<1, 4, 0, s.a>>>(p, 9, 4);
    CALOFUSE_CUDA_OK(cudaMemcpyAsync(out, p, 16, cudaMemcpyDeviceToHost, s.a));
    CALOFUSE_CUDA_OK(cudaFreeAsync(p, s.a));
    CALOFUSE_CUDA_OK(cudaStreamSynchronize(s.a));
    EXPECT_EQ(out[3], 9);
}
TEST_F(Runtime, graph_by_capture_of_two_streams)
{
    Streams s;
    cudaEvent_t fork, join;
    CALOFUSE_CUDA_OK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
    CALOFUSE_CUDA_OK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
    Device<int> a(64), b(64), c(64);
    CALOFUSE_CUDA_OK(cudaStreamBeginCapture(s.a, cudaStreamCaptureModeGlobal));
    CALOFUSE_CUDA_OK(cudaMemsetAsync(a.p, 0, 256, s.a));
    CALOFUSE_CUDA_OK(cudaEventRecord(fork, s.a));
    CALOFUSE_CUDA_OK(cudaStreamWaitEvent(s.b, fork, 0));
    fill<<<1, 64, 0, s.b>>>(b.p, 5, 64);
    add<<<1, 64, 0, s.a>>>(a.p, 2, 64);
    CALOFUSE_CUDA_OK(cudaEventRecord(join, s.b));
    CALOFUSE_CUDA_OK(cudaStreamWaitEvent(s.a, join, 0));
    sum2<<<1, 64, 0, s.a>>>(a.p, b.p, c.p, 64);
    cudaStreamCaptureStatus status;
    CALOFUSE_CUDA_OK(cudaStreamIsCapturing(s.b, &status));
    EXPECT_EQ(status, cudaStreamCaptureStatusActive);
    cudaGraph_t g;
    CALOFUSE_CUDA_OK(cudaStreamEndCapture(s.a, &g));
    size_t n = 0;
    CALOFUSE_CUDA_OK(cudaGraphGetNodes(g, nullptr, &n));
    EXPECT_EQ(n, 4u);
    cudaGraphExec_t e;
    CALOFUSE_CUDA_OK(cudaGraphInstantiate(&e, g, 0));
    for (int i = 0; i < 3; ++i)
        CALOFUSE_CUDA_OK(cudaGraphLaunch(e, s.a));
    CALOFUSE_CUDA_OK(cudaStreamSynchronize(s.a));
    EXPECT_EQ(c.get()[63], 7);
    // other parameters for one kernel node
    std::vector<cudaGraphNode_t> nodes(n);
    CALOFUSE_CUDA_OK(cudaGraphGetNodes(g, nodes.data(), &n));
    for (auto node : nodes) {
        cudaGraphNodeType t;
        CALOFUSE_CUDA_OK(cudaGraphNodeGetType(node, &t));
        if (t != cudaGraphNodeTypeKernel) continue;
        cudaKernelNodeParams p;
        CALOFUSE_CUDA_OK(cudaGraphKernelNodeGetParams(node, &p));
        if (p.func != reinterpret_cast<void*>(fill)) continue;
        int value = 50;
        p.kernelParams[1] = &value;
        CALOFUSE_CUDA_OK(cudaGraphExecKernelNodeSetParams(e, node, &p));
    }
    CALOFUSE_CUDA_OK(cudaGraphLaunch(e, s.a));
    CALOFUSE_CUDA_OK(cudaStreamSynchronize(s.a));
    EXPECT_EQ(c.get()[0], 52);
    // update of the whole graph
    cudaGraphExecUpdateResultInfo info;
    CALOFUSE_CUDA_OK(cudaGraphExecUpdate(e, g, &info));
    CALOFUSE_CUDA_OK(cudaGraphLaunch(e, s.a));
    CALOFUSE_CUDA_OK(cudaStreamSynchronize(s.a));
    EXPECT_EQ(c.get()[0], 7);
    CALOFUSE_CUDA_OK(cudaGraphExecDestroy(e));
    CALOFUSE_CUDA_OK(cudaGraphDestroy(g));
    CALOFUSE_CUDA_OK(cudaEventDestroy(fork));
    CALOFUSE_CUDA_OK(cudaEventDestroy(join));
}
TEST_F(Runtime, capture_errors)
{
    Streams s;
    cudaGraph_t g;
    Device<int> p(64);
    CALOFUSE_CUDA_OK(cudaStreamBeginCapture(s.a, cudaStreamCaptureModeGlobal));
    EXPECT_EQ(cudaStreamSynchronize(s.a), cudaErrorStreamCaptureUnsupported);
    EXPECT_EQ(cudaStreamEndCapture(s.a, &g), cudaErrorStreamCaptureInvalidated);
    CALOFUSE_CUDA_OK(cudaStreamBeginCapture(s.a, cudaStreamCaptureModeGlobal));
    fill<<<1, 64, 0, s.a>>>(p.p, 1, 64);
    cudaEvent_t e;
    CALOFUSE_CUDA_OK(cudaEventCreate(&e));
    CALOFUSE_CUDA_OK(cudaEventRecord(e, s.a));
    CALOFUSE_CUDA_OK(cudaStreamWaitEvent(s.b, e, 0));
    add<<<1, 64, 0, s.b>>>(p.p, 1, 64);
    EXPECT_EQ(cudaStreamEndCapture(s.a, &g), cudaErrorStreamCaptureUnjoined);
    EXPECT_EQ(cudaGetLastError(), cudaErrorStreamCaptureUnjoined);
    CALOFUSE_CUDA_OK(cudaEventDestroy(e));
}

__global__ void __launch_bounds__(128) bounded(int* p)
{
    p[threadIdx.x] = 1;
}
TEST_F(Runtime, launch_errors)
{
    Device<int> p(2048);
    fill<<<1, 1025>>>(p.p, 0, 1);
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
    fill<<<0, 32>>>(p.p, 0, 1);
    EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidConfiguration);
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
    fill<<<1, 32, 49 * 1024>>>(p.p, 0, 1);
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
    EXPECT_EQ(cudaFuncSetAttribute(fill, cudaFuncAttributeMaxDynamicSharedMemorySize, 228 * 1024),
              cudaErrorInvalidValue);
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
    bounded<<<1, 256>>>(p.p);
    EXPECT_NE(cudaGetLastError(), cudaSuccess);
    EXPECT_EQ(cudaSetDevice(3), cudaErrorInvalidDevice);
    cudaGetLastError();
    EXPECT_STREQ(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress");
}
TEST_F(Runtime, copy_errors)
{
    Device<int> p(16);
    std::vector<int> h(32);
    EXPECT_EQ(cudaMemcpy(p.p, h.data(), 128, cudaMemcpyHostToDevice),
              cudaErrorInvalidValue);  // too long
    EXPECT_EQ(cudaMemcpy(h.data(), h.data() + 8, 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    EXPECT_EQ(cudaMemcpy(h.data(), p.p + 17, 4, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
    EXPECT_EQ(cudaMemset(h.data(), 0, 4), cudaErrorInvalidValue);
    EXPECT_EQ(cudaFree(h.data()), cudaErrorInvalidValue);
    void* q;
    EXPECT_EQ(cudaMalloc(&q, size_t(1) << 50), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaStreamSynchronize(reinterpret_cast<cudaStream_t>(0x1234)),
              cudaErrorInvalidResourceHandle);
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
}
TEST_F(Runtime, memory_has_a_bound)
{
    cuda_emulator::set_option("memory_kb", "2");
    size_t free_bytes = 0, total = 0;
    Device<char> p(1000);
    CALOFUSE_CUDA_OK(cudaMemGetInfo(&free_bytes, &total));
    EXPECT_EQ(total, 2048U);
    EXPECT_EQ(free_bytes, 1048U);
    void* q = nullptr;
    EXPECT_EQ(cudaMalloc(&q, 1049), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
    CALOFUSE_CUDA_OK(cudaMalloc(&q, 1048));
    CALOFUSE_CUDA_OK(cudaFree(q));
    cuda_emulator::set_option("memory_kb", "8388608");
}
TEST_F(Runtime, two_dimensional_copies)
{
    std::vector<int> h(6 * 4), out(12);
    for (size_t i = 0; i < h.size(); ++i)
        h[i] = int(i);
    int* p;
    size_t pitch;
    CALOFUSE_CUDA_OK(cudaMallocPitch(reinterpret_cast<void**>(&p), &pitch, 3 * 4, 4));
    CALOFUSE_CUDA_OK(cudaMemcpy2D(p, pitch, h.data(), 24, 12, 4, cudaMemcpyHostToDevice));
    CALOFUSE_CUDA_OK(cudaMemcpy2D(out.data(), 12, p, pitch, 12, 4, cudaMemcpyDeviceToHost));
    EXPECT_EQ(out[4], 7);
    EXPECT_EQ(cudaMemcpy2D(out.data(), 8, p, pitch, 12, 4, cudaMemcpyDeviceToHost),
              cudaErrorInvalidPitchValue);
    cudaGetLastError();
    CALOFUSE_CUDA_OK(cudaFree(p));
}
TEST_F(Runtime, attributes_and_occupancy)
{
    cudaDeviceProp d;
    CALOFUSE_CUDA_OK(cudaGetDeviceProperties(&d, 0));
    EXPECT_EQ(d.major, 9);
    int v;
    CALOFUSE_CUDA_OK(cudaDeviceGetAttribute(&v, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
    EXPECT_EQ(v, 227 * 1024);
    int blocks, grid, block;
    CALOFUSE_CUDA_OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, fill, 256, 0));
    EXPECT_EQ(blocks, 8);
    CALOFUSE_CUDA_OK(cudaOccupancyMaxPotentialBlockSize(&grid, &block, fill, 0, 0));
    EXPECT_EQ(block, 1024);
    cudaFuncAttributes a;
    CALOFUSE_CUDA_OK(cudaFuncGetAttributes(&a, bounded));
    EXPECT_EQ(a.maxThreadsPerBlock, 128);
}
__global__ void speak(int x)
{
    if (threadIdx.x < 2)
        printf("thread %d of %s: %5.2f %lld %c%%\n", int(threadIdx.x), "device", 1.5 * x, 1ll << 40,
               'z');
}
TEST_F(Runtime, printf)
{
    testing::internal::CaptureStdout();
    speak<<<1, 32>>>(3);
    CALOFUSE_CUDA_OK(cudaDeviceSynchronize());
    fflush(stdout);
    EXPECT_EQ(
        testing::internal::GetCapturedStdout(),
        "thread 0 of device:  4.50 1099511627776 z%\nthread 1 of device:  4.50 1099511627776 z%\n");
}

// ---- sticky errors: the emulator also reports what happened
struct Sticky : testing::Test {
    void TearDown() override
    {
        cudaDeviceReset();
        cuda_emulator::clear_reports();
    }
};
__global__ void stop(int kind, int* p)
{
    if (kind == 0) __trap();
    if (kind == 1) assert(threadIdx.x > 40);
    if (kind == 2) p[1 << 20] = 1;
}
TEST_F(Sticky, trap_assert_and_bad_address)
{
    cudaError_t const expected[] = {cudaErrorLaunchFailure, cudaErrorAssert,
                                    cudaErrorIllegalAddress};
    for (int kind = 0; kind < 3; ++kind) {
        int* p;
        CALOFUSE_CUDA_OK(cudaMalloc(&p, 64));
        stop<<<1, 32>>>(kind, p);
        EXPECT_EQ(cudaDeviceSynchronize(), expected[kind]);
        EXPECT_EQ(cudaGetLastError(), expected[kind]);
        EXPECT_EQ(cudaGetLastError(), expected[kind]);  // stays
        EXPECT_EQ(cudaMalloc(&p, 64), expected[kind]);
        EXPECT_GE(cuda_emulator::report_count(), 1);
        CALOFUSE_CUDA_OK(cudaDeviceReset());
        EXPECT_EQ(cudaGetLastError(), cudaSuccess);
    }
}
TEST_F(Sticky, a_device_that_is_lost_at_a_launch_is_no_finding)
{
    Device<int> p(32);
    cuda_emulator::set_option("max_launches", "0");
    fill<<<1, 32>>>(p.p, 1, 32);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    EXPECT_EQ(cuda_emulator::report_count(), 0);
    cuda_emulator::set_option("max_launches", "0xffffffffffffffff");
}

}  // namespace
}  // namespace calofuse::emulator::test
