/// \file tests/support/input_model_steps.hpp
/// Training steps of a network on inputs that are already scaled, with BCE as loss: what tests of such
/// networks share.
#pragma once

#include <functional>

#include "kernels/loss/bce.hpp"
#include "models/engine/optimizer.hpp"
#include "models/engine/tape.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
/// One training program and one evaluation of `forward`, which returns logits (B, 1).
class InputSteps {
  public:
    InputSteps(Context& ctx,
               Parameters& parameters,
               OptimizerConfig const& config,
               std::vector<float> const& target,
               std::function<Var(Tape&)> const& forward)
        : ctx_(&ctx)
        , parameters_(&parameters)
        , optimizer_(ctx, parameters, config)
        , target_(ctx, target)
        , loss_(ctx, 1)
        , position_(ctx, 2)
        , train_(ctx,
                 parameters,
                 Mode::train,
                 position_.ref(),
                 [&](Tape& tape) { record_loss(tape, forward(tape)); })
        , evaluate_(ctx, parameters, Mode::evaluate, position_.ref(), [&](Tape& tape) {
            logits_ = forward(tape).value;
        })
    {}

    void step()
    {
        std::int64_t const number[] = {++steps_, 0};
        position_.upload(number);
        gradients();
        optimizer_.apply(tensor_ref(position_.data(), {1}));
    }
    void gradients()
    {
        parameters_->zero_gradients();
        train_.run();
        train_.backward();
    }
    double loss() const { return static_cast<double>(loss_.download()[0]); }  ///< before the update
    std::vector<float> scores()
    {
        evaluate_.run();
        return fetch(*ctx_, logits_);
    }

  private:
    void record_loss(Tape& tape, Var z)
    {
        tape.record(
            "bce",
            [this, z] {
                bce_forward(*ctx_, {.x = z.value, .target = target_.ref(), .loss = loss_.ref()});
            },
            [this, z] {
                bce_backward(*ctx_, {.x = z.value, .target = target_.ref(), .dx = z.grad});
            });
    }
    Context* ctx_;
    Parameters* parameters_;
    Optimizer optimizer_;
    Buffer<float> target_, loss_;
    Buffer<std::int64_t> position_;
    std::int64_t steps_ = 0;
    TensorRef logits_;
    Tape train_, evaluate_;
};
}  // namespace calofuse::test
