/// \file driver/commands/config.cpp
/// The resolved settings, as TOML that --config reads back, or as JSON.
#include <nlohmann/json.hpp>

#include "driver/cli/settings.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "io/config_file.hpp"
#include "io/focalh/simulator/parameters.hpp"
#include "models/registry.hpp"

namespace calofuse::commands {
int config_dump(Session const& session)
{
    // Every section, that of the default model too: all commands read back what was dumped.
    OptionSchema extra = find_model(TrainArgs{}.model).schema();
    OptionSchema const simulator = simulator_schema();
    extra.insert(extra.end(), simulator.begin(), simulator.end());
    Options const options = resolve_settings(session, extra);
    if (!session.global.json) {
        std::string const text = dump_toml(with_extra(extra), options);
        print_line(std::string_view(text).substr(0, text.size() - 1));  // it ends its last line
        return 0;
    }
    Json document;
    for (auto const& [key, value] : options.all()) {
        std::size_t const dot = key.find('.');
        auto& entry = document[key.substr(0, dot)][key.substr(dot + 1)];
        std::visit([&](auto const& v) { entry = v; }, value);
    }
    print_json(document);
    return 0;
}
}  // namespace calofuse::commands
