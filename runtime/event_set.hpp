/// \file runtime/event_set.hpp
/// Events as io hands them on: columns of equal length, in host memory, one row an event.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/channel_map.hpp"

namespace calofuse {
/// Class of an event, and the folder name it came from.
enum class Label : std::uint8_t { hadron = 0, electron = 1, unknown = 255 };
constexpr char const* name_of(Label label)
{
    return label == Label::hadron ? "hadron" : label == Label::electron ? "electron" : "unknown";
}

/// One raw input file of the store.
struct SourceFile {
    std::string path;    ///< as given to convert, relative to the input folder
    std::string sha256;  ///< of the whole file, 64 hex digits
    std::int64_t num_events = 0;
    float energy_gev = 0;  ///< beam energy; 0 = unknown
    Label label = Label::unknown;
};

/// N events. 512 bytes of ADC an event; the full 1.93 M events of the test beam take 0.99 GB.
struct EventSet {
    std::vector<std::uint16_t> adc;          ///< (N, 256) raw ADC, channel = board * 64 + channel
    std::vector<std::uint8_t> label;         ///< (N) 0 hadron, 1 electron, 255 unknown
    std::vector<float> energy_gev;           ///< (N) beam energy; 0 = unknown
    std::vector<std::uint16_t> file_id;      ///< (N) index into `files`
    std::vector<std::uint32_t> event_index;  ///< (N) row in its raw file
    std::vector<SourceFile> files;
    ChannelMap map = ChannelMap::focalh_prototype2();
    std::vector<float> pedestals;  ///< (256) from a pedestal file, or empty
    std::string sha256;            ///< digest of the store these events came from, or empty

    std::int64_t size() const { return static_cast<std::int64_t>(label.size()); }
    std::span<std::uint16_t const> event(std::int64_t i) const
    {
        return {adc.data() + i * kNumChannels, kNumChannels};
    }
};
}  // namespace calofuse
