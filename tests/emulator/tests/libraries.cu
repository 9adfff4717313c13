// CUB device-wide, block-wide and warp-wide primitives, Thrust algorithms.
#include <algorithm>
#include <numeric>

#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>
#include <cub/device/device_segmented_reduce.cuh>
#include <cub/warp/warp_reduce.cuh>
#include <thrust/device_vector.h>
#include <thrust/reduce.h>
#include <thrust/sort.h>
#include <thrust/transform.h>

#include "tests/emulator/tests/common.hpp"

namespace calofuse::emulator::test {
namespace {

struct Libraries : Quiet {};

std::vector<int> numbers(size_t n)
{
    std::vector<int> v(n);
    unsigned x = 12345;
    for (auto& q : v)
        q = int((x = x * 1664525u + 1013904223u) >> 12) - 300000;
    return v;
}
template <class F>
void with_storage(F f)
{
    size_t bytes = 0;
    ASSERT_EQ(cudaSuccess, f(nullptr, bytes));
    Device<char> storage(std::max<size_t>(bytes, 1));
    ASSERT_EQ(cudaSuccess, f(storage.p, bytes));
    ASSERT_EQ(cudaSuccess, cudaDeviceSynchronize());
}
__global__ void block_primitives(int const* in, int* out, int* sorted)
{
    using Reduce = cub::BlockReduce<int, 128>;
    using Scan = cub::BlockScan<int, 128>;
    using Sort = cub::BlockRadixSort<int, 128, 4>;
    using WarpSum = cub::WarpReduce<int>;
    __shared__ union {
        typename Reduce::TempStorage r;
        typename Scan::TempStorage s;
        typename Sort::TempStorage q;
        typename WarpSum::TempStorage w[4];
    } t;
    int const v = in[threadIdx.x], sum = Reduce(t.r).Sum(v);
    __syncthreads();
    int before;
    Scan(t.s).ExclusiveSum(v, before);
    __syncthreads();
    int const warp = WarpSum(t.w[threadIdx.x / 32]).Sum(v);
    __syncthreads();
    int keys[4];
    for (int i = 0; i < 4; ++i)
        keys[i] = in[threadIdx.x * 4 + i];
    Sort(t.q).Sort(keys);
    for (int i = 0; i < 4; ++i)
        sorted[threadIdx.x * 4 + i] = keys[i];
    out[threadIdx.x] = before;
    if (threadIdx.x == 0) out[128] = sum;
    if (threadIdx.x % 32 == 0) out[129 + threadIdx.x / 32] = warp;
}
TEST_F(Libraries, block_and_warp_primitives)
{
    auto in = numbers(512);
    Device<int> d(in), o(133), s(512);
    block_primitives<<<1, 128>>>(d.p, o.p, s.p);
    auto const v = o.get();
    int sum = 0;
    for (size_t i = 0; i < 128; ++i) {
        EXPECT_EQ(v[i], sum);
        sum += in[i];
    }
    EXPECT_EQ(v[128], sum);
    for (size_t w = 0; w < 4; ++w)
        EXPECT_EQ(v[129 + w],
                  std::accumulate(in.begin() + long(w) * 32, in.begin() + long(w + 1) * 32, 0));
    std::sort(in.begin(), in.end());
    EXPECT_EQ(s.get(), in);
}
TEST_F(Libraries, device_radix_sort_pairs)
{
    size_t const n = 3000;
    auto const keys = numbers(n);
    std::vector<int> index(n);
    std::iota(index.begin(), index.end(), 0);
    Device<int> k(keys), v(index), ko(n), vo(n);
    with_storage([&](void* s, size_t& b) {
        return cub::DeviceRadixSort::SortPairs(s, b, k.p, ko.p, v.p, vo.p, int(n));
    });
    std::stable_sort(index.begin(), index.end(),
                     [&](int a, int b) { return keys[size_t(a)] < keys[size_t(b)]; });
    EXPECT_EQ(vo.get(), index);
}
TEST_F(Libraries, device_scan)
{
    size_t const n = 10000;
    auto const in = numbers(n);
    Device<int> d(in), o(n);
    with_storage(
        [&](void* s, size_t& b) { return cub::DeviceScan::ExclusiveSum(s, b, d.p, o.p, int(n)); });
    auto const v = o.get();
    int sum = 0;
    for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(v[i], sum);
        sum += in[i];
    }
}
TEST_F(Libraries, device_segmented_reduce)
{
    auto const in = numbers(2000);
    std::vector<int> const offsets = {0, 10, 10, 500, 1999, 2000};
    Device<int> d(in), off(offsets), o(5);
    with_storage([&](void* s, size_t& b) {
        return cub::DeviceSegmentedReduce::Sum(s, b, d.p, o.p, 5, off.p, off.p + 1);
    });
    auto const v = o.get();
    for (size_t i = 0; i < 5; ++i)
        EXPECT_EQ(v[i], std::accumulate(in.begin() + offsets[i], in.begin() + offsets[i + 1], 0));
}
struct Twice {
    __host__ __device__ int operator()(int x) const { return 2 * x; }
};
TEST_F(Libraries, thrust)
{
    auto in = numbers(2000);
    thrust::device_vector<int> v(in.begin(), in.end());
    thrust::sort(v.begin(), v.end());
    int const sum = thrust::reduce(v.begin(), v.end());
    thrust::transform(v.begin(), v.end(), v.begin(), Twice{});
    std::sort(in.begin(), in.end());
    EXPECT_EQ(sum, std::accumulate(in.begin(), in.end(), 0));
    std::vector<int> out(2000);
    thrust::copy(v.begin(), v.end(), out.begin());
    for (size_t i = 0; i < 2000; ++i)
        ASSERT_EQ(out[i], 2 * in[i]);
}

}  // namespace
}  // namespace calofuse::emulator::test
