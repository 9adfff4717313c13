/// \file driver/commands/doctor.cpp
/// What this program runs on: the first thing to ask for when something is odd.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/commands/commands.hpp"
#include "driver/version.hpp"

namespace calofuse::commands {
int doctor(Session const& session)
{
    nlohmann::ordered_json document;
    document["version"] = program_version();
    document["git"] = git_hash();
    for (auto const& [name, version] : library_versions())
        document["libraries"][name] = version;
    if (session.global.json)
        fmt::print("{}\n", document.dump(2));
    else
        fmt::print("{}", version_text());
    return 0;
}
}  // namespace calofuse::commands
