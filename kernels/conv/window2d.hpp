/// \file kernels/conv/window2d.hpp
/// Where the windows of a convolution or a pooling lie on an image (H, W). Window o of an axis
/// covers input cells o * stride - before .. o * stride - before + kernel - 1; cells outside are
/// padding.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/config.hpp"
#include "runtime/error.hpp"

namespace calofuse {
struct WindowAxis {
    std::int64_t kernel = 1, stride = 1;
    std::int64_t before = 0, after = 0;  ///< padding
    std::int64_t overhang = 0;           ///< cells past the padding, of ceil mode

    CALOFUSE_HD std::int64_t outputs(std::int64_t cells) const
    {
        std::int64_t const span = cells + before + after + overhang - kernel;
        return span < 0 ? 0 : span / stride + 1;
    }
    /// Kernel positions of window `o` that lie inside the image: first() <= k < last().
    CALOFUSE_HD std::int64_t first(std::int64_t o) const
    {
        std::int64_t const outside = before - o * stride;
        return outside > 0 ? outside : 0;
    }
    CALOFUSE_HD std::int64_t last(std::int64_t o, std::int64_t cells) const
    {
        std::int64_t const inside = cells + before - o * stride;
        return inside < kernel ? inside : kernel;
    }
};

struct Window2d {
    WindowAxis h, w;
};

namespace detail {
constexpr WindowAxis padded(std::int64_t kernel, std::int64_t stride, std::int64_t total)
{
    return {kernel, stride, total / 2, total - total / 2, 0};
}
}  // namespace detail

/// No padding: the last cells that fill no window are left out.
constexpr WindowAxis valid_axis(std::int64_t kernel, std::int64_t stride)
{
    return {kernel, stride, 0, 0, 0};
}
/// `padding` cells on both sides.
constexpr WindowAxis padded_axis(std::int64_t kernel, std::int64_t stride, std::int64_t padding)
{
    return {kernel, stride, padding, padding, 0};
}
/// keras 'same': ceil(cells / stride) outputs; an odd cell of padding goes after.
constexpr WindowAxis same_axis_keras(std::int64_t kernel, std::int64_t stride, std::int64_t cells)
{
    std::int64_t const outputs = (cells + stride - 1) / stride;
    return detail::padded(kernel, stride,
                          std::max<std::int64_t>((outputs - 1) * stride + kernel - cells, 0));
}
/// torch 'same' (stride 1): kernel - 1 cells of padding, an odd one after.
constexpr WindowAxis same_axis_torch(std::int64_t kernel)
{
    return detail::padded(kernel, 1, kernel - 1);
}
/// torch ceil_mode: the last window may reach past the padding, but must start before it ends.
constexpr WindowAxis ceil_axis(WindowAxis axis, std::int64_t cells)
{
    std::int64_t const span = cells + axis.before + axis.after - axis.kernel;
    std::int64_t outputs = (span + axis.stride - 1) / axis.stride + 1;
    if ((outputs - 1) * axis.stride >= cells + axis.before) --outputs;
    axis.overhang = std::max<std::int64_t>((outputs - 1) * axis.stride - span, 0);
    return axis;
}

inline void check_axis(WindowAxis const& axis, char const* name)
{
    CALOFUSE_CHECK(axis.kernel >= 1 && axis.stride >= 1, name << ": kernel " << axis.kernel
                                                              << ", stride " << axis.stride
                                                              << " (must be >= 1)");
    CALOFUSE_CHECK(
        axis.before >= 0 && axis.after >= 0 && axis.overhang >= 0 && axis.before < axis.kernel,
        name << ": padding " << axis.before << " before, " << axis.after << " after a kernel of "
             << axis.kernel);
}
}  // namespace calofuse
