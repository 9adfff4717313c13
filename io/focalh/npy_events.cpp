/// \file io/focalh/npy_events.cpp
/// Detector events out of .npy files of any layout. In C order a block of events is one region of
/// the file (of its plane, if planes come first); in Fortran order it is one run for each channel.
#include "io/focalh/npy_events.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/core.h>
#include <optional>

#include "io/focalh/npy_layout.hpp"
#include "io/input_file.hpp"
#include "io/sha256.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kSampleEvents = 1024;

[[noreturn]] void fail(std::string const& path,
                       char const* code,
                       std::string const& what,
                       char const* hint)
{
    throw Error(Exit::data, code, fmt::format("{}: {}", calofuse::quoted(path), what), hint);
}

template <class T, bool kSwap>
T load(char const* at)
{
    T value;
    if constexpr (kSwap && sizeof(T) > 1) {
        char bytes[sizeof(T)];
        for (std::size_t i = 0; i < sizeof(T); ++i)
            bytes[i] = at[sizeof(T) - 1 - i];
        std::memcpy(&value, bytes, sizeof value);
    } else {
        std::memcpy(&value, at, sizeof value);
    }
    return value;
}

/// Whole numbers 0..max are copied; false if there is any other value.
template <class T, bool kSwap>
bool copy_row(char const* src, std::int64_t stride, std::uint16_t max, std::uint16_t* out)
{
    constexpr auto kLargest = static_cast<double>(std::numeric_limits<T>::max());
    auto const limit = static_cast<T>(std::min<double>(max, kLargest));
    int bad = 0;
    for (int c = 0; c < kNumChannels; ++c) {
        T const value = load<T, kSwap>(src + c * stride);
        bool const inside = value >= T{0} && value <= limit;
        auto const whole = static_cast<std::int32_t>(inside ? value : T{0});
        bad |= static_cast<int>(!inside || static_cast<T>(whole) != value);
        out[c] = static_cast<std::uint16_t>(whole);
    }
    return bad == 0;
}
/// The usual case, which the compiler turns into vector code.
bool copy_row_u16(char const* src, std::uint16_t max, std::uint16_t* out)
{
    std::memcpy(out, src, kNumChannels * sizeof *out);
    std::uint16_t largest = 0;
    for (int c = 0; c < kNumChannels; ++c)
        largest = std::max(largest, out[c]);
    return largest <= max;
}

template <class F>
void with_type(NpyHeader const& h, F&& f)
{
    auto const swapped = [&]<class T> {
        if (h.big_endian)
            f.template operator()<T, true>();
        else
            f.template operator()<T, false>();
    };
    int const size = h.item_bytes;
    if (h.kind == 'f')
        size == 4 ? swapped.template operator()<float>() : swapped.template operator()<double>();
    else if (h.kind == 'u')
        size == 1   ? swapped.template operator()<std::uint8_t>()
        : size == 2 ? swapped.template operator()<std::uint16_t>()
        : size == 4 ? swapped.template operator()<std::uint32_t>()
                    : swapped.template operator()<std::uint64_t>();
    else
        size == 1   ? swapped.template operator()<std::int8_t>()
        : size == 2 ? swapped.template operator()<std::int16_t>()
        : size == 4 ? swapped.template operator()<std::int32_t>()
                    : swapped.template operator()<std::int64_t>();
}
}  // namespace

struct NpyEventReader::State {
    InputFile file;
    NpyEventOptions options;
    NpyHeader header;
    NpyEventShape shape;
    int plane = 0;
    double means[2] = {0, 0};
    bool by_channel = false;   ///< one run a channel
    bool plane_inside = true;  ///< all planes of an event lie in its region
    Sha256 digest;
    std::int64_t digested = 0;  ///< bytes

    State(std::string path, NpyEventOptions const& o);
    void find_plane();
    void read_block(std::int64_t first,
                    std::int64_t count,
                    int of_plane,
                    std::vector<char>& raw) const;
    char const* row(std::vector<char> const& raw, std::int64_t e, int of_plane) const
    {
        return raw.data()
               + (e * shape.event_stride + (plane_inside ? of_plane * shape.plane_stride : 0))
                     * header.item_bytes;
    }
    std::int64_t channel_stride(std::int64_t count) const
    {
        return (by_channel ? count * shape.event_stride : shape.channel_stride) * header.item_bytes;
    }
    template <class T, bool kSwap>
    void decode(std::int64_t first,
                std::int64_t count,
                std::vector<char> const& raw,
                std::vector<std::uint16_t>& adc,
                std::vector<std::uint32_t>& index,
                EventCounts& counts) const;
    template <class T, bool kSwap>
    std::optional<DropReason> repair(char const* src,
                                     std::int64_t stride,
                                     std::int64_t event,
                                     std::uint16_t* out) const;
    template <class T>
    [[noreturn]] void fail_value(T value, DropReason why, std::int64_t event, int channel) const;
};

NpyEventReader::State::State(std::string path, NpyEventOptions const& o)
    : file(std::move(path), "CF-NPY-23"), options(o)
{
    CALOFUSE_CHECK(o.max_adc <= 32767, "max_adc " << o.max_adc << " exceeds 15 bits");
    auto const most = static_cast<std::int64_t>(kMaxNpyHead);
    std::string head(static_cast<std::size_t>(std::min(file.size(), most)), '\0');
    file.read_at(0, head.data(), head.size());
    header = parse_npy_header(head, file.size(), file.path());
    shape = npy_event_shape(header, options.layout, file.path());
    by_channel = header.fortran_order;
    plane_inside = shape.plane_stride < shape.event_stride;
    find_plane();
    if (!by_channel && plane_inside) {
        digest.update(head.data(), static_cast<std::size_t>(header.data_offset));
        digested = header.data_offset;
    }
}

void NpyEventReader::State::find_plane()
{
    plane = options.hg_index;
    if (plane >= shape.num_planes)
        fail(file.path(), "CF-NPY-28",
             fmt::format("--hg-index {} of {} planes", plane, shape.num_planes),
             "planes count from 0");
    std::int64_t const count = std::min(shape.num_events, kSampleEvents);
    for (int p = 0; p < 2 && shape.num_planes > 1 && count > 0; ++p) {
        std::vector<char> raw;
        read_block(0, count, p, raw);
        std::int64_t const stride = channel_stride(count);
        double sum = 0;
        with_type(header, [&]<class T, bool kSwap> {
            for (std::int64_t e = 0; e < count; ++e)
                for (int c = 0; c < kNumChannels; ++c) {
                    auto const v = static_cast<double>(load<T, kSwap>(row(raw, e, p) + c * stride));
                    sum += std::isfinite(v) ? std::clamp(v, 0.0, 65535.0) : 0.0;
                }
        });
        means[p] = sum / static_cast<double>(count * kNumChannels);
    }
    if (plane >= 0) return;
    plane = means[1] > means[0] ? 1 : 0;
    if (shape.num_planes > 1 && count > 0
        && std::abs(means[0] - means[1]) <= 0.02 * std::max(means[0], means[1]))
        fail(file.path(), "CF-NPY-27",
             fmt::format(
                 "cannot tell high from low gain: planes 0 and 1 have means {:.2f} and {:.2f}",
                 means[0], means[1]),
             "say which plane is the high gain with --hg-index");
}

void NpyEventReader::State::read_block(std::int64_t first,
                                       std::int64_t count,
                                       int of_plane,
                                       std::vector<char>& raw) const
{
    std::int64_t const item = header.item_bytes;
    std::int64_t const run = count * shape.event_stride * item;
    std::int64_t const start =
        header.data_offset
        + (first * shape.event_stride + (plane_inside ? 0 : of_plane * shape.plane_stride)) * item;
    int const runs = by_channel ? kNumChannels : 1;
    raw.resize(static_cast<std::size_t>(run * runs));
    for (int c = 0; c < runs; ++c)
        file.read_at(start + c * shape.channel_stride * item, raw.data() + c * run,
                     static_cast<std::size_t>(run));
}

template <class T>
void NpyEventReader::State::fail_value(T value,
                                       DropReason why,
                                       std::int64_t event,
                                       int channel) const
{
    bool const wide = header.kind != 'f' && header.item_bytes == 8;
    char const* const code = why == DropReason::not_finite    ? "CF-NPY-20"
                             : why == DropReason::not_integer ? "CF-NPY-29"
                             : wide                           ? "CF-NPY-12"
                                                              : "CF-NPY-19";
    std::string const what = why == DropReason::not_finite ? "is not finite"
                             : why == DropReason::not_integer
                                 ? "is not a whole number"
                                 : fmt::format("is outside 0..{}", options.max_adc);
    fail(file.path(), code,
         fmt::format("event {}, channel {}: value {} {}", event, channel, value, what),
         "pass --out-of-range clip or drop to go on (both are counted)");
}

/// A row with values that are no ADC: reason to drop it, or nothing if it was clipped.
template <class T, bool kSwap>
std::optional<DropReason> NpyEventReader::State::repair(char const* src,
                                                        std::int64_t stride,
                                                        std::int64_t event,
                                                        std::uint16_t* out) const
{
    for (int c = 0; c < kNumChannels; ++c) {
        T const value = load<T, kSwap>(src + c * stride);
        auto const v = static_cast<double>(value);
        bool const inside = v >= 0 && v <= options.max_adc;
        if (inside && v == std::floor(v)) {
            out[c] = static_cast<std::uint16_t>(v);
            continue;
        }
        DropReason const why = !std::isfinite(v) ? DropReason::not_finite
                               : inside          ? DropReason::not_integer
                                                 : DropReason::out_of_range;
        if (options.out_of_range == OutOfRange::error) fail_value(value, why, event, c);
        if (options.out_of_range == OutOfRange::drop || std::isnan(v)) return why;
        out[c] =
            static_cast<std::uint16_t>(std::clamp(std::nearbyint(v), 0.0, 1.0 * options.max_adc));
    }
    return std::nullopt;
}

template <class T, bool kSwap>
void NpyEventReader::State::decode(std::int64_t first,
                                   std::int64_t count,
                                   std::vector<char> const& raw,
                                   std::vector<std::uint16_t>& adc,
                                   std::vector<std::uint32_t>& index,
                                   EventCounts& counts) const
{
    adc.resize(static_cast<std::size_t>(count * kNumChannels));
    index.resize(static_cast<std::size_t>(count));
    std::int64_t const stride = channel_stride(count);
    bool const plain = sizeof(T) == 2 && !kSwap && stride == 2;
    std::int64_t kept = 0;
    for (std::int64_t e = 0; e < count; ++e) {
        char const* const src = row(raw, e, plane);
        std::uint16_t* const out = adc.data() + kept * kNumChannels;
        bool const good = plain ? copy_row_u16(src, options.max_adc, out)
                                : copy_row<T, kSwap>(src, stride, options.max_adc, out);
        if (!good) {
            if (auto const why = repair<T, kSwap>(src, stride, first + e, out)) {
                ++counts.dropped[static_cast<std::size_t>(*why)];
                continue;
            }
            ++counts.clipped;
        }
        index[static_cast<std::size_t>(kept++)] = static_cast<std::uint32_t>(first + e);
    }
    adc.resize(static_cast<std::size_t>(kept * kNumChannels));
    index.resize(static_cast<std::size_t>(kept));
    counts.read += count;
    counts.written += kept;
}

NpyEventReader::NpyEventReader(std::string path, NpyEventOptions options)
    : state_(std::make_unique<State>(std::move(path), options))
{}
NpyEventReader::~NpyEventReader() = default;
NpyEventReader::NpyEventReader(NpyEventReader&&) noexcept = default;

NpyHeader const& NpyEventReader::header() const
{
    return state_->header;
}
NpyLayout NpyEventReader::layout() const
{
    return state_->shape.layout;
}
std::int64_t NpyEventReader::num_events() const
{
    return state_->shape.num_events;
}
int NpyEventReader::num_planes() const
{
    return state_->shape.num_planes;
}
int NpyEventReader::hg_index() const
{
    return state_->plane;
}
std::int64_t NpyEventReader::file_bytes() const
{
    return state_->file.size();
}

bool NpyEventReader::high_gain_is_larger() const
{
    State const& s = *state_;
    return s.shape.num_planes < 2 || s.plane > 1 || s.shape.num_events == 0
           || s.means[s.plane] > s.means[1 - s.plane];
}

void NpyEventReader::read_raw(std::int64_t first, std::int64_t count, std::vector<char>& raw)
{
    State& s = *state_;
    CALOFUSE_CHECK(first >= 0 && count >= 0 && first + count <= s.shape.num_events,
                   "events " << first << " + " << count << " of " << s.shape.num_events);
    s.read_block(first, count, s.plane, raw);
    std::int64_t const at =
        s.header.data_offset + first * s.shape.event_stride * s.header.item_bytes;
    if (!s.by_channel && s.plane_inside && at == s.digested) {
        s.digest.update(raw.data(), raw.size());
        s.digested += std::ssize(raw);
    }
}

void NpyEventReader::decode(std::int64_t first,
                            std::int64_t count,
                            std::vector<char> const& raw,
                            std::vector<std::uint16_t>& adc,
                            std::vector<std::uint32_t>& index,
                            EventCounts& counts) const
{
    with_type(state_->header, [&]<class T, bool kSwap> {
        state_->decode<T, kSwap>(first, count, raw, adc, index, counts);
    });
}

std::string NpyEventReader::finish_digest()
{
    State& s = *state_;
    std::vector<char> block(1 << 20);
    while (s.digested < s.file.size()) {
        auto const bytes = static_cast<std::size_t>(
            std::min<std::int64_t>(s.file.size() - s.digested, std::ssize(block)));
        s.file.read_at(s.digested, block.data(), bytes);
        s.digest.update(block.data(), bytes);
        s.digested += static_cast<std::int64_t>(bytes);
    }
    s.file.check_unchanged();
    return s.digest.finish();
}
}  // namespace calofuse
