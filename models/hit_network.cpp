#include "models/hit_network.hpp"

#include "kernels/graph/knn.hpp"
#include "models/layers/activation.hpp"
#include "runtime/settings.hpp"

namespace calofuse {
namespace {
/// A part of 32 events of 40 hits writes tensors of 650 KB, which the next operator finds in the
/// cache of its core. With gat on batches of 1,024, parts of 8 to 64 events measure alike.
constexpr std::int64_t kEventsPerPart = 32;

bool attends(Convolution convolution)
{
    return convolution == Convolution::gat || convolution == Convolution::gatv2;
}

template <class Layer>
std::int64_t out_of(Layer const& layer)
{
    return std::visit([](auto const& l) { return l.out(); }, layer);
}
}  // namespace

HitNetwork::HitNetwork(Context& ctx,
                       HitNetworkConfig const& config,
                       std::unique_ptr<layers::Points> points)
    : config_(config)
    , points_(std::move(points))
    , blocks_(add_blocks())
    , readout_(parameters_, config.readout, out_of(blocks_.back().convolution))
    , head0_(parameters_, "head0", readout_.out, config.head, Init::torch_uniform)
    , head1_(parameters_, "head1", config.head, config.outputs, Init::torch_uniform)
{
    points_->add_states(ctx, parameters_);
    parameters_.allocate(ctx, config_.seed);
}

HitNetwork::Layer HitNetwork::add_convolution(std::string const& number, std::int64_t in, bool last)
{
    HitNetworkConfig const& c = config_;
    layers::AttentionOptions attention{.heads = c.heads,
                                       .channels = c.channels,
                                       .merge = last ? HeadMerge::mean : HeadMerge::concat,
                                       .dropout = c.attention_dropout,
                                       .edge_features = {}};
    if (c.edge_features) attention.edge_features = points_->edge_features();
    switch (c.convolution) {
        case Convolution::gat:
            break;
        case Convolution::gatv2:  // its weights are called gat, as in the reference
            return layers::Gatv2Layer(parameters_, "gat" + number, in, attention);
        case Convolution::edge_conv:
            return layers::EdgeConvLayer(parameters_, "edge_conv" + number, in,
                                         {.out = c.width,
                                          .aggregate = c.aggregate,
                                          .dynamic = c.dynamic,
                                          .neighbours = c.neighbours});
        case Convolution::gcn:
            return layers::GcnLayer(parameters_, "gcn" + number, in, c.width);
        case Convolution::gravnet:
            return layers::GravNetLayer(parameters_, "gravnet" + number, in,
                                        {.out = c.width,
                                         .space = c.space,
                                         .propagate = c.propagate,
                                         .neighbours = c.neighbours,
                                         .variant = c.variant});
    }
    return layers::GatLayer(parameters_, "gat" + number, in, attention);
}

std::vector<HitNetwork::Block> HitNetwork::add_blocks()
{
    std::vector<Block> out;
    std::int64_t in = points_->features();
    for (std::int64_t l = 0; l < config_.layers; ++l) {
        std::string const number = std::to_string(l);
        Layer convolution = add_convolution(number, in, l == config_.layers - 1);
        std::int64_t const width = out_of(convolution);
        layers::LayerNormBlock const norm(parameters_, "norm" + number, width, config_.dropout);
        std::optional<layers::Linear> shortcut;
        if (in != width)
            shortcut.emplace(parameters_, "shortcut" + number, in, width, Init::torch_uniform,
                             layers::Bias::none);
        out.push_back({std::move(convolution), norm, shortcut});
        in = width;
    }
    return out;
}

std::int64_t HitNetwork::events_per_part() const
{
    return kEventsPerPart;
}

bool HitNetwork::has_attention() const
{
    return attends(config_.convolution);
}

layers::Edges HitNetwork::edges() const
{
    return std::visit([](auto const& layer) { return layer.edges(); }, blocks_.front().convolution);
}

Var HitNetwork::convolve(Tape& tape,
                         Layer const& convolution,
                         layers::PointCloud const& cloud,
                         layers::AttentionOutput* attention) const
{
    return std::visit(
        [&](auto const& layer) {
            if constexpr (requires { layer(tape, cloud, attention); })
                return layer(tape, cloud, attention);
            else {
                // The number of the dropout that attention would have here: the other dropouts of a
                // network are the same with every convolution.
                tape.next_dropout();
                return layer(tape, cloud);
            }
        },
        convolution);
}

Var HitNetwork::forward_cloud(Tape& tape,
                              layers::PointCloud cloud,
                              std::vector<Var>* hidden,
                              std::vector<layers::AttentionOutput>* attention) const
{
    TensorRef const row_ptr = cloud.row_ptr;
    if (attention != nullptr) attention->assign(blocks_.size(), {});
    if (hidden != nullptr) hidden->clear();
    for (std::size_t l = 0; l < blocks_.size(); ++l) {
        Block const& block = blocks_[l];
        Var const shortcut = block.shortcut ? (*block.shortcut)(tape, cloud.x, row_ptr) : cloud.x;
        Var const z = convolve(tape, block.convolution, cloud,
                               attention == nullptr ? nullptr : &(*attention)[l]);
        cloud.x = block.norm(tape, z, shortcut, row_ptr);
        if (hidden != nullptr) hidden->push_back(cloud.x);
    }
    Var const h = layers::elu(tape, head0_(tape, readout_(tape, cloud.x, row_ptr)));
    return head1_(tape, layers::dropout(tape, h, config_.dropout));
}

Output HitNetwork::forward(Tape& tape, Batch const& batch) const
{
    return {forward_cloud(tape, (*points_)(tape, batch, edges()))};
}

void visit(Settings& settings, HitNetworkConfig& c)
{
    settings("model.layers", c.layers, "graph convolutions", 1, 8);
    if (attends(c.convolution)) {
        settings("model.heads", c.heads, "attention heads", 1, 16);
        settings("model.channels", c.channels, "channels of a head", 1, 256);
        settings("model.edge_features", c.edge_features, "distance and energy ratio of two hits");
        settings("model.attention_dropout", c.attention_dropout, "of the attention weights", 0,
                 0.99);
    } else {
        settings("model.width", c.width, "channels of a hit", 1, 1024);
    }
    if (c.convolution == Convolution::edge_conv) {
        settings("model.aggregate", c.aggregate, "edges of a hit to one vector");
        settings("model.dynamic", c.dynamic, "neighbours in the space of the features");
    }
    if (c.convolution == Convolution::gravnet) {
        settings("model.space", c.space, "dimensions of the learned coordinates", 1, 16);
        settings("model.propagate", c.propagate, "features that are gathered from the neighbours",
                 1, 256);
        settings("model.variant", c.variant, "whose GravNet (kernels/graph/gravnet.hpp)");
    }
    settings("model.readout", c.readout,
             "hits of an event to one vector (kernels/graph/readout.hpp)");
    settings("model.head", c.head, "width of the dense layer before the logit", 1, 4096);
    settings("model.dropout", c.dropout, "of each block and before the logit", 0, 0.99);
}

OptionSchema hit_network_schema(Convolution convolution)
{
    return schema_of(HitNetworkConfig{.convolution = convolution});
}

HitNetworkConfig hit_network_config(Convolution convolution,
                                    Options const& options,
                                    std::int64_t neighbours,
                                    std::int64_t outputs,
                                    std::uint64_t seed)
{
    HitNetworkConfig const c = read_settings(
        HitNetworkConfig{
            .convolution = convolution, .neighbours = neighbours, .outputs = outputs, .seed = seed},
        options);
    if (convolution == Convolution::edge_conv && c.dynamic && c.width > kMaxKnnDims)
        throw Error(Exit::config, "CF-CFG-12",
                    "model.dynamic searches neighbours in at most " + std::to_string(kMaxKnnDims)
                        + " dimensions, model.width is " + std::to_string(c.width),
                    "set model.width to 128 or less");
    if (convolution == Convolution::gravnet && gravnet_rule(c.variant).with_self && neighbours < 2)
        throw Error(Exit::config, "CF-CFG-12",
                    "gravnet of variant pyg needs hits.neighbours of at least 2",
                    "it counts the hit itself; 8 is the default");
    return c;
}
}  // namespace calofuse
