#include "io/focalh/pedestal_file.hpp"

#include <array>
#include <fmt/core.h>

#include "io/focalh/channel_columns.hpp"

namespace calofuse {
namespace {
constexpr double kLargestPedestal = 8191;
}

std::vector<float> read_pedestals(std::string const& path, ChannelMap const& map)
{
    CsvTable const table(path, "CF-PED");
    ChannelColumns const channels(table);
    int const value_column = table.column({"hg", "pedestal", "ped_hg", "pedestal_hg"});
    std::vector<float> out(kNumChannels, 0.0F);
    std::array<std::int64_t, kNumChannels> line_of_channel{};
    for (std::size_t r = 0; r < table.num_rows(); ++r) {
        auto const channel = static_cast<std::size_t>(channels.at(r));
        std::int64_t& seen = line_of_channel[channel];
        if (seen != 0)
            table.fail(r, "07", fmt::format("channel {} stands in line {} too", channel, seen),
                       "each channel may stand once");
        seen = table.line(r);
        double const value = table.number(r, value_column);
        if (value < 0 || value > kLargestPedestal)
            table.fail(r, "08", fmt::format("pedestal {} is outside 0..8191", value),
                       "pedestals are in ADC counts");
        out[channel] = static_cast<float>(value);
    }
    for (Cell const& cell : map.cells)
        if (line_of_channel[static_cast<std::size_t>(cell.channel)] == 0)
            table.fail(CsvTable::kNoRow, "09",
                       fmt::format("channel {} (board {}, channel {}) has no pedestal",
                                   cell.channel, cell.channel / 64, cell.channel % 64),
                       "the file needs a row for each channel that the map uses");
    return out;
}
}  // namespace calofuse
