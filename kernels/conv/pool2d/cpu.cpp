#include <algorithm>

#include "kernels/conv/pool2d/math.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
/// One window: the cells of one image that it covers, as offsets of their channels.
struct Patch {
    std::int64_t top, bottom, left, right;  ///< cells [top, bottom) x [left, right)
    std::int64_t width, channels;           ///< of the image

    std::int64_t at(std::int64_t row, std::int64_t col) const
    {
        return (row * width + col) * channels;
    }
    template <class F>
    void for_each_cell(F f) const
    {
        for (std::int64_t row = top; row < bottom; ++row)
            for (std::int64_t col = left; col < right; ++col)
                f(at(row, col));
    }
};

Patch patch_at(Window2d const& window, View<float const, 4> x, std::int64_t oy, std::int64_t ox)
{
    std::int64_t const height = x.shape[1], width = x.shape[2];
    std::int64_t const y0 = oy * window.h.stride - window.h.before;
    std::int64_t const x0 = ox * window.w.stride - window.w.before;
    return {y0 + window.h.first(oy),
            y0 + window.h.last(oy, height),
            x0 + window.w.first(ox),
            x0 + window.w.last(ox, width),
            width,
            x.shape[3]};
}

/// f(event, oy, ox) for every window; events are the work items.
template <class F>
void for_each_window(Context& ctx, std::int64_t const (&shape)[4], F f)
{
    parallel_for(ctx, shape[0], [&](std::int64_t b) {
        for (std::int64_t oy = 0; oy < shape[1]; ++oy)
            for (std::int64_t ox = 0; ox < shape[2]; ++ox)
                f(b, oy, ox);
    });
}

/// NaN wins, so that it reaches the loss.
bool beats(float value, float best)
{
    return value > best || value != value;
}

void max_forward(float const* image, Patch const& patch, float* out)
{
    std::copy_n(image + patch.at(patch.top, patch.left), patch.channels, out);
    patch.for_each_cell([&](std::int64_t at) {
        float const* const cell = image + at;
#pragma omp simd
        for (std::int64_t c = 0; c < patch.channels; ++c)
            out[c] = beats(cell[c], out[c]) ? cell[c] : out[c];
    });
}

void average_forward(float const* image, Patch const& patch, float over, float* out)
{
    std::fill_n(out, patch.channels, 0.0F);
    patch.for_each_cell([&](std::int64_t at) {
        float const* const cell = image + at;
#pragma omp simd
        for (std::int64_t c = 0; c < patch.channels; ++c)
            out[c] += cell[c];
    });
    for (std::int64_t c = 0; c < patch.channels; ++c)
        out[c] /= over;
}

constexpr std::int64_t kLanes = 64;  // channels whose winners are kept at a time

/// Adds the gradient of one window to its winning cells.
void max_backward(float const* image, Patch const& patch, float const* dy, float* dimage)
{
    for (std::int64_t first = 0; first < patch.channels; first += kLanes) {
        std::int64_t const lanes = std::min(kLanes, patch.channels - first);
        float best[kLanes];
        std::int32_t winner[kLanes];
        std::int64_t const start = patch.at(patch.top, patch.left);
        std::copy_n(image + start + first, lanes, best);
        std::fill_n(winner, lanes, static_cast<std::int32_t>(start));
        patch.for_each_cell([&](std::int64_t at) {
            float const* const cell = image + at + first;
            auto const here = static_cast<std::int32_t>(at);
#pragma omp simd
            for (std::int64_t c = 0; c < lanes; ++c) {
                bool const wins = cell[c] > best[c] || (cell[c] != cell[c] && best[c] == best[c]);
                best[c] = wins ? cell[c] : best[c];
                winner[c] = wins ? here : winner[c];
            }
        });
        for (std::int64_t c = 0; c < lanes; ++c)
            dimage[winner[c] + first + c] += dy[first + c];
    }
}

void average_backward(Patch const& patch, float over, float const* dy, float* dimage)
{
    patch.for_each_cell([&](std::int64_t at) {
        float* const cell = dimage + at;
#pragma omp simd
        for (std::int64_t c = 0; c < patch.channels; ++c)
            cell[c] += dy[c] / over;
    });
}
}  // namespace

void pool2d_forward(Context& ctx, Pool2dArgs const& args)
{
    auto const x = args.x.view<float const, 4>();
    auto const y = args.y.view<float, 4>();
    std::int64_t const image_size = x.shape[1] * x.shape[2] * x.shape[3];
    for_each_window(ctx, y.shape, [&](std::int64_t b, std::int64_t oy, std::int64_t ox) {
        float const* const image = x.data + b * image_size;
        Patch const patch = patch_at(args.window, x, oy, ox);
        float* const out = &y(b, oy, ox, 0);
        if (args.kind == PoolKind::max) return max_forward(image, patch, out);
        average_forward(image, patch,
                        pool_divisor(args.window, oy, ox, x.shape[1], x.shape[2], args.kind), out);
    });
}

void pool2d_backward(Context& ctx, Pool2dGradArgs const& args)
{
    auto const x = args.x.view<float const, 4>(), dy = args.dy.view<float const, 4>();
    auto const dx = args.dx.view<float, 4>();
    std::int64_t const image_size = x.shape[1] * x.shape[2] * x.shape[3];
    for_each_window(ctx, dy.shape, [&](std::int64_t b, std::int64_t oy, std::int64_t ox) {
        Patch const patch = patch_at(args.window, x, oy, ox);
        float const* const g = &dy(b, oy, ox, 0);
        float* const dimage = dx.data + b * image_size;
        if (args.kind == PoolKind::max)
            return max_backward(x.data + b * image_size, patch, g, dimage);
        average_backward(
            patch, pool_divisor(args.window, oy, ox, x.shape[1], x.shape[2], args.kind), g, dimage);
    });
}
}  // namespace calofuse::cpu
