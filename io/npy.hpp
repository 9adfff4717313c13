/// \file io/npy.hpp
/// NumPy's .npy files (format 1.0 to 3.0): raw detector events in, arrays out.
/// Sample types u1..u8, i1..i8, f4, f8, both byte orders, C and Fortran order. Nothing is executed,
/// nothing recursive, no memory map. Errors: CF-NPY-01..29, listed in npy_header.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/focalh/event_quality.hpp"
#include "io/input_file.hpp"
#include "io/sha256.hpp"
#include "runtime/event_set.hpp"

namespace calofuse {
struct NpyHeader {
    int major = 1;
    std::string descr;   ///< as written, e.g. `<u2`
    char kind = 'u';     ///< u, i or f
    int item_bytes = 2;  ///< 1, 2, 4 or 8
    bool big_endian = false;
    bool fortran_order = false;
    std::vector<std::int64_t> shape;
    std::int64_t data_offset = 0;  ///< bytes

    std::int64_t num_elements() const;
    /// "(100000, 256) <u2"
    std::string describe() const;
};

/// `head`: the first bytes of the file, at least up to the data or kMaxNpyHead long. Checks all that
/// can be known from it and the file's size. `name` is for messages.
inline constexpr std::size_t kMaxNpyHead = (64 << 10) + 12;
NpyHeader parse_npy_header(std::string_view head, std::int64_t file_bytes, std::string const& name);

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

    /// Step 1 (I/O): the raw bytes of events [first, first + count), and the file's digest on the way
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

/// A whole small array of numbers as doubles, any shape (golden data, tests).
std::vector<double> read_npy_numbers(std::string const& path, NpyHeader* header = nullptr);

/// Format 1.0, C order, little endian, padded to 64 bytes.
std::string npy_head(std::string_view descr, std::span<std::int64_t const> shape);
void write_npy(std::string const& path,
               std::string_view descr,
               std::span<std::int64_t const> shape,
               std::span<std::byte const> data,
               Overwrite overwrite = Overwrite::no);

/// `write_npy` for a vector: `<u2`, `<i2`, `<f4`, ... by its element type.
template <class T>
constexpr std::string_view npy_descr();
template <class T>
void write_npy(std::string const& path,
               std::vector<T> const& data,
               std::vector<std::int64_t> const& shape,
               Overwrite overwrite = Overwrite::no)
{
    write_npy(path, npy_descr<T>(), shape, std::as_bytes(std::span<T const>(data)), overwrite);
}
template <class T>
constexpr std::string_view npy_descr()
{
    constexpr bool kIsFloat = std::is_floating_point_v<T>;
    constexpr bool kIsSigned = std::is_signed_v<T>;
    constexpr std::size_t kLog = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    constexpr std::string_view kFloat[] = {"", "", "<f4", "<f8"};
    constexpr std::string_view kInt[] = {"|i1", "<i2", "<i4", "<i8"};
    constexpr std::string_view kUnsigned[] = {"|u1", "<u2", "<u4", "<u8"};
    return kIsFloat ? kFloat[kLog] : kIsSigned ? kInt[kLog] : kUnsigned[kLog];
}
}  // namespace calofuse
