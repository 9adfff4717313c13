/// \file driver/focalh/report_hits.hpp
/// What the report says of networks on hits: score and right decisions against the number of hits.
/// Other networks have none of it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "driver/focalh/hit_view.hpp"
#include "driver/focalh/predictions.hpp"
#include "driver/judge/statistics.hpp"
#include "driver/report/data.hpp"
#include "driver/report/page.hpp"

namespace calofuse {
/// The network of a run on hits, to look at its events with.
struct ReportHits {
    std::unique_ptr<Context> ctx;
    std::unique_ptr<HitViewer> viewer;  ///< null: the model makes no hits, or `why_not`
    std::string why_not;                ///< one sentence, where it should have made some

    bool asked() const { return viewer != nullptr || !why_not.empty(); }
};

/// `events` may be null; else it is the store of the run and must outlive the result. A checkpoint
/// that is gone or damaged is no error, but said.
ReportHits read_report_hits(ReportData const& data, FocalhEvents const* events);

/// Test events with `low` .. `high` hits.
struct HitBin {
    struct Class {
        Efficiency correct;
        /// Means over the events, and the standard error of the score's; NaN without events.
        double hits = 0, score = 0, score_error = 0;
    };
    std::int32_t low = 0, high = 0;
    Class by_label[2];  ///< hadron, electron

    /// "2 – 7"
    std::string range() const;
};

/// Number of hits of each prediction's event; -1 where the store does not have it.
std::vector<std::int32_t> hits_of(std::span<Prediction const> predictions,
                                  FocalhEvents const& events,
                                  HitViewer& viewer);

/// Events without hits and with one hit have bins of their own, the others about ten of like
/// numbers of events. Without labels or hits (-1) they take no part. `hits`: one a prediction.
std::vector<HitBin> hit_bins(std::span<Prediction const> predictions,
                             std::span<std::int32_t const> hits,
                             float threshold);

Svg score_by_hits_plot(std::span<HitBin const> bins);
Svg right_by_hits_plot(std::span<HitBin const> bins);
Svg num_hits_plot(std::span<Prediction const> predictions, std::span<std::int32_t const> hits);

/// The section of the page; `hits` must be `asked`.
Section hits_section(std::span<Prediction const> predictions,
                     FocalhEvents const* events,
                     ReportHits const& hits);

/// What to say below pictures of events with hits.
std::string hits_caption(HitViewer const& viewer);
}  // namespace calofuse
