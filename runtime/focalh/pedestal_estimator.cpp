#include "runtime/focalh/pedestal_estimator.hpp"

#include <algorithm>

namespace calofuse {
namespace {
constexpr int kSearchWidth = 64;  ///< ADC above the smallest value
constexpr int kSmoothing = 4;     ///< values to either side
}  // namespace

void PedestalEstimator::add(std::span<std::uint16_t const> adc)
{
    for (std::size_t i = 0; i < adc.size(); ++i)
        ++counts_[std::min(adc[i], kMaxAdc) * std::size_t{kNumChannels} + i % kNumChannels];
}

std::vector<float> PedestalEstimator::estimate() const
{
    std::vector<float> out(kNumChannels, 0.0F);
    for (std::size_t c = 0; c < kNumChannels; ++c) {
        auto const count = [&](int adc) -> double {
            bool const inside = adc >= 0 && adc <= kMaxAdc;
            return inside ? counts_[static_cast<std::size_t>(adc) * kNumChannels + c] : 0;
        };
        int first = 0;
        while (first < kMaxAdc && count(first) == 0)
            ++first;
        double best = -1, best_sum = 0;
        for (int adc = first; adc <= std::min<int>(first + kSearchWidth, kMaxAdc); ++adc) {
            double in_window = 0, weighted = 0;
            for (int near = adc - kSmoothing; near <= adc + kSmoothing; ++near) {
                in_window += count(near);
                weighted += near * count(near);
            }
            if (in_window > best) {
                best = in_window;
                best_sum = weighted;
            }
        }
        if (best > 0) out[c] = static_cast<float>(best_sum / best);
    }
    return out;
}
}  // namespace calofuse
