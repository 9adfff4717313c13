#include "io/graph_file.hpp"

#include <filesystem>
#include <optional>

#include "io/hdf5/column.hpp"
#include "io/store/store.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kChunkRows = 16384;
constexpr std::int64_t kFeatureChunkRows = 2048;

struct Columns {
    h5::Group events, nodes, edges;
    h5::Column<std::int64_t> node_ptr;
    h5::Column<std::uint8_t> label;
    h5::Column<float> energy_gev;
    h5::Column<std::uint16_t> file_id;
    h5::Column<std::uint32_t> event_index;
    h5::Column<float> x, position, energy;
    h5::Column<std::int64_t> edge_ptr;
    h5::Column<std::uint8_t> edge_src;

    Columns(h5::File const& file, std::int64_t num_features, std::string const& path)
        : events(h5::create_group(file, "events", path))
        , nodes(h5::create_group(file, "nodes", path))
        , edges(h5::create_group(file, "edges", path))
        , node_ptr(file, "events/node_ptr", {0, kChunkRows}, path)
        , label(file, "events/label", {0, kChunkRows}, path)
        , energy_gev(file, "events/energy_gev", {0, kChunkRows}, path)
        , file_id(file, "events/file_id", {0, kChunkRows}, path)
        , event_index(file, "events/event_index", {0, kChunkRows}, path)
        , x(file, "nodes/x", {num_features, kFeatureChunkRows}, path)
        , position(file, "nodes/position", {2, kChunkRows}, path)
        , energy(file, "nodes/energy", {0, kChunkRows}, path)
        , edge_ptr(file, "nodes/edge_ptr", {0, kChunkRows}, path)
        , edge_src(file, "edges/edge_src", {0, kChunkRows}, path)
    {
        std::int64_t const zero = 0;
        node_ptr.add({&zero, 1});
        edge_ptr.add({&zero, 1});
    }
    void flush()
    {
        node_ptr.flush();
        label.flush();
        energy_gev.flush();
        file_id.flush();
        event_index.flush();
        x.flush();
        position.flush();
        energy.flush();
        edge_ptr.flush();
        edge_src.flush();
    }
};

/// Ends of the ranges of `ptr`, counted on from `begin`.
std::vector<std::int64_t> ends_from(std::int64_t begin, std::span<std::int32_t const> ptr)
{
    std::vector<std::int64_t> out;
    for (std::int32_t const end : ptr.subspan(1))
        out.push_back(begin + end);
    return out;
}
}  // namespace

struct GraphFileWriter::State {
    AtomicFile output;
    AtomicFile manifest;
    h5::File file;
    std::optional<Columns> columns;  ///< gone before the file is closed
    std::int64_t num_features;
    std::int64_t num_nodes = 0, num_edges = 0;

    State(std::string const& path, std::int64_t features, Overwrite overwrite)
        : output(path, overwrite)
        , manifest(manifest_path_of(path), overwrite)
        , file(h5::create_file(output.temp_path(), path))
        , columns(std::in_place, file, features, path)
        , num_features(features)
    {}
};

GraphFileWriter::GraphFileWriter(std::string path, std::int64_t num_features, Overwrite overwrite)
    : state_(std::make_unique<State>(path, num_features, overwrite))
{}
GraphFileWriter::~GraphFileWriter() = default;

void GraphFileWriter::append(GraphBlock const& block)
{
    State& s = *state_;
    std::int64_t const events = std::ssize(block.row_ptr) - 1;
    std::int64_t const nodes = block.row_ptr.back();
    std::int64_t const edges = block.edge_ptr.back();
    CALOFUSE_CHECK(
        std::ssize(block.label) == events && std::ssize(block.energy_gev) == events
            && std::ssize(block.file_id) == events && std::ssize(block.event_index) == events
            && std::ssize(block.x) == nodes * s.num_features
            && std::ssize(block.position) == 2 * nodes && std::ssize(block.energy) == nodes
            && std::ssize(block.edge_ptr) == nodes + 1 && std::ssize(block.source) == edges,
        "block of unequal columns");
    std::vector<std::uint8_t> from;
    for (std::size_t b = 0; b + 1 < block.row_ptr.size(); ++b)
        for (auto e = block.edge_ptr[static_cast<std::size_t>(block.row_ptr[b])];
             e < block.edge_ptr[static_cast<std::size_t>(block.row_ptr[b + 1])]; ++e)
            from.push_back(static_cast<std::uint8_t>(block.source[static_cast<std::size_t>(e)]
                                                     - block.row_ptr[b]));
    Columns& c = *s.columns;
    c.node_ptr.add(ends_from(s.num_nodes, block.row_ptr));
    c.label.add(block.label);
    c.energy_gev.add(block.energy_gev);
    c.file_id.add(block.file_id);
    c.event_index.add(block.event_index);
    c.x.add(block.x);
    c.position.add(block.position);
    c.energy.add(block.energy);
    c.edge_ptr.add(ends_from(s.num_edges, block.edge_ptr));
    c.edge_src.add(from);
    s.num_nodes += nodes;
    s.num_edges += edges;
}

std::string GraphFileWriter::finish(
    std::vector<std::pair<std::string, std::string>> const& attributes, Manifest const& inputs)
{
    State& s = *state_;
    std::string const& path = s.output.path();
    s.columns->flush();
    s.columns.reset();
    h5::write_attribute(s.file, "format_version", std::int64_t{kGraphFileVersion}, path);
    h5::write_attribute(s.file, "creator", std::string("CaloFuse " CALOFUSE_VERSION), path);
    for (auto const& [name, value] : attributes)
        h5::write_attribute(s.file, name.c_str(), value, path);
    h5::close_file(s.file, path);
    std::string digest = sha256_of_file(s.output.temp_path());
    Manifest manifest = {{digest, std::filesystem::path(path).filename().string()}};
    manifest.insert(manifest.end(), inputs.begin(), inputs.end());
    s.manifest.write(manifest_text(manifest));
    s.output.commit();
    s.manifest.commit();
    return digest;
}
}  // namespace calofuse
