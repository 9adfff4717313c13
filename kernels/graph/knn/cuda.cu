#include "kernels/device/nearest.cuh"
#include "kernels/graph/knn.hpp"
#include "kernels/math/knn_distance.hpp"

// All pairs: a thread has one target, and a block walks over the candidates of its targets' graphs in
// index order, a tile at a time in shared memory. Bound by instructions: 3 D n for each of the n points
// of a graph, and an insertion now and then. Clouds of more than some ten thousand points want bins or a
// tree, which this does not have yet. Targets past the end of the batch go along idly.
namespace calofuse::cuda {
namespace {
constexpr int kThreads = 64;
constexpr int kTile = 64;  ///< candidates in shared memory
constexpr int kBatch = 8;  ///< of them with their sums in registers
constexpr int kRegisterSlots = 8;

struct Task {
    View<float const, 2> x;
    View<std::int32_t const, 1> row_ptr;
    std::int32_t* neighbours;
    float* squared_distance;  ///< may be null
    int k;                    ///< columns of the outputs
    int shift;                ///< 1 leaves the first column to the point itself

    __device__ std::int32_t points() const { return row_ptr[row_ptr.size() - 1]; }
    __device__ int dims() const { return static_cast<int>(x.shape[1]); }
};

/// Rows of the graph that row i is in.
struct Graph {
    std::int32_t begin, end;

    __device__ Graph(View<std::int32_t const, 1> row_ptr, std::int32_t i)
    {
        std::int64_t low = 0;
        std::int64_t high = row_ptr.size() - 1;  // row_ptr[low] <= i < row_ptr[high]
        while (high - low > 1) {
            std::int64_t const middle = (low + high) / 2;
            (row_ptr[middle] <= i ? low : high) = middle;
        }
        begin = row_ptr[low];
        end = row_ptr[high];
    }
};

/// d2 of one target to kBatch candidates; coordinate d of the target is target[d * kThreads].
__device__ void distances(float const* target, float const* candidates, int dims, float* d2)
{
    float const first = target[0];
#pragma unroll
    for (int c = 0; c < kBatch; ++c)
        d2[c] = rounded_square(first - candidates[c * dims]);
    for (int d = 1; d < dims; ++d) {
        float const value = target[d * kThreads];
#pragma unroll
        for (int c = 0; c < kBatch; ++c)
            d2[c] += rounded_square(value - candidates[c * dims + d]);
    }
}

template <class List>
__device__ void store(Task const& task, std::int32_t i, List const& list)
{
    std::int64_t const row = std::int64_t{i} * task.k;
    auto const put = [&](int column, float d2, std::int32_t j) {
        task.neighbours[row + column] = j;
        if (task.squared_distance != nullptr)
            task.squared_distance[row + column] = j < 0 ? -1.0F : d2;
    };
    if (task.shift == 1) put(0, 0.0F, i);
    list.for_slots(task.k - task.shift,
                   [&](int s, float d2, std::int32_t j) { put(s + task.shift, d2, j); });
}

template <class List>
__global__ __launch_bounds__(kThreads) void knn_kernel(Task task)
{
    extern __shared__ float memory[];
    int const dims = task.dims();
    float* const targets = memory;                  // (dims, kThreads)
    float* const tile = targets + dims * kThreads;  // (kTile, dims)
    float* const lists = tile + kTile * dims;
    std::int32_t const points = task.points();
    std::int32_t const first = static_cast<std::int32_t>(blockIdx.x) * kThreads;
    if (first >= points) return;
    std::int32_t const last = min(first + kThreads, points) - 1;
    std::int32_t const i = min(first + static_cast<std::int32_t>(threadIdx.x), last);
    for (int d = 0; d < dims; ++d)
        targets[d * kThreads + threadIdx.x] = task.x(i, d);
    Graph const own(task.row_ptr, i);
    std::int32_t const end = Graph(task.row_ptr, last).end;
    List list(lists, kThreads, max(task.k - task.shift, 1), threadIdx.x);
    for (std::int32_t begin = Graph(task.row_ptr, first).begin; begin < end; begin += kTile) {
        __syncthreads();
        int const count = min(kTile, end - begin);
        for (int t = threadIdx.x; t < kTile * dims; t += kThreads)
            tile[t] = t < count * dims ? task.x.data[std::int64_t{begin} * dims + t] : 0.0F;
        __syncthreads();
        if (!__any_sync(kFullMask, own.begin < begin + kTile && own.end > begin)) continue;
        for (int from = 0; from < count; from += kBatch) {
            float d2[kBatch];
            distances(targets + threadIdx.x, tile + from * dims, dims, d2);
#pragma unroll
            for (int c = 0; c < kBatch; ++c) {
                std::int32_t const j = begin + from + c;
                if (j >= own.begin && j < own.end && j != i) list.offer(d2[c], j);
            }
        }
    }
    if (first + static_cast<std::int32_t>(threadIdx.x) <= last) store(task, i, list);
}

template <class List>
void run(Context& ctx, Task const& task)
{
    std::int64_t const dims = task.x.shape[1];
    std::int64_t const shared =
        4 * dims * (kThreads + kTile) + kThreads * List::bytes(std::max(task.k - task.shift, 1));
    launch(
        ctx,
        {"knn", blocks_for(task.x.shape[0], kThreads), kThreads, static_cast<std::size_t>(shared)},
        knn_kernel<List>, task);
}
}  // namespace

void knn(Context& ctx, KnnArgs const& args)
{
    auto const neighbours = args.neighbours.view<std::int32_t, 2>();
    Task const task{args.x.view<float const, 2>(),
                    args.row_ptr.view<std::int32_t const, 1>(),
                    neighbours.data,
                    static_cast<float*>(args.squared_distance.data),
                    static_cast<int>(neighbours.shape[1]),
                    args.self == KnnSelf::first ? 1 : 0};
    task.k - task.shift <= kRegisterSlots ? run<RegisterNearest<kRegisterSlots>>(ctx, task)
                                          : run<SharedNearest>(ctx, task);
}
}  // namespace calofuse::cuda
