#include "driver/focalh/event_pictures.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <numeric>

#include "runtime/error.hpp"

namespace calofuse {
std::vector<double> cell_charges(FocalhEvents const& events,
                                 std::int64_t row,
                                 std::span<float const> pedestals)
{
    CALOFUSE_CHECK(
        row >= 0 && row < events.size() && pedestals.size() == kNumChannels,
        "row " << row << " of " << events.size() << ", " << pedestals.size() << " pedestals");
    std::span<std::uint16_t const> const adc = events.event(row);
    std::vector<double> out;
    for (Cell const& cell : events.map.cells) {
        auto const channel = static_cast<std::size_t>(cell.channel);
        out.push_back(static_cast<double>(adc[channel]) - static_cast<double>(pedestals[channel]));
    }
    return out;
}

std::vector<double> mean_charges(FocalhEvents const& events,
                                 Label label,
                                 std::span<float const> pedestals)
{
    CALOFUSE_CHECK(pedestals.size() == kNumChannels, pedestals.size() << " pedestals");
    std::vector<std::int64_t> sums(kNumChannels);
    std::int64_t count = 0;
    for (std::int64_t row = 0; row < events.size(); ++row) {
        if (events.label[static_cast<std::size_t>(row)] != static_cast<std::uint8_t>(label))
            continue;
        std::span<std::uint16_t const> const adc = events.event(row);
        for (std::size_t c = 0; c < kNumChannels; ++c)
            sums[c] += adc[c];
        ++count;
    }
    std::vector<double> out;
    if (count == 0) return out;
    for (Cell const& cell : events.map.cells) {
        auto const channel = static_cast<std::size_t>(cell.channel);
        out.push_back(static_cast<double>(sums[channel]) / static_cast<double>(count)
                      - static_cast<double>(pedestals[channel]));
    }
    return out;
}

std::optional<std::int64_t> find_row(FocalhEvents const& events,
                                     std::int64_t file_id,
                                     std::int64_t event_index)
{
    for (std::size_t row = 0; row < events.file_id.size(); ++row)
        if (events.file_id[row] == file_id && events.event_index[row] == event_index)
            return static_cast<std::int64_t>(row);
    return std::nullopt;
}

CellImage event_image(FocalhEvents const& events,
                      std::int64_t row,
                      std::span<float const> pedestals,
                      std::optional<float> score)
{
    CellImage out{cell_charges(events, row, pedestals), {}};
    auto const i = static_cast<std::size_t>(row);
    double const total = std::accumulate(out.charges.begin(), out.charges.end(), 0.0);
    std::string title = name_of(static_cast<Label>(events.label[i]));
    if (events.energy_gev[i] > 0) title += fmt::format(", {:g} GeV", events.energy_gev[i]);
    out.captions.push_back(title);
    std::string numbers = fmt::format("sum {:.0f} ADC", total);
    if (score) numbers = fmt::format("score {:.4f}, ", *score) + numbers;
    out.captions.push_back(numbers);
    std::string file = "?";
    if (events.file_id[i] < events.data.files.size())
        file = std::filesystem::path(events.data.files[events.file_id[i]].path).filename().string();
    out.captions.push_back(fmt::format("{} event {}", file, events.event_index[i]));
    out.captions.push_back(fmt::format("row {} of the store", row));
    return out;
}
}  // namespace calofuse
