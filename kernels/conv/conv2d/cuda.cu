// Each direction is one matrix product (kernels/gemm/gemm.cuh) whose factors are read straight from
// the images:
//   forward          (cell of y) x (tap, input)  times  w
//   data gradient    (cell of x) x (tap, output) times  w, transposed
//   weight gradient  (tap, input) x (cell of y)  times  dy, in parts of cells that are added in order
// Bound by the multiply-adds (2 kh kw I O flop a cell of y), and for few channels by reading the images.
#include "kernels/conv/conv2d/cudnn.hpp"
#include "kernels/device/columns.cuh"
#include "kernels/gemm/gemm.cuh"
#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/vendor_library.hpp"

namespace calofuse::cuda {
namespace {
/// x under the taps of output cells.
struct Windows {
    float const* x;
    std::int64_t height, width, channels;
    Window2d window;
    std::int64_t rows, cols, cells;  ///< of the output; cells of all events
    std::int64_t taps;               ///< kernel positions times channels

    struct Cell {
        std::int64_t image;  ///< first value of the event; < 0: no such cell
        std::int32_t top, left;
    };
    struct Tap {
        std::int32_t row, col, channel;  ///< channel < 0: no such tap
    };
    __device__ Cell cell(std::int64_t m) const
    {
        if (m >= cells) return {-1, 0, 0};
        std::int64_t const q = m % cols, p = m / cols % rows, b = m / (cols * rows);
        return {b * height * width * channels,
                static_cast<std::int32_t>(p * window.h.stride - window.h.before),
                static_cast<std::int32_t>(q * window.w.stride - window.w.before)};
    }
    __device__ Tap tap(std::int64_t k) const
    {
        if (k >= taps) return {0, 0, -1};
        std::int64_t const position = k / channels;
        return {static_cast<std::int32_t>(position / window.w.kernel),
                static_cast<std::int32_t>(position % window.w.kernel),
                static_cast<std::int32_t>(k % channels)};
    }
    __device__ float value(Cell cell, Tap tap) const
    {
        std::int64_t const row = cell.top + tap.row, col = cell.left + tap.col;
        bool const inside = cell.image >= 0 && tap.channel >= 0 && row >= 0 && row < height
                            && col >= 0 && col < width;
        return inside ? x[cell.image + (row * width + col) * channels + tap.channel] : 0.0F;
    }
};

struct CellsByTaps : Windows {
    static constexpr bool kAlongDepth = true;
    using Line = Cell;
    using Depth = Tap;
    __device__ Line line(std::int64_t i) const { return cell(i); }
    __device__ Depth depth(std::int64_t k) const { return tap(k); }
    __device__ float load(Line line, Depth depth) const { return value(line, depth); }
};
struct TapsByCells : Windows {
    static constexpr bool kAlongDepth = false;
    using Line = Tap;
    using Depth = Cell;
    __device__ Line line(std::int64_t i) const { return tap(i); }
    __device__ Depth depth(std::int64_t k) const { return cell(k); }
    __device__ float load(Line line, Depth depth) const { return value(depth, line); }
};

/// dy of the output cells whose window has an input cell under a tap.
struct OutputsByTaps {
    static constexpr bool kAlongDepth = true;
    float const* dy;
    std::int64_t rows, cols, channels;  ///< of dy
    Window2d window;
    std::int64_t height, width, cells;  ///< of x; cells of all events
    std::int64_t taps;                  ///< kernel positions times channels

    struct Line {
        std::int64_t image;
        std::int32_t row, col;  ///< with the padding before
    };
    using Depth = Windows::Tap;
    __device__ Line line(std::int64_t m) const
    {
        if (m >= cells) return {-1, 0, 0};
        std::int64_t const col = m % width, row = m / width % height, b = m / (width * height);
        return {b * rows * cols * channels, static_cast<std::int32_t>(row + window.h.before),
                static_cast<std::int32_t>(col + window.w.before)};
    }
    __device__ Depth depth(std::int64_t k) const
    {
        if (k >= taps) return {0, 0, -1};
        std::int64_t const position = k / channels;
        return {static_cast<std::int32_t>(position / window.w.kernel),
                static_cast<std::int32_t>(position % window.w.kernel),
                static_cast<std::int32_t>(k % channels)};
    }
    __device__ float load(Line line, Depth tap) const
    {
        auto const stride_h = static_cast<std::int32_t>(window.h.stride);
        auto const stride_w = static_cast<std::int32_t>(window.w.stride);
        std::int32_t const down = line.row - tap.row, across = line.col - tap.col;
        if (line.image < 0 || tap.channel < 0 || down < 0 || across < 0) return 0.0F;
        std::int32_t const p = down / stride_h, q = across / stride_w;
        bool const hit = p * stride_h == down && q * stride_w == across && p < rows && q < cols;
        return hit ? dy[line.image + (p * cols + q) * channels + tap.channel] : 0.0F;
    }
};

/// w (taps, I, O) as inputs by (tap, output).
struct InputsByTaps {
    static constexpr bool kAlongDepth = true;
    using Line = std::int64_t;
    using Depth = std::int64_t;
    float const* w;
    std::int64_t inputs, outputs, taps;  ///< taps: kernel positions times outputs

    __device__ Line line(std::int64_t i) const { return i < inputs ? i * outputs : -1; }
    __device__ Depth depth(std::int64_t k) const
    {
        return k < taps ? k / outputs * inputs * outputs + k % outputs : -1;
    }
    __device__ float load(Line line, Depth depth) const
    {
        return line >= 0 && depth >= 0 ? w[line + depth] : 0.0F;
    }
};

struct Extents {
    std::int64_t m, n, k, part;
};

/// store(part, row, column, sum) of A B, for each part of the depth.
template <class A, class B, class Store>
__global__ void __launch_bounds__(kGemmThreads) conv2d_kernel(__grid_constant__ A const a,
                                                              __grid_constant__ B const b,
                                                              Extents extents,
                                                              __grid_constant__ Store const store)
{
    __shared__ __align__(16) GemmShared shared;
    std::int64_t const first_row = std::int64_t{blockIdx.x} * kGemmRows;
    std::int64_t const first_column = std::int64_t{blockIdx.y} * kTileColumns;
    std::int64_t const begin = blockIdx.z * extents.part;
    FmaTile tile;
    multiply_block(a, b, first_row, first_column, begin, min(begin + extents.part, extents.k),
                   shared, tile);
#pragma unroll
    for (int r = 0; r < kThreadRows; ++r)
#pragma unroll
        for (int j = 0; j < kThreadColumns; ++j) {
            std::int64_t const row = first_row + FmaTile::first_row() + r;
            std::int64_t const column = first_column + FmaTile::first_column() + j;
            if (row < extents.m && column < extents.n)
                store(blockIdx.z, row, column, tile.sum[r][j]);
        }
}

template <class A, class B, class Store>
void multiply(Context& ctx, char const* name, A const& a, B const& b, Extents e, Store const& store)
{
    unsigned const parts = e.k == 0 ? 1 : blocks_for(e.k, e.part);
    launch(ctx,
           {name, dim3(blocks_for(e.m, kGemmRows), blocks_for(e.n, kTileColumns), parts),
            kGemmThreads},
           conv2d_kernel<A, B, Store>, a, b, e, store);
}

struct StoreOutput {
    float const* bias;  ///< null: 0
    float* y;
    std::int64_t columns;
    __device__ void operator()(std::int64_t, std::int64_t row, std::int64_t column, float sum) const
    {
        y[row * columns + column] = bias == nullptr ? sum : sum + bias[column];
    }
};
struct AddTo {
    float* out;
    std::int64_t columns;
    __device__ void operator()(std::int64_t, std::int64_t row, std::int64_t column, float sum) const
    {
        out[row * columns + column] += sum;
    }
};
struct StorePart {
    float* out;
    std::int64_t rows, columns;
    __device__ void operator()(std::int64_t part,
                               std::int64_t row,
                               std::int64_t column,
                               float sum) const
    {
        out[(part * rows + row) * columns + column] = sum;
    }
};

Windows windows_of(TensorRef const& x, TensorRef const& y, Window2d const& window)
{
    auto const in = x.view<float const, 4>(), out = y.view<float const, 4>();
    return {.x = in.data,
            .height = in.shape[1],
            .width = in.shape[2],
            .channels = in.shape[3],
            .window = window,
            .rows = out.shape[1],
            .cols = out.shape[2],
            .cells = out.shape[0] * out.shape[1] * out.shape[2],
            .taps = window.h.kernel * window.w.kernel * in.shape[3]};
}

void add_data_gradient(Context& ctx, Conv2dGradArgs const& args)
{
    auto const w = args.w.view<float const, 4>(), dy = args.dy.view<float const, 4>();
    auto const dx = args.dx.view<float, 4>();
    std::int64_t const inputs = dx.shape[3], outputs = dy.shape[3];
    std::int64_t const cells = dx.shape[0] * dx.shape[1] * dx.shape[2];
    std::int64_t const taps = w.shape[0] * w.shape[1] * outputs;
    multiply(ctx, "conv2d_data_gradient",
             OutputsByTaps{.dy = dy.data,
                           .rows = dy.shape[1],
                           .cols = dy.shape[2],
                           .channels = outputs,
                           .window = args.window,
                           .height = dx.shape[1],
                           .width = dx.shape[2],
                           .cells = cells,
                           .taps = taps},
             InputsByTaps{w.data, inputs, outputs, taps}, {cells, inputs, taps, taps},
             AddTo{dx.data, inputs});
}

void add_weight_gradient(Context& ctx, Conv2dGradArgs const& args)
{
    auto const dw = args.dw.flat<float>();
    TapsByCells const x{windows_of(args.x, args.dy, args.window)};
    if (x.cells == 0) return;
    std::int64_t const outputs = args.dy.shape[3], part = gemm_part(x.cells);
    std::int64_t const parts = blocks_for(x.cells, part);
    auto const partial = ctx.scratch<float>(parts * dw.size());
    multiply(ctx, "conv2d_weight_gradient", x,
             MatrixFactor<false>{args.dy.flat<float const>().data, outputs, outputs, x.cells},
             {x.taps, outputs, x.cells, part}, StorePart{partial.data(), x.taps, outputs});
    add_partials<double>(ctx, "conv2d_add_weight_gradient", partial.data(), parts, dw.size(),
                         dw.data);
}

bool library_wanted()
{
    static bool const wanted = vendor_library_wanted("CALOFUSE_CONV", "cudnn", has_conv2d_library);
    return wanted;
}
}  // namespace

void conv2d_forward_own(Context& ctx, Conv2dArgs const& args)
{
    CellsByTaps const x{windows_of(args.x, args.y, args.window)};
    std::int64_t const outputs = args.y.shape[3];
    multiply(ctx, "conv2d_forward", x,
             MatrixFactor<false>{args.w.flat<float const>().data, outputs, outputs, x.taps},
             {x.cells, outputs, x.taps, x.taps},
             StoreOutput{args.bias.empty() ? nullptr : args.bias.flat<float const>().data,
                         args.y.flat<float>().data, outputs});
}

void conv2d_backward_own(Context& ctx, Conv2dGradArgs const& args)
{
    if (!args.dx.empty()) add_data_gradient(ctx, args);
    if (!args.dw.empty()) add_weight_gradient(ctx, args);
    if (args.dbias.empty()) return;
    auto const dbias = args.dbias.flat<float>();
    std::int64_t const cells = args.dy.size() / std::max<std::int64_t>(dbias.size(), 1);
    column_sums(ctx, "conv2d_bias_gradient", Columns(cells, dbias.size()),
                MatrixEntry<double, float>{args.dy.flat<float const>().data, dbias.size()},
                AddColumn{dbias.data});
}

void conv2d_forward(Context& ctx, Conv2dArgs const& args)
{
    library_wanted() ? conv2d_forward_library(ctx, args) : conv2d_forward_own(ctx, args);
}

void conv2d_backward(Context& ctx, Conv2dGradArgs const& args)
{
    library_wanted() ? conv2d_backward_library(ctx, args) : conv2d_backward_own(ctx, args);
}
}  // namespace calofuse::cuda
