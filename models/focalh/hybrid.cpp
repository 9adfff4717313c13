#include "models/focalh/hybrid.hpp"

#include "models/layers/activation.hpp"
#include "models/layers/readout.hpp"
#include "runtime/settings.hpp"

namespace calofuse {
namespace {
layers::ModuleOptions module_options(HybridConfig const& c)
{
    return {.filters = c.filters,
            .dense = c.dense,
            .embedding = c.embedding,
            .slope = c.leaky_slope,
            .conv_dropout = c.conv_dropout,
            .dense_dropout = c.dense_dropout,
            .rule = c.norm,
            .init = c.init};
}

std::vector<layers::DenseGraph> add_graph(Parameters& parameters, HybridConfig const& c)
{
    std::vector<layers::DenseGraph> out;
    for (std::int64_t l = 0; l < c.gnn_layers; ++l)
        out.push_back(layers::make_dense_graph(parameters, c.gnn, "gnn" + std::to_string(l),
                                               l == 0 ? c.embedding : c.gnn_units, c.gnn_units,
                                               c.gat_heads, c.init));
    return out;
}
}  // namespace

Hybrid::Hybrid(Context& ctx, HybridConfig const& config)
    : config_(config)
    , cnn_(parameters_, layers::ModuleSets(config.share_outer), module_options(config))
    , dense_(ctx, parameters_, cnn_.sets, module_options(config))
    , graph_(add_graph(parameters_, config))
    , head0_(parameters_,
             "head0",
             (config.gnn_layers > 0 ? config.gnn_units : config.embedding) + 1,
             config.head,
             config.init)
    , head1_(parameters_, "head1", config.head, config.outputs, config.init)
    , input_(ctx, parameters_, config.scaling, config.asinh_scale)
    , adjacency_(ctx, kNumModules * kNumModules)
{
    parameters_.allocate(ctx, config.seed);
    set_adjacency(layers::normalised_for(config.gnn, grid_adjacency(3, 3, config.adjacency)));
}

Var Hybrid::forward_cells(Tape& tape, AdcInput::Cells const& input) const
{
    std::int64_t const batch = input.cells.shape[0];
    Var x = dense_(tape, cnn_(tape, input.cells));
    x = x.reshaped({batch, kNumModules, config_.embedding});
    TensorRef const a = adjacency_.ref({kNumModules, kNumModules});
    for (layers::DenseGraph const& convolution : graph_)
        x = std::visit([&](auto const& layer) { return layer(tape, x, a); }, convolution);
    Var h = layers::readout_with(tape, x, config_.readout, input.energy);
    h = layers::relu(tape, head0_(tape, h));
    return head1_(tape, layers::dropout(tape, h, config_.head_dropout));
}

Output Hybrid::forward(Tape& tape, Batch const& batch) const
{
    return {forward_cells(tape, input_(tape, batch))};
}

void visit(Settings& settings, HybridConfig& c)
{
    auto const width = [&](char const* key, std::int64_t& value, char const* help) {
        settings(key, value, help, 1, 4096);
    };
    width("model.filters", c.filters, "channels of both convolutions");
    width("model.dense", c.dense, "width of a module's first dense layer");
    width("model.embedding", c.embedding, "width of a module's embedding");
    width("model.head", c.head, "width of the dense layer before the logit");
    settings("model.gnn_layers", c.gnn_layers, "graph convolutions", 0, 8);
    width("model.gnn_units", c.gnn_units, "channels of a graph convolution");
    settings("model.gat_heads", c.gat_heads, "attention heads of gat; divides gnn_units", 1, 64);
    settings("model.share_outer", c.share_outer,
             "one set of CNN weights for the eight outer modules");
    settings("model.gnn", c.gnn, "kind of graph convolution");
    settings("model.adjacency", c.adjacency, "which modules are neighbours");
    settings("model.readout", c.readout, "nine nodes to one vector",
             {ReadoutKind::mean, ReadoutKind::max, ReadoutKind::sum});
    settings("model.conv_dropout", c.conv_dropout, "after the pooling", 0, 0.99);
    settings("model.dense_dropout", c.dense_dropout, "after a module's first dense layer", 0, 0.99);
    settings("model.head_dropout", c.head_dropout, "before the logit", 0, 0.99);
    settings("model.leaky_slope", c.leaky_slope, "of the leaky ReLUs", 0, 0.99);
    settings("model.bn_momentum", c.norm.momentum,
             "share of the old running statistics that stays (Keras)", 0, 1);
    settings("model.bn_epsilon", c.norm.epsilon, "added to the variance", 1e-12, 1);
    settings("model.init", c.init, "rule of the initial weights");
    visit_adc(settings, c.scaling, c.asinh_scale);
}

OptionSchema hybrid_schema()
{
    return schema_of(HybridConfig{});
}

std::unique_ptr<Model> make_hybrid(
    Context& ctx, Dataset const&, Task const& task, Options const& options, std::uint64_t seed)
{
    HybridConfig c = read_settings(HybridConfig{.outputs = task.width(), .seed = seed}, options);
    c.norm.running = options.get_string("train.bn_statistics") == "running";
    if (c.gnn == layers::DenseGraphKind::gat && c.gnn_units % c.gat_heads != 0)
        throw Error(Exit::config, "CF-CFG-11",
                    "model.gnn_units is not a multiple of model.gat_heads", "for example 64 and 4");
    return std::make_unique<Hybrid>(ctx, c);
}
}  // namespace calofuse
