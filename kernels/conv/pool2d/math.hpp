/// \file kernels/conv/pool2d/math.hpp
/// What both backends of pool2d share.
#pragma once

#include "kernels/conv/pool2d.hpp"

namespace calofuse {
/// Cells of one axis of window `o` that an average counts.
CALOFUSE_HD inline std::int64_t pool_count(WindowAxis const& axis,
                                           std::int64_t o,
                                           std::int64_t cells,
                                           PoolKind kind)
{
    if (kind == PoolKind::average) return axis.last(o, cells) - axis.first(o);
    std::int64_t const to_padding_end = cells + axis.before + axis.after - o * axis.stride;
    return to_padding_end < axis.kernel ? to_padding_end : axis.kernel;
}
/// What the sum of window (p, q) on an image (height, width) is divided by.
CALOFUSE_HD inline float pool_divisor(Window2d const& window,
                                      std::int64_t p,
                                      std::int64_t q,
                                      std::int64_t height,
                                      std::int64_t width,
                                      PoolKind kind)
{
    return static_cast<float>(pool_count(window.h, p, height, kind))
           * static_cast<float>(pool_count(window.w, q, width, kind));
}
}  // namespace calofuse
