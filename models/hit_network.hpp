/// \file models/hit_network.hpp
/// Event classifiers on points, say the hits that are found in the raw ADC words inside every step:
///   h <- dropout(elu(layer_norm(convolution(h)))) + shortcut(h)    `layers` times
///   logit = linear(dropout(elu(linear(readout(h)))))
/// shortcut = identity where the widths agree, else a linear map without bias. The convolution is
/// what makes a gat, gatv2, edge_conv, gcn or gravnet of it (models/layers/attention.hpp, message.hpp).
/// The events of a batch do not know of each other: an event alone gets the same bits as in a batch.
#pragma once

#include <variant>

#include "models/layers/attention.hpp"
#include "models/layers/message.hpp"
#include "models/layers/norm.hpp"
#include "models/layers/readout.hpp"
#include "models/model.hpp"

namespace calofuse {
enum class Convolution : std::uint8_t { gat, gatv2, edge_conv, gcn, gravnet };

struct HitNetworkConfig {
    Convolution convolution = Convolution::gat;
    std::int64_t layers = 3;
    std::int64_t heads = 4, channels = 32;  ///< gat, gatv2; the last layer averages its heads
    bool edge_features = false;             ///< gat, gatv2
    float attention_dropout = 0;            ///< gat, gatv2
    std::int64_t width = 128;               ///< of the other convolutions
    EdgeAggregate aggregate = EdgeAggregate::max;  ///< edge_conv
    bool dynamic = false;                          ///< edge_conv: kNN in feature space
    std::int64_t neighbours = 8;                   ///< of dynamic edge_conv and gravnet
    std::int64_t space = 4, propagate = 22;        ///< gravnet
    GravNetVariant variant = GravNetVariant::pyg;  ///< gravnet
    layers::PointReadoutKind readout = layers::PointReadoutKind::mean_max_log_sum;
    std::int64_t head = 128;   ///< width of the dense layer before the logit
    float dropout = 0.2F;      ///< of each block and before the logit
    std::int64_t outputs = 1;  ///< of the last dense layer, as the task wants them
    std::uint64_t seed = 1;
};

/// Settings `model.*` of the network with this convolution. `neighbours` is where its points get it from.
OptionSchema hit_network_schema(Convolution convolution);
/// Throws CF-CFG-12 for settings that do not fit together.
HitNetworkConfig hit_network_config(Convolution convolution,
                                    Options const& options,
                                    std::int64_t neighbours,
                                    std::int64_t outputs,
                                    std::uint64_t seed);

class HitNetwork : public Model {
  public:
    HitNetwork(Context& ctx,
               HitNetworkConfig const& config,
               std::unique_ptr<layers::Points> points);

    std::vector<std::string> columns() const override { return points_->columns(); }
    void fit(Dataset const& data, std::span<std::int32_t const> rows) override
    {
        points_->fit(parameters_, data, rows);
    }
    void bind(Dataset const& data) override { points_->bind(data); }
    Output forward(Tape& tape, Batch const& batch) const override;
    std::int64_t events_per_part() const override;

    /// From points that exist already; `hidden` receives the output of each block, `attention` the
    /// weights of each layer, if they are given.
    Var forward_cloud(Tape& tape,
                      layers::PointCloud cloud,
                      std::vector<Var>* hidden = nullptr,
                      std::vector<layers::AttentionOutput>* attention = nullptr) const;
    HitNetworkConfig const& config() const { return config_; }
    layers::Points const& points() const { return *points_; }
    bool has_attention() const;
    /// Edges that its layers read. Where each layer searches its own neighbours: none.
    layers::Edges edges() const;

  private:
    using Layer = std::variant<layers::GatLayer,
                               layers::Gatv2Layer,
                               layers::EdgeConvLayer,
                               layers::GcnLayer,
                               layers::GravNetLayer>;
    struct Block {
        Layer convolution;
        layers::LayerNormBlock norm;
        std::optional<layers::Linear> shortcut;  ///< none where the widths agree
    };
    Layer add_convolution(std::string const& number, std::int64_t in, bool last);
    std::vector<Block> add_blocks();
    Var convolve(Tape& tape,
                 Layer const& convolution,
                 layers::PointCloud const& cloud,
                 layers::AttentionOutput* attention) const;

    HitNetworkConfig config_;
    std::unique_ptr<layers::Points> points_;
    std::vector<Block> blocks_;
    layers::PointReadout readout_;
    layers::Linear head0_, head1_;
};
}  // namespace calofuse
