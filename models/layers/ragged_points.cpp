#include "models/layers/ragged_points.hpp"

#include "kernels/data/take_ragged.hpp"
#include "kernels/graph/csr.hpp"
#include "kernels/graph/edge_features.hpp"

namespace calofuse::layers {
namespace {
PointCloud symmetric(Tape& tape, PointCloud cloud)
{
    TensorRef const edge_ptr = cloud.edge_ptr, source = cloud.source;
    cloud.edge_ptr = tape.make_value(DType::i32, {edge_ptr.size()});
    cloud.source = tape.make_value(DType::i32, {2 * source.size()});
    record(tape, "csr", csr_symmetrise,
           {.row_ptr = cloud.row_ptr,
            .edge_ptr = edge_ptr,
            .source = source,
            .out_edge_ptr = cloud.edge_ptr,
            .out_source = cloud.source});
    return cloud;
}

std::string table_of(RaggedPointsConfig const& config, Dataset const& data)
{
    std::string known;
    for (auto const& [name, start] : data.start) {
        if (name == config.table) return name;
        known += (known.empty() ? "" : ", ") + name;
    }
    if (config.table.empty() && data.start.size() == 1) return known;
    if (data.start.empty())
        throw Error(Exit::data, "CF-MOD-02", "the store has no ragged table to take points from",
                    "it has " + data.describe_columns());
    throw Error(Exit::config, "CF-MOD-07",
                config.table.empty() ? "the store has several ragged tables"
                                     : "no ragged table is called " + quoted(config.table),
                "set points.table to one of: " + known);
}

/// Elements per row of `name`, which becomes the whole name of the column.
std::int64_t resolve(std::string& name,
                     std::string const& table,
                     Dataset const& data,
                     char const* key)
{
    name = table + "." + name;
    if (!data.has(name))
        throw Error(Exit::data, "CF-MOD-03",
                    "there is no column " + quoted(name) + " to take points from",
                    std::string("set ") + key + "; the store has " + data.describe_columns());
    Column const& column = data.at(name);
    if (column.spec.shape.size() > 1)
        throw Error(Exit::data, "CF-MOD-04",
                    "points need one row of numbers each, column is " + column.spec.describe(),
                    std::string("set ") + key + " to a column of one axis");
    return column.spec.row_size();
}

TensorRef taken(Tape& tape,
                Batch const& batch,
                std::string const& name,
                TensorRef row_ptr,
                std::int64_t width,
                TensorRef mean = {},
                TensorRef scale_inverse = {})
{
    ColumnRef const& column = batch.at(name);
    TensorRef const y = tape.make_value(DType::f32, {batch.capacity_of(name), width});
    record(tape, "take_ragged", take_ragged,
           {.row = batch.row,
            .first = column.first,
            .row_ptr = row_ptr,
            .data = column.data,
            .mean = mean,
            .scale_inverse = scale_inverse,
            .y = y});
    return y;
}
}  // namespace

PointCloud nearest_edges(
    Tape& tape, PointCloud cloud, NearestEdges const& options, Edges edges, TensorRef weight)
{
    if (edges == Edges::none) return cloud;
    cloud = with_edges(tape, cloud,
                       nearest(tape, cloud.row_ptr, cloud.position, options.neighbours, false));
    if (options.symmetrise) cloud = symmetric(tape, cloud);
    if (edges == Edges::plain) return cloud;
    CALOFUSE_CHECK(!weight.empty(), "features of edges need a weight of each point");
    cloud.edge_x = tape.make_value(DType::f32, {cloud.edges(), cloud.position.shape[1] + 2});
    record(tape, "edge_features", edge_features,
           {.x = cloud.position,
            .energy = weight,
            .row_ptr = cloud.row_ptr,
            .edge_ptr = cloud.edge_ptr,
            .source = cloud.source,
            .features = cloud.edge_x});
    return cloud;
}

void visit(Settings& settings, RaggedPointsConfig& c)
{
    settings("points.table", c.table, "ragged table of the points; empty: the only one");
    settings("points.features", c.features, "its column of features");
    settings("points.position", c.position, "its column of positions, where neighbours are near");
    settings("points.weight", c.weight, "its column of energies, for features of edges");
    settings("points.standardise", c.standardise, "features by mean and deviation");
    settings("points.neighbours", c.edges.neighbours, "nearest points that a point hears", 1, 64);
    settings("points.symmetrise", c.edges.symmetrise, "every edge in both directions");
}

RaggedPoints::RaggedPoints(RaggedPointsConfig const& config, Dataset const& data) : config_(config)
{
    config_.table = table_of(config, data);
    features_ = resolve(config_.features, config_.table, data, "points.features");
    dimensions_ = resolve(config_.position, config_.table, data, "points.position");
    if (!config_.weight.empty()) resolve(config_.weight, config_.table, data, "points.weight");
}

void RaggedPoints::add_states(Context&, Parameters& parameters)
{
    scaling_ = Standardise(parameters, "input", features_);
}

std::vector<std::string> RaggedPoints::columns() const
{
    std::vector<std::string> out = {config_.features, config_.position};
    if (!config_.weight.empty()) out.push_back(config_.weight);
    return out;
}

void RaggedPoints::fit(Parameters& parameters,
                       Dataset const& data,
                       std::span<std::int32_t const> rows)
{
    if (!config_.standardise) return;
    Column const& column = data.at(config_.features);
    auto const& start = data.start.at(config_.table);
    Moments moments(features_);
    for (auto const row : rows) {
        auto const r = static_cast<std::size_t>(row);
        for (std::int64_t p = start[r]; p < start[r + 1]; ++p)
            moments.add(column, p);
    }
    scaling_.set(parameters, moments.mean(), moments.spread());
}

PointCloud RaggedPoints::operator()(Tape& tape, Batch const& batch, Edges edges) const
{
    PointCloud cloud;
    cloud.row_ptr = tape.make_value(DType::i32, {batch.size() + 1});
    record(tape, "take_row_ptr", take_row_ptr,
           {.row = batch.row, .count = batch.at(config_.features).count, .row_ptr = cloud.row_ptr});
    Parameters const& parameters = tape.parameters();
    cloud.x.value = taken(tape, batch, config_.features, cloud.row_ptr, features_,
                          scaling_.mean(parameters), scaling_.scale_inverse(parameters));
    cloud.position = taken(tape, batch, config_.position, cloud.row_ptr, dimensions_);
    TensorRef weight;
    if (edges == Edges::with_features && !config_.weight.empty()) {
        weight = taken(tape, batch, config_.weight, cloud.row_ptr, 1);
        weight = weight.reshaped({weight.size()});
    }
    return nearest_edges(tape, cloud, config_.edges, edges, weight);
}
}  // namespace calofuse::layers
