#include "models/focalh/modules.hpp"

#include <algorithm>

#include "kernels/dense/gather_rows.hpp"
#include "models/layers/activation.hpp"

namespace calofuse::layers {
namespace {
std::int64_t pooled_features(int module, std::int64_t filters)
{
    std::int64_t const side = module_side(module) / 2;
    return side * side * filters;
}

/// Pixels of the largest weight set, over which its statistics are taken.
std::int64_t most_pixels(ModuleSets const& sets)
{
    std::array<std::int64_t, kNumModules> pixels{};
    for (int m = 0; m < kNumModules; ++m)
        pixels[static_cast<std::size_t>(sets.of_module[static_cast<std::size_t>(m)])] +=
            module_side(m) * module_side(m);
    return *std::max_element(pixels.begin(), pixels.end());
}

/// One member per set, of the same shape.
ParameterGroup add_each(Parameters& parameters,
                        ModuleSets const& sets,
                        char const* name,
                        std::vector<std::int64_t> const& shape,
                        Init init,
                        std::int64_t fan_in = 0)
{
    std::vector<ParameterSpec> members;
    for (std::string const& set : sets.names)
        members.push_back({set + name, shape, init, fan_in});
    return parameters.add(std::move(members));
}

/// Every module maps its own columns.
LinearGroups groups_of(ModuleSets const& sets, std::int64_t width, bool pooled)
{
    LinearGroups groups;
    groups.count = kNumModules;
    for (int m = 0; m < kNumModules; ++m) {
        auto const i = static_cast<std::size_t>(m);
        groups.width[i] = static_cast<std::int32_t>(pooled ? pooled_features(m, width) : width);
        groups.set[i] = sets.of_module[i];
    }
    return groups;
}

std::vector<std::string> with(std::vector<std::string> names, char const* layer)
{
    for (std::string& name : names)
        name += layer;
    return names;
}

/// Rows index[r] of `x` (S, C) -> (R, C).
Var gather_rows(Tape& tape, Var x, TensorRef index)
{
    Var const y = tape.make({index.shape[0], x.value.shape[1]});
    record(tape, "gather_rows", gather_rows_forward, {.x = x.value, .index = index, .y = y.value},
           gather_rows_backward, {.dy = y.grad, .index = index, .dx = x.grad});
    return y;
}
}  // namespace

ModuleSets::ModuleSets(bool share_outer)
{
    for (int m = 0; m < kNumModules; ++m) {
        auto const i = static_cast<std::size_t>(m);
        of_module[i] = share_outer ? (m == kCentreModule ? 1 : 0) : m;
        if (!share_outer) names.push_back("cnn" + std::to_string(m) + ".");
    }
    if (share_outer) names = {"outer.", "centre."};
}

ModuleCnn::ModuleCnn(Parameters& parameters, ModuleSets sets_, ModuleOptions const& options_)
    : sets(std::move(sets_)), options(options_)
{
    Init const init = options.init, bias = init_of_bias(init);
    std::int64_t const c = options.filters;
    w1 = add_each(parameters, sets, "conv0.kernel", {3, 3, 1, c}, init);
    b1 = add_each(parameters, sets, "conv0.bias", {c}, bias, 9);
    gamma1 = add_each(parameters, sets, "bn0.gamma", {c}, Init::ones);
    beta1 = add_each(parameters, sets, "bn0.beta", {c}, Init::zeros);
    w2 = add_each(parameters, sets, "conv1.kernel", {3, 3, c, c}, init);
    b2 = add_each(parameters, sets, "conv1.bias", {c}, bias, 9 * c);
    gamma2 = add_each(parameters, sets, "bn1.gamma", {c}, Init::ones);
    beta2 = add_each(parameters, sets, "bn1.beta", {c}, Init::zeros);
    norm1 = parameters.add_statistics(with(sets.names, "bn0"), c);
    norm2 = parameters.add_statistics(with(sets.names, "bn1"), c);
}

ModuleCnnWeights ModuleCnn::weights(Tape& tape, TensorRef Var::*part) const
{
    std::int64_t const s = sets.count(), c = options.filters;
    auto get = [&](ParameterGroup group, std::initializer_list<std::int64_t> shape) {
        return (tape.var(group).*part).reshaped(shape);
    };
    return {.w1 = get(w1, {s, 9, c}),
            .b1 = get(b1, {s, c}),
            .gamma1 = get(gamma1, {s, c}),
            .beta1 = get(beta1, {s, c}),
            .w2 = get(w2, {s, 9, c, c}),
            .b2 = get(b2, {s, c}),
            .gamma2 = get(gamma2, {s, c}),
            .beta2 = get(beta2, {s, c})};
}

Var ModuleCnn::operator()(Tape& tape, TensorRef x) const
{
    std::int64_t const batch = x.shape[0], s = sets.count(), c = options.filters;
    Var const y = tape.make({batch, kNumPooledCells * c});
    BatchStatistics const first = batch_statistics(tape, norm1, s * c);
    BatchStatistics const second = batch_statistics(tape, norm2, s * c);
    EventDropout const drop = next_dropout(tape, options.conv_dropout);
    ModuleCnnArgs args{.x = x,
                       .weights = weights(tape, &Var::value),
                       .options = {.set_of_module = sets.of_module,
                                   .eps = options.rule.epsilon,
                                   .slope = options.slope,
                                   .dropout_rate = drop.rate,
                                   .seed = drop.seed,
                                   .stream = drop.stream},
                       .norm = tape.mode() == Mode::evaluate ? NormMode::given : NormMode::batch,
                       .step = tape.position(),
                       .stats = {first.mean.reshaped({s, c}), first.variance.reshaped({s, c}),
                                 second.mean.reshaped({s, c}), second.variance.reshaped({s, c})},
                       .y = y.value,
                       .saved = {}};
    if (tape.mode() == Mode::train) {
        std::int64_t const stored = module_cnn_saved_channels(c);
        args.saved = {tape.make_value(DType::f32, {batch, kNumCells, stored}),
                      tape.make_value(DType::f32, {batch, kNumPooledCells, stored}),
                      tape.make_value(DType::u8, {batch, kNumPooledCells, stored})};
    }
    record(tape, "module_cnn", module_cnn_forward, args, module_cnn_backward,
           {.x = x,
            .weights = args.weights,
            .options = args.options,
            .stats = args.stats,
            .saved = args.saved,
            .dy = y.grad,
            .d = weights(tape, &Var::grad)});
    std::int64_t const rows = batch * most_pixels(sets);
    record_statistics(tape, norm1, first, rows, options.rule);
    record_statistics(tape, norm2, second, rows, options.rule);
    return y;
}

ModuleDense::ModuleDense(Context& ctx,
                         Parameters& parameters,
                         ModuleSets const& sets_,
                         ModuleOptions const& o)
    : first(
        parameters, with(sets_.names, "dense0"), groups_of(sets_, o.filters, true), o.dense, o.init)
    , gamma(add_each(parameters, sets_, "bn2.gamma", {o.dense}, Init::ones))
    , beta(add_each(parameters, sets_, "bn2.beta", {o.dense}, Init::zeros))
    , second(parameters,
             with(sets_.names, "dense1"),
             groups_of(sets_, o.dense, false),
             o.embedding,
             o.init)
    , options(o)
    , sets(sets_.count())
{
    std::vector<std::string> norms;
    for (int m = 0; m < kNumModules; ++m)
        norms.push_back("cnn" + std::to_string(m) + ".bn2");
    statistics = parameters.add_statistics(norms, o.dense);
    if (sets == kNumModules) return;
    set_of_module.emplace(ctx, kNumModules);
    set_of_module->upload(sets_.of_module);
}

Var ModuleDense::operator()(Tape& tape, Var x) const
{
    Var h = first(tape, x);
    // Each module keeps its own statistics here, also where the weights are shared: that is what a
    // Keras layer does that is called once per module.
    std::int64_t const d = first.out, columns = kNumModules * d;
    Var g = tape.var(gamma), b = tape.var(beta);
    if (set_of_module) {
        g = gather_rows(tape, g.reshaped({sets, d}), set_of_module->ref());
        b = gather_rows(tape, b.reshaped({sets, d}), set_of_module->ref());
    }
    h = batch_norm(tape, h, g.reshaped({columns}), b.reshaped({columns}), statistics, options.rule);
    h = dropout(tape, leaky_relu(tape, h, options.slope), options.dense_dropout);
    return relu(tape, second(tape, h));
}
}  // namespace calofuse::layers
