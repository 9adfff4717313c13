#include "models/fcn.hpp"

#include "models/layers/activation.hpp"

namespace calofuse {
namespace {
std::vector<layers::Linear> hidden_layers(Parameters& parameters, FcnConfig const& config)
{
    std::vector<layers::Linear> out;
    for (std::int64_t l = 0; l < config.layers; ++l)
        out.emplace_back(parameters, "dense" + std::to_string(l),
                         l == 0 ? config.features : config.width, config.width,
                         Init::glorot_uniform);
    return out;
}
}  // namespace

Fcn::Fcn(Context& ctx, FcnConfig const& config, std::optional<layers::Table> table)
    : config_(config)
    , table_(std::move(table))
    , scaling_(parameters_, "input", config.features)
    , hidden_(hidden_layers(parameters_, config))
    , out_(parameters_,
           "out",
           config.layers > 0 ? config.width : config.features,
           config.outputs,
           Init::glorot_uniform)
{
    parameters_.allocate(ctx, config_.seed);
}

Var Fcn::forward_inputs(Tape& tape, Var x) const
{
    for (layers::Linear const& dense : hidden_) {
        x = layers::relu(tape, dense(tape, x));
        x = layers::dropout(tape, x, config_.dropout);
    }
    return out_(tape, x);
}

void visit(Settings& settings, FcnConfig& c)
{
    settings("model.inputs", c.inputs, "columns of the events to read, with commas between them");
    settings("model.layers", c.layers, "hidden dense layers", 0, 64);
    settings("model.width", c.width, "width of a hidden layer", 1, 8192);
    settings("model.dropout", c.dropout, "after every hidden layer", 0, 0.99);
}

OptionSchema fcn_schema()
{
    return schema_of(FcnConfig{});
}

std::unique_ptr<Model> make_fcn(
    Context& ctx, Dataset const& data, Task const& task, Options const& options, std::uint64_t seed)
{
    FcnConfig c = read_settings(FcnConfig{.outputs = task.width(), .seed = seed}, options);
    layers::Table table(c.inputs, "model.inputs", data);
    c.features = table.features();
    return std::make_unique<Fcn>(ctx, c, std::move(table));
}
}  // namespace calofuse
