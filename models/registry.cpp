#include "models/registry.hpp"

#include "models/fcn.hpp"
#include "models/focalh/hit_options.hpp"
#include "models/focalh/hits.hpp"
#include "models/focalh/hybrid.hpp"
#include "models/hit_network.hpp"
#include "models/layers/ragged_points.hpp"
#include "models/quark_gluon.hpp"

namespace calofuse {
namespace {
/// A network on points takes them from what the store holds: hits in raw ADC rows, or a ragged table.
template <Convolution convolution>
OptionSchema on_points_schema()
{
    OptionSchema out = hit_schema();
    for (OptionSchema const& more :
         {schema_of(layers::RaggedPointsConfig{}), hit_network_schema(convolution)})
        out.insert(out.end(), more.begin(), more.end());
    return out;
}

template <Convolution convolution>
std::unique_ptr<Model> make_on_points(
    Context& ctx, Dataset const& data, Task const& task, Options const& options, std::uint64_t seed)
{
    std::unique_ptr<layers::Points> points;
    std::int64_t neighbours = 0;
    if (data.kind == "focalh") {
        HitOptions const hits = hit_options(options);
        neighbours = hits.neighbours;
        points = std::make_unique<FocalHits>(hits);
    } else {
        auto const config = read_settings(layers::RaggedPointsConfig{}, options);
        neighbours = config.edges.neighbours;
        points = std::make_unique<layers::RaggedPoints>(config, data);
    }
    return std::make_unique<HitNetwork>(
        ctx, hit_network_config(convolution, options, neighbours, task.width(), seed),
        std::move(points));
}

template <Convolution convolution>
constexpr ModelEntry on_points(char const* name, char const* help)
{
    return {name, help, on_points_schema<convolution>, make_on_points<convolution>};
}

constexpr ModelEntry kModels[] = {
    {"hybrid", "nine small CNNs, a graph network over the modules, an MLP with the total energy",
     hybrid_schema, make_hybrid},
    on_points<Convolution::gat>("gat",
                                "graph attention on the points of an event (Velickovic et al.)"),
    on_points<Convolution::gatv2>(
        "gatv2", "graph attention whose scores see both ends at once (Brody et al.)"),
    on_points<Convolution::edge_conv>("edge_conv",
                                      "EdgeConv on the points of an event, as in DGCNN"),
    on_points<Convolution::gcn>("gcn",
                                "graph convolutions of Kipf and Welling on the points of an event"),
    on_points<Convolution::gravnet>("gravnet",
                                    "points that gather from their neighbours in a learned space"),
    {"fcn", "twelve dense layers on a table of numbers (pd4ml)", fcn_schema, make_fcn},
    {"quark_gluon", "jet images and a few numbers: a small CNN and dense layers",
     quark_gluon_schema, make_quark_gluon},
};
}  // namespace

std::span<ModelEntry const> all_models()
{
    return kModels;
}

ModelEntry const& find_model(std::string const& name)
{
    std::string known;
    for (ModelEntry const& entry : kModels) {
        if (entry.name == name) return entry;
        known += (known.empty() ? "" : ", ") + std::string(entry.name);
    }
    throw Error(Exit::config, "CF-CFG-10", "no model is called " + quoted(name),
                "models: " + known);
}
}  // namespace calofuse
