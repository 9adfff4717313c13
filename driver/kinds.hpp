/// \file driver/kinds.hpp
/// What a detector adds to the program: one table, a row per kind of store. Generic code asks it and
/// knows no detector.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "driver/report/data.hpp"
#include "driver/report/page.hpp"
#include "driver/train/checkpoint.hpp"
#include "driver/train/session.hpp"
#include "runtime/context.hpp"
#include "runtime/dataset.hpp"

namespace calofuse {
/// What a detector has to say in a report.
struct ReportPart {
    std::vector<Section> sections;
    std::vector<std::string> warnings;  ///< one line each: what had to be left out
    bool images = false;                ///< pictures of events are there
};

struct Kind {
    char const* name;  ///< Dataset::kind
    /// Before a training: constants of the store that settings replace (pedestals).
    void (*prepare)(Dataset& data, Options const& settings);
    /// A restored model meets a store: which run conditions hold is decided here, on its states.
    void (*adopt)(Session const& session,
                  Checkpoint const& checkpoint,
                  Dataset const& data,
                  Parameters& parameters);
    ReportPart (*report)(ReportData const& data);
    /// About so many made-up events, to time networks on; null: it has none.
    Dataset (*example)(Context const& ctx, std::int64_t events);
};

/// "columns" for kinds that the program does not know.
Kind const& kind_named(std::string const& name);
inline Kind const& kind_of(Dataset const& data)
{
    return kind_named(data.kind);
}
/// Those of the first kind that has some.
Dataset example_events(Context const& ctx, std::int64_t events);
}  // namespace calofuse
