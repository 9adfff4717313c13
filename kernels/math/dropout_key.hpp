/// \file kernels/math/dropout_key.hpp
/// What a kernel needs to know of kernels/math/event_dropout.hpp. Plain data, fit for
/// *_simd.cpp files.
#pragma once

#include <cstdint>

namespace calofuse {
struct DropoutKey {
    std::uint64_t seed = 0;
    std::uint32_t stream = 0, step = 0;
    std::uint32_t event = 0;      ///< number of the graph in its batch
    std::uint32_t threshold = 0;  ///< of dropout_keep4; 0: keeps everything
    float factor = 1;             ///< of what is kept
};
}  // namespace calofuse
