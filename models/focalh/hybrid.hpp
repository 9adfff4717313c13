/// \file models/focalh/hybrid.hpp
/// The hybrid of nine CNNs and a graph network. Per module m of the detector
///   conv 3x3 (1 -> C) BN LReLU, conv 3x3 (C -> C) BN LReLU, max-pool 2x2, dropout,
///   dense D, BN, LReLU, dropout, dense U with ReLU;
/// the nine U-vectors are the nodes of a constant graph: `gnn_layers` graph convolutions, a readout,
/// the standardised total energy appended, dense H with ReLU, dropout, dense 1 = logit (or as many outputs as the task has).
/// Keras and Spektral semantics (golden vectors: tests/golden). Defaults: 774,849 weights and
/// 4,608 batch-norm statistics; the nine CNNs alone have 758,656 of both.
#pragma once

#include "kernels/graph/adjacency.hpp"
#include "kernels/graph/readout.hpp"
#include "models/focalh/adc_input.hpp"
#include "models/focalh/modules.hpp"
#include "models/layers/dense_graph.hpp"
#include "models/model.hpp"

namespace calofuse {
struct HybridConfig {
    std::int64_t filters = 64, dense = 128, embedding = 64, head = 64;
    std::int64_t gnn_layers = 2, gnn_units = 64, gat_heads = 4;
    bool share_outer = false;  ///< one set of CNN weights for the eight 5x5 modules
    layers::DenseGraphKind gnn = layers::DenseGraphKind::gcs;
    GridNeighbours adjacency = GridNeighbours::eight;
    ReadoutKind readout = ReadoutKind::mean;  ///< mean, max or sum
    float conv_dropout = 0.3F, dense_dropout = 0.4F, head_dropout = 0.3F;
    float leaky_slope = 0.3F;
    layers::NormRule norm = {};
    Init init = Init::glorot_uniform;  ///< Keras' rule, or torch_uniform
    InputScale scaling = InputScale::asinh;
    float asinh_scale = 20.0F;  ///< ADC counts
    std::int64_t outputs = 1;   ///< of the last dense layer, as the task wants them
    std::uint64_t seed = 1;     ///< of initial weights and dropout
};

class Hybrid final : public Model {
  public:
    Hybrid(Context& ctx, HybridConfig const& config);
    std::vector<std::string> columns() const override { return AdcInput::columns(); }
    void fit(Dataset const& data, std::span<std::int32_t const> rows) override
    {
        input_.fit(parameters_, data, rows);
    }
    void bind(Dataset const& data) override { input_.bind(data); }
    Output forward(Tape& tape, Batch const& batch) const override;

    /// From cell values and energies that are already scaled: (B, outputs).
    Var forward_cells(Tape& tape, AdcInput::Cells const& input) const;

    /// Replaces the adjacency (9, 9) that the config names; normalised as its layer wants it.
    void set_adjacency(std::span<float const> a) { adjacency_.upload(a); }

  private:
    HybridConfig config_;
    layers::ModuleCnn cnn_;
    layers::ModuleDense dense_;
    std::vector<layers::DenseGraph> graph_;
    layers::Linear head0_, head1_;
    AdcInput input_;
    Buffer<float> adjacency_;
};

/// Settings `model.*`, `input.*` and the model they make.
OptionSchema hybrid_schema();
std::unique_ptr<Model> make_hybrid(Context& ctx,
                                   Dataset const& data,
                                   Task const& task,
                                   Options const& options,
                                   std::uint64_t seed);
}  // namespace calofuse
