/// \file io/focalh/npy_layout.hpp
/// Where the events of an .npy file lie: event e, plane t, channel c is element
/// e * event_stride + t * plane_stride + c * channel_stride of the data.
#pragma once

#include <string>

#include "io/focalh/npy_events.hpp"

namespace calofuse {
struct NpyEventShape {
    NpyLayout layout = NpyLayout::automatic;
    std::int64_t num_events = 0;
    int num_planes = 1;
    std::int64_t event_stride = 0, plane_stride = 0, channel_stride = 0;
};
/// `path` is for messages.
NpyEventShape npy_event_shape(NpyHeader const& header, NpyLayout wanted, std::string const& path);
}  // namespace calofuse
