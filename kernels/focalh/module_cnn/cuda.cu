// Batch moments of the cells, first norm, both convolutions with pooling, second norm, then norm, leaky
// ReLU and dropout of what pooling chose. The convolution is the work: 9 C multiply-adds a cell and
// channel (bound by fp32 arithmetic; 4 C bytes a cell for z2). First convolution: 10 a value, twice for
// C > 64.
#include "kernels/focalh/module_cnn/tile.cuh"
#include "kernels/math/dropout_mask.hpp"

namespace calofuse::cuda {
namespace {
struct Convolution {
    float const *w1, *w2, *gamma;  ///< folded (S, 10, C'); (S, 9, C, C); (S, C)
    float* z2;                     ///< (B, 249, C') or null
    float* pooled;                 ///< (B, 41, C')
    std::uint8_t* choice;          ///< (B, 41, C') or null
    double* sums;                  ///< (tiles, 2, C') or null
};

struct ForwardShared {
    ConvShared conv;
    double sums[kConvLanes][2][kTileColumns];
};

/// sums of z2 and z2^2 over the rows that exist.
template <int kSide>
__device__ void sum_columns(CnnPlan const& plan, int events, ForwardShared& shared, double* sums)
{
    int const column = threadIdx.x % kTileColumns, lane = threadIdx.x / kTileColumns;
    double sum = 0, squares = 0;
    for (int row = lane; row < events * Geometry<kSide>::kCells; row += kConvLanes) {
        double const z = shared.conv.out[row * kTileColumns + column];
        sum += z;
        squares = fma(z, z, squares);
    }
    shared.sums[lane][0][column] = sum;
    shared.sums[lane][1][column] = squares;
    __syncthreads();
    int const c = static_cast<int>(blockIdx.y) * kTileColumns + column;
    if (lane > 1 || c >= plan.padded) return;
    double total = 0;  // lane 0: of z2, lane 1: of the squares
    for (int l = 0; l < kConvLanes; ++l)
        total += shared.sums[l][lane][column];
    sums[(std::int64_t{blockIdx.x} * 2 + lane) * plan.padded + c] = total;
}

template <int kSide>
__device__ void pool(CnnPlan const& plan,
                     EventTile const& tile,
                     float const* z,
                     Convolution const& args)
{
    using At = Geometry<kSide>;
    constexpr int kPooled = At::kHalf * At::kHalf;
    int const column = threadIdx.x % kTileColumns;
    int const c = static_cast<int>(blockIdx.y) * kTileColumns + column;
    if (c >= plan.padded) return;
    std::int64_t const of_set = std::int64_t{plan.set_of(tile.module)} * plan.channels;
    float const sign = c < plan.channels && args.gamma[of_set + c] < 0 ? -1.0F : 1.0F;
    for (int i = threadIdx.x / kTileColumns; i < tile.events * kPooled; i += kConvLanes) {
        int const e = i / kPooled, q = i % kPooled;
        int const window = e * At::kCells + q / At::kHalf * 2 * kSide + q % At::kHalf * 2;
        float best = z[window * kTileColumns + column] * sign;
        int which = 0;
#pragma unroll
        for (int k = 1; k < 4; ++k) {
            float const v = z[(window + k / 2 * kSide + k % 2) * kTileColumns + column] * sign;
            if (v > best) {
                best = v;
                which = k;
            }
        }
        std::int64_t const at =
            ((tile.first + e) * kNumPooledCells + module_pooled_begin(tile.module) + q)
                * plan.padded
            + c;
        args.pooled[at] = best * sign;
        if (args.choice != nullptr) args.choice[at] = static_cast<std::uint8_t>(which);
    }
}

template <int kSide>
__device__ void convolve_tile(CnnPlan const& plan,
                              View<float const, 2> x,
                              EventTile const& tile,
                              Convolution const& args,
                              ForwardShared& shared)
{
    using At = Geometry<kSide>;
    int const first_column = static_cast<int>(blockIdx.y) * kTileColumns;
    std::int64_t const set = plan.set_of(tile.module);
    float const* const image = shared.conv.image;
    float const* const w1 = args.w1 + set * kColumnRows * plan.padded;
    load_image<kSide>(tile, x, At::kEvents, shared.conv.image);
    convolve<kSide>(plan.padded,
                    ConvWeights<false>{args.w2 + set * kConvTaps * plan.channels * plan.channels,
                                       plan.channels, first_column},
                    shared.conv, [&](int first, float* in) {
                        int const c = threadIdx.x % kTileDepth;
                        FirstLayer const layer(w1, plan.padded, first + c);
                        for (int row = threadIdx.x / kTileDepth; row < At::kRows;
                             row += kConvThreads / kTileDepth) {
                            int const at = At::position(row);
                            float const u = layer.value<kSide>(image + at);
                            in[at * kTilePitch + c] = fmaxf(u, u * plan.slope);
                        }
                    });
    float const* const z = shared.conv.out;
    int const column = threadIdx.x % kTileColumns;
    if (args.z2 != nullptr && first_column + column < plan.padded)
        for (int row = threadIdx.x / kTileColumns; row < tile.events * At::kCells;
             row += kConvLanes) {
            std::int64_t const cell = (tile.first + row / At::kCells) * kNumCells
                                      + module_begin(tile.module) + row % At::kCells;
            args.z2[cell * plan.padded + first_column + column] = z[row * kTileColumns + column];
        }
    pool<kSide>(plan, tile, z, args);
    if (args.sums != nullptr) sum_columns<kSide>(plan, tile.events, shared, args.sums);
}

__global__ void __launch_bounds__(kConvThreads, 2)
    convolve_kernel(CnnPlan plan, View<float const, 2> x, Convolution args)
{
    __shared__ ForwardShared shared;
    with_event_tile(plan, [&]<int kSide>(EventTile const& tile) {
        convolve_tile<kSide>(plan, x, tile, args, shared);
    });
}

/// pooled -> y: norm, leaky ReLU, dropout; notes in `choice` what dropout keeps. Thread: one block of
/// four random words, so the four elements that share it. 9 bytes an element.
struct Normalise {
    CnnPlan plan;
    float const *pooled, *norm;
    std::int64_t const* step;  ///< null: no dropout
    ModuleCnnOptions options;
    std::uint32_t threshold;
    float scale;
    std::uint8_t* choice;
    View<float, 2> y;

    __device__ void operator()(std::int64_t block) const
    {
        std::int64_t const count = y.shape[0] * y.shape[1];
        std::int64_t const before = step == nullptr ? 0 : step[1] * y.shape[1];
        std::int64_t const first = (before / 4 + block) * 4 - before;
        std::uint32_t const kept =
            step == nullptr
                ? 15U
                : dropout_keep4(options.seed, options.stream, static_cast<std::uint32_t>(step[0]),
                                static_cast<std::uint64_t>(before / 4 + block), threshold);
        for (int j = 0; j < 4; ++j)
            if (first + j >= 0 && first + j < count) element(first + j, kept >> j & 1U);
    }
    __device__ void element(std::int64_t i, std::uint32_t kept) const
    {
        std::int64_t const row = i / plan.channels;
        int const c = static_cast<int>(i - row * plan.channels);
        int const q = static_cast<int>(row % kNumPooledCells);
        std::int64_t const at = row * plan.padded + c;
        float const* const factors =
            norm + std::int64_t{4} * plan.set_of(module_of(q)) * plan.padded + c;
        float const u = (pooled[at] - factors[2 * plan.padded]) * factors[0] + factors[plan.padded];
        float const a = u > 0.0F ? u : u * plan.slope;
        y.data[i] = kept != 0 ? a * scale : 0.0F;
        if (choice != nullptr) choice[at] = static_cast<std::uint8_t>(choice[at] | kept * kKeptBit);
    }
    /// Of a pooled cell.
    static __device__ int module_of(int q)
    {
        constexpr int kCentre = module_pooled_begin(kCentreModule);
        return q < kCentre ? q / 4 : q < kCentre + 9 ? kCentreModule : (q - 5) / 4;
    }
};
}  // namespace

void module_cnn_forward(Context& ctx, ModuleCnnArgs const& args)
{
    CnnPlan const plan(args.weights, args.options, args.x.shape[0]);
    auto const x = args.x.view<float const, 2>();
    bool const batch = args.norm == NormMode::batch;
    bool const keeps = !args.saved.pooled.empty();
    auto const moments = ctx.scratch<double>(batch ? kNumModules * kNumMoments : 0);
    auto const w1 = ctx.scratch<float>(std::int64_t{plan.sets} * kColumnRows * plan.padded);
    auto const own = ctx.scratch<float>(keeps ? 0 : plan.batch * kNumPooledCells * plan.padded);
    auto const part = ctx.scratch<double>(batch ? plan.tiles.count() * 2 * plan.padded : 0);
    auto const sums = ctx.scratch<double>(batch ? kNumModules * 2 * plan.padded : 0);
    auto const norm = ctx.scratch<float>(std::int64_t{plan.sets} * 4 * plan.padded);
    if (batch) input_moments(ctx, plan, x, moments.data());
    first_norm(ctx, plan, args.weights, args.stats, moments.data(), w1.data());
    Convolution const work{.w1 = w1.data(),
                           .w2 = args.weights.w2.flat<float const>().data,
                           .gamma = args.weights.gamma2.flat<float const>().data,
                           .z2 = keeps ? args.saved.z2.flat<float>().data : nullptr,
                           .pooled = keeps ? args.saved.pooled.flat<float>().data : own.data(),
                           .choice = keeps ? args.saved.choice.flat<std::uint8_t>().data : nullptr,
                           .sums = part.data()};
    launch(ctx,
           {"module_cnn_convolve",
            dim3(static_cast<unsigned>(plan.tiles.count()), blocks_for(plan.padded, kTileColumns)),
            kConvThreads},
           convolve_kernel, plan, x, work);
    if (batch) module_sums(ctx, plan.tiles, part.data(), 2 * plan.padded, sums.data());
    second_norm(ctx, plan, args.weights, args.stats, sums.data(), norm.data());
    bool const drops = args.options.dropout_rate > 0.0F;
    auto const y = args.y.view<float, 2>();
    for_each(ctx, "module_cnn_normalise", y.size() / 4 + 2,
             Normalise{.plan = plan,
                       .pooled = work.pooled,
                       .norm = norm.data(),
                       .step = drops ? args.step.view<std::int64_t const, 1>().data : nullptr,
                       .options = args.options,
                       .threshold = dropout_threshold(args.options.dropout_rate),
                       .scale = 1.0F / (1.0F - args.options.dropout_rate),
                       .choice = work.choice,
                       .y = y});
}
}  // namespace calofuse::cuda
