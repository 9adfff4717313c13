#include "driver/focalh/event_scores.hpp"

#include <filesystem>

#include "driver/cli/arguments.hpp"
#include "driver/focalh/predictions.hpp"
#include "driver/report/data.hpp"
#include "driver/train/run_directory.hpp"
#include "driver/train/trained_model.hpp"
#include "runtime/log.hpp"

namespace calofuse {
std::optional<Checkpoint> best_model_of(std::string const& run_dir)
{
    if (run_dir.empty()) return std::nullopt;
    std::string const path = RunDirectory::open(run_dir).checkpoint("best");
    if (!std::filesystem::exists(path)) return std::nullopt;
    return Checkpoint::read(path);
}

std::vector<std::optional<float>> listed_scores(FocalhEvents const& events,
                                                std::vector<std::int64_t> const& rows,
                                                std::string const& run_dir)
{
    std::vector<std::optional<float>> out(rows.size());
    if (run_dir.empty()) return out;
    ReportData const run = read_run(run_dir, task_of_run(run_dir));
    bool const known = !events.data.sha256.empty() && !run.store_sha256.empty();
    if (known && events.data.sha256 != run.store_sha256) {
        log::warning("{} was trained on another store: scores are left out", quoted(run_dir));
        return out;
    }
    auto const predictions = event_predictions(run.predictions, run.task);
    for (std::size_t k = 0; k < rows.size(); ++k) {
        auto const row = static_cast<std::size_t>(rows[k]);
        for (Prediction const& p : predictions)
            if (p.file_id == events.file_id[row] && p.event_index == events.event_index[row])
                out[k] = p.score;
    }
    return out;
}

std::vector<std::optional<float>> computed_scores(Session const& session,
                                                  Context& ctx,
                                                  Checkpoint const& model,
                                                  Dataset const& data,
                                                  std::vector<std::int64_t> const& rows)
{
    std::vector<std::int32_t> const narrow(rows.begin(), rows.end());
    Predictions const predictions = TrainedModel(ctx, model, data, &session).predict(narrow);
    std::vector<std::optional<float>> out;
    for (Prediction const& p : event_predictions(predictions, model.task()))
        out.emplace_back(p.score);
    return out;
}
}  // namespace calofuse
