/// \file driver/train/run_directory.hpp
/// What a training leaves behind, in one folder:
///   config.toml env.json data.json     what was run, with what, on what
///   metrics.jsonl                      a row per epoch, split and figure
///   checkpoints/{best,last}.safetensors
///   summary.json predictions_test.csv  results of the best model (and report.html)
/// Errors: CF-RUN-01 exists, -02 is no run directory, -03 broken file, -04 in use.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace calofuse {
class RunDirectory {
  public:
    /// For a new run: CF-RUN-01 if the folder holds one already. Makes nothing yet.
    static RunDirectory unused(std::string const& path);
    /// Makes the folder and checkpoints/ in it.
    void make_folders() const;
    /// One that a training has written to.
    static RunDirectory open(std::string const& path);

    std::string file(std::string const& name) const { return path_ + "/" + name; }
    std::string const& path() const { return path_; }
    bool has(std::string const& name) const;
    /// `best`, `last`, or a path as it is.
    std::string checkpoint(std::string const& which) const;

    void write_text(std::string const& name, std::string const& text) const;
    void write_json(std::string const& name, nlohmann::ordered_json const& document) const;
    nlohmann::ordered_json read_json(std::string const& name) const;

    /// Appends to metrics.jsonl: `values` is {"loss": 0.3, ...} of one split after one epoch.
    void append_metrics(double t,
                        std::int64_t epoch,
                        std::int64_t step,
                        std::string const& split,
                        nlohmann::ordered_json const& values) const;
    /// Drops rows of `epoch` and later: they are written again by a resumed run.
    void truncate_metrics(std::int64_t epoch) const;

  private:
    explicit RunDirectory(std::string path) : path_(std::move(path)) {}
    std::string path_;
};
}  // namespace calofuse
