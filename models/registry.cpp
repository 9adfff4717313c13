#include "models/registry.hpp"

#include "models/focalh/hybrid.hpp"
#include "models/hit_network.hpp"

namespace calofuse {
namespace {
constexpr ModelEntry kModels[] = {
    {"hybrid", "nine small CNNs, a graph network over the modules, an MLP with the total energy",
     hybrid_schema, make_hybrid},
    {"gat", "graph attention on the hits of an event (Velickovic et al.)", gat_schema, make_gat},
    {"gatv2", "graph attention whose scores see both ends at once (Brody et al.)", gatv2_schema,
     make_gatv2},
    {"edge_conv", "EdgeConv on the hits of an event, as in DGCNN", edge_conv_schema,
     make_edge_conv},
    {"gcn", "graph convolutions of Kipf and Welling on the hits of an event", gcn_schema, make_gcn},
    {"gravnet", "hits that gather from their neighbours in a learned space", gravnet_schema,
     make_gravnet},
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
