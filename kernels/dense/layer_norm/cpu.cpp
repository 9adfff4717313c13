#include <algorithm>
#include <omp.h>

#include "kernels/dense/layer_norm.hpp"
#include "kernels/dense/layer_norm/simd.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kEventsPerItem = 8;
constexpr std::int64_t kRowsPerItem = 256;  // where there are no events

LayerNormKernels const& kernels()
{
    return cpu_isa() == Isa::avx512 ? avx512::layer_norm_kernels : avx2::layer_norm_kernels;
}

template <class T>
T* data(TensorRef const& t)
{
    return static_cast<T*>(t.data);
}

struct Items {
    std::int32_t const* row_ptr;  ///< null: none
    std::int64_t count, size;     ///< events or rows; how many an item has

    Items(TensorRef const& x, TensorRef const& rows)
        : row_ptr(data<std::int32_t const>(rows))
        , count(rows.empty() ? x.shape[0] : rows.shape[0] - 1)
        , size(rows.empty() ? kRowsPerItem : kEventsPerItem)
    {}
    std::int64_t items() const { return (count + size - 1) / size; }
};

/// f(rows, item) over the events; without row_ptr over parts of the rows.
template <class F>
void each_event(
    Context& ctx, Items const& items, std::int64_t width, LayerNormOptions const& options, F&& f)
{
    LayerNormRows const proto{.begin = 0,
                              .end = 0,
                              .first_of_event = 0,
                              .width = width,
                              .epsilon = options.epsilon,
                              .elu = options.activation == LayerNormActivation::elu,
                              .dropout = dropout_key(options.dropout)};
    parallel_chunks(
        ctx, items.count, items.size, [&](std::int64_t begin, std::int64_t end, std::int64_t item) {
            LayerNormRows rows = proto;
            rows.begin = begin;
            rows.end = end;
            if (items.row_ptr == nullptr) return f(rows, item);
            for (std::int64_t b = begin; b < end; ++b) {
                rows.begin = rows.first_of_event = items.row_ptr[b];
                rows.end = items.row_ptr[b + 1];
                rows.dropout.event = proto.dropout.event + static_cast<std::uint32_t>(b);
                f(rows, item);
            }
        });
}

/// to[c] += partial[item][column + c] of all items, in their order; rows are 2 widths long.
void add_partials(float const* partial, std::int64_t items, std::int64_t width, float* to)
{
    for (std::int64_t c = 0; c < width; ++c) {
        double sum = 0;
        for (std::int64_t item = 0; item < items; ++item)
            sum += partial[item * 2 * width + c];
        to[c] += static_cast<float>(sum);
    }
}
}  // namespace

void layer_norm_forward(Context& ctx, LayerNormArgs const& args)
{
    LayerNormTensors const tensors{.x = data<float const>(args.x),
                                   .gamma = data<float const>(args.gamma),
                                   .beta = data<float const>(args.beta),
                                   .shortcut = data<float const>(args.shortcut),
                                   .saved = data<float>(args.saved),
                                   .kept = data<std::uint16_t>(args.kept),
                                   .y = data<float>(args.y)};
    LayerNormKernels const& run = kernels();
    each_event(ctx, Items(args.x, args.row_ptr), args.x.shape[1], args.options,
               [&](LayerNormRows const& rows, std::int64_t) { run.forward(rows, tensors); });
}

void layer_norm_backward(Context& ctx, LayerNormGradArgs const& args)
{
    std::int64_t const width = args.x.shape[1];
    Items const items(args.x, args.row_ptr);
    auto const partial = ctx.scratch<float>(items.items() * 2 * width);
    std::fill_n(partial.data(), partial.size(), 0.0F);
    auto const row = ctx.scratch<float>(ctx.threads() * width);
    LayerNormTensors const tensors{.x = data<float const>(args.x),
                                   .gamma = data<float const>(args.gamma),
                                   .beta = data<float const>(args.beta),
                                   .shortcut = nullptr,
                                   .saved = data<float>(args.saved),
                                   .kept = data<std::uint16_t>(args.kept),
                                   .y = nullptr};
    LayerNormKernels const& run = kernels();
    each_event(ctx, items, width, args.options, [&](LayerNormRows const& rows, std::int64_t item) {
        run.backward(rows, tensors,
                     {.dy = data<float const>(args.dy),
                      .dx = data<float>(args.dx),
                      .dshortcut = data<float>(args.dshortcut),
                      .dgamma = partial.data() + item * 2 * width,
                      .dbeta = partial.data() + item * 2 * width + width,
                      .row = row.data() + omp_get_thread_num() * width});
    });
    add_partials(partial.data(), items.items(), width, data<float>(args.dgamma));
    add_partials(partial.data() + width, items.items(), width, data<float>(args.dbeta));
}
}  // namespace calofuse::cpu
