#include <array>

#include "kernels/focalh/unpack/math.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kEventsPerItem = 64;
constexpr int kChannels = 256;

double sum_of_pedestals(View<float const, 1> pedestal, View<std::int32_t const, 1> channels)
{
    std::array<double, kUnpackSums> sum{};
    for (std::int64_t k = 0; k < channels.size(); ++k)
        sum[static_cast<std::size_t>(k % kUnpackSums)] += pedestal[channels[k]];
    for (std::size_t half = kUnpackSums / 2; half > 0; half /= 2)
        for (std::size_t s = 0; s < half; ++s)
            sum[s] += sum[s + half];
    return sum[0];
}

/// One event: the maths runs over channels, where the words are contiguous, then cells gather.
template <InputScale kScale>
void unpack_event(std::uint16_t const* adc,
                  float const* pedestal,
                  float inverse_scale,
                  View<std::int32_t const, 1> channels,
                  float* x,
                  std::int64_t* sum)
{
    std::array<float, kChannels> by_channel;
    for (int c = 0; c < kChannels; ++c)
        by_channel[static_cast<std::size_t>(c)] =
            unpacked<kScale>(static_cast<float>(adc[c]), pedestal[c], inverse_scale);
    std::int64_t adc_sum = 0;
    for (std::int64_t k = 0; k < channels.size(); ++k) {
        auto const c = static_cast<std::size_t>(channels[k]);
        x[k] = by_channel[c];
        adc_sum += adc[c];
    }
    *sum = adc_sum;
}

template <InputScale kScale>
void unpack_all(Context& ctx, UnpackArgs const& args)
{
    auto const adc = args.adc.view<std::uint16_t const, 2>();
    auto const rows = args.rows.view<std::int32_t const, 1>();
    auto const channels = args.channels.view<std::int32_t const, 1>();
    auto const pedestal = args.pedestal.view<float const, 1>();
    auto const x = args.x.view<float, 2>();
    auto const total = args.total.view<float, 1>();
    double const pedestals = sum_of_pedestals(pedestal, channels);
    float const inverse_scale = 1.0F / args.asinh_scale;
    float const* const energy =
        args.energy.empty() ? nullptr : args.energy.flat<float const>().data;
    parallel_chunks(ctx, rows.size(), kEventsPerItem, [&](auto begin, auto end, auto) {
        for (std::int64_t b = begin; b < end; ++b) {
            float* const out = x.data + b * channels.size();
            if (rows[b] < 0) {
                std::fill_n(out, channels.size(), 0.0F);
                total[b] = 0.0F;
                continue;
            }
            CALOFUSE_ASSERT(rows[b] < adc.shape[0]);
            std::int64_t sum = 0;
            unpack_event<kScale>(adc.data + std::int64_t{rows[b]} * kChannels, pedestal.data,
                                 inverse_scale, channels, out, &sum);
            total[b] = standardised_total(sum, pedestals, energy);
        }
    });
}
}  // namespace

void unpack(Context& ctx, UnpackArgs const& args)
{
    switch (args.scale) {
        case InputScale::asinh:
            return unpack_all<InputScale::asinh>(ctx, args);
        case InputScale::log1p:
            return unpack_all<InputScale::log1p>(ctx, args);
        case InputScale::raw:
            return unpack_all<InputScale::raw>(ctx, args);
    }
}
}  // namespace calofuse::cpu
