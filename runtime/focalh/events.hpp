/// \file runtime/focalh/events.hpp
/// Data sets of kind "focalh", with types: one row of ADC words per event, a label, a beam energy.
///   columns        adc u16 (256) raw ADC, channel = board * 64 + channel; label u8, 255 unknown;
///                  energy_gev f32, 0 = unknown
///   file columns   label u8, energy_gev f32, empty_triggers i64 (written although no cell saw a particle)
///   constants      channel_map i32 (249, 4) channel module row col; pedestals f32 (256), or none
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/dataset.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
/// Class of an event, and the folder name it came from.
enum class Label : std::uint8_t { hadron = 0, electron = 1, unknown = 255 };
constexpr char const* name_of(Label label)
{
    return label == Label::hadron ? "hadron" : label == Label::electron ? "electron" : "unknown";
}

/// A file of the test beam.
struct FocalhFile : SourceFile {
    float energy_gev = 0;  ///< of the beam; 0 = unknown
    Label label = Label::unknown;
    std::int64_t empty_triggers = 0;
};

/// Refers to the columns of a data set, which must outlive it and keep them.
struct FocalhEvents {
    /// Throws CF-DAT-01 for a missing column, CF-DAT-06 for one of another type, CF-DAT-07 for a channel
    /// map that does not fit the detector.
    FocalhEvents(Dataset const& data);  // NOLINT(google-explicit-constructor): a view of it

    Dataset const& data;
    std::span<std::uint16_t const> adc;          ///< (N, 256)
    std::span<std::uint8_t const> label;         ///< (N)
    std::span<float const> energy_gev;           ///< (N)
    std::span<std::uint16_t const> file_id;      ///< (N)
    std::span<std::uint32_t const> event_index;  ///< (N)
    std::span<float const> pedestals;            ///< (256), or empty
    ChannelMap map;

    std::int64_t size() const { return data.size(); }
    std::span<std::uint16_t const> event(std::int64_t i) const
    {
        return adc.subspan(static_cast<std::size_t>(i) * kNumChannels, kNumChannels);
    }
    std::vector<FocalhFile> files() const;
};

/// What a data set of kind "focalh" is made of.
struct FocalhColumns {
    std::vector<std::uint16_t> adc = {};
    std::vector<std::uint8_t> label = {};
    std::vector<float> energy_gev = {};
    std::vector<std::uint16_t> file_id = {};
    std::vector<std::uint32_t> event_index = {};
    std::vector<FocalhFile> files = {};
    ChannelMap map = ChannelMap::focalh_prototype2();
    std::vector<float> pedestals = {};
};
Dataset make_focalh(FocalhColumns const& columns);

/// adc, energy_gev, label: the columns of the events, by name, without rows.
std::vector<ColumnSpec> focalh_columns();
/// Fills in files, file columns, constants and kind; leaves the events alone.
void set_focalh_files(Dataset& data, std::vector<FocalhFile> const& files);
void set_focalh_constants(Dataset& data, ChannelMap const& map, std::span<float const> pedestals);
}  // namespace calofuse
