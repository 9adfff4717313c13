#include "models/hit_network.hpp"

namespace calofuse {
namespace {
/// A pass of 32 events of 40 hits writes tensors of 650 KB, which the next operator finds in the
/// cache of its core. With gat on batches of 1,024, passes of 8 to 64 events measure alike.
constexpr std::int64_t kEventsPerPass = 32;

/// Of its parameters: both kinds of attention are called gat, as in the reference.
char const* name_of(layers::HitConvolution kind)
{
    constexpr char const* kNames[] = {"gat", "gat", "edge_conv", "gcn", "gravnet"};
    return kNames[static_cast<int>(kind)];
}
}  // namespace

HitNetwork::HitNetwork(Context& ctx, HitNetworkConfig config) : config_(std::move(config))
{
    auto const add_linear = [&](std::string const& name, std::int64_t in, std::int64_t out) {
        layers::LinearWeights w;
        w.kernel = parameters_.add({name + ".kernel", {in, out}, Init::torch_uniform});
        w.out = out;
        return w;
    };
    std::int64_t in = kNumHitFeatures;
    for (std::int64_t l = 0; l < config_.layers; ++l) {
        std::string const number = std::to_string(l);
        Block block;
        block.convolution =
            layers::add_hit_convolution(parameters_, name_of(config_.convolution.kind) + number,
                                        config_.convolution, in, l == config_.layers - 1);
        std::int64_t const out = block.convolution.out;
        block.norm.gamma = parameters_.add({"norm" + number + ".gamma", {out}, Init::ones});
        block.norm.beta = parameters_.add({"norm" + number + ".beta", {out}, Init::zeros});
        block.identity = in == out;
        if (!block.identity) block.shortcut = add_linear("shortcut" + number, in, out);
        blocks_.push_back(block);
        in = out;
    }
    bool const gated = config_.attention_readout;
    if (gated) {
        gate_ = add_linear("gate", in, 1);
        gate_.bias = parameters_.add({"gate.bias", {1}, Init::torch_uniform, in});
    }
    std::int64_t const read = gated ? in : readout_width(config_.readout, in);
    head0_ = add_linear("head0", read, config_.head);
    head0_.bias = parameters_.add({"head0.bias", {config_.head}, Init::torch_uniform, read});
    head1_ = add_linear("head1", config_.head, 1);
    head1_.bias = parameters_.add({"head1.bias", {1}, Init::torch_uniform, config_.head});
    parameters_.allocate(ctx, config_.seed);
}

std::int64_t HitNetwork::events_per_pass() const
{
    return kEventsPerPass;
}

Var HitNetwork::forward_graph(Tape& tape,
                              layers::HitGraph const& graph,
                              std::vector<Var>* hidden,
                              std::vector<layers::AttentionOutput>* attention) const
{
    // Numbers of the dropout layers, part of the keys of their random words: two a block, one last.
    std::uint32_t number = 0;
    auto const next_dropout = [&](float rate) {
        return layers::DropoutLayer{rate, config_.seed, number++};
    };
    TensorRef const row_ptr = graph.row_ptr;
    Var x{graph.x, {}};
    if (attention != nullptr) attention->assign(blocks_.size(), {});
    if (hidden != nullptr) hidden->clear();
    for (std::size_t l = 0; l < blocks_.size(); ++l) {
        Block const& block = blocks_[l];
        Var const shortcut =
            block.identity ? x
                           : layers::linear(tape, parameters_, x, block.shortcut, false, row_ptr);
        layers::DropoutLayer const of_attention =
            next_dropout(config_.convolution.attention_dropout);
        Var const z = layers::hit_convolution(tape, parameters_, x, graph, config_.convolution,
                                              block.convolution, of_attention,
                                              attention == nullptr ? nullptr : &(*attention)[l]);
        x = layers::norm_block(tape, parameters_, z, block.norm, shortcut,
                               next_dropout(config_.dropout), row_ptr);
        if (hidden != nullptr) hidden->push_back(x);
    }
    Var h = config_.attention_readout
                ? layers::attention_readout(tape, parameters_, x, gate_, row_ptr)
                : layers::hit_readout(tape, x, config_.readout, row_ptr);
    h = layers::activation(tape, layers::linear(tape, parameters_, h, head0_), Activation::elu, 1);
    h = layers::dropout(tape, h, next_dropout(config_.dropout));
    return layers::linear(tape, parameters_, h, head1_);
}

Var HitNetwork::forward(Tape& tape, EventBatch const& batch) const
{
    return forward_graph(tape, layers::event_graph(tape, batch, config_.hits,
                                                   layers::edges_of(config_.convolution)));
}
}  // namespace calofuse
