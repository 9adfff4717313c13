/// \file driver/commands/config.cpp
/// The resolved settings, as TOML that --config reads back, or as JSON.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/commands/commands.hpp"
#include "driver/settings.hpp"
#include "io/config_file.hpp"
#include "models/registry.hpp"

namespace calofuse::commands {
int config_dump(Session const& session)
{
    // With the settings of the default model, so that train reads back what was dumped.
    OptionSchema const extra = find_model(TrainArgs{}.model).schema();
    Options const options = resolve_settings(session, extra);
    if (!session.global.json) {
        fmt::print("{}", dump_toml(with_extra(extra), options));
        return 0;
    }
    nlohmann::ordered_json document;
    for (auto const& [key, value] : options.all()) {
        std::size_t const dot = key.find('.');
        auto& entry = document[key.substr(0, dot)][key.substr(dot + 1)];
        std::visit([&](auto const& v) { entry = v; }, value);
    }
    fmt::print("{}\n", document.dump(2));
    return 0;
}
}  // namespace calofuse::commands
