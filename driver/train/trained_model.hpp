/// \file driver/train/trained_model.hpp
/// A trained model with all that it needs to score the events of one store.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "driver/train/checkpoint.hpp"
#include "driver/train/session.hpp"
#include "io/predictions_file.hpp"
#include "models/engine/training_step.hpp"

namespace calofuse {
/// Whether `data` is the store that the model was trained on. A store without manifest has no
/// digest, and is not known to be the one.
bool is_training_store(Checkpoint const& checkpoint, Dataset const& data);

/// Throws CF-MOD-01, with what the store has, where a model needs a column that is not there.
void check_columns(Model const& model, std::string const& name, Dataset const& data);

/// Events that are scored at once; does not change a score.
std::int64_t scoring_batch(Dataset const& data);

class TrainedModel {
  public:
    /// `data` must outlive this. With a session, the conditions of its run hold (driver/kinds.hpp),
    /// else those of the training.
    TrainedModel(Context& ctx,
                 Checkpoint const& checkpoint,
                 Dataset const& data,
                 Session const* session,
                 DataOn data_on = DataOn::device);

    /// Outputs (n, W) of these rows.
    std::vector<float> outputs(std::span<std::int32_t const> rows) { return scorer_.run(rows); }
    Predictions predict(std::span<std::int32_t const> rows);
    Task const& task() const { return task_; }
    Model const& model() const { return *model_; }

  private:
    Dataset const& data_;
    Task task_;
    std::unique_ptr<Model> model_;
    Placed placed_;
    Scorer scorer_;
};
}  // namespace calofuse
