#include "driver/judge/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/error.hpp"
#include "runtime/scores/score_order.hpp"

namespace calofuse {
Calibration calibration(std::span<float const> score,
                        std::span<std::uint8_t const> label,
                        int num_bins)
{
    CALOFUSE_CHECK(num_bins >= 1, num_bins << " bins");
    std::vector<std::uint32_t> const index = order_by_score(score, label).index;
    std::size_t const events = index.size();
    Calibration out;
    for (std::size_t k = 0, first = 0; first < events; ++k) {
        std::size_t last = (k + 1) * events / static_cast<std::size_t>(num_bins);
        if (last <= first) continue;  // an earlier bin reached past this one
        while (last < events && score[index[last]] == score[index[last - 1]])
            ++last;
        CalibrationBin bin;
        bin.num_events = static_cast<std::int64_t>(last - first);
        for (; first < last; ++first) {
            double const s = score[index[first]];
            std::uint8_t const truth = label[index[first]];
            bin.mean_score += s;
            bin.num_signal += truth;
            out.brier += (s - truth) * (s - truth);
        }
        auto const size = static_cast<double>(bin.num_events);
        bin.mean_score /= size;
        bin.signal_fraction = static_cast<double>(bin.num_signal) / size;
        double const error = std::abs(bin.mean_score - bin.signal_fraction);
        out.expected_error += error * size / static_cast<double>(events);
        out.largest_error = std::max(out.largest_error, error);
        out.bins.push_back(bin);
    }
    out.brier /= static_cast<double>(events);  // 0 / 0 = NaN without events
    if (events == 0)
        out.expected_error = out.largest_error = std::numeric_limits<double>::quiet_NaN();
    return out;
}
}  // namespace calofuse
