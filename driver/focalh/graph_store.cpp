#include "driver/focalh/graph_store.hpp"

#include <fmt/format.h>

#include "models/focalh/hit_options.hpp"

namespace calofuse {
namespace {
template <class T>
std::span<T const> part(std::span<T const> column, std::int64_t begin, std::int64_t count)
{
    return column.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
}

/// In the order of `append`.
std::vector<ColumnSpec> columns()
{
    auto const feature_names = hit_feature_names();
    std::vector<std::string> const features(feature_names.begin(), feature_names.end());
    std::string const unit = fmt::format("{:.9g} mm", kMillimetresPerPositionUnit);
    std::vector<ColumnSpec> const events = focalh_columns();
    return {{.name = "edges.source", .dtype = DType::i32},
            {.name = "edges.target", .dtype = DType::i32},
            events[1],
            {.name = "hits.energy", .unit = "ADC"},
            {.name = "hits.position", .shape = {2}, .unit = unit, .names = {"x", "y"}},
            {.name = "hits.x", .shape = {kNumHitFeatures}, .names = features},
            events[2]};
}

}  // namespace

GraphStore::GraphStore(std::string const& path, FocalhEvents const& events, Overwrite overwrite)
    : events_(events), writer_(path, columns(), {.overwrite = overwrite})
{}

void GraphStore::append(HitGraphs const& g, std::int64_t begin, std::int64_t count)
{
    hits_.assign(g.row_ptr.begin(), g.row_ptr.end());
    edges_.clear();
    source_.clear();
    target_.clear();
    for (std::size_t b = 0; b + 1 < g.row_ptr.size(); ++b) {
        std::int32_t const first = g.row_ptr[b];
        edges_.push_back(std::ssize(source_));
        for (std::int32_t hit = first; hit < g.row_ptr[b + 1]; ++hit)
            for (auto e = static_cast<std::size_t>(g.edge_ptr[static_cast<std::size_t>(hit)]);
                 e < static_cast<std::size_t>(g.edge_ptr[static_cast<std::size_t>(hit + 1)]); ++e) {
                source_.push_back(g.source[e] - first);
                target_.push_back(hit - first);
            }
    }
    edges_.push_back(std::ssize(source_));
    writer_.append(
        {.file_id = part(events_.file_id, begin, count),
         .event_index = part(events_.event_index, begin, count),
         .columns = {std::as_bytes(std::span(source_)), std::as_bytes(std::span(target_)),
                     std::as_bytes(part(events_.energy_gev, begin, count)), std::as_bytes(g.energy),
                     std::as_bytes(g.position), std::as_bytes(g.x),
                     std::as_bytes(part(events_.label, begin, count))},
         .start = {{"edges", edges_}, {"hits", hits_}}});
}

std::string GraphStore::finish(HitOptions const& options, Manifest const& inputs)
{
    Dataset rest;
    rest.files = events_.data.files;
    rest.file_columns = events_.data.file_columns;
    auto const add = [&]<class T>(ColumnSpec spec, T value) {
        std::string const name = spec.name;
        rest.constants[name] = make_column<T>(std::move(spec), std::span<T const>(&value, 1));
    };
    std::vector<std::string> rules;
    for (int r = 0; r <= static_cast<int>(options.rule); ++r)
        rules.emplace_back(name_of(static_cast<HitRule>(r)));
    add({.name = "hits_rule", .names = rules}, static_cast<std::uint8_t>(options.rule));
    add({.name = "hits_threshold_adc", .unit = "ADC"}, options.threshold_adc);
    add({.name = "hits_min_sum_adc", .unit = "ADC"}, options.min_sum_adc);
    add({.name = "hits_neighbours"}, std::int64_t{options.neighbours});
    add({.name = "hits_symmetrise"}, static_cast<std::uint8_t>(options.symmetrise));
    return writer_.finish(rest, inputs);
}
}  // namespace calofuse
