/// \file kernels/common/columns.cuh
/// Work on (rows, channels) tensors a channel at a time: sums over all rows, and element-wise passes
/// that keep what belongs to a channel in registers. Neighbouring threads are neighbours in memory for
/// any number of channels. Sums are in double and in an order that depends on the shape only:
/// each block sums its rows into a row of partials, which are then added 32 channels a block.
#pragma once

#include "kernels/common/launch.cuh"

namespace calofuse::cuda {
inline constexpr int kColumnThreads = 256;
inline constexpr int kFinishGroups = 16;

struct Pair {
    double first = 0, second = 0;
    __device__ Pair& operator+=(Pair const& other)
    {
        first += other.first;
        second += other.second;
        return *this;
    }
};

/// A block has `width` channels of `chunk` rows and takes `groups` rows at a time.
struct Columns {
    std::int64_t rows, channels;
    std::int64_t chunk = 1;
    int width = 1, groups = 1;
    unsigned tiles = 0, chunks = 0;

    Columns(std::int64_t num_rows, std::int64_t num_channels)
        : rows(num_rows), channels(num_channels)
    {
        if (rows == 0 || channels == 0) return;
        constexpr std::int64_t kWide = 128, kRowsPerThread = 16, kMostBlocks = 1024;
        width = static_cast<int>(channels <= kColumnThreads ? channels : kWide);
        groups = kColumnThreads / width;
        tiles = blocks_for(channels, width);
        chunks = blocks_for(rows, groups * kRowsPerThread,
                            std::max<std::int64_t>(1, kMostBlocks / tiles));
        chunk = (rows + chunks - 1) / chunks;
        chunks = blocks_for(rows, chunk);
    }
    dim3 grid() const { return {chunks, tiles, 1}; }

    __device__ int group() const { return static_cast<int>(threadIdx.x) / width; }
    /// Of this thread; -1 where it has none.
    __device__ std::int64_t channel() const
    {
        std::int64_t const c = std::int64_t{blockIdx.y} * width + threadIdx.x % width;
        return group() < groups && c < channels ? c : -1;
    }
    /// f(row) over the rows of this thread.
    template <class F>
    __device__ void each_row(F const& f) const
    {
        std::int64_t const begin = blockIdx.x * chunk;
        std::int64_t const end = begin + chunk < rows ? begin + chunk : rows;
#pragma unroll 4
        for (std::int64_t row = begin + group(); row < end; row += groups)
            f(row);
    }
};

/// Sum over the groups g < groups of threads g * width + c, for each c; group 0 receives it.
template <int kThreads>
__device__ Pair sum_groups(Pair value, int width, int groups)
{
    __shared__ Pair of_thread[kThreads];
    int const t = static_cast<int>(threadIdx.x), group = t / width;
    of_thread[t] = value;
    int half = 1;
    while (half < groups)
        half *= 2;
    for (half /= 2; half > 0; half /= 2) {
        __syncthreads();
        if (group < half && group + half < groups) of_thread[t] += of_thread[t + half * width];
    }
    return of_thread[t];
}

/// partial[chunk] = (first of all channels, second of all channels), the sums of f(row, channel).
template <class F>
__global__ void __launch_bounds__(kColumnThreads)
    column_partials(Columns columns, F f, double* partial)
{
    std::int64_t const c = columns.channel();
    Pair sum;
    if (c >= 0) columns.each_row([&](std::int64_t row) { sum += f(row, c); });
    sum = sum_groups<kColumnThreads>(sum, columns.width, columns.groups);
    if (c < 0 || columns.group() > 0) return;
    double* const out = partial + 2 * blockIdx.x * columns.channels;
    out[c] = sum.first;
    out[columns.channels + c] = sum.second;
}

/// g(channel, sum over the chunks)
template <class G>
__global__ void __launch_bounds__(kWarp* kFinishGroups)
    column_finish(double const* partial, int chunks, std::int64_t channels, G g)
{
    std::int64_t const c = std::int64_t{blockIdx.x} * kWarp + threadIdx.x % kWarp;
    auto const group = static_cast<int>(threadIdx.x) / kWarp;
    Pair sum;
    if (c < channels)
#pragma unroll 4
        for (int chunk = group; chunk < chunks; chunk += kFinishGroups) {
            double const* const p = partial + 2 * chunk * channels;
            sum += Pair{p[c], p[channels + c]};
        }
    sum = sum_groups<kWarp * kFinishGroups>(sum, kWarp, kFinishGroups);
    if (c < channels && group == 0) g(c, sum);
}

/// g(c, sum over the rows of f(row, c)) for every channel c.
template <class F, class G>
void column_sums(Context& ctx, char const* name, std::int64_t rows, std::int64_t channels, F f, G g)
{
    Columns const columns(rows, channels);
    auto const partial = ctx.scratch<double>(2 * columns.chunks * channels);
    launch(ctx, {name, columns.grid(), kColumnThreads}, column_partials<F>, columns, f,
           partial.data());
    launch(ctx, {name, blocks_for(channels, kWarp), kWarp * kFinishGroups}, column_finish<G>,
           partial.data(), static_cast<int>(columns.chunks), channels, g);
}

template <class F>
__global__ void __launch_bounds__(kColumnThreads) column_pass(Columns columns, F f)
{
    std::int64_t const c = columns.channel();
    if (c < 0) return;
    auto const element = f(c);
    columns.each_row([&](std::int64_t row) { element(row * columns.channels + c); });
}
/// f(c)(i) for the elements i of each channel c: f(c) is what a thread keeps of its channel.
template <class F>
void each_column(Context& ctx, char const* name, std::int64_t rows, std::int64_t channels, F f)
{
    Columns const columns(rows, channels);
    launch(ctx, {name, columns.grid(), kColumnThreads}, column_pass<F>, columns, f);
}
}  // namespace calofuse::cuda
