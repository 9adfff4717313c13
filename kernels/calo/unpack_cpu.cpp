#include <array>

#include "kernels/calo/unpack.hpp"
#include "kernels/common/asinh.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kEventsPerItem = 64;
constexpr int kChannels = 256;

template <InputScale kScale>
float scaled(float adc, float pedestal, float inverse_scale)
{
    if constexpr (kScale == InputScale::asinh) return asinh_f32((adc - pedestal) * inverse_scale);
    if constexpr (kScale == InputScale::log1p) return log1p_nonnegative(adc);
    return adc;
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
            scaled<kScale>(static_cast<float>(adc[c]), pedestal[c], inverse_scale);
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
    double offset = args.energy_mean;
    for (std::int64_t k = 0; k < channels.size(); ++k)
        offset += pedestal[channels[k]];
    float const inverse_scale = 1.0F / args.asinh_scale;
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
            total[b] = static_cast<float>((static_cast<double>(sum) - offset) * args.energy_scale);
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
