#include "models/registry.hpp"

#include "models/hybrid.hpp"

namespace calofuse {
namespace {
constexpr ModelEntry kModels[] = {
    {"hybrid", "nine small CNNs, a graph network over the modules, an MLP with the total energy",
     hybrid_schema, make_hybrid},
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
