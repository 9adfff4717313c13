/// \file driver/focalh/example_events.hpp
/// Simulated events for who has none at hand.
#pragma once

#include <cstdint>

#include "runtime/context.hpp"
#include "runtime/dataset.hpp"

namespace calofuse::focalh {
/// `events` (rounded up to an even number) of 100 GeV: half hadrons, then half electrons.
Dataset example_events(Context const& ctx, std::int64_t events);
}  // namespace calofuse::focalh
