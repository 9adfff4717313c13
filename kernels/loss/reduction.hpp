/// \file kernels/loss/reduction.hpp
/// What a loss makes of the losses of its events.
#pragma once

#include <cstdint>

namespace calofuse {
enum class Reduction : std::uint8_t { mean, sum, none };
}  // namespace calofuse
