/// \file io/focalh/npy_events.hpp
/// Raw detector events of 256 channels out of .npy files (io/npy.hpp): every layout, type u1..u8,
/// i1..i8, f4, f8, byte order and axis order.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/focalh/event_quality.hpp"
#include "io/npy.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
/// Which axes of an event file are events, planes (HG, LG, ToA, ToT), and channels.
enum class NpyLayout : std::uint8_t {
    automatic,              ///< by the sizes; ambiguous shapes are refused (CF-NPY-26)
    events,                 ///< (N, 256)
    events_types,           ///< (N, T, 256)
    types_events,           ///< (T, N, 256)
    events_channels_types,  ///< (N, 256, T)
};
/// auto | events | events-types | types-events | events-channels-types; anything else is CF-CLI-20.
NpyLayout parse_npy_layout(std::string const& text);
char const* name_of(NpyLayout layout);

enum class OutOfRange : std::uint8_t { error, clip, drop };
/// error | clip | drop; anything else is CF-CLI-21.
OutOfRange parse_out_of_range(std::string const& text);

struct NpyEventOptions {
    NpyLayout layout = NpyLayout::automatic;
    /// Plane of the high gain; -1: the one of the first two with the larger mean.
    int hg_index = -1;
    OutOfRange out_of_range = OutOfRange::error;
    std::uint16_t max_adc = kMaxAdc;
};

/// Reads high-gain events block by block; memory is bounded by the block.
class NpyEventReader {
  public:
    explicit NpyEventReader(std::string path, NpyEventOptions options = {});
    ~NpyEventReader();
    NpyEventReader(NpyEventReader&&) noexcept;

    NpyHeader const& header() const;
    NpyLayout layout() const;  ///< never `automatic`
    std::int64_t num_events() const;
    int num_planes() const;
    int hg_index() const;
    /// Whether the sanity test mean(HG) > mean(other of the first two planes) holds; true if there
    /// is one plane only.
    bool high_gain_is_larger() const;
    std::int64_t file_bytes() const;

    /// Step 1 (I/O): the raw bytes of events [first, first + count), and the file's digest on the
    /// way
    /// if blocks come in order.
    void read_raw(std::int64_t first, std::int64_t count, std::vector<char>& raw);
    /// Step 2 (arithmetic): high-gain values of the block into `adc` (count, 256) and row numbers
    /// into `index`, dropped events left out. Adds to `counts` (not to empty_triggers). Safe beside
    /// `read_raw` in another thread.
    void decode(std::int64_t first,
                std::int64_t count,
                std::vector<char> const& raw,
                std::vector<std::uint16_t>& adc,
                std::vector<std::uint32_t>& index,
                EventCounts& counts) const;

    /// Digest of the whole file; reads what `read_raw` has not passed by. Ends the reading.
    std::string finish_digest();

  private:
    struct State;
    std::unique_ptr<State> state_;
};
}  // namespace calofuse
