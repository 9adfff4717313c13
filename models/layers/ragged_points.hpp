/// \file models/layers/ragged_points.hpp
/// Points that are rows of a ragged table, with edges from the nearest ones.
#pragma once

#include "models/layers/points.hpp"
#include "models/layers/standardise.hpp"
#include "runtime/settings.hpp"

namespace calofuse::layers {
struct NearestEdges {
    std::int64_t neighbours = 8;  ///< k, 1 .. 64
    bool symmetrise = false;      ///< every edge also in the other direction
};

/// The edges that kernels/focalh/event_graph.hpp makes, of points of any kind: to each point from its
/// min(k, n - 1) nearest other ones in `cloud.position`, by (distance, index); with symmetrise also from
/// those that have it among theirs, and all in ascending order. Edge features (P + 2): position of the
/// source minus that of the target, distance, log of the ratio of `weight` (R), an energy or the like.
PointCloud nearest_edges(
    Tape& tape, PointCloud cloud, NearestEdges const& options, Edges edges, TensorRef weight = {});

struct RaggedPointsConfig {
    std::string table;                  ///< empty: the only ragged table of the store
    std::string features = "x";         ///< column of the table, (F) per row
    std::string position = "position";  ///< column of the table, (P) per row
    std::string weight;                 ///< column of one number per row, for features of edges
    bool standardise = true;  ///< features by their mean and deviation on the training events
    NearestEdges edges;
};
/// Settings `points.*`.
void visit(Settings& settings, RaggedPointsConfig& config);

/// Rows of a ragged table as points: features (x - mean) / deviation, positions as they are.
class RaggedPoints final : public Points {
  public:
    /// `data` tells which columns there are. Errors: CF-MOD-02 no table, -07 several to choose from, -03
    /// no such column in it (with what there is), -04 a column of the wrong shape.
    RaggedPoints(RaggedPointsConfig const& config, Dataset const& data);

    std::int64_t features() const override { return features_; }
    std::int64_t edge_features() const override { return dimensions_ + 2; }
    PointCloud operator()(Tape& tape, Batch const& batch, Edges edges) const override;
    void add_states(Context& ctx, Parameters& parameters) override;
    std::vector<std::string> columns() const override;
    void fit(Parameters& parameters,
             Dataset const& data,
             std::span<std::int32_t const> rows) override;
    void bind(Dataset const&) override {}

  private:
    RaggedPointsConfig config_;  ///< with whole names of columns
    std::int64_t features_ = 0, dimensions_ = 0;
    Standardise scaling_;
};
}  // namespace calofuse::layers
