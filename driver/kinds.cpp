#include "driver/kinds.hpp"

#include <algorithm>
#include <iterator>

#include "driver/focalh/example_events.hpp"
#include "driver/focalh/run_conditions.hpp"
#include "driver/focalh/sections.hpp"

namespace calofuse {
namespace {
void no_preparation(Dataset&, Options const&) {}
void no_conditions(Session const&, Checkpoint const&, Dataset const&, Parameters&) {}
ReportPart nothing_to_report(ReportData const&)
{
    return {};
}

constexpr Kind kKinds[] = {
    {"columns", no_preparation, no_conditions, nothing_to_report, nullptr},
    {"focalh", focalh::prepare, focalh::adopt, focalh::report_part, focalh::example_events},
};
constexpr Kind const* kExample =
    std::ranges::find_if(kKinds, [](Kind const& kind) { return kind.example != nullptr; });
static_assert(kExample != std::end(kKinds));
}  // namespace

Kind const& kind_named(std::string const& name)
{
    for (Kind const& kind : kKinds)
        if (kind.name == name) return kind;
    return kKinds[0];
}

Dataset example_events(Context const& ctx, std::int64_t events)
{
    return kExample->example(ctx, events);
}
}  // namespace calofuse
