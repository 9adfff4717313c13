/// \file kernels/focalh/module_cnn/tile.cuh
/// How module_cnn cuts its work on a GPU, and the convolution C -> C that forward and data gradient
/// share. Tile: 5 events of a 5 x 5 module or 2 of the 7 x 7 one, as up to 128 rows (event, cell) of a
/// matrix product with 64 columns; inputs are made 16 channels at a time in shared memory, with a
/// border of zeros, so that a tap is an offset.
#pragma once

#include "kernels/device/launch.cuh"
#include "kernels/focalh/module_cnn.hpp"
#include "kernels/focalh/module_cnn/math.hpp"
#include "kernels/gemm/fma_tile.cuh"

namespace calofuse::cuda {
using cpu::kChoiceMask, cpu::kColumnRows, cpu::kKeptBit, cpu::kNumMoments;

/// Partial sums are ordered by module, the centre one first: it has its own number of parts.
struct ModuleParts {
    std::int64_t centre, outer;

    CALOFUSE_HD std::int64_t count() const { return centre + (kNumModules - 1) * outer; }
    CALOFUSE_HD std::int64_t of(int module) const
    {
        return module == kCentreModule ? centre : outer;
    }
    CALOFUSE_HD std::int64_t begin(int module) const
    {
        return module == kCentreModule
                   ? 0
                   : centre + (module - (module > kCentreModule ? 1 : 0)) * outer;
    }
    CALOFUSE_HD std::int64_t end(int module) const { return begin(module) + of(module); }
    CALOFUSE_HD int module_of(std::int64_t part) const
    {
        if (part < centre) return kCentreModule;
        int const m = static_cast<int>((part - centre) / outer);
        return m < kCentreModule ? m : m + 1;
    }
};

inline constexpr std::int64_t kEventsPerPart = 8;   // of passes over cells
inline constexpr std::int64_t kEventsPerSlice = 8;  // of weight gradients, at least
inline constexpr std::int64_t kMostSlices = 16;     // a partial weight gradient is 147 KB

/// Sizes, and how the work is cut: by the shapes only. Plain data.
struct CnnPlan {
    std::int64_t batch;
    int sets, channels, padded;
    float slope, eps;
    std::uint64_t set_of_module = 0;  ///< 4 bits each
    ModuleParts tiles, parts, slices;

    CnnPlan(ModuleCnnWeights const& weights, ModuleCnnOptions const& options, std::int64_t events);

    CALOFUSE_HD int set_of(int module) const
    {
        return static_cast<int>(set_of_module >> (4 * module) & 15U);
    }
    /// Values of a channel that the statistics of a set cover.
    CALOFUSE_HD double cells_of_set(int set) const
    {
        int cells = 0;
        for (int m = 0; m < kNumModules; ++m)
            if (set_of(m) == set) cells += module_side(m) * module_side(m);
        return static_cast<double>(cells) * static_cast<double>(batch);
    }
};

/// out (9, n) = sums of the parts (count, n) of each module, in order.
void module_sums(Context& ctx, ModuleParts parts, double const* part, std::int64_t n, double* out);
void module_sums(Context& ctx, ModuleParts parts, float const* part, std::int64_t n, double* out);
/// sums (9, 55): of products of inputs under two taps, and of the inputs; exact where they are integers.
void input_moments(Context& ctx, CnnPlan const& plan, View<float const, 2> x, double* sums);
/// moments (null: statistics are given) -> statistics of the first norm; w1 (S, 10, C') = folded.
void first_norm(Context& ctx,
                CnnPlan const& plan,
                ModuleCnnWeights const& weights,
                ModuleCnnStats const& stats,
                double const* moments,
                float* w1);
/// sums (9, 2, C') of z2 and z2^2 (null: statistics are given) -> statistics of the second norm;
/// norm (S, 4, C'): SecondNormFactors, zeros from C.
void second_norm(Context& ctx,
                 CnnPlan const& plan,
                 ModuleCnnWeights const& weights,
                 ModuleCnnStats const& stats,
                 double const* sums,
                 float* norm);

inline constexpr int kConvThreads = 256;
inline constexpr int kConvRows = kConvThreads / kColumnGroups * kThreadRows;
inline constexpr int kConvPitch =
    kTileColumns + 4;  // of weights, which data gradients store transposed
inline constexpr int kConvLanes = kConvThreads / kTileColumns;

template <int kSide>
struct Geometry {
    static constexpr int kCells = kSide * kSide;
    static constexpr int kEvents = kSide == 5 ? 5 : 2;
    static constexpr int kRows = kEvents * kCells;
    static constexpr int kWidth = kSide + 2;
    static constexpr int kPositions = kWidth * kWidth;  // of an event, with the border
    static constexpr int kHalf = kSide / 2;
    static_assert(kRows <= kConvRows);

    static __device__ int position(int row)
    {
        int const cell = row % kCells;
        return row / kCells * kPositions + (cell / kSide + 1) * kWidth + cell % kSide + 1;
    }
    /// Where the cell under a tap lies.
    static __device__ int step(int tap) { return (tap / 3 - 1) * kWidth + tap % 3 - 1; }
};
inline constexpr int kMaxPositions = Geometry<5>::kEvents * Geometry<5>::kPositions;
static_assert(Geometry<7>::kEvents * Geometry<7>::kPositions <= kMaxPositions);

struct EventTile {
    int module, events;
    std::int64_t first;  ///< event
};
template <int kSide>
__device__ EventTile event_tile(CnnPlan const& plan, std::int64_t tile, int module)
{
    std::int64_t const first = (tile - plan.tiles.begin(module)) * Geometry<kSide>::kEvents;
    return {module,
            static_cast<int>(min(plan.batch - first, std::int64_t{Geometry<kSide>::kEvents})),
            first};
}

/// image = the cells of the tile's events, zeros around them and where there is no event.
template <int kSide>
__device__ void load_image(EventTile const& tile, View<float const, 2> x, int events, float* image)
{
    using At = Geometry<kSide>;
    for (int i = threadIdx.x; i < events * At::kPositions; i += blockDim.x) {
        int const e = i / At::kPositions, p = i % At::kPositions;
        int const row = p / At::kWidth - 1, col = p % At::kWidth - 1;
        bool const real = e < tile.events && row >= 0 && row < kSide && col >= 0 && col < kSide;
        image[i] = real ? x.data[(tile.first + e) * kNumCells + module_begin(tile.module)
                                 + row * kSide + col]
                        : 0.0F;
    }
}

/// The moments of a set from those of the modules (9, 55); ends with a barrier.
__device__ inline void load_input_moments(CnnPlan const& plan,
                                          double const* sums,
                                          int set,
                                          InputMoments& in)
{
    auto const of_set = [&](int i) {
        double sum = 0;
        for (int m = 0; m < kNumModules; ++m)
            if (plan.set_of(m) == set) sum += sums[m * kNumMoments + i];
        return sum;
    };
    if (threadIdx.x < kNumMoments)
        in.expected[threadIdx.x] = of_set(static_cast<int>(threadIdx.x)) / plan.cells_of_set(set);
    __syncthreads();
}

/// First convolution and norm of one channel.
struct FirstLayer {
    float weight[kColumnRows];

    /// w1 (10, C')
    __device__ FirstLayer(float const* w1, int padded, int channel)
    {
#pragma unroll
        for (int t = 0; t < kColumnRows; ++t)
            weight[t] = w1[t * padded + channel];
    }
    /// Before the leaky ReLU; `at` is the cell's place in an image.
    template <int kSide>
    __device__ float value(float const* at) const
    {
        float sum = 0;
#pragma unroll
        for (int t = 0; t < kConvTaps; ++t)
            sum = fmaf(weight[t], at[Geometry<kSide>::step(t)], sum);
        return sum + weight[kConvTaps];
    }
};

/// dz2 = second norm's and pooling's gradient at one channel.
struct SecondLayerGradient {
    float mean, slope, shift, gain;

    /// factors (4, C')
    __device__ SecondLayerGradient(float const* factors, int padded, int channel)
        : mean(factors[channel])
        , slope(factors[padded + channel])
        , shift(factors[2 * padded + channel])
        , gain(factors[3 * padded + channel])
    {}
    /// At `cell` of a module of an event: z2, g and choice begin at (event, first cell, channel).
    template <int kSide>
    __device__ float value(
        float const* z2, float const* g, std::uint8_t const* choice, int cell, int padded) const
    {
        constexpr int kHalf = Geometry<kSide>::kHalf;
        int const row = cell / kSide, col = cell % kSide;
        float const dz = fmaf(z2[cell * padded] - mean, slope, shift);
        if (row / 2 >= kHalf || col / 2 >= kHalf) return dz;
        int const q = (row / 2 * kHalf + col / 2) * padded;
        bool const chosen = (choice[q] & kChoiceMask) == row % 2 * 2 + col % 2;
        return chosen ? fmaf(g[q], gain, dz) : dz;
    }
};

struct ConvShared {
    float image[kMaxPositions];
    union {
        struct {
            alignas(16) float in[kMaxPositions * kTilePitch];
            alignas(16) float w[2][kTileDepth * kConvPitch];
        } load;
        alignas(16) float out[kConvRows * kTileColumns];
    };
};

/// Weights of one tap, 16 input x 64 output channels. Exchanged: of the convolution's transpose.
template <bool kExchanged>
struct ConvWeights {
    float const* w2;  ///< (9, C, C) of the set
    int channels, first_column;
    float value[kTileDepth * kTileColumns / kConvThreads];

    static __device__ int depth_of(int i)
    {
        int const j = threadIdx.x + i * kConvThreads;
        return kExchanged ? j % kTileDepth : j / kTileColumns;
    }
    static __device__ int column_of(int i)
    {
        int const j = threadIdx.x + i * kConvThreads;
        return kExchanged ? j / kTileDepth : j % kTileColumns;
    }
    __device__ void load(int tap, int first_depth)
    {
#pragma unroll
        for (int i = 0; i < static_cast<int>(sizeof value / sizeof *value); ++i) {
            int const k = first_depth + depth_of(i), n = first_column + column_of(i);
            int const at = kExchanged ? (tap * channels + n) * channels + k
                                      : (tap * channels + k) * channels + n;
            value[i] = k < channels && n < channels ? w2[at] : 0.0F;
        }
    }
    __device__ void store(float* to) const
    {
#pragma unroll
        for (int i = 0; i < static_cast<int>(sizeof value / sizeof *value); ++i)
            to[depth_of(i) * kConvPitch + column_of(i)] = value[i];
    }
};

/// shared.out (row, column) = sum over taps and channels, in the order (16 channels, tap, channel)
/// whatever the neighbours. fill(first channel, in) writes the inputs of the tile's cells.
template <int kSide, bool kExchanged, class Fill>
__device__ void convolve(int padded,
                         ConvWeights<kExchanged> weights,
                         ConvShared& shared,
                         Fill&& fill)
{
    using At = Geometry<kSide>;
    FmaTile tile;
    tile.clear();
    int row[kThreadRows];
#pragma unroll
    for (int r = 0; r < kThreadRows; ++r)
        row[r] = At::position(min(FmaTile::first_row() + r, At::kRows - 1)) * kTilePitch;
    for (int i = threadIdx.x; i < At::kEvents * At::kPositions * kTilePitch; i += kConvThreads)
        shared.load.in[i] = 0.0F;
    for (int first = 0; first < padded; first += kTileDepth) {
        weights.load(0, first);
        __syncthreads();  // inputs and weights of the channels before have been read
        fill(first, shared.load.in);
        weights.store(shared.load.w[0]);
#pragma unroll 1
        for (int tap = 0; tap < kConvTaps; ++tap) {
            __syncthreads();
            if (tap + 1 < kConvTaps) weights.load(tap + 1, first);
            int const step = kExchanged ? -At::step(tap) : At::step(tap);
            tile.multiply(shared.load.in + step * kTilePitch, row,
                          shared.load.w[tap % 2] + FmaTile::first_column(), kConvPitch);
            if (tap + 1 < kConvTaps) weights.store(shared.load.w[(tap + 1) % 2]);
        }
    }
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kThreadRows; ++r)
        *reinterpret_cast<float4*>(shared.out + (FmaTile::first_row() + r) * kTileColumns
                                   + FmaTile::first_column()) =
            make_float4(tile.sum[r][0], tile.sum[r][1], tile.sum[r][2], tile.sum[r][3]);
    __syncthreads();
}

/// f<side>(tile) for the tile that block `blockIdx.x` has.
template <class F>
__device__ void with_event_tile(CnnPlan const& plan, F&& f)
{
    int const module = plan.tiles.module_of(blockIdx.x);
    if (module == kCentreModule)
        f.template operator()<7>(event_tile<7>(plan, blockIdx.x, module));
    else
        f.template operator()<5>(event_tile<5>(plan, blockIdx.x, module));
}

/// Inputs of the backward passes.
struct CnnBackward {
    float const *z2, *pooled, *dy;
    std::uint8_t const* choice;
    float const *w1, *w2, *norm;  ///< folded (S, 10, C'); (S, 9, C, C); (S, 4, C')
    float const* factors;         ///< (S, 4, C') of dz2
    float* g;                     ///< (B, 41, C')
};

/// Where z2, g and choice of a module of an event begin.
__device__ inline std::int64_t cells_at(CnnPlan const& plan, int module, std::int64_t event)
{
    return (event * kNumCells + module_begin(module)) * plan.padded;
}
__device__ inline std::int64_t pooled_at(CnnPlan const& plan, int module, std::int64_t event)
{
    return (event * kNumPooledCells + module_pooled_begin(module)) * plan.padded;
}

/// d.w2 += the gradient of the second convolution's weights.
void add_weight_gradient(Context& ctx,
                         CnnPlan const& plan,
                         ModuleCnnGradArgs const& args,
                         CnnBackward const& work);
}  // namespace calofuse::cuda
