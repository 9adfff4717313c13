/// \file models/engine/optimizer.hpp
/// Moves all weights of a model by one fused update over its flat parameter vector. State and learning
/// rate live on the backend, so that a step can be replayed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/engine/parameters.hpp"

namespace calofuse {
struct OptimizerConfig {
    std::string name = "adam";      ///< adam | sgd
    std::string dialect = "keras";  ///< keras | torch: epsilon, decay and momentum rules
    double learning_rate = 1e-3;
    double momentum = 0.9;  ///< sgd
    double weight_decay = 0;
};

class Optimizer {
  public:
    Optimizer(Context& ctx, Parameters& parameters, OptimizerConfig const& config);

    /// One update from the parameters' gradients; `step` (1) i64 is the number of the step, from 1.
    void apply(TensorRef step);

    double learning_rate() const { return config_.learning_rate; }
    void set_learning_rate(double rate);

    /// State on the host and back, for checkpoints: one vector a slot (adam: m, v; sgd: momentum),
    /// each as long as the parameters' flat vector.
    std::vector<std::vector<float>> download() const;
    void restore(std::vector<std::vector<float>> const& slots, std::int64_t steps_done);

    /// Steps of this training, which the caller of `apply` counts: a replayed one does not come here.
    std::int64_t steps_done() const { return steps_done_; }
    void count_steps(std::int64_t steps) { steps_done_ += steps; }

  private:
    Context* ctx_;
    Parameters* parameters_;
    OptimizerConfig config_;
    std::vector<Buffer<float>> slots_;
    Buffer<double> rate_;
    std::int64_t steps_done_ = 0;
};
}  // namespace calofuse
