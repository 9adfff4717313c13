// The small kernels around the convolutions: sums over blocks, input moments, and both norms. They move
// a few MB at most; moments take 55 multiply-adds in double a cell.
#include "kernels/device/columns.cuh"
#include "kernels/focalh/module_cnn/tile.cuh"

namespace calofuse::cuda {
namespace {
struct StoreSum {
    double* out;
    __device__ void operator()(std::int64_t i, double sum) const { out[i] = sum; }
};

constexpr int kMomentThreads = 256, kMomentWidth = 64, kMomentLanes = kMomentThreads / kMomentWidth;
constexpr int kMomentEvents = 8;  // in shared memory at a time
static_assert(kNumMoments <= kMomentWidth && kEventsPerPart % kMomentEvents == 0);

struct MomentShared {
    float image[kMomentEvents * Geometry<7>::kPositions];
    double of_lane[kMomentLanes][kMomentWidth];
};

/// Thread (i, lane) adds up product i of the events lane, lane + 4, .. of a part of a module's events.
template <int kSide>
__device__ void moments_of_part(
    CnnPlan const& plan, View<float const, 2> x, int module, MomentShared& shared, double* sums)
{
    using At = Geometry<kSide>;
    int const i = threadIdx.x % kMomentWidth, lane = threadIdx.x / kMomentWidth;
    int first = 0, row = 0;
    for (; first < kConvTaps && i >= row + kColumnRows - first; ++first)
        row += kColumnRows - first;
    int const second = min(first + i - row, kConvTaps);
    int const first_step = At::step(first), second_step = At::step(second);
    std::int64_t const begin = (blockIdx.x - plan.parts.begin(module)) * kEventsPerPart;
    std::int64_t const end = min(begin + kEventsPerPart, plan.batch);
    double sum = 0;
    for (std::int64_t e = begin; e < end; e += kMomentEvents) {
        EventTile const tile{module, static_cast<int>(min(end - e, std::int64_t{kMomentEvents})),
                             e};
        __syncthreads();
        load_image<kSide>(tile, x, kMomentEvents, shared.image);
        __syncthreads();
        for (int j = lane; j < tile.events; j += kMomentLanes)
            for (int cell = 0; cell < At::kCells; ++cell) {
                float const* const at = shared.image + At::position(j * At::kCells + cell);
                double const a = first < kConvTaps ? at[first_step] : 1.0F;
                double const b = second < kConvTaps ? at[second_step] : 1.0F;
                sum = fma(a, b, sum);
            }
    }
    shared.of_lane[lane][i] = sum;
    __syncthreads();
    if (lane > 0 || i >= kNumMoments) return;
    for (int l = 1; l < kMomentLanes; ++l)
        sum += shared.of_lane[l][i];
    sums[std::int64_t{blockIdx.x} * kNumMoments + i] = sum;
}

__global__ void __launch_bounds__(kMomentThreads)
    input_moments_kernel(CnnPlan plan, View<float const, 2> x, double* sums)
{
    __shared__ MomentShared shared;
    int const module = plan.parts.module_of(blockIdx.x);
    if (module == kCentreModule)
        moments_of_part<7>(plan, x, module, shared, sums);
    else
        moments_of_part<5>(plan, x, module, shared, sums);
}

/// What a thread of the norms' kernels reads and writes: parameters and statistics of one channel.
struct Norm {
    float const *gamma, *beta, *bias;
    float *mean, *var;
};

constexpr int kNormThreads = 256;  // C' at most
static_assert(cpu::kMaxModuleChannels <= kNormThreads);

/// Block: a weight set. Thread: a channel.
__global__ void __launch_bounds__(kNormThreads)
    first_norm_kernel(CnnPlan plan, float const* w1, Norm norm, double const* sums, float* folded)
{
    __shared__ InputMoments in;
    int const set = static_cast<int>(blockIdx.x), c = static_cast<int>(threadIdx.x);
    std::int64_t const at = std::int64_t{set} * plan.channels + c;
    w1 += set * std::int64_t{kConvTaps} * plan.channels + c;
    if (sums != nullptr) {
        load_input_moments(plan, sums, set, in);
        if (c < plan.channels) {
            MeanVariance const found = first_statistics(in, w1, plan.channels, norm.bias[at]);
            norm.mean[at] = static_cast<float>(found.mean);
            norm.var[at] = static_cast<float>(found.variance);
        }
    }
    if (c >= plan.padded) return;
    FoldedFirst fold{0, 0};
    if (c < plan.channels)
        fold = fold_first(norm.gamma[at], norm.beta[at], norm.bias[at], norm.mean[at], norm.var[at],
                          plan.eps);
    folded += set * std::int64_t{kColumnRows} * plan.padded + c;
    for (int t = 0; t < kConvTaps; ++t)
        folded[t * plan.padded] =
            c < plan.channels ? static_cast<float>(w1[t * plan.channels] * fold.gain) : 0.0F;
    folded[kConvTaps * plan.padded] = static_cast<float>(fold.shift);
}

__global__ void __launch_bounds__(kNormThreads)
    second_norm_kernel(CnnPlan plan, Norm norm, double const* sums, float* factors)
{
    int const set = static_cast<int>(blockIdx.x), c = static_cast<int>(threadIdx.x);
    if (c >= plan.padded) return;
    SecondNormFactors out{0, 0, 0, 0};
    if (c < plan.channels) {
        std::int64_t const at = std::int64_t{set} * plan.channels + c;
        if (sums != nullptr) {
            double sum = 0, squares = 0;
            for (int m = 0; m < kNumModules; ++m)
                if (plan.set_of(m) == set) {
                    sum += sums[2 * m * plan.padded + c];
                    squares += sums[(2 * m + 1) * plan.padded + c];
                }
            MeanVariance const found =
                second_statistics(sum, squares, plan.cells_of_set(set), norm.bias[at]);
            norm.mean[at] = static_cast<float>(found.mean);
            norm.var[at] = static_cast<float>(found.variance);
        }
        out = second_norm_factors(norm.gamma[at], norm.beta[at], norm.bias[at], norm.mean[at],
                                  norm.var[at], plan.eps);
    }
    factors += std::int64_t{4} * set * plan.padded + c;
    factors[0] = out.gain;
    factors[plan.padded] = out.beta;
    factors[2 * plan.padded] = out.mean;
    factors[3 * plan.padded] = out.inverse;
}

Norm norm_of(TensorRef const& gamma,
             TensorRef const& beta,
             TensorRef const& bias,
             TensorRef const& mean,
             TensorRef const& var)
{
    auto const in = [](TensorRef const& t) {
        return t.flat<float const>().data;
    };
    return {in(gamma), in(beta), in(bias), mean.flat<float>().data, var.flat<float>().data};
}
}  // namespace

CnnPlan::CnnPlan(ModuleCnnWeights const& weights, ModuleCnnOptions const& o, std::int64_t events)
    : batch(events)
    , sets(static_cast<int>(weights.w1.shape[0]))
    , channels(static_cast<int>(weights.w1.shape[2]))
    , padded(static_cast<int>(module_cnn_saved_channels(channels)))
    , slope(o.slope)
    , eps(o.eps)
    , tiles{blocks_for(events, Geometry<7>::kEvents), blocks_for(events, Geometry<5>::kEvents)}
    , parts{blocks_for(events, kEventsPerPart), blocks_for(events, kEventsPerPart)}
    , slices{blocks_for(events, kEventsPerSlice, kMostSlices),
             blocks_for(events, kEventsPerSlice, kMostSlices)}
{
    for (int m = 0; m < kNumModules; ++m)
        set_of_module |= static_cast<std::uint64_t>(o.set_of_module[static_cast<std::size_t>(m)])
                         << (4 * m);
}

void module_sums(Context& ctx, ModuleParts parts, double const* part, std::int64_t n, double* out)
{
    range_sums(ctx, "module_cnn_sums", kNumModules, parts, n, MatrixEntry<double, double>{part, n},
               StoreSum{out});
}
void module_sums(Context& ctx, ModuleParts parts, float const* part, std::int64_t n, double* out)
{
    range_sums(ctx, "module_cnn_sums", kNumModules, parts, n, MatrixEntry<double, float>{part, n},
               StoreSum{out});
}

void input_moments(Context& ctx, CnnPlan const& plan, View<float const, 2> x, double* sums)
{
    auto const part = ctx.scratch<double>(plan.parts.count() * kNumMoments);
    launch(ctx,
           {"module_cnn_input_moments", static_cast<unsigned>(plan.parts.count()), kMomentThreads},
           input_moments_kernel, plan, x, part.data());
    module_sums(ctx, plan.parts, part.data(), kNumMoments, sums);
}

void first_norm(Context& ctx,
                CnnPlan const& plan,
                ModuleCnnWeights const& w,
                ModuleCnnStats const& stats,
                double const* moments,
                float* w1)
{
    launch(ctx, {"module_cnn_first_norm", static_cast<unsigned>(plan.sets), kNormThreads},
           first_norm_kernel, plan, w.w1.flat<float const>().data,
           norm_of(w.gamma1, w.beta1, w.b1, stats.mean1, stats.var1), moments, w1);
}

void second_norm(Context& ctx,
                 CnnPlan const& plan,
                 ModuleCnnWeights const& w,
                 ModuleCnnStats const& stats,
                 double const* sums,
                 float* norm)
{
    launch(ctx, {"module_cnn_second_norm", static_cast<unsigned>(plan.sets), kNormThreads},
           second_norm_kernel, plan, norm_of(w.gamma2, w.beta2, w.b2, stats.mean2, stats.var2),
           sums, norm);
}
}  // namespace calofuse::cuda
