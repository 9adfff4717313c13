/// \file models/training_step.hpp
/// The recorded programs that a trainer runs: one training step, and a scorer.
#pragma once

#include <span>
#include <vector>

#include "models/event_input.hpp"
#include "models/model.hpp"
#include "models/optimizer.hpp"

namespace calofuse {
/// Forward, loss (BCE with logits, mean over the batch), backward, update, for a fixed batch size.
/// Models whose events are independent go through the batch in passes; gradients add up.
class TrainingStep {
  public:
    TrainingStep(Context& ctx,
                 Model& model,
                 EventInput const& input,
                 Optimizer& optimizer,
                 std::int64_t batch_size);

    /// `rows` (B) of the input, `targets` (B) in [0, 1].
    void run(std::span<std::int32_t const> rows, std::span<float const> targets);

    double loss() const { return loss_; }
    /// (B), of the last step.
    std::span<float const> logits() const { return logits_; }
    std::int64_t batch_size() const { return static_cast<std::int64_t>(logits_.size()); }
    /// Memory of the tape; the model's and the optimiser's come on top.
    std::int64_t bytes() const { return tape_->bytes(); }
    /// Times every call of a step (models/tape.hpp) and the update.
    void set_timer(Tape::Timer timer);

  private:
    void record(Tape& tape, EventInput const& input);
    void run_pass(std::int64_t first,
                  std::span<std::int32_t const> rows,
                  std::span<float const> targets);

    Context* ctx_;
    Model* model_;
    Tape::Timer timer_;
    Optimizer* optimizer_;
    Buffer<std::int32_t> rows_;  ///< of a pass, -1 past its events
    Buffer<float> targets_, pass_loss_, loss_scale_;
    Buffer<std::int64_t> position_;   ///< (2) step of the training, first event of the pass
    Buffer<std::int64_t> num_valid_;  ///< (1) events of the pass
    std::vector<std::int32_t> padded_rows_;
    std::vector<float> padded_targets_, logits_;
    double loss_ = 0;
    TensorRef pass_logits_;
    std::unique_ptr<Tape> tape_;
};

/// Logits of any number of events, in batches of a fixed size (of the model's passes, if it has any).
class Scorer {
  public:
    /// `mode` is evaluate, or calibrate: then batch-norm statistics are accumulated on the way.
    Scorer(Context& ctx, Model& model, EventInput const& input, std::int64_t batch_size, Mode mode);

    /// Logit of each row. In calibrate mode the number of rows must be a multiple of the batch size.
    std::vector<float> run(std::span<std::int32_t const> rows);
    std::int64_t batch_size() const { return rows_.size(); }
    void set_timer(Tape::Timer timer) { tape_->set_timer(std::move(timer)); }

  private:
    Context* ctx_;
    Buffer<std::int32_t> rows_;
    Buffer<std::int64_t> step_;
    TensorRef logits_;
    Mode mode_;
    std::unique_ptr<Tape> tape_;
};
}  // namespace calofuse
