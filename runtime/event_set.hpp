/// \file runtime/event_set.hpp
/// Events as io hands them on: columns of equal length, in host memory, one row an event.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
inline namespace focalh_events {  // until runtime/dataset.hpp has taken its place
/// Class of an event, and the folder name it came from.
enum class Label : std::uint8_t { hadron = 0, electron = 1, unknown = 255 };
constexpr char const* name_of(Label label)
{
    return label == Label::hadron ? "hadron" : label == Label::electron ? "electron" : "unknown";
}

/// Why an event of a raw file did not make it into the store.
enum class DropReason : std::uint8_t { out_of_range, not_finite, not_integer };
inline constexpr int kNumDropReasons = 3;
constexpr char const* name_of(DropReason reason)
{
    constexpr char const* kNames[] = {"out_of_range", "not_finite", "not_integer"};
    return kNames[static_cast<int>(reason)];
}

/// What became of the events of a raw file: read = written + sum of dropped, always.
struct EventCounts {
    std::int64_t read = 0;
    std::int64_t written = 0;
    std::array<std::int64_t, kNumDropReasons> dropped = {};  ///< by DropReason
    std::int64_t clipped = 0;         ///< written with a value moved into the range
    std::int64_t empty_triggers = 0;  ///< written although no cell saw a particle

    std::int64_t num_dropped() const { return dropped[0] + dropped[1] + dropped[2]; }
    EventCounts& operator+=(EventCounts const& other)
    {
        read += other.read;
        written += other.written;
        for (std::size_t r = 0; r < dropped.size(); ++r)
            dropped[r] += other.dropped[r];
        clipped += other.clipped;
        empty_triggers += other.empty_triggers;
        return *this;
    }
};

/// One raw input file of the store.
struct SourceFile {
    std::string path;             ///< as given to convert, relative to the input folder
    std::string sha256;           ///< of the whole file, 64 hex digits
    std::int64_t num_events = 0;  ///< in the store
    float energy_gev = 0;         ///< beam energy; 0 = unknown
    Label label = Label::unknown;
    EventCounts counts = {};
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
}  // namespace focalh_events
}  // namespace calofuse
