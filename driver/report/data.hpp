/// \file driver/report/data.hpp
/// What a finished run left in its directory, read strictly: config.toml, env.json, data.json,
/// metrics.jsonl, summary.json and predictions_test.csv.
/// Errors: CF-RUN-02 no run directory, or a file of it is missing (66), -03 not valid JSON or TOML
/// (65), -07 a field is missing or of the wrong type (65), -08 a row of the predictions is wrong
/// (65), -09 a file is too large to be one of a run (65).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/event_set.hpp"

namespace calofuse {
/// One test event and what the network said about it.
struct Prediction {
    std::int32_t file_id = 0;
    std::int64_t event_index = 0;  ///< row in its raw file
    float score = 0;               ///< probability of electron, 0 .. 1
    Label label = Label::unknown;
    double energy_gev = 0;  ///< beam energy; 0 = unknown
};

/// A number per epoch; NaN where it was not written or not finite.
struct Curve {
    std::vector<double> epoch, value;
    bool empty() const { return epoch.empty(); }
};

struct Metric {
    std::string split, name;
    Curve curve;
};

using NamedValues = std::vector<std::pair<std::string, std::string>>;
using NamedCounts = std::vector<std::pair<std::string, std::int64_t>>;
using NamedSeconds = std::vector<std::pair<std::string, double>>;

/// Numbers of one split as `train` printed them.
struct SplitResult {
    std::optional<double> loss, accuracy, auc;
};

struct ReportData {
    std::string run_dir;  ///< as given
    // summary.json
    std::string model, device, precision;
    std::int64_t epochs = 0, best_epoch = 0;
    double events_per_s = 0, wall_s = 0, data_wait_fraction = 0;
    SplitResult valid, test;
    NamedSeconds timing;
    // data.json
    std::string store, store_sha256;
    std::vector<SourceFile> files;
    std::int64_t num_events = 0;
    std::array<std::int64_t, 3> split = {};  ///< train, valid, test
    NamedCounts dropped;                     ///< by reason
    std::int64_t empty_triggers = 0;
    std::int64_t clipped = 0;  ///< events with a value moved into the range
    // env.json and config.toml, flattened: {"versions.hdf5", "1.10.8"}, {"train.epochs", "10"}
    NamedValues environment, settings;
    std::vector<Metric> metrics;  ///< in order of first appearance
    std::vector<Prediction> predictions;
    std::int64_t bad_metric_rows = 0;  ///< values that are not finite

    /// Empty where there is no such metric.
    Curve curve(std::string const& split_name, std::string const& name) const;
    /// "" where there is no such entry.
    std::string environment_value(std::string const& key) const;
};

/// `run_dir` as the user gave it: it appears in messages.
ReportData read_run(std::string const& run_dir);

/// The predictions alone (for event displays). Columns by name, in any order.
std::vector<Prediction> read_predictions(std::string const& path);
}  // namespace calofuse
