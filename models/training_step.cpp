#include "models/training_step.hpp"

#include <algorithm>
#include <chrono>

#include "kernels/loss/bce.hpp"

namespace calofuse {
namespace {
std::int64_t pass_size(Context const& ctx, Model const& model, std::int64_t batch_size)
{
    std::int64_t const wanted = model.events_per_pass();
    bool const whole = wanted == 0 || ctx.backend() != Backend::cpu;
    return whole ? batch_size : std::min(wanted, batch_size);
}
}  // namespace

TrainingStep::TrainingStep(Context& ctx,
                           Model& model,
                           EventInput const& input,
                           Optimizer& optimizer,
                           std::int64_t batch_size)
    : ctx_(&ctx)
    , model_(&model)
    , optimizer_(&optimizer)
    , rows_(ctx, pass_size(ctx, model, batch_size))
    , targets_(ctx, rows_.size())
    , pass_loss_(ctx, 1)
    , loss_scale_(ctx, std::vector<float>{1.0F / static_cast<float>(batch_size)})
    , position_(ctx, 2)
    , num_valid_(ctx, 1)
    , padded_rows_(static_cast<std::size_t>(rows_.size()))
    , padded_targets_(padded_rows_.size())
    , logits_(static_cast<std::size_t>(batch_size))
{
    tape_ = std::make_unique<Tape>(ctx, Mode::train, position_.ref(),
                                   [&](Tape& tape) { record(tape, input); });
}

void TrainingStep::record(Tape& tape, EventInput const& input)
{
    Var const logits = model_->forward(tape, input.batch(rows_.ref()));
    pass_logits_ = logits.value;
    BceArgs const bce{.logits = logits.value,
                      .target = targets_.ref(),
                      .num_valid = num_valid_.ref(),
                      .reduction = Reduction::sum,
                      .loss = pass_loss_.ref()};
    BceGradArgs const grad{.logits = logits.value,
                           .target = bce.target,
                           .num_valid = bce.num_valid,
                           .reduction = Reduction::sum,
                           .dloss = loss_scale_.ref(),
                           .dlogits = logits.grad};
    Context* const ctx = ctx_;
    tape.record(
        "bce", [=] { bce_forward(*ctx, bce); }, [=] { bce_backward(*ctx, grad); });
}

void TrainingStep::run_pass(std::int64_t first,
                            std::span<std::int32_t const> rows,
                            std::span<float const> targets)
{
    std::fill(padded_rows_.begin(), padded_rows_.end(), -1);
    std::copy(rows.begin(), rows.end(), padded_rows_.begin());
    std::fill(padded_targets_.begin(), padded_targets_.end(), 0.0F);
    std::copy(targets.begin(), targets.end(), padded_targets_.begin());
    std::int64_t const position[2] = {optimizer_->steps_begun(), first};
    auto const valid = static_cast<std::int64_t>(rows.size());
    rows_.upload(padded_rows_);
    targets_.upload(padded_targets_);
    position_.upload(position);
    num_valid_.upload(std::span(&valid, 1));
    tape_->run();
    tape_->backward();
    float loss = 0;
    ctx_->copy_back(&loss, pass_loss_.data(), sizeof loss);
    ctx_->copy_back(logits_.data() + first, pass_logits_.data, rows.size() * sizeof(float));
    loss_ += static_cast<double>(loss);
}

void TrainingStep::run(std::span<std::int32_t const> rows, std::span<float const> targets)
{
    CALOFUSE_CHECK(
        static_cast<std::int64_t>(rows.size()) == batch_size() && targets.size() == rows.size(),
        "a step of " << batch_size() << " events got " << rows.size() << " rows");
    optimizer_->begin_step();
    model_->parameters().zero_gradients();
    loss_ = 0;
    auto const pass = static_cast<std::size_t>(rows_.size());
    for (std::size_t first = 0; first < rows.size(); first += pass) {
        std::size_t const count = std::min(pass, rows.size() - first);
        run_pass(static_cast<std::int64_t>(first), rows.subspan(first, count),
                 targets.subspan(first, count));
    }
    loss_ /= static_cast<double>(batch_size());
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

Scorer::Scorer(
    Context& ctx, Model& model, EventInput const& input, std::int64_t batch_size, Mode mode)
    : ctx_(&ctx), rows_(ctx, pass_size(ctx, model, batch_size)), step_(ctx, 2), mode_(mode)
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
