#include "kernels/conv/conv2d.hpp"
#include "kernels/conv/depthwise_conv2d.hpp"
#include "kernels/conv/pool2d.hpp"
#include "kernels/dense/activation.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
/// (B, C, H, W) -> (B, H, W, C); images of the keras dialect are as ours.
std::vector<std::size_t> image_order(GoldenRun const& run)
{
    return run.is_torch() ? std::vector<std::size_t>{0, 2, 3, 1} : std::vector<std::size_t>{};
}

/// `padding`: "valid", "same", or cells on both sides.
WindowAxis axis_of(GoldenRun const& run,
                   std::int64_t kernel,
                   std::int64_t stride,
                   std::int64_t cells)
{
    nlohmann::json const& padding = run.attr("padding");
    if (padding.is_number()) return padded_axis(kernel, stride, padding.get<std::int64_t>());
    if (padding == "valid") return valid_axis(kernel, stride);
    return run.is_torch() ? same_axis_torch(kernel) : same_axis_keras(kernel, stride, cells);
}

/// `name` is a number or [h, w].
std::int64_t pair_value(GoldenRun const& run, char const* name, std::size_t axis)
{
    nlohmann::json const& value = run.attr(name);
    return value.is_array() ? value.at(axis).get<std::int64_t>() : value.get<std::int64_t>();
}

void run_pool(GoldenRun const& run,
              Reordered const& x_file,
              Reordered const& y_file,
              Window2d const& window,
              PoolKind kind)
{
    auto shape = y_file.shape();
    if (shape.size() == 2) shape = {shape[0], 1, 1, shape[1]};
    auto const x = x_file.load();
    auto const dy =
        Reordered(run, "grad_out.y",
                  shape == y_file.shape() ? image_order(run) : std::vector<std::size_t>{})
            .load();
    auto const y = run.zeros(shape);
    auto const dx = run.zeros(x_file.shape());
    pool2d_forward(run.ctx, {.x = x.ref(), .window = window, .kind = kind, .y = y.ref()});
    pool2d_backward(run.ctx, {.x = x.ref(),
                              .dy = dy.ref().reshaped({shape[0], shape[1], shape[2], shape[3]}),
                              .window = window,
                              .kind = kind,
                              .dx = dx.ref()});
    run.golden.compare("out.y", y_file.stored(y.fetch()));
    run.golden.compare("grad.in.x", x_file.stored(dx.fetch()));
}
}  // namespace

void golden_conv2d(GoldenRun const& run)
{
    std::string const weight = run.is_torch() ? "weight" : "kernel";
    Reordered const x_file(run, "in.x", image_order(run));
    Reordered const y_file(run, "out.y", image_order(run));
    Reordered const w_file(
        run, "param." + weight,
        run.is_torch() ? std::vector<std::size_t>{2, 3, 1, 0} : std::vector<std::size_t>{});
    bool const has_bias = run.golden.has("param.bias");
    std::int64_t const outputs = w_file.shape()[3];
    Window2d const window{
        axis_of(run, w_file.shape()[0], pair_value(run, "stride", 0), x_file.shape()[1]),
        axis_of(run, w_file.shape()[1], pair_value(run, "stride", 1), x_file.shape()[2])};
    if (run.attr("activation") != "none") GTEST_SKIP() << run.golden.name() << ": activation";

    auto const x = x_file.load();
    auto const w = w_file.load();
    auto const bias = has_bias ? run.tensor("param.bias") : run.zeros({outputs});
    auto const y = run.zeros(y_file.shape());
    conv2d_forward(run.ctx, {.x = x.ref(),
                             .w = w.ref(),
                             .bias = has_bias ? bias.ref() : TensorRef{},
                             .window = window,
                             .y = y.ref()});
    auto const dy = Reordered(run, "grad_out.y", image_order(run)).load();
    auto const dx = run.zeros(x_file.shape());
    auto const dw = run.zeros(w_file.shape());
    auto const dbias = run.zeros({outputs});
    conv2d_backward(run.ctx, {.x = x.ref(),
                              .w = w.ref(),
                              .dy = dy.ref(),
                              .window = window,
                              .dx = dx.ref(),
                              .dw = dw.ref(),
                              .dbias = has_bias ? dbias.ref() : TensorRef{}});
    run.golden.compare("out.y", y_file.stored(y.fetch()));
    run.golden.compare("grad.in.x", x_file.stored(dx.fetch()));
    run.golden.compare("grad.param." + weight, w_file.stored(dw.fetch()));
    if (has_bias) run.golden.compare("grad.param.bias", dbias.fetch());
}

void golden_depthwise_conv2d(GoldenRun const& run)
{
    std::string const prefix = run.is_torch() ? "conv." : "";
    std::string const weight = prefix + (run.is_torch() ? "weight" : "kernel");
    auto const multiplier = run.attr("multiplier").get<std::int64_t>();
    Reordered const x_file(run, "in.x", image_order(run));
    Reordered const y_file(run, "out.y", image_order(run));
    Reordered const dy_file(run, "grad_out.y", image_order(run));
    // torch's (I M, 1, kh, kw) becomes (kh, kw, I M, 1): in memory the same as (kh, kw, I, M)
    Reordered const w_file(
        run, "param." + weight,
        run.is_torch() ? std::vector<std::size_t>{2, 3, 0, 1} : std::vector<std::size_t>{});
    auto const stride = run.attr("stride").get<std::int64_t>();
    std::int64_t const kh = w_file.shape()[0], kw = w_file.shape()[1], in = x_file.shape()[3];
    Window2d const window{axis_of(run, kh, stride, x_file.shape()[1]),
                          axis_of(run, kw, stride, x_file.shape()[2])};
    auto const x = x_file.load(), w = w_file.load(), dy = dy_file.load();
    auto const bias = run.tensor("param." + prefix + "bias");
    auto const z = run.zeros(y_file.shape()), y = run.zeros(y_file.shape());
    TensorRef const w_ref = w.ref().reshaped({kh, kw, in, multiplier});
    depthwise_conv2d_forward(
        run.ctx, {.x = x.ref(), .w = w_ref, .bias = bias.ref(), .window = window, .y = z.ref()});

    bool const gelu = run.attr("activation") == "gelu";
    auto const dz = run.zeros(y_file.shape());
    if (gelu) {
        activation_forward(run.ctx, {.x = z.ref(), .kind = Activation::gelu_exact, .y = y.ref()});
        activation_backward(
            run.ctx,
            {.saved = z.ref(), .dy = dy.ref(), .kind = Activation::gelu_exact, .dx = dz.ref()});
    }
    auto const dx = run.zeros(x_file.shape()), dw = run.zeros(w_file.shape());
    auto const dbias = run.zeros({in * multiplier});
    depthwise_conv2d_backward(run.ctx, {.x = x.ref(),
                                        .w = w_ref,
                                        .dy = gelu ? dz.ref() : dy.ref(),
                                        .window = window,
                                        .dx = dx.ref(),
                                        .dw = dw.ref().reshaped({kh, kw, in, multiplier}),
                                        .dbias = dbias.ref()});
    run.golden.compare("out.y", y_file.stored(gelu ? y.fetch() : z.fetch()));
    run.golden.compare("grad.in.x", x_file.stored(dx.fetch()));
    run.golden.compare("grad.param." + weight, w_file.stored(dw.fetch()));
    run.golden.compare("grad.param." + prefix + "bias", dbias.fetch());
}

void golden_pool2d(GoldenRun const& run)
{
    Reordered const x_file(run, "in.x", image_order(run));
    Reordered const y_file(run, "out.y", image_order(run));
    Window2d window;
    WindowAxis* const axes[] = {&window.h, &window.w};
    for (std::size_t d = 0; d < 2; ++d) {
        std::int64_t const cells = x_file.shape()[d + 1];
        *axes[d] = axis_of(run, pair_value(run, "kernel", d), pair_value(run, "stride", d), cells);
        if (run.golden.attrs().value("ceil_mode", false)) *axes[d] = ceil_axis(*axes[d], cells);
    }
    PoolKind const kind = run.golden.op() == "max_pool2d" ? PoolKind::max
                          : run.is_torch()                ? PoolKind::average_counted
                                                          : PoolKind::average;
    run_pool(run, x_file, y_file, window, kind);
}

void golden_global_pool2d(GoldenRun const& run)
{
    Reordered const x_file(run, "in.x", {});
    Reordered const y_file(run, "out.y", {});
    Window2d const window{valid_axis(x_file.shape()[1], 1), valid_axis(x_file.shape()[2], 1)};
    run_pool(run, x_file, y_file, window,
             run.golden.op() == "global_max_pool2d" ? PoolKind::max : PoolKind::average);
}
}  // namespace calofuse::test
