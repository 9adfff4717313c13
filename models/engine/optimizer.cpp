#include "models/engine/optimizer.hpp"

#include "kernels/optim/adam.hpp"
#include "kernels/optim/sgd.hpp"

namespace calofuse {
Optimizer::Optimizer(Context& ctx, Parameters& parameters, OptimizerConfig const& config)
    : ctx_(&ctx), parameters_(&parameters), config_(config), rate_(ctx, 1)
{
    CALOFUSE_CHECK(config.name == "adam" || config.name == "sgd", "optimizer " << config.name);
    int const slots = config.name == "adam" ? 2 : 1;
    for (int i = 0; i < slots; ++i)
        slots_.emplace_back(ctx, parameters.values().size());
    set_learning_rate(config.learning_rate);
}

void Optimizer::set_learning_rate(double rate)
{
    config_.learning_rate = rate;
    rate_.upload(std::span(&rate, 1));
}

void Optimizer::apply(TensorRef step)
{
    bool const keras = config_.dialect == "keras";
    if (config_.name == "adam") {
        adam_update(*ctx_, {.dw = parameters_->gradients(),
                            .learning_rate = rate_.ref(),
                            .step = step,
                            .rule = keras ? AdamRule::keras : AdamRule::torch,
                            .epsilon = keras ? 1e-7 : 1e-8,
                            .weight_decay = config_.weight_decay,
                            .decay = keras ? WeightDecay::decoupled : WeightDecay::coupled,
                            .w = parameters_->values(),
                            .m = slots_[0].ref(),
                            .v = slots_[1].ref()});
        return;
    }
    sgd_update(*ctx_, {.dw = parameters_->gradients(),
                       .learning_rate = rate_.ref(),
                       .rule = keras ? SgdRule::keras : SgdRule::torch,
                       .momentum = config_.momentum,
                       .weight_decay = config_.weight_decay,
                       .w = parameters_->values(),
                       .m = slots_[0].ref()});
}

std::vector<std::vector<float>> Optimizer::download() const
{
    std::vector<std::vector<float>> out;
    for (Buffer<float> const& slot : slots_)
        out.push_back(slot.download());
    return out;
}

void Optimizer::restore(std::vector<std::vector<float>> const& slots, std::int64_t steps_done)
{
    CALOFUSE_CHECK(slots.size() == slots_.size(),
                   slots.size() << " optimiser slots, wanted " << slots_.size());
    for (std::size_t i = 0; i < slots.size(); ++i)
        slots_[i].upload(slots[i]);
    steps_done_ = steps_done;
}
}  // namespace calofuse
