// Second norm's gradients from the pooled values, then the data gradient, whose result goes straight into
// sums with the inputs, since x needs no gradient: 9 C multiply-adds a cell and channel, so bound by fp32
// arithmetic; z2 is read once (4 C bytes a cell), dz2 and the first layer are recomputed.
#include "kernels/focalh/module_cnn/tile.cuh"

namespace calofuse::cuda {
namespace {
constexpr int kPooledThreads = 256, kPooledLanes = kPooledThreads / kTileColumns;

/// g = dy * slope * scale where kept, else 0; sums (parts, 2, C') of g and g xhat, with g not yet
/// rounded to float: sums that cancel on paper should nearly do so here. Block: 64 channels of part
/// of a module's events. 17 bytes an element.
__global__ void __launch_bounds__(kPooledThreads)
    pooled_gradient_kernel(CnnPlan plan, CnnBackward args, float scale, double* sums)
{
    __shared__ double of_lane[kPooledLanes][2][kTileColumns];
    int const module = plan.parts.module_of(blockIdx.x);
    int const column = threadIdx.x % kTileColumns, lane = threadIdx.x / kTileColumns;
    int const c = static_cast<int>(blockIdx.y) * kTileColumns + column;
    std::int64_t const begin = (blockIdx.x - plan.parts.begin(module)) * kEventsPerPart;
    int const events = static_cast<int>(min(plan.batch - begin, kEventsPerPart));
    int const cells = module_side(module) / 2 * (module_side(module) / 2);
    double sum_g = 0, sum_gx = 0;
    if (c < plan.channels) {
        float const* const norm =
            args.norm + std::int64_t{4} * plan.set_of(module) * plan.padded + c;
        float const gain = norm[0], beta = norm[plan.padded], mean = norm[2 * plan.padded],
                    inverse = norm[3 * plan.padded];
        for (int i = lane; i < events * cells; i += kPooledLanes) {
            std::int64_t const row =
                (begin + i / cells) * kNumPooledCells + module_pooled_begin(module) + i % cells;
            float const centred = args.pooled[row * plan.padded + c] - mean;
            float const factor = centred * gain + beta > 0.0F ? scale : scale * plan.slope;
            bool const kept = (args.choice[row * plan.padded + c] & kKeptBit) != 0;
            double const exact = double{args.dy[row * plan.channels + c]} * (kept ? factor : 0.0F);
            args.g[row * plan.padded + c] = static_cast<float>(exact);
            sum_g += exact;
            sum_gx += exact * (centred * inverse);
        }
    } else if (c < plan.padded) {
        for (int i = lane; i < events * cells; i += kPooledLanes)
            args.g[((begin + i / cells) * kNumPooledCells + module_pooled_begin(module) + i % cells)
                       * plan.padded
                   + c] = 0.0F;
    }
    of_lane[lane][0][column] = sum_g;
    of_lane[lane][1][column] = sum_gx;
    __syncthreads();
    if (lane > 1 || c >= plan.padded) return;
    double total = 0;
    for (int l = 0; l < kPooledLanes; ++l)
        total += of_lane[l][lane][column];
    sums[(std::int64_t{blockIdx.x} * 2 + lane) * plan.padded + c] = total;
}

constexpr int kGradientThreads = 256;  // C' at most

/// Block: a weight set. Thread: a channel. dgamma2, dbeta2 += and the factors of dz2.
__global__ void __launch_bounds__(kGradientThreads) second_gradient_kernel(CnnPlan plan,
                                                                           float const* norm,
                                                                           double const* sums,
                                                                           float* dgamma,
                                                                           float* dbeta,
                                                                           float* factors)
{
    int const set = static_cast<int>(blockIdx.x), c = static_cast<int>(threadIdx.x);
    if (c >= plan.padded) return;
    double sum_g = 0, sum_gx = 0;
    for (int m = 0; m < kNumModules; ++m)
        if (plan.set_of(m) == set) {
            sum_g += sums[2 * m * plan.padded + c];
            sum_gx += sums[(2 * m + 1) * plan.padded + c];
        }
    if (c < plan.channels) {
        dbeta[set * plan.channels + c] += static_cast<float>(sum_g);
        dgamma[set * plan.channels + c] += static_cast<float>(sum_gx);
    }
    norm += std::int64_t{4} * set * plan.padded + c;
    SecondGradientFactors const f = second_gradient_factors(
        {norm[0], norm[plan.padded], norm[2 * plan.padded], norm[3 * plan.padded]}, sum_g, sum_gx,
        plan.cells_of_set(set));
    factors += std::int64_t{4} * set * plan.padded + c;
    factors[0] = f.mean;
    factors[plan.padded] = f.slope;
    factors[2 * plan.padded] = f.shift;
    factors[3 * plan.padded] = f.gain;
}

/// sums (10, 64): gradient before the first leaky ReLU times the inputs under the taps, and itself,
/// from da1 in shared.out.
template <int kSide>
__device__ void sum_first_gradients(
    CnnPlan const& plan, int events, float const* w1, ConvShared& shared, float* sums)
{
    using At = Geometry<kSide>;
    int const column = threadIdx.x % kTileColumns, lane = threadIdx.x / kTileColumns;
    int const c = static_cast<int>(blockIdx.y) * kTileColumns + column;
    float sum[kColumnRows] = {};
    if (c < plan.padded) {
        FirstLayer const layer(w1, plan.padded, c);
        for (int row = lane; row < events * At::kCells; row += kConvLanes) {
            float const* const at = shared.image + At::position(row);
            float const da = shared.out[row * kTileColumns + column];
            float const g = layer.value<kSide>(at) > 0.0F ? da : da * plan.slope;
#pragma unroll
            for (int t = 0; t < kConvTaps; ++t)
                sum[t] = fmaf(g, at[At::step(t)], sum[t]);
            sum[kConvTaps] += g;
        }
    }
    __syncthreads();  // shared.out is read; its place takes the lanes' sums
#pragma unroll
    for (int t = 0; t < kColumnRows; ++t)
        shared.out[(lane * kColumnRows + t) * kTileColumns + column] = sum[t];
    __syncthreads();
    if (c >= plan.padded) return;
    for (int t = lane; t < kColumnRows; t += kConvLanes) {
        float total = 0;
        for (int l = 0; l < kConvLanes; ++l)
            total += shared.out[(l * kColumnRows + t) * kTileColumns + column];
        sums[t * plan.padded + c] = total;
    }
}

/// sums (tiles, 10, C')
__global__ void __launch_bounds__(kConvThreads, 2)
    data_gradient_kernel(CnnPlan plan, View<float const, 2> x, CnnBackward args, float* sums)
{
    __shared__ ConvShared shared;
    with_event_tile(plan, [&]<int kSide>(EventTile const& tile) {
        using At = Geometry<kSide>;
        std::int64_t const set = plan.set_of(tile.module);
        float const* const factors = args.factors + set * 4 * plan.padded;
        load_image<kSide>(tile, x, At::kEvents, shared.image);
        convolve<kSide>(
            plan.padded,
            ConvWeights<true>{args.w2 + set * kConvTaps * plan.channels * plan.channels,
                              plan.channels, static_cast<int>(blockIdx.y) * kTileColumns},
            shared, [&](int first, float* in) {
                int const c = threadIdx.x % kTileDepth;
                SecondLayerGradient const gradient(factors, plan.padded, first + c);
                for (int row = threadIdx.x / kTileDepth; row < At::kRows;
                     row += kConvThreads / kTileDepth) {
                    std::int64_t const event = tile.first + row / At::kCells;
                    std::int64_t const q = pooled_at(plan, tile.module, event) + first + c;
                    float dz = 0;
                    if (event < plan.batch)
                        dz = gradient.value<kSide>(
                            args.z2 + cells_at(plan, tile.module, event) + first + c, args.g + q,
                            args.choice + q, row % At::kCells, plan.padded);
                    in[At::position(row) * kTilePitch + c] = dz;
                }
            });
        sum_first_gradients<kSide>(plan, tile.events, args.w1 + set * kColumnRows * plan.padded,
                                   shared,
                                   sums + std::int64_t{blockIdx.x} * kColumnRows * plan.padded);
    });
}

/// Where the gradients of the first layer go.
struct FirstGradients {
    float const *w1, *gamma, *var;
    float *dw1, *dgamma, *dbeta;
};

/// Block: a weight set. Thread: a channel. moments (9, 55), sums (9, 10, C').
__global__ void __launch_bounds__(kGradientThreads) first_gradient_kernel(CnnPlan plan,
                                                                          double const* moments,
                                                                          double const* sums,
                                                                          FirstGradients args)
{
    __shared__ InputMoments in;
    int const set = static_cast<int>(blockIdx.x), c = static_cast<int>(threadIdx.x);
    load_input_moments(plan, moments, set, in);
    if (c >= plan.channels) return;
    double of_set[kColumnRows] = {};
    for (int m = 0; m < kNumModules; ++m)
        if (plan.set_of(m) == set)
#pragma unroll
            for (int t = 0; t < kColumnRows; ++t)
                of_set[t] += sums[(m * kColumnRows + t) * plan.padded + c];
    int const at = set * plan.channels + c;
    int const w1_at = set * kConvTaps * plan.channels + c;
    add_first_gradients(in, of_set, args.w1 + w1_at, plan.channels, args.gamma[at],
                        1.0 / sqrt(double{args.var[at]} + plan.eps), args.dw1 + w1_at,
                        args.dgamma + at, args.dbeta + at);
}

/// Second norm: gradients of its parameters, g and the factors that make dz2 of it.
void second_norm_backward(Context& ctx,
                          CnnPlan const& plan,
                          ModuleCnnGradArgs const& args,
                          CnnBackward const& work,
                          float* factors)
{
    unsigned const columns = blocks_for(plan.padded, kTileColumns);
    auto const part = ctx.scratch<double>(plan.parts.count() * 2 * plan.padded);
    auto const sums = ctx.scratch<double>(kNumModules * 2 * plan.padded);
    launch(ctx,
           {"module_cnn_pooled_gradient", dim3(static_cast<unsigned>(plan.parts.count()), columns),
            kPooledThreads},
           pooled_gradient_kernel, plan, work, 1.0F / (1.0F - args.options.dropout_rate),
           part.data());
    module_sums(ctx, plan.parts, part.data(), 2 * plan.padded, sums.data());
    launch(ctx, {"module_cnn_second_gradient", static_cast<unsigned>(plan.sets), kGradientThreads},
           second_gradient_kernel, plan, work.norm, sums.data(), args.d.gamma2.flat<float>().data,
           args.d.beta2.flat<float>().data, factors);
}

void add_first_layer_gradients(Context& ctx,
                               CnnPlan const& plan,
                               ModuleCnnGradArgs const& args,
                               CnnBackward const& work)
{
    auto const x = args.x.view<float const, 2>();
    std::int64_t const size = std::int64_t{kColumnRows} * plan.padded;
    auto const moments = ctx.scratch<double>(kNumModules * kNumMoments);
    auto const part = ctx.scratch<float>(plan.tiles.count() * size);
    auto const sums = ctx.scratch<double>(kNumModules * size);
    input_moments(ctx, plan, x, moments.data());
    launch(ctx,
           {"module_cnn_data_gradient",
            dim3(static_cast<unsigned>(plan.tiles.count()), blocks_for(plan.padded, kTileColumns)),
            kConvThreads},
           data_gradient_kernel, plan, x, work, part.data());
    module_sums(ctx, plan.tiles, part.data(), size, sums.data());
    launch(ctx, {"module_cnn_first_gradient", static_cast<unsigned>(plan.sets), kGradientThreads},
           first_gradient_kernel, plan, moments.data(), sums.data(),
           FirstGradients{args.weights.w1.flat<float const>().data,
                          args.weights.gamma1.flat<float const>().data,
                          args.stats.var1.flat<float const>().data, args.d.w1.flat<float>().data,
                          args.d.gamma1.flat<float>().data, args.d.beta1.flat<float>().data});
}
}  // namespace

void module_cnn_backward(Context& ctx, ModuleCnnGradArgs const& args)
{
    CnnPlan const plan(args.weights, args.options, args.x.shape[0]);
    auto const w1 = ctx.scratch<float>(std::int64_t{plan.sets} * kColumnRows * plan.padded);
    auto const norm = ctx.scratch<float>(std::int64_t{plan.sets} * 4 * plan.padded);
    auto const factors = ctx.scratch<float>(std::int64_t{plan.sets} * 4 * plan.padded);
    auto const g = ctx.scratch<float>(plan.batch * kNumPooledCells * plan.padded);
    first_norm(ctx, plan, args.weights, args.stats, nullptr, w1.data());
    second_norm(ctx, plan, args.weights, args.stats, nullptr, norm.data());
    CnnBackward const work{.z2 = args.saved.z2.flat<float const>().data,
                           .pooled = args.saved.pooled.flat<float const>().data,
                           .dy = args.dy.flat<float const>().data,
                           .choice = args.saved.choice.flat<std::uint8_t const>().data,
                           .w1 = w1.data(),
                           .w2 = args.weights.w2.flat<float const>().data,
                           .norm = norm.data(),
                           .factors = factors.data(),
                           .g = g.data()};
    second_norm_backward(ctx, plan, args, work, factors.data());
    add_weight_gradient(ctx, plan, args, work);
    add_first_layer_gradients(ctx, plan, args, work);
}
}  // namespace calofuse::cuda
