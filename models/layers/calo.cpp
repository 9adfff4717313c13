#include "models/layers/calo.hpp"

#include "models/layers/statistics.hpp"

namespace calofuse::layers {
namespace {
/// The weights as the operator takes them: values, or gradients.
ModuleCnnWeights weights_of(Parameters const& parameters,
                            ModuleCnnGroups const& g,
                            TensorRef Var::*part)
{
    std::int64_t const s = g.sets, c = g.channels;
    auto get = [&](ParameterGroup group, std::initializer_list<std::int64_t> shape) {
        return (parameters.var(group).*part).reshaped(shape);
    };
    return {.w1 = get(g.w1, {s, 9, c}),
            .b1 = get(g.b1, {s, c}),
            .gamma1 = get(g.gamma1, {s, c}),
            .beta1 = get(g.beta1, {s, c}),
            .w2 = get(g.w2, {s, 9, c, c}),
            .b2 = get(g.b2, {s, c}),
            .gamma2 = get(g.gamma2, {s, c}),
            .beta2 = get(g.beta2, {s, c})};
}

/// Pixels of the largest weight set, over which its statistics are taken.
std::int64_t pixels_of(ModuleCnnGroups const& g)
{
    std::array<std::int64_t, kNumModules> pixels{};
    for (int m = 0; m < kNumModules; ++m)
        pixels[static_cast<std::size_t>(g.options.set_of_module[static_cast<std::size_t>(m)])] +=
            module_side(m) * module_side(m);
    return *std::max_element(pixels.begin(), pixels.end());
}
}  // namespace

CellInput unpack(Tape& tape, EventBatch const& batch)
{
    CellInput const out{tape.make_value(DType::f32, {batch.size(), kNumCells}),
                        tape.make_value(DType::f32, {batch.size()})};
    EventBatch const b = batch;
    InputScaling const& s = *batch.scaling;
    UnpackArgs const args{.adc = b.adc,
                          .rows = b.rows,
                          .channels = b.channels,
                          .pedestal = b.pedestal,
                          .scale = s.scale,
                          .asinh_scale = s.asinh_scale,
                          .energy_mean = s.energy_mean,
                          .energy_scale = 1.0 / s.energy_std,
                          .x = out.cells,
                          .total = out.energy};
    Context* const ctx = &tape.ctx();
    tape.record("unpack", [=] { calofuse::unpack(*ctx, args); });
    return out;
}

Var module_cnn(Tape& tape,
               Parameters const& parameters,
               TensorRef x,
               ModuleCnnGroups const& groups,
               NormRule const& rule)
{
    std::int64_t const batch = x.shape[0], c = groups.channels;
    bool const train = tape.mode() == Mode::train;
    Var const y = tape.make({batch, kNumPooledCells * c});
    BatchStatistics const first = batch_statistics(tape, parameters, groups.norm1, groups.sets * c);
    BatchStatistics const second =
        batch_statistics(tape, parameters, groups.norm2, groups.sets * c);
    auto const two = [&](TensorRef t) {
        return t.reshaped({groups.sets, c});
    };

    ModuleCnnArgs args{
        .x = x,
        .weights = weights_of(parameters, groups, &Var::value),
        .options = groups.options,
        .norm = tape.mode() == Mode::evaluate ? NormMode::given : NormMode::batch,
        .step = tape.step(),
        .stats = {two(first.mean), two(first.variance), two(second.mean), two(second.variance)},
        .y = y.value,
        .saved = {}};
    args.options.eps = rule.epsilon;
    args.options.dropout_rate = train ? groups.dropout.rate : 0.0F;
    args.options.seed = groups.dropout.seed;
    args.options.stream = groups.dropout.stream();
    Context* const ctx = &tape.ctx();
    if (!train) {
        tape.record("module_cnn", [=] { calofuse::module_cnn(*ctx, args); });
    } else {
        std::int64_t const stored = module_cnn_saved_channels(c);
        args.saved = {tape.make_value(DType::f32, {batch, kNumCells, stored}),
                      tape.make_value(DType::f32, {batch, kNumPooledCells, stored}),
                      tape.make_value(DType::u8, {batch, kNumPooledCells, stored})};
        ModuleCnnGradArgs const grad{.x = x,
                                     .weights = args.weights,
                                     .options = args.options,
                                     .stats = args.stats,
                                     .saved = args.saved,
                                     .dy = y.grad,
                                     .d = weights_of(parameters, groups, &Var::grad)};
        tape.record(
            "module_cnn", [=] { calofuse::module_cnn(*ctx, args); },
            [=] { module_cnn_backward(*ctx, grad); });
    }
    std::int64_t const rows = batch * pixels_of(groups);
    record_statistics(tape, parameters, groups.norm1, first, rows, rule);
    record_statistics(tape, parameters, groups.norm2, second, rows, rule);
    return y;
}
}  // namespace calofuse::layers
