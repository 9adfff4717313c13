#include "driver/commands/result.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace calofuse::commands {
void print_json(Json const& document)
{
    print_line(document.dump(2, ' ', false, Json::error_handler_t::replace));
}

void print_line(std::string_view text)
{
    // a failed write shows in ferror(stdout), which main looks at
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fputc('\n', stdout);
}

Json json_of(EventCounts const& counts)
{
    Json dropped = Json::object();
    for (int r = 0; r < kNumDropReasons; ++r)
        dropped[name_of(static_cast<DropReason>(r))] = counts.dropped[static_cast<std::size_t>(r)];
    return {{"read", counts.read},
            {"written", counts.written},
            {"dropped", dropped},
            {"clipped", counts.clipped}};
}

std::string text_of(EventCounts const& counts)
{
    std::string reasons;
    for (int r = 0; r < kNumDropReasons; ++r) {
        std::int64_t const n = counts.dropped[static_cast<std::size_t>(r)];
        if (n > 0)
            reasons += fmt::format("{}{} {}", reasons.empty() ? " (" : ", ", n,
                                   name_of(static_cast<DropReason>(r)));
    }
    if (!reasons.empty()) reasons += ")";
    return fmt::format("{} events read = {} written + {} dropped{}, {} clipped", counts.read,
                       counts.written, counts.num_dropped(), reasons, counts.clipped);
}

Json json_of_energy(float energy_gev)
{
    return energy_gev > 0 ? Json(energy_gev) : Json(nullptr);
}
}  // namespace calofuse::commands
