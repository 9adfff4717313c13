/// \file models/focalh/hybrid.hpp
/// The hybrid of nine CNNs and a graph network. Per module m of the detector
///   conv 3x3 (1 -> C) BN LReLU, conv 3x3 (C -> C) BN LReLU, max-pool 2x2, dropout,
///   dense D, BN, LReLU, dropout, dense U with ReLU;
/// the nine U-vectors are the nodes of a constant graph: `gnn_layers` graph convolutions, a readout,
/// the standardised total energy appended, dense H with ReLU, dropout, dense 1 = logit.
/// Keras and Spektral semantics (golden vectors: tests/golden). Defaults: 774,849 weights and
/// 4,608 batch-norm statistics; the nine CNNs alone have 758,656 of both.
#pragma once

#include <array>
#include <string>

#include "models/layers/calo.hpp"
#include "models/layers/dense.hpp"
#include "models/layers/graph.hpp"
#include "models/model.hpp"

namespace calofuse {
struct HybridConfig {
    std::int64_t filters = 64, dense = 128, embedding = 64, head = 64;
    std::int64_t gnn_layers = 2, gnn_units = 64, gat_heads = 4;
    bool share_outer = false;         ///< one set of CNN weights for the eight 5x5 modules
    std::string gnn = "gcs";          ///< gcs | gcn | gat
    std::string adjacency = "grid8";  ///< grid8 | grid4 | full
    std::string readout = "mean";     ///< mean | max | sum
    float conv_dropout = 0.3F, dense_dropout = 0.4F, head_dropout = 0.3F;
    float leaky_slope = 0.3F;
    layers::NormRule norm;
    bool torch_init = false;  ///< initial weights by PyTorch's rules instead of Keras'
    std::uint64_t seed = 1;   ///< of initial weights and dropout
};

class Hybrid final : public Model {
  public:
    Hybrid(Context& ctx, HybridConfig config);
    Var forward(Tape& tape, EventBatch const& batch) const override;

    /// The same from cell values and energies that are already scaled.
    Var forward_cells(Tape& tape, layers::CellInput const& input) const;

    /// Replaces the adjacency (9, 9) that the config names; normalised as its layer wants it.
    void set_adjacency(std::span<float const> a);

  private:
    void add_cnns();
    void add_dense_of_modules();
    void add_graph();
    void add_head();
    layers::LinearWeights add_linear(std::string const& name, std::int64_t in, std::int64_t out);
    Init kernel_init() const;
    Init bias_init() const;
    Var module_embeddings(Tape& tape, TensorRef cells) const;

    HybridConfig config_;
    std::vector<std::string> set_names_;  ///< "cnn0." .. "cnn8.", or "outer.", "centre."
    std::array<std::int32_t, kNumModules> set_of_module_{};
    layers::ModuleCnnGroups cnn_;
    layers::LinearWeights dense0_, dense1_, head0_, head1_;
    ParameterGroup gamma_, beta_;  ///< of the norm after dense0, one row a set
    StatisticsGroup dense_norm_;   ///< one row a module
    std::vector<layers::GraphWeights> graph_;
    Buffer<float> adjacency_;
    Buffer<std::int32_t> module_sets_;
};

/// Settings `model.*` and the model they make.
OptionSchema hybrid_schema();
std::unique_ptr<Model> make_hybrid(Context& ctx, Options const& options, std::uint64_t seed);
}  // namespace calofuse
