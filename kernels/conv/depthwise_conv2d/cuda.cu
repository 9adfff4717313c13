// Forward: a thread makes one output; neighbours in channels are neighbours in memory, and the kh kw reads
// of a cell hit the cache. Data gradient: a thread gathers for one input from the windows over it: no atomics.
// Weight gradient: sums over the cells of all events, a column per (tap, output). Bound by memory: x, y once
// forward; dy twice, x, dx (read and written) once backward.
#include "kernels/conv/depthwise_conv2d.hpp"
#include "kernels/device/columns.cuh"

namespace calofuse::cuda {
namespace {
/// Which input cells the windows of a call read.
struct Windows {
    Window2d window;
    std::int64_t height, width, inputs;            ///< of x
    std::int64_t rows, cols, outputs, multiplier;  ///< of y

    __device__ std::int64_t input_row(std::int64_t p, std::int64_t k) const
    {
        return p * window.h.stride - window.h.before + k;
    }
    __device__ std::int64_t input_col(std::int64_t q, std::int64_t l) const
    {
        return q * window.w.stride - window.w.before + l;
    }
    /// Input channel under output channel o.
    __device__ std::int64_t input_of(std::int64_t o) const
    {
        return multiplier == 1 ? o : o / multiplier;
    }
};

struct Forward : Windows {
    float const *x, *w, *bias;  ///< bias null: 0
    float* y;

    __device__ void operator()(std::int64_t n) const
    {
        std::int64_t const o = n % outputs, cell = n / outputs;
        std::int64_t const q = cell % cols, p = cell / cols % rows, b = cell / (cols * rows);
        std::int64_t const image = b * height * width * inputs + input_of(o);
        float sum = bias == nullptr ? 0.0F : bias[o];
        for (std::int64_t k = window.h.first(p); k < window.h.last(p, height); ++k)
            for (std::int64_t l = window.w.first(q); l < window.w.last(q, width); ++l)
                sum += x[image + (input_row(p, k) * width + input_col(q, l)) * inputs]
                       * w[(k * window.w.kernel + l) * outputs + o];
        y[n] = sum;
    }
};

/// Windows [begin, end) of an axis that cover a cell.
struct Covering {
    std::int64_t begin, end;

    __device__ Covering(WindowAxis const& axis, std::int64_t cell, std::int64_t outputs)
    {
        std::int64_t const last = cell + axis.before;
        begin = last < axis.kernel ? 0 : (last - axis.kernel) / axis.stride + 1;
        end = min(last / axis.stride + 1, outputs);
    }
};

struct DataGradient : Windows {
    float const *dy, *w;
    float* dx;

    __device__ void operator()(std::int64_t n) const
    {
        std::int64_t const i = n % inputs, at = n / inputs;
        std::int64_t const col = at % width, row = at / width % height, b = at / (width * height);
        Covering const over_rows(window.h, row, rows), over_cols(window.w, col, cols);
        float sum = dx[n];
        for (std::int64_t p = over_rows.begin; p < over_rows.end; ++p)
            for (std::int64_t q = over_cols.begin; q < over_cols.end; ++q) {
                std::int64_t const k = row - input_row(p, 0), l = col - input_col(q, 0);
                float const* const grad = dy + ((b * rows + p) * cols + q) * outputs;
                float const* const weight = w + (k * window.w.kernel + l) * outputs;
                for (std::int64_t o = i * multiplier; o < (i + 1) * multiplier; ++o)
                    sum += grad[o] * weight[o];
            }
        dx[n] = sum;
    }
};

/// The term of output cell `row` in dw of (tap, output).
struct WeightTerm : Windows {
    float const *x, *dy;

    __device__ double operator()(std::int64_t cell, std::int64_t column) const
    {
        std::int64_t const o = column % outputs, tap = column / outputs;
        std::int64_t const q = cell % cols, p = cell / cols % rows, b = cell / (cols * rows);
        std::int64_t const row = input_row(p, tap / window.w.kernel);
        std::int64_t const col = input_col(q, tap % window.w.kernel);
        if (row < 0 || row >= height || col < 0 || col >= width) return 0;
        return static_cast<double>(x[((b * height + row) * width + col) * inputs + input_of(o)])
               * static_cast<double>(dy[cell * outputs + o]);
    }
};

Windows windows_of(TensorRef const& x, TensorRef const& w, TensorRef const& y, Window2d const& of)
{
    return {.window = of,
            .height = x.shape[1],
            .width = x.shape[2],
            .inputs = x.shape[3],
            .rows = y.shape[1],
            .cols = y.shape[2],
            .outputs = y.shape[3],
            .multiplier = w.shape[3]};
}
}  // namespace

void depthwise_conv2d_forward(Context& ctx, DepthwiseConv2dArgs const& args)
{
    auto const y = args.y.flat<float>();
    for_each(ctx, "depthwise_conv2d_forward", y.size(),
             Forward{windows_of(args.x, args.w, args.y, args.window),
                     args.x.flat<float const>().data, args.w.flat<float const>().data,
                     args.bias.empty() ? nullptr : args.bias.flat<float const>().data, y.data});
}

void depthwise_conv2d_backward(Context& ctx, DepthwiseConv2dGradArgs const& args)
{
    Windows const windows = windows_of(args.x, args.w, args.dy, args.window);
    auto const dy = args.dy.flat<float const>();
    std::int64_t const outputs = windows.outputs;
    std::int64_t const cells = args.dy.shape[0] * windows.rows * windows.cols;
    if (!args.dx.empty()) {
        auto const dx = args.dx.flat<float>();
        for_each(ctx, "depthwise_conv2d_data_gradient", dx.size(),
                 DataGradient{windows, dy.data, args.w.flat<float const>().data, dx.data});
    }
    if (!args.dw.empty())
        column_sums(ctx, "depthwise_conv2d_weight_gradient", Columns(cells, args.dw.size()),
                    WeightTerm{windows, args.x.flat<float const>().data, dy.data},
                    AddColumn{args.dw.flat<float>().data});
    if (!args.dbias.empty())
        column_sums(ctx, "depthwise_conv2d_bias_gradient", Columns(cells, outputs),
                    MatrixEntry<double, float>{dy.data, outputs},
                    AddColumn{args.dbias.flat<float>().data});
}
}  // namespace calofuse::cuda
