/// \file models/layers/points.hpp
/// Events as clouds of points: what the networks on points read, whatever the points are. Raw ADC rows
/// (models/focalh/hits.hpp) and ragged columns (models/layers/ragged_points.hpp) make them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/engine/batch.hpp"
#include "models/engine/tape.hpp"
#include "runtime/dataset.hpp"

namespace calofuse::layers {
/// A batch of clouds. R and E are capacities: row_ptr[B] points and edge_ptr[row_ptr[B]] edges exist.
struct PointCloud {
    TensorRef row_ptr;   ///< (B + 1) i32  points of event b
    Var x;               ///< (R, F)  f32  features
    TensorRef position;  ///< (R, P)  f32
    TensorRef edge_ptr;  ///< (R + 1) i32  incoming edges of a point; empty: no edges
    TensorRef source;    ///< (E)     i32  point that an edge comes from; empty: no edges
    TensorRef edge_x;    ///< (E, G)  f32  features of the edges; empty: not made

    std::int64_t events() const { return row_ptr.shape[0] - 1; }
    std::int64_t points() const { return x.value.shape[0]; }
    std::int64_t edges() const { return source.shape[0]; }
    /// The points with other features.
    PointCloud with(Var features) const
    {
        PointCloud out = *this;
        out.x = features;
        return out;
    }
};

/// What a network needs of the edges between near points.
enum class Edges : std::uint8_t { none, plain, with_features };

/// The input layer of a network on points.
class Points {
  public:
    Points() = default;
    Points(Points const&) = delete;
    Points& operator=(Points const&) = delete;
    virtual ~Points() = default;

    virtual std::int64_t features() const = 0;       ///< F
    virtual std::int64_t edge_features() const = 0;  ///< G
    virtual PointCloud operator()(Tape& tape, Batch const& batch, Edges edges) const = 0;

    // What the model that owns it hands on (models/model.hpp). States come behind its weights.
    virtual void add_states(Context& ctx, Parameters& parameters) = 0;
    virtual std::vector<std::string> columns() const = 0;
    virtual void fit(Parameters& parameters,
                     Dataset const& data,
                     std::span<std::int32_t const> rows) = 0;
    virtual void bind(Dataset const& data) = 0;
};

/// (R, k) nearest points of the same event in the space of `position` (R, P), without the point itself
/// or with it as the first; then -1.
TensorRef nearest(
    Tape& tape, TensorRef row_ptr, TensorRef position, std::int64_t k, bool itself_first);

/// `cloud` with an edge to each point from each of its (R, k) neighbours.
PointCloud with_edges(Tape& tape, PointCloud cloud, TensorRef neighbours);
}  // namespace calofuse::layers
