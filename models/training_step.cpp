#include "models/training_step.hpp"

#include <algorithm>
#include <chrono>

#include "kernels/loss/bce.hpp"

namespace calofuse {
TrainingStep::TrainingStep(Context& ctx,
                           Model& model,
                           EventInput const& input,
                           Optimizer& optimizer,
                           std::int64_t batch_size)
    : ctx_(&ctx)
    , model_(&model)
    , optimizer_(&optimizer)
    , rows_(ctx, batch_size)
    , targets_(ctx, batch_size)
    , loss_(ctx, 1)
{
    auto forward = [&](Tape& tape) {
        Var const logits = model.forward(tape, input.batch(rows_.ref()));
        logits_ = logits.value;
        TensorRef const target = targets_.ref(), loss = loss_.ref();
        Context* const c = &ctx;
        tape.record(
            "bce",
            [=] { bce_forward(*c, {.logits = logits.value, .target = target, .loss = loss}); },
            [=] {
                bce_backward(*c,
                             {.logits = logits.value, .target = target, .dlogits = logits.grad});
            });
    };
    tape_ = std::make_unique<Tape>(ctx, Mode::train, optimizer.step(), forward);
}

void TrainingStep::run(std::span<std::int32_t const> rows, std::span<float const> targets)
{
    CALOFUSE_CHECK(
        static_cast<std::int64_t>(rows.size()) == batch_size() && targets.size() == rows.size(),
        "a step of " << batch_size() << " events got " << rows.size() << " rows");
    rows_.upload(rows);
    targets_.upload(targets);
    optimizer_->begin_step();
    model_->parameters().zero_gradients();
    tape_->run();
    tape_->backward();
    auto const begin = std::chrono::steady_clock::now();
    optimizer_->apply();
    if (timer_) {
        ctx_->synchronize();
        std::chrono::duration<double> const s = std::chrono::steady_clock::now() - begin;
        timer_("optimiser", s.count());
    }
}

void TrainingStep::set_timer(Tape::Timer timer)
{
    timer_ = timer;
    tape_->set_timer(std::move(timer));
}

std::vector<float> TrainingStep::logits() const
{
    std::vector<float> out(static_cast<std::size_t>(batch_size()));
    ctx_->copy_back(out.data(), logits_.data, out.size() * sizeof(float));
    return out;
}

Scorer::Scorer(
    Context& ctx, Model& model, EventInput const& input, std::int64_t batch_size, Mode mode)
    : ctx_(&ctx), rows_(ctx, batch_size), step_(ctx, 1), mode_(mode)
{
    CALOFUSE_CHECK(mode != Mode::train, "a scorer does not train");
    tape_ = std::make_unique<Tape>(ctx, mode, step_.ref(), [&](Tape& tape) {
        logits_ = model.forward(tape, input.batch(rows_.ref())).value;
    });
}

std::vector<float> Scorer::run(std::span<std::int32_t const> rows)
{
    auto const batch = static_cast<std::size_t>(batch_size());
    CALOFUSE_CHECK(mode_ == Mode::evaluate || rows.size() % batch == 0,
                   rows.size() << " rows are no multiple of " << batch);
    std::vector<float> out(rows.size());
    std::vector<std::int32_t> padded(batch);
    for (std::size_t begin = 0; begin < rows.size(); begin += batch) {
        std::size_t const n = std::min(batch, rows.size() - begin);
        std::fill(padded.begin(), padded.end(), -1);
        std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(begin), n, padded.begin());
        rows_.upload(padded);
        tape_->run();
        ctx_->copy_back(out.data() + begin, logits_.data, n * sizeof(float));
    }
    return out;
}
}  // namespace calofuse
