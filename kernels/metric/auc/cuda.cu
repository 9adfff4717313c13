// Events are sorted by (class, score) in one radix sort of 34-bit keys: background first, signal next,
// what is neither a score nor a class last. Every signal event then finds by bisection how much
// background lies below it and how much lies below or beside it; the sum of both counts a tie as half
// a pair. Counts are whole numbers, so their sum is exact in any order; with weights the background
// is summed up in fixed chunks in double. Bound by memory: the sort moves each key about 5 times.
#include <cub/device/device_radix_sort.cuh>

#include "kernels/device/launch.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/metric/auc.hpp"
#include "runtime/scores/score_key.hpp"

namespace calofuse::cuda {
namespace {
using Key = std::uint64_t;
constexpr int kThreads = 256;
constexpr int kPerThread = 4;
constexpr int kPerBlock = kThreads * kPerThread;
constexpr int kKeyBits = 34;
constexpr Key kSignal = Key{1} << 32U;
constexpr Key kBad = Key{3} << 32U;

struct MakeKey {
    float const* score;
    std::uint8_t const* label;
    Key* key;
    __device__ void operator()(std::int64_t i) const
    {
        bool const good = score[i] == score[i] && label[i] <= 1;
        key[i] = good ? label[i] * kSignal + score_key(score[i]) : kBad;
    }
};

/// How many of the sorted keys are below `bound`.
__device__ std::int64_t count_below(Key const* key, std::int64_t count, Key bound)
{
    std::int64_t begin = 0;
    while (begin < count) {
        std::int64_t const middle = (begin + count) / 2;
        if (key[middle] < bound)
            begin = middle + 1;
        else
            count = middle;
    }
    return begin;
}

/// Weight of background event i of the sorted ones; 0 beyond.
struct BackgroundWeight {
    float const* weight;
    Key const* key;
    std::int64_t events;
    __device__ double operator()(std::int64_t i) const
    {
        return i < events && key[i] < kSignal ? static_cast<double>(weight[i]) : 0.0;
    }
};

__global__ void __launch_bounds__(kThreads)
    chunk_sums_kernel(BackgroundWeight weight, double* of_chunk)
{
    double sum = 0;
    std::int64_t const first = std::int64_t{blockIdx.x} * kPerBlock + threadIdx.x * kPerThread;
    for (int k = 0; k < kPerThread; ++k)
        sum += weight(first + k);
    sum = block_sum<kThreads>(sum);
    if (threadIdx.x == 0) of_chunk[blockIdx.x] = sum;
}

/// One block: sums before each chunk, in place.
__global__ void __launch_bounds__(kThreads)
    scan_chunks_kernel(double* of_chunk, std::int64_t chunks)
{
    double before = 0;
    for (std::int64_t begin = 0; begin < chunks; begin += kThreads) {
        std::int64_t const i = begin + threadIdx.x;
        double all = 0;
        double const sum = sum_before<kThreads>(i < chunks ? of_chunk[i] : 0.0, &all);
        if (i < chunks) of_chunk[i] = before + sum;
        before += all;
    }
}

/// below[i] = weight of the background events before place i, for i = 0 .. events.
__global__ void __launch_bounds__(kThreads)
    scan_kernel(BackgroundWeight weight, double const* before_chunk, double* below)
{
    std::int64_t const first = std::int64_t{blockIdx.x} * kPerBlock + threadIdx.x * kPerThread;
    double sum = 0, all = 0;
    for (int k = 0; k < kPerThread; ++k)
        sum += weight(first + k);
    sum = before_chunk[blockIdx.x] + sum_before<kThreads>(sum, &all);
    for (int k = 0; k < kPerThread && first + k <= weight.events; ++k) {
        below[first + k] = sum;
        sum += weight(first + k);
    }
}

/// Numbers of events, or their weights.
struct Counted {
    using Sum = std::uint64_t;
    __device__ Sum of_event(std::int64_t) const { return 1; }
    __device__ Sum below(std::int64_t place) const { return static_cast<Sum>(place); }
};
struct Weighted {
    using Sum = double;
    float const* weight;
    double const* background;
    __device__ Sum of_event(std::int64_t i) const { return static_cast<double>(weight[i]); }
    __device__ Sum below(std::int64_t place) const { return background[place]; }
};

template <class Sum>
struct Partial {
    Sum twice_pairs, signal;
};

template <class Weights>
__global__ void __launch_bounds__(kThreads) pairs_kernel(Key const* key,
                                                         std::int64_t events,
                                                         Weights weights,
                                                         Partial<typename Weights::Sum>* of_block)
{
    typename Weights::Sum twice_pairs = 0, signal = 0;
    std::int64_t const background = count_below(key, events, kSignal);
    std::int64_t const first = std::int64_t{blockIdx.x} * kPerBlock + threadIdx.x;
    for (int k = 0; k < kPerThread; ++k) {
        std::int64_t const i = first + k * kThreads;
        if (i < background || i >= events) continue;
        auto const own = weights.of_event(i);
        Key const score = key[i] - kSignal;
        std::int64_t const lower = count_below(key, background, score);
        std::int64_t const upper = count_below(key, background, score + 1);
        twice_pairs += own * (weights.below(lower) + weights.below(upper));
        signal += own;
    }
    twice_pairs = block_sum<kThreads>(twice_pairs);
    signal = block_sum<kThreads>(signal);
    if (threadIdx.x == 0) of_block[blockIdx.x] = {twice_pairs, signal};
}

template <class Weights>
__global__ void __launch_bounds__(kThreads)
    area_kernel(Key const* key,
                std::int64_t events,
                Weights weights,
                Partial<typename Weights::Sum> const* of_block,
                std::int64_t blocks,
                double* auc)
{
    typename Weights::Sum twice_pairs = 0, signal = 0;
    for (std::int64_t b = threadIdx.x; b < blocks; b += kThreads) {
        twice_pairs += of_block[b].twice_pairs;
        signal += of_block[b].signal;
    }
    twice_pairs = block_sum<kThreads>(twice_pairs);
    signal = block_sum<kThreads>(signal);
    if (threadIdx.x != 0) return;
    auto const background = weights.below(count_below(key, events, kSignal));
    double const all = 2.0 * static_cast<double>(signal) * static_cast<double>(background);
    bool const good = events > 0 && key[events - 1] < kBad && all > 0;
    *auc = good ? static_cast<double>(twice_pairs) / all : nan("");
}

template <class Weights>
void area(Context& ctx, Block<Key> const& key, Weights const& weights, double* auc)
{
    using Sums = Partial<typename Weights::Sum>;
    std::int64_t const events = key.size();
    unsigned const blocks = blocks_for(events, kPerBlock);
    auto const of_block = ctx.scratch<Sums>(blocks);
    launch(ctx, {"auc_pairs", blocks, kThreads}, pairs_kernel<Weights>, key.data(), events, weights,
           of_block.data());
    launch(ctx, {"auc_area", 1, kThreads}, area_kernel<Weights>, key.data(), events, weights,
           of_block.data(), std::int64_t{blocks}, auc);
}

/// sort(temporary, bytes) is asked for its bytes first: they depend on the number of events alone.
template <class Sort>
void with_storage(Context& ctx, Sort const& sort)
{
    std::size_t bytes = 0;
    CALOFUSE_CUDA_CHECK(sort(nullptr, bytes));
    auto const storage = ctx.scratch<char>(static_cast<std::int64_t>(bytes));
    note_launch("auc_sort");
    CALOFUSE_CUDA_CHECK(sort(storage.data(), bytes));
}

void weighted_area(Context& ctx,
                   Block<Key> const& unsorted,
                   Block<Key> const& key,
                   float const* weight,
                   double* auc)
{
    std::int64_t const events = key.size();
    auto const sorted = ctx.scratch<float>(events);
    with_storage(ctx, [&](void* storage, std::size_t& bytes) {
        return cub::DeviceRadixSort::SortPairs(storage, bytes, unsorted.data(), key.data(), weight,
                                               sorted.data(), events, 0, kKeyBits, ctx.stream());
    });
    BackgroundWeight const of_place{sorted.data(), key.data(), events};
    unsigned const chunks = blocks_for(events + 1, kPerBlock);
    auto const of_chunk = ctx.scratch<double>(chunks);
    auto const below = ctx.scratch<double>(events + 1);
    launch(ctx, {"auc_chunk_sums", chunks, kThreads}, chunk_sums_kernel, of_place, of_chunk.data());
    launch(ctx, {"auc_scan_chunks", 1, kThreads}, scan_chunks_kernel, of_chunk.data(),
           std::int64_t{chunks});
    launch(ctx, {"auc_scan", chunks, kThreads}, scan_kernel, of_place, of_chunk.data(),
           below.data());
    area(ctx, key, Weighted{sorted.data(), below.data()}, auc);
}
}  // namespace

void auc(Context& ctx, AucArgs const& args)
{
    std::int64_t const events = args.score.size();
    auto const unsorted = ctx.scratch<Key>(events), key = ctx.scratch<Key>(events);
    auto* const out = static_cast<double*>(args.auc.data);
    for_each(ctx, "auc_keys", events,
             MakeKey{static_cast<float const*>(args.score.data),
                     static_cast<std::uint8_t const*>(args.label.data), unsorted.data()});
    if (!args.weight.empty())
        return weighted_area(ctx, unsorted, key, static_cast<float const*>(args.weight.data), out);
    with_storage(ctx, [&](void* storage, std::size_t& bytes) {
        return cub::DeviceRadixSort::SortKeys(storage, bytes, unsorted.data(), key.data(), events,
                                              0, kKeyBits, ctx.stream());
    });
    area(ctx, key, Counted{}, out);
}
}  // namespace calofuse::cuda
