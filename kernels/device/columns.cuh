/// \file kernels/device/columns.cuh
/// Work on (rows, channels) tensors a channel at a time: sums over all rows, and element-wise passes
/// that keep what belongs to a channel in registers. Neighbouring threads are neighbours in memory for
/// any number of channels. Sums are in an order that depends on the shape only: a block adds up all rows
/// of 32 channels; where these are many rows for few channels, blocks sum shares of them first, and
/// these partial sums are then the rows.
#pragma once

#include <type_traits>

#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
inline constexpr int kColumnThreads = 256;
inline constexpr int kTotalGroups = 16;

struct alignas(16) Pair {
    double first = 0, second = 0;
    __device__ Pair& operator+=(Pair const& other)
    {
        first += other.first;
        second += other.second;
        return *this;
    }
};

/// What f(row, channel) gives for a sum: double or Pair.
template <class F>
using ColumnSum = std::invoke_result_t<F const&, std::int64_t, std::int64_t>;

/// A block has `width` channels of `chunk` rows and takes `groups` rows at a time.
struct Columns {
    std::int64_t rows, channels;
    std::int32_t const* exist;  ///< (1) on the device: so many of the rows exist; null: all
    std::int64_t chunk = 1;
    int width = 1, groups = 1;
    unsigned tiles = 0, chunks = 0;

    Columns(std::int64_t num_rows,
            std::int64_t num_channels,
            std::int32_t const* num_existing = nullptr)
        : rows(num_rows), channels(num_channels), exist(num_existing)
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
    dim3 grid() const { return {tiles, chunks, 1}; }
    /// Whether 32 channels a block are blocks enough, or the rows too few to be shared out.
    bool is_short() const
    {
        constexpr std::int64_t kFewRows = 256, kManyChannels = 8192;
        return rows <= kFewRows || channels >= kManyChannels;
    }

    __device__ int group() const { return static_cast<int>(threadIdx.x) / width; }
    /// Of this thread; -1 where it has none.
    __device__ std::int64_t channel() const
    {
        std::int64_t const c = std::int64_t{blockIdx.x} * width + threadIdx.x % width;
        return group() < groups && c < channels ? c : -1;
    }
    /// f(row) over the rows of this thread.
    template <class F>
    __device__ void each_row(F const& f) const
    {
        std::int64_t const begin = blockIdx.y * chunk;
        std::int64_t end = exist == nullptr ? rows : std::int64_t{*exist};
        end = begin + chunk < end ? begin + chunk : end;
#pragma unroll 4
        for (std::int64_t row = begin + group(); row < end; row += groups)
            f(row);
    }
};

/// Sum over the groups g < groups of threads g * width + c, for each c; group 0 receives it.
template <int kThreads, class T>
__device__ T sum_groups(T value, int width, int groups)
{
    __shared__ T of_thread[kThreads];
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

/// partial (chunks, channels): the sums of f(row, channel) over the rows of each chunk.
template <class F>
__global__ void __launch_bounds__(kColumnThreads)
    column_partials(Columns columns, F f, ColumnSum<F>* partial)
{
    std::int64_t const c = columns.channel();
    ColumnSum<F> sum{};
    if (c >= 0) columns.each_row([&](std::int64_t row) { sum += f(row, c); });
    sum = sum_groups<kColumnThreads>(sum, columns.width, columns.groups);
    if (c >= 0 && columns.group() == 0) partial[blockIdx.y * columns.channels + c] = sum;
}

/// g(i channels + c, sum of f(row, c) over the rows ranges.begin(i) .. ranges.end(i) - 1)
template <class Ranges, class F, class G>
__global__ void __launch_bounds__(kWarp* kTotalGroups)
    column_totals(Ranges ranges, std::int64_t channels, F f, G g)
{
    std::int64_t const c = std::int64_t{blockIdx.x} * kWarp + lane_index();
    int const range = static_cast<int>(blockIdx.y);
    ColumnSum<F> sum{};
    if (c < channels) {
        std::int64_t const end = ranges.end(range);
#pragma unroll 4
        for (std::int64_t row = ranges.begin(range) + warp_index(); row < end; row += kTotalGroups)
            sum += f(row, c);
    }
    sum = sum_groups<kWarp * kTotalGroups>(sum, kWarp, kTotalGroups);
    if (c < channels && warp_index() == 0) g(range * channels + c, sum);
}

/// g(i channels + c, sum over the rows ranges.begin(i) .. ranges.end(i) - 1 of f(row, c)) for every
/// channel c of every range i < count.
template <class Ranges, class F, class G>
void range_sums(Context& ctx,
                char const* name,
                unsigned count,
                Ranges const& ranges,
                std::int64_t channels,
                F const& f,
                G const& g)
{
    launch(ctx, {name, dim3(blocks_for(channels, kWarp), count), kWarp * kTotalGroups},
           column_totals<Ranges, F, G>, ranges, channels, f, g);
}

struct AllRows {
    std::int64_t count;
    std::int32_t const* exist;
    __device__ std::int64_t begin(int) const { return 0; }
    __device__ std::int64_t end(int) const
    {
        return exist == nullptr ? count : std::int64_t{*exist};
    }
};
/// The entries of a matrix, (rows, columns), as terms of a sum in T.
template <class T, class From>
struct MatrixEntry {
    From const* data;
    std::int64_t columns;
    __device__ T operator()(std::int64_t row, std::int64_t c) const
    {
        return static_cast<T>(data[row * columns + c]);
    }
};
struct AddColumn {
    float* out;
    __device__ void operator()(std::int64_t c, double sum) const
    {
        out[c] += static_cast<float>(sum);
    }
};

/// g(c, sum over the rows of f(row, c)) for every channel c. Bound by reading what f reads.
template <class F, class G>
void column_sums(Context& ctx, char const* name, Columns const& columns, F const& f, G const& g)
{
    using Sum = ColumnSum<F>;
    std::int64_t const channels = columns.channels;
    if (columns.is_short())
        return range_sums(ctx, name, 1, AllRows{columns.rows, columns.exist}, channels, f, g);
    auto const partial = ctx.scratch<Sum>(columns.chunks * channels);
    launch(ctx, {name, columns.grid(), kColumnThreads}, column_partials<F>, columns, f,
           partial.data());
    range_sums(ctx, name, 1, AllRows{columns.chunks, nullptr}, channels,
               MatrixEntry<Sum, Sum>{partial.data(), channels}, g);
}

/// out[i] += partial[0][i] + partial[1][i] + .., summed in T; partial is (count, n). How kernels add up
/// over blocks: each block writes its own row, no atomics.
template <class T, class From>
void add_partials(Context& ctx,
                  char const* name,
                  From const* partial,
                  std::int64_t count,
                  std::int64_t n,
                  float* out)
{
    column_sums(ctx, name, Columns(count, n), MatrixEntry<T, From>{partial, n}, AddColumn{out});
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
