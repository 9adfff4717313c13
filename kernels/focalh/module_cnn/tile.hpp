/// \file kernels/focalh/module_cnn/tile.hpp
/// How module_cnn cuts its work on a CPU: tiles, items, the memory of each thread; and the packing
/// of weights and the input moments that both directions need.
#pragma once

#include <algorithm>
#include <omp.h>

#include "kernels/focalh/module_cnn.hpp"
#include "kernels/focalh/module_cnn/math.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
inline constexpr int kTaps = kConvTaps;
inline constexpr std::int64_t kTilesPerSlice = 4;  // at least; a slice's partial gradient is 147 KB
inline constexpr std::int64_t kMaxSlices = 16;

inline ModuleCnnKernels const& kernels()
{
    return cpu_isa() == Isa::avx512 ? avx512::module_cnn_kernels : avx2::module_cnn_kernels;
}

/// Sizes, and how the work is cut: item = (module, slice of whole tiles), by the batch only.
struct Plan {
    std::int64_t batch, sets, channels, padded, tiles, slices, tiles_per_slice;
    ModuleCnnOptions options;

    Plan(ModuleCnnWeights const& weights, ModuleCnnOptions const& o, std::int64_t events)
        : batch(events)
        , sets(weights.w1.shape[0])
        , channels(weights.w1.shape[2])
        , padded(module_cnn_saved_channels(channels))
        , tiles((events + kTileEvents - 1) / kTileEvents)
        , options(o)
    {
        std::int64_t const wanted = (tiles + kTilesPerSlice - 1) / kTilesPerSlice;
        slices = std::min(wanted, kMaxSlices);
        tiles_per_slice = (tiles + slices - 1) / slices;
    }
    std::int64_t items() const { return kNumModules * slices; }
    /// The large module first: its items take twice as long.
    static int module_of(std::int64_t rank)
    {
        auto const m = static_cast<int>(rank);
        return m == 0 ? kCentreModule : m <= kCentreModule ? m - 1 : m;
    }
    int module_of_item(std::int64_t item) const { return module_of(item / slices); }
    std::int64_t set_of_module(int module) const
    {
        return options.set_of_module[static_cast<std::size_t>(module)];
    }
    /// Values of a channel that the statistics of a set cover.
    double cells_of_set(std::int64_t set) const
    {
        std::int64_t cells = 0;
        for (int m = 0; m < kNumModules; ++m)
            if (set_of_module(m) == set) cells += module_side(m) * module_side(m);
        return static_cast<double>(cells * batch);
    }
    /// f(item) for the items of a set, in a fixed order.
    template <class F>
    void each_item_of(std::int64_t set, F&& f) const
    {
        for (std::int64_t item = 0; item < items(); ++item)
            if (set_of_module(module_of_item(item)) == set) f(item);
    }
};

/// Tiles of every thread.
class Workspace {
  public:
    Workspace(Context& ctx, Plan const& plan, View<float const, 2> x, float* saved_z2)
        : plan_(plan)
        , x_(x)
        , saved_z2_(saved_z2)
        , tile_size_(kMaxModuleCells * kTileEvents * plan.padded)
        , memory_(ctx.scratch<float>(ctx.threads() * thread_size()))
    {}
    /// f(tile, first event) for each tile of an item.
    template <class F>
    void each_tile(std::int64_t item, F&& f)
    {
        float* const mine = memory_.data() + omp_get_thread_num() * thread_size();
        int const module = plan_.module_of_item(item);
        std::int64_t const slice = item % plan_.slices;
        std::int64_t const end = std::min((slice + 1) * plan_.tiles_per_slice, plan_.tiles);
        for (std::int64_t t = slice * plan_.tiles_per_slice; t < end; ++t) {
            std::int64_t const first = t * kTileEvents;
            auto const events =
                static_cast<int>(std::min<std::int64_t>(kTileEvents, plan_.batch - first));
            ModuleTile tile{};
            tile.side = module_side(module);
            tile.events = events;
            tile.channels = static_cast<int>(plan_.padded);
            tile.slope = plan_.options.slope;
            tile.x_stride = kNumCells;
            tile.x = x_.data + first * kNumCells + module_begin(module);
            tile.a1 = mine;
            tile.dz2 = mine + tile_size_;
            tile.da1 = tile.dz2 + tile_size_;
            tile.columns = tile.da1 + kTileEvents * plan_.padded;
            tile.z2 =
                saved_z2_ == nullptr
                    ? tile.dz2
                    : saved_z2_
                          + (first * kNumCells + events * module_begin(module)) * plan_.padded;
            f(tile, first);
        }
    }

  private:
    std::int64_t thread_size() const
    {
        return 2 * tile_size_ + kTileEvents * plan_.padded
               + kMaxModuleCells * kColumnRows * kTileEvents;
    }
    Plan const& plan_;
    View<float const, 2> x_;
    float* saved_z2_;
    std::int64_t tile_size_;
    Block<float> memory_;
};

/// (rows, C) of a set, in panels and with zeros up to C' x C'; `at(row, column)`.
template <class At>
void pack(Plan const& plan, std::int64_t rows, float* packed, At&& at)
{
    std::int64_t const width = kernels().panel_width(static_cast<int>(plan.padded));
    for (std::int64_t column = 0; column < plan.padded; column += width)
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t j = column; j < column + width; ++j)
                *packed++ = j < plan.channels ? at(row, j) : 0.0F;
}

/// w2 of each set for the forward pass, or for the data gradient (inputs and outputs exchanged).
inline void pack_w2(
    Context& ctx, Plan const& plan, TensorRef const& ref, bool exchanged, float* packed)
{
    auto const w2 = ref.view<float const, 4>();
    std::int64_t const size = kTaps * plan.padded * plan.padded;
    parallel_for(ctx, plan.sets, [&](std::int64_t s) {
        pack(plan, kTaps * plan.padded, packed + s * size, [&](std::int64_t row, std::int64_t j) {
            std::int64_t const t = row / plan.padded;
            std::int64_t const i = row % plan.padded;
            if (i >= plan.channels) return 0.0F;
            return exchanged ? w2(s, t, j, i) : w2(s, t, i, j);
        });
    });
}

/// The first convolution with its norm folded in, packed: nine taps and the bias.
inline void pack_w1(Plan const& plan,
                    ModuleCnnWeights const& weights,
                    ModuleCnnStats const& stats,
                    float* packed)
{
    auto const w1 = weights.w1.view<float const, 3>();
    auto const b1 = weights.b1.view<float const, 2>();
    auto const gamma = weights.gamma1.view<float const, 2>();
    auto const beta = weights.beta1.view<float const, 2>();
    auto const mean = stats.mean1.view<float const, 2>();
    auto const var = stats.var1.view<float const, 2>();
    for (std::int64_t s = 0; s < plan.sets; ++s)
        pack(plan, kColumnRows, packed + s * kColumnRows * plan.padded,
             [&](std::int64_t t, std::int64_t c) {
                 FoldedFirst const f = fold_first(gamma(s, c), beta(s, c), b1(s, c), mean(s, c),
                                                  var(s, c), plan.options.eps);
                 return static_cast<float>(t < kTaps ? w1(s, t, c) * f.gain : f.shift);
             });
}

/// SecondNormFactors of every channel.
struct SecondNorm {
    Block<float> memory;
    float *gain, *beta, *mean, *inverse;  ///< (S, C') each, 0 past C

    SecondNorm(Context& ctx,
               Plan const& plan,
               ModuleCnnWeights const& weights,
               ModuleCnnStats const& stats)
        : memory(ctx.scratch<float>(4 * plan.sets * plan.padded))
        , gain(memory.data())
        , beta(gain + plan.sets * plan.padded)
        , mean(beta + plan.sets * plan.padded)
        , inverse(mean + plan.sets * plan.padded)
    {
        auto const gamma = weights.gamma2.view<float const, 2>();
        auto const beta2 = weights.beta2.view<float const, 2>();
        auto const b2 = weights.b2.view<float const, 2>();
        auto const mean2 = stats.mean2.view<float const, 2>();
        auto const var2 = stats.var2.view<float const, 2>();
        std::fill_n(memory.data(), memory.size(), 0.0F);
        for (std::int64_t s = 0; s < plan.sets; ++s)
            for (std::int64_t c = 0; c < plan.channels; ++c) {
                std::int64_t const i = s * plan.padded + c;
                SecondNormFactors const f = second_norm_factors(
                    gamma(s, c), beta2(s, c), b2(s, c), mean2(s, c), var2(s, c), plan.options.eps);
                gain[i] = f.gain;
                beta[i] = f.beta;
                mean[i] = f.mean;
                inverse[i] = f.inverse;
            }
    }
};

inline InputMoments input_moments(Plan const& plan, double const* item_sums, std::int64_t set)
{
    InputMoments out{};
    plan.each_item_of(set, [&](std::int64_t item) {
        for (int i = 0; i < kNumMoments; ++i)
            out.expected[i] += item_sums[item * kNumMoments + i];
    });
    double const count = out.expected[kNumMoments - 1];
    for (double& e : out.expected)
        e /= count;
    return out;
}
}  // namespace calofuse::cpu
