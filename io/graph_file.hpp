/// \file io/graph_file.hpp
/// Graphs of hits as one packed, ragged HDF5 file, and `FILE.h5.sha256` beside it. G events, N hits,
/// E edges in all:
///   /events/node_ptr    i64 (G + 1)  hits of event g: rows node_ptr[g] .. node_ptr[g + 1] - 1
///   /events/label       u8 (G)  0 hadron, 1 electron, 255 unknown     energy_gev f32 (G)
///   /events/file_id     u16 (G)      event_index u32 (G)   as in the store
///   /nodes/x            f32 (N, F)   features; their names are the attribute `features`
///   /nodes/position     f32 (N, 2)   in units of the attribute `position_unit_mm`
///   /nodes/energy       f32 (N)      ADC
///   /nodes/edge_ptr     i64 (N + 1)  edges into hit n: edge_ptr[n] .. edge_ptr[n + 1] - 1
///   /edges/edge_src     u8 (E)       hit that the edge comes from, counted from its event's first
/// Events without hits are there, with no rows. Attributes: format_version, creator, store_sha256 and
/// every setting `hits.*`. The same input gives the same bytes. Errors: CF-H5-21 (hdf5.hpp).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/sha256.hpp"

namespace calofuse {
inline constexpr int kGraphFileVersion = 1;

/// Graphs of some events, as the event_graph operator makes them.
struct GraphBlock {
    std::span<std::int32_t const> row_ptr;       ///< (B + 1) from 0
    std::span<std::uint8_t const> label;         ///< (B)
    std::span<float const> energy_gev;           ///< (B)
    std::span<std::uint16_t const> file_id;      ///< (B)
    std::span<std::uint32_t const> event_index;  ///< (B)
    std::span<float const> x;                    ///< (N, F)
    std::span<float const> position;             ///< (N, 2)
    std::span<float const> energy;               ///< (N)
    std::span<std::int32_t const> edge_ptr;      ///< (N + 1) from 0
    std::span<std::int32_t const> source;        ///< (E) rows of this block
};

class GraphFileWriter {
  public:
    GraphFileWriter(std::string path, std::int64_t num_features, Overwrite overwrite);
    ~GraphFileWriter();  ///< without `finish`, nothing is left

    void append(GraphBlock const& block);
    /// Writes the attributes, publishes the file, then its manifest: the file and `inputs`. Returns
    /// the digest of the file.
    std::string finish(std::vector<std::pair<std::string, std::string>> const& attributes,
                       Manifest const& inputs);

  private:
    struct State;
    std::unique_ptr<State> state_;
};
}  // namespace calofuse
