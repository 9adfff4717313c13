#include "kernels/focalh/module_cnn.hpp"

#include <algorithm>

namespace calofuse {
namespace {
void check_shape(TensorRef const& t,
                 DType dtype,
                 std::initializer_list<std::int64_t> shape,
                 char const* name)
{
    bool const same = t.dtype == dtype && t.rank == static_cast<int>(shape.size())
                      && std::equal(shape.begin(), shape.end(), t.shape.begin());
    CALOFUSE_CHECK(same && !t.empty(), name << " is " << t.describe());
}

void check_weights(ModuleCnnWeights const& w, std::int64_t sets, std::int64_t channels)
{
    check_shape(w.w1, DType::f32, {sets, 9, channels}, "w1");
    check_shape(w.w2, DType::f32, {sets, 9, channels, channels}, "w2");
    TensorRef const* const vectors[] = {&w.b1, &w.gamma1, &w.beta1, &w.b2, &w.gamma2, &w.beta2};
    for (TensorRef const* t : vectors)
        check_shape(*t, DType::f32, {sets, channels}, "a bias or norm parameter");
}

void check_saved(ModuleCnnSaved const& saved, std::int64_t batch, std::int64_t channels)
{
    std::int64_t const padded = module_cnn_saved_channels(channels);
    check_shape(saved.z2, DType::f32, {batch, kNumCells, padded}, "saved.z2");
    check_shape(saved.pooled, DType::f32, {batch, kNumPooledCells, padded}, "saved.pooled");
    check_shape(saved.choice, DType::u8, {batch, kNumPooledCells, padded}, "saved.choice");
}

/// What forward and backward have in common; `features` is y or dy.
void check(TensorRef const& x,
           ModuleCnnWeights const& weights,
           ModuleCnnOptions const& options,
           ModuleCnnStats const& stats,
           TensorRef const& features)
{
    auto const cells = x.view<float const, 2>();
    auto const w1 = weights.w1.view<float const, 3>();
    std::int64_t const batch = cells.shape[0];
    std::int64_t const sets = w1.shape[0];
    std::int64_t const channels = w1.shape[2];
    CALOFUSE_CHECK(channels <= 256, channels << " channels (at most 256)");
    CALOFUSE_CHECK(batch >= 1, "x is " << x.describe() << ": batch statistics need an event");
    check_shape(x, DType::f32, {batch, kNumCells}, "x");
    check_weights(weights, sets, channels);
    TensorRef const* const vectors[] = {&stats.mean1, &stats.var1, &stats.mean2, &stats.var2};
    for (TensorRef const* t : vectors)
        check_shape(*t, DType::f32, {sets, channels}, "a statistic");
    check_shape(features, DType::f32, {batch, kNumPooledCells * channels}, "y or dy");
    for (std::int64_t s = 0; s < sets; ++s)
        CALOFUSE_CHECK(
            std::count(options.set_of_module.begin(), options.set_of_module.end(), s) > 0,
            "no module uses weight set " << s);
    for (std::int32_t const s : options.set_of_module)
        CALOFUSE_CHECK(s >= 0 && s < sets, "weight set " << s << " of " << sets);
    CALOFUSE_CHECK(options.slope >= 0.0F && options.slope <= 1.0F, "slope = " << options.slope);
    CALOFUSE_CHECK(options.dropout_rate >= 0.0F && options.dropout_rate < 1.0F,
                   "dropout_rate = " << options.dropout_rate);
    CALOFUSE_CHECK(options.eps > 0.0F, "eps = " << options.eps);
}
}  // namespace

void module_cnn_forward(Context& ctx, ModuleCnnArgs const& args)
{
    check(args.x, args.weights, args.options, args.stats, args.y);
    if (args.options.dropout_rate > 0.0F) check_shape(args.step, DType::i64, {2}, "step");
    ModuleCnnSaved const& saved = args.saved;
    if (!saved.z2.empty() || !saved.pooled.empty() || !saved.choice.empty()) {
        CALOFUSE_CHECK(args.norm == NormMode::batch, "backward needs batch statistics");
        check_saved(saved, args.x.shape[0], args.weights.w1.shape[2]);
    }
    on_backend(
        ctx, "module_cnn", [&] { cpu::module_cnn_forward(ctx, args); },
        [&] { cuda::module_cnn_forward(ctx, args); });
}

void module_cnn_backward(Context& ctx, ModuleCnnGradArgs const& args)
{
    check(args.x, args.weights, args.options, args.stats, args.dy);
    check_saved(args.saved, args.x.shape[0], args.weights.w1.shape[2]);
    check_weights(args.d, args.weights.w1.shape[0], args.weights.w1.shape[2]);
    on_backend(
        ctx, "module_cnn_backward", [&] { cpu::module_cnn_backward(ctx, args); },
        [&] { cuda::module_cnn_backward(ctx, args); });
}
}  // namespace calofuse
