#include "io/focalh/npy_layout.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
struct LayoutName {
    NpyLayout layout;
    char const* name;
};
constexpr LayoutName kLayoutNames[] = {{NpyLayout::automatic, "auto"},
                                       {NpyLayout::events, "events"},
                                       {NpyLayout::events_types, "events-types"},
                                       {NpyLayout::types_events, "types-events"},
                                       {NpyLayout::events_channels_types, "events-channels-types"}};
constexpr std::int64_t kMaxPlanes = 8;

/// Axis of each role in the shape; -1 = none.
struct Axes {
    int events, planes, channels;
};
Axes axes_of(NpyLayout layout)
{
    switch (layout) {
        case NpyLayout::events_types:
            return {0, 1, 2};
        case NpyLayout::types_events:
            return {1, 0, 2};
        case NpyLayout::events_channels_types:
            return {0, 2, 1};
        default:
            return {0, -1, 1};
    }
}

[[noreturn]] void fail(std::string const& path,
                       char const* code,
                       std::string const& what,
                       char const* hint)
{
    throw Error(Exit::data, code, fmt::format("{}: {}", calofuse::quoted(path), what), hint);
}

bool fits(NpyLayout layout, std::vector<std::int64_t> const& shape)
{
    Axes const axes = axes_of(layout);
    auto const extent = [&](int axis) {
        return shape[static_cast<std::size_t>(axis)];
    };
    std::size_t const rank = axes.planes < 0 ? 2 : 3;
    return shape.size() == rank && extent(axes.channels) == kNumChannels
           && (axes.planes < 0 || (extent(axes.planes) >= 1 && extent(axes.planes) <= kMaxPlanes));
}

NpyLayout find_layout(NpyHeader const& header, NpyLayout wanted, std::string const& path)
{
    std::size_t const rank = header.shape.size();
    if (rank != 2 && rank != 3)
        fail(path, "CF-NPY-14",
             "shape " + header.describe() + " has " + std::to_string(rank)
                 + " dimensions, events need 2 or 3",
             "give arrays of shape (events, 256) or (events, planes, 256)");
    if (wanted != NpyLayout::automatic) {
        if (!fits(wanted, header.shape))
            fail(path, "CF-NPY-18",
                 fmt::format("shape {} is not of layout {}", header.describe(), name_of(wanted)),
                 "leave --layout away or give another one");
        return wanted;
    }
    std::vector<NpyLayout> possible;
    for (LayoutName const& known : kLayoutNames)
        if (known.layout != NpyLayout::automatic && fits(known.layout, header.shape))
            possible.push_back(known.layout);
    if (possible.empty())
        fail(path, "CF-NPY-18",
             "shape " + header.describe() + " has no axis of 256 channels beside one of events",
             "accepted are (N, 256), (N, T, 256), (T, N, 256), (N, 256, T) with T <= 8");
    if (possible.size() > 1)
        fail(path, "CF-NPY-26",
             fmt::format("shape {} may be {} or {}", header.describe(), name_of(possible[0]),
                         name_of(possible[1])),
             "say which with --layout");
    return possible[0];
}
}  // namespace

NpyLayout parse_npy_layout(std::string const& text)
{
    for (LayoutName const& known : kLayoutNames)
        if (text == known.name) return known.layout;
    throw Error(Exit::usage, "CF-CLI-20", "unknown layout " + calofuse::quoted(text),
                "auto, events, events-types, types-events or events-channels-types");
}

char const* name_of(NpyLayout layout)
{
    for (LayoutName const& known : kLayoutNames)
        if (layout == known.layout) return known.name;
    return "?";
}

OutOfRange parse_out_of_range(std::string const& text)
{
    if (text == "error") return OutOfRange::error;
    if (text == "clip") return OutOfRange::clip;
    if (text == "drop") return OutOfRange::drop;
    throw Error(Exit::usage, "CF-CLI-21", "unknown policy " + calofuse::quoted(text),
                "error, clip or drop");
}

NpyEventShape npy_event_shape(NpyHeader const& header, NpyLayout wanted, std::string const& path)
{
    NpyEventShape out;
    out.layout = find_layout(header, wanted, path);
    std::vector<std::int64_t> const& shape = header.shape;
    std::array<std::int64_t, 3> strides{};
    std::int64_t step = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        std::size_t const axis = header.fortran_order ? i : shape.size() - 1 - i;
        strides[axis] = step;
        step *= std::max<std::int64_t>(shape[axis], 1);
    }
    Axes const axes = axes_of(out.layout);
    out.num_events = shape[static_cast<std::size_t>(axes.events)];
    out.event_stride = strides[static_cast<std::size_t>(axes.events)];
    out.channel_stride = strides[static_cast<std::size_t>(axes.channels)];
    if (axes.planes >= 0) {
        out.num_planes = static_cast<int>(shape[static_cast<std::size_t>(axes.planes)]);
        out.plane_stride = strides[static_cast<std::size_t>(axes.planes)];
    }
    if (out.num_events > std::int64_t{0xffffffff})
        fail(path, "CF-NPY-17", fmt::format("{} events, at most 2^32 - 1", out.num_events),
             "split the file");
    return out;
}
}  // namespace calofuse
