/// \file driver/train/clock.hpp
/// The one clock that commands time themselves with.
#pragma once

#include <chrono>

namespace calofuse {
/// Seconds of a clock that never goes back; only differences mean anything.
inline double now_s()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}
}  // namespace calofuse
