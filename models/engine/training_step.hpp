/// \file models/engine/training_step.hpp
/// The recorded programs that a trainer runs: one training step, and a scorer.
#pragma once

#include <span>
#include <vector>

#include "models/engine/feed.hpp"
#include "models/engine/optimizer.hpp"
#include "models/model.hpp"
#include "models/task.hpp"

namespace calofuse {
/// Forward, loss of the task (mean over the batch), backward, update, for a fixed batch size.
/// Models whose events are independent go through the batch in parts; gradients add up.
class TrainingStep {
  public:
    /// `data` has the columns of the model and of the task.
    TrainingStep(Context& ctx,
                 Model& model,
                 Placed const& data,
                 Task const& task,
                 Optimizer& optimizer,
                 std::int64_t batch_size,
                 std::int64_t steps_per_graph = Feed::kBatchesPerGraph);

    /// The events that the next steps go through, in this order.
    void begin(std::span<std::int32_t const> order);
    /// All of an epoch, in its random order (kernels/data/shuffle.hpp); the first steps of it may be
    /// done already. Events that do not fill a batch at the end sit the epoch out.
    void begin_epoch(std::span<std::int32_t const> events,
                     std::uint64_t seed,
                     std::int64_t epoch,
                     std::int64_t steps_done);
    /// The next steps, of which there must be enough in the pass.
    void run(std::int64_t steps = 1);
    /// One step of an epoch of these events, for which a GPU has set all memory aside that the epochs
    /// will ask for. It moves the weights: the caller puts model and optimiser back.
    void rehearse(std::span<std::int32_t const> events);
    /// Steps that go to the device as one launch: a good number for `run`.
    std::int64_t steps_per_graph() const { return feed_.batches_per_graph(); }

    double loss() const { return losses_.back(); }              ///< of the last step
    std::span<double const> losses() const { return losses_; }  ///< of the last `run`
    /// Outputs (n, W) of the events of the last `steps` steps, and which events they belong to.
    std::vector<float> outputs(std::int64_t steps = 1) const;
    std::vector<std::int32_t> order() const { return feed_.order(); }
    std::int64_t batch_size() const { return batch_size_; }
    /// Memory of the tape; the model's and the optimiser's come on top.
    std::int64_t bytes() const { return tape_->bytes(); }
    /// Times every call of a step (models/engine/tape.hpp) and the update.
    void set_timer(Tape::Timer timer);

  private:
    void run_batch();

    Context* ctx_;
    Model* model_;
    Tape::Timer timer_;
    Optimizer* optimizer_;
    std::int64_t batch_size_;
    Feed feed_;
    Buffer<float> loss_scale_;
    std::vector<double> losses_;
    TensorRef part_output_, part_loss_;
    std::unique_ptr<Tape> tape_;
};

/// Outputs of any number of events, in batches of a fixed size (of the model's parts, if it has any).
class Scorer {
  public:
    /// Outputs have `width` columns. `mode` is evaluate, or calibrate: then batch-norm statistics are
    /// accumulated on the way.
    Scorer(Context& ctx,
           Model& model,
           Placed const& data,
           std::int64_t width,
           std::int64_t batch_size,
           Mode mode,
           std::int64_t batches_per_graph = Feed::kBatchesPerGraph);

    /// Outputs (n, W) of the rows. In calibrate mode the number of rows must be a multiple of the batch
    /// size.
    std::vector<float> run(std::span<std::int32_t const> rows);
    /// Sets all memory of a GPU aside that scoring as many rows will ask for.
    void rehearse(std::span<std::int32_t const> rows);
    std::int64_t batch_size() const { return batch_size_; }
    /// Batches that go to the device as one launch.
    std::int64_t batches_per_graph() const { return feed_.batches_per_graph(); }
    std::int64_t bytes() const { return tape_->bytes(); }
    void set_timer(Tape::Timer timer);

  private:
    void run_batch();
    std::int64_t batches_of(std::int64_t rows) const
    {
        return (rows + batch_size_ - 1) / batch_size_;
    }

    Mode mode_;
    std::int64_t batch_size_;
    Feed feed_;
    TensorRef output_;
    std::unique_ptr<Tape> tape_;
};
}  // namespace calofuse
