// Forward: a thread makes one output. Backward: a thread gathers for one input from the windows over it
// (in the CPU's order), and finds each maximum again: no atomics. Memory-bound where windows do not
// overlap: 8 bytes an input forward, 12 and a quarter of dy's 4 backward for 2 x 2.
#include "kernels/conv/pool2d/math.hpp"
#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
namespace {
/// One channel of the cells of one image under a window: rows [top, bottom), columns [left, right).
struct Patch {
    float const* image;  ///< first cell
    int top, bottom, left, right, width;
    std::int64_t channels;

    __device__ Patch(View<float const, 4> x,
                     Window2d const& window,
                     std::int64_t b,
                     std::int64_t p,
                     std::int64_t q,
                     std::int64_t c)
        : image(x.data + b * x.shape[1] * x.shape[2] * x.shape[3] + c)
        , width(static_cast<int>(x.shape[2]))
        , channels(x.shape[3])
    {
        std::int64_t const y0 = p * window.h.stride - window.h.before;
        std::int64_t const x0 = q * window.w.stride - window.w.before;
        top = static_cast<int>(y0 + window.h.first(p));
        bottom = static_cast<int>(y0 + window.h.last(p, x.shape[1]));
        left = static_cast<int>(x0 + window.w.first(q));
        right = static_cast<int>(x0 + window.w.last(q, x.shape[2]));
    }
    /// f(cell, value) row by row
    template <class F>
    __device__ void each(F&& f) const
    {
        for (int row = top; row < bottom; ++row)
            for (int col = left; col < right; ++col)
                f(row * width + col, image[(row * width + col) * channels]);
    }
};

struct Best {
    float value;
    int cell;
};
/// The first largest; the first NaN wins, so that it reaches the loss.
__device__ Best best_of(Patch const& patch)
{
    int const first = patch.top * patch.width + patch.left;
    Best best{patch.image[first * patch.channels], first};
    patch.each([&](int cell, float v) {
        if (v > best.value || (v != v && best.value == best.value)) best = {v, cell};
    });
    return best;
}

struct Forward {
    View<float const, 4> x;
    Window2d window;
    PoolKind kind;
    View<float, 4> y;

    __device__ void operator()(std::int64_t i) const
    {
        std::int64_t const c = i % y.shape[3], cell = i / y.shape[3];
        std::int64_t const q = cell % y.shape[2], p = cell / y.shape[2] % y.shape[1];
        Patch const patch(x, window, cell / (y.shape[1] * y.shape[2]), p, q, c);
        if (kind == PoolKind::max) {
            y.data[i] = best_of(patch).value;
            return;
        }
        float sum = 0;
        patch.each([&](int, float v) { sum += v; });
        y.data[i] = sum / pool_divisor(window, p, q, x.shape[1], x.shape[2], kind);
    }
};

/// Windows [begin, end) of an axis that cover a cell.
struct Covering {
    std::int64_t begin, end;

    __device__ Covering(WindowAxis const& axis, std::int64_t cell, std::int64_t outputs)
    {
        std::int64_t const last =
            cell + axis.before;  // of the cells that a window could begin with
        begin = last < axis.kernel ? 0 : (last - axis.kernel) / axis.stride + 1;
        end = min(last / axis.stride + 1, outputs);
    }
};

template <bool kMax>
struct Backward {
    View<float const, 4> x, dy;
    Window2d window;
    PoolKind kind;
    View<float, 4> dx;

    __device__ void operator()(std::int64_t i) const
    {
        std::int64_t const c = i % x.shape[3], at = i / x.shape[3];
        std::int64_t const cell = at % (x.shape[1] * x.shape[2]);
        std::int64_t const b = at / (x.shape[1] * x.shape[2]);
        Covering const rows(window.h, cell / x.shape[2], dy.shape[1]);
        Covering const cols(window.w, cell % x.shape[2], dy.shape[2]);
        float sum = dx.data[i];
        for (std::int64_t p = rows.begin; p < rows.end; ++p)
            for (std::int64_t q = cols.begin; q < cols.end; ++q) {
                float const g = dy(b, p, q, c);
                if constexpr (!kMax)
                    sum += g / pool_divisor(window, p, q, x.shape[1], x.shape[2], kind);
                else if (best_of(Patch(x, window, b, p, q, c)).cell == cell)
                    sum += g;
            }
        dx.data[i] = sum;
    }
};
}  // namespace

void pool2d_forward(Context& ctx, Pool2dArgs const& args)
{
    auto const y = args.y.view<float, 4>();
    for_each(ctx, "pool2d_forward", y.size(),
             Forward{args.x.view<float const, 4>(), args.window, args.kind, y});
}

void pool2d_backward(Context& ctx, Pool2dGradArgs const& args)
{
    auto const dx = args.dx.view<float, 4>();
    auto const x = args.x.view<float const, 4>(), dy = args.dy.view<float const, 4>();
    if (args.kind == PoolKind::max)
        for_each(ctx, "pool2d_backward", dx.size(),
                 Backward<true>{x, dy, args.window, args.kind, dx});
    else
        for_each(ctx, "pool2d_backward", dx.size(),
                 Backward<false>{x, dy, args.window, args.kind, dx});
}
}  // namespace calofuse::cuda
