/// \file models/hit_network.hpp
/// Event classifiers on graphs of hits that are built from the raw ADC words inside every step:
///   h <- dropout(elu(layer_norm(convolution(h)))) + shortcut(h)    `layers` times
///   logit = linear(dropout(elu(linear(readout(h)))))
/// shortcut = identity where the widths agree, else a linear map without bias. The convolution is
/// what makes a gat, gatv2, edge_conv, gcn or gravnet of it (models/layers/hit_convolution.hpp).
/// The events of a batch do not know of each other: an event alone gets the same bits as in a batch.
#pragma once

#include "models/layers/hit_convolution.hpp"
#include "models/model.hpp"

namespace calofuse {
struct HitNetworkConfig {
    HitOptions hits;
    layers::HitConvolutionOptions convolution;
    std::int64_t layers = 3;
    ReadoutKind readout = ReadoutKind::mean_max_log_sum;
    bool attention_readout = false;  ///< instead: a mean with learned weights
    std::int64_t head = 128;         ///< width of the dense layer before the logit
    float dropout = 0.2F;            ///< of each block and before the logit
    std::uint64_t seed = 1;
};

class HitNetwork : public Model {
  public:
    HitNetwork(Context& ctx, HitNetworkConfig config);

    Var forward(Tape& tape, EventBatch const& batch) const override;
    std::int64_t events_per_pass() const override;

    /// From graphs that exist already; `hidden` receives the output of each block, `attention` the
    /// weights of each layer, if they are given.
    Var forward_graph(Tape& tape,
                      layers::HitGraph const& graph,
                      std::vector<Var>* hidden = nullptr,
                      std::vector<layers::AttentionOutput>* attention = nullptr) const;
    HitNetworkConfig const& config() const { return config_; }

  private:
    struct Block {
        layers::HitConvolutionWeights convolution;
        layers::LayerNormWeights norm;
        layers::LinearWeights shortcut;  ///< unused where the widths agree
        bool identity = false;
    };
    HitNetworkConfig config_;
    std::vector<Block> blocks_;
    layers::LinearWeights gate_, head0_, head1_;
};

OptionSchema gat_schema();
OptionSchema gatv2_schema();
OptionSchema edge_conv_schema();
OptionSchema gcn_schema();
OptionSchema gravnet_schema();
std::unique_ptr<Model> make_gat(Context& ctx, Options const& options, std::uint64_t seed);
std::unique_ptr<Model> make_gatv2(Context& ctx, Options const& options, std::uint64_t seed);
std::unique_ptr<Model> make_edge_conv(Context& ctx, Options const& options, std::uint64_t seed);
std::unique_ptr<Model> make_gcn(Context& ctx, Options const& options, std::uint64_t seed);
std::unique_ptr<Model> make_gravnet(Context& ctx, Options const& options, std::uint64_t seed);
}  // namespace calofuse
