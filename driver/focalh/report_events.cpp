#include "driver/focalh/report_events.hpp"

#include <fmt/format.h>

#include "io/focalh/event_quality.hpp"
#include "io/store/store.hpp"
#include "runtime/error.hpp"

namespace calofuse {
ReportEvents read_report_events(ReportData const& data)
{
    ReportEvents out;
    auto const left_out = [](std::string const& why) {
        return "Mean images and event displays are left out: " + why;
    };
    try {
        out.events = read_store(data.store);
    } catch (Error const& e) {
        out.why_not = left_out(e.what());
        return out;
    }
    // A store without its manifest has no digest: then there is nothing to compare.
    bool const known = !out.events->sha256.empty() && !data.store_sha256.empty();
    if (known && out.events->sha256 != data.store_sha256) {
        out.why_not =
            left_out(fmt::format("{} is not the store that the run was trained on (its "
                                 "digest differs).",
                                 calofuse::quoted(data.store)));
        out.events.reset();
        return out;
    }
    ChannelMap const map = FocalhEvents(*out.events).map;
    set_focalh_constants(*out.events, map, pedestals_of(*out.events));
    return out;
}
}  // namespace calofuse
