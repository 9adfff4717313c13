/// \file driver/report/data.hpp
/// What a finished run left in its directory, read strictly: config.toml, env.json, data.json,
/// metrics.jsonl, summary.json and predictions_test.csv.
/// Errors: CF-RUN-02 no run directory, or a file of it is missing (66), -03 not valid JSON or TOML
/// (65), -07 a field is missing or of the wrong type (65), -09 a file is too large to be one of a run
/// (65); those of read_predictions and judge.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "driver/judge/judge.hpp"

namespace calofuse {
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

using NamedNumbers = std::vector<std::pair<std::string, double>>;

/// A source of the store, and what is the same for all its events: {"label", "signal"}.
struct RunFile {
    std::string path;
    std::int64_t num_events = 0;  ///< in the store
    NamedValues columns;
};

struct ReportData {
    std::string run_dir;  ///< as given
    // summary.json
    std::string model, device, precision;
    std::int64_t epochs = 0, best_epoch = 0;
    double events_per_s = 0, wall_s = 0, data_wait_fraction = 0;
    NamedNumbers valid, test;  ///< {"loss", 0.3}: as `train` printed them, where they are numbers
    NamedSeconds timing;
    // data.json
    std::string store, store_sha256;
    std::string kind;  ///< of the store (runtime/dataset.hpp)
    std::vector<RunFile> files;
    std::int64_t num_events = 0;
    std::array<std::int64_t, 3> split = {};      ///< train, valid, test
    NamedCounts dropped;                         ///< by reason
    std::optional<std::int64_t> empty_triggers;  ///< of a detector that has such
    std::int64_t clipped = 0;                    ///< events with a value moved into the range
    // env.json and config.toml, flattened: {"versions.hdf5", "1.10.8"}, {"train.epochs", "10"}
    NamedValues environment, settings;
    std::vector<Metric> metrics;  ///< in order of first appearance
    Task task;
    Predictions predictions;           ///< of the test part
    Judgement judgement;               ///< of these predictions
    std::int64_t bad_metric_rows = 0;  ///< values that are not finite

    /// Empty where there is no such metric.
    Curve curve(std::string const& split_name, std::string const& name) const;
    /// "" where there is no such entry.
    std::string environment_value(std::string const& key) const;
};

/// NaN where there is no such number.
double number_of(NamedNumbers const& numbers, std::string const& name);

/// What the run was trained for, as its summary.json says.
Task task_of_run(std::string const& run_dir);

/// `run_dir` as the user gave it: it appears in messages. `task`: what was trained.
ReportData read_run(std::string const& run_dir, Task task);
}  // namespace calofuse
