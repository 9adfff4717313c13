#include "models/engine/training_step.hpp"

#include <algorithm>
#include <chrono>

namespace calofuse {
namespace {
std::int64_t part_size(Context const& ctx, Model const& model, std::int64_t batch_size)
{
    std::int64_t const wanted = model.events_per_part();
    bool const whole = wanted == 0 || ctx.backend() != Backend::cpu;
    return whole ? batch_size : std::min(wanted, batch_size);
}
}  // namespace

TrainingStep::TrainingStep(Context& ctx,
                           Model& model,
                           Placed const& data,
                           Task const& task,
                           Optimizer& optimizer,
                           std::int64_t batch_size,
                           std::int64_t steps_per_graph)
    : ctx_(&ctx)
    , model_(&model)
    , optimizer_(&optimizer)
    , batch_size_(batch_size)
    , feed_(ctx, data, part_size(ctx, model, batch_size), batch_size, steps_per_graph)
    , loss_scale_(ctx, 1)
{
    float const scale = 1.0F / static_cast<float>(batch_size);
    loss_scale_.upload({&scale, 1});
    feed_.set_output_width(task.width());
    Batch const& batch = feed_.batch();
    tape_ = std::make_unique<Tape>(
        ctx, model.parameters(), Mode::train, batch.position, [&](Tape& tape) {
            Output const output = model.forward(tape, batch);
            part_output_ = output.value.value;
            part_loss_ = record_loss(tape, task, output.value, batch, loss_scale_.ref());
        });
}

/// One step: nothing in it waits for the backend or tells it a number.
void TrainingStep::run_batch()
{
    model_->parameters().zero_gradients();
    for (std::int64_t part = 0; part < feed_.parts_of_batch(); ++part) {
        feed_.take();
        tape_->run();
        tape_->backward();
        feed_.finish(part_output_, part_loss_);
    }
    auto const begin = std::chrono::steady_clock::now();
    optimizer_->apply(feed_.step());
    if (timer_) {
        ctx_->synchronize();
        std::chrono::duration<double> const s = std::chrono::steady_clock::now() - begin;
        timer_("optimiser", s.count());
    }
}

void TrainingStep::begin(std::span<std::int32_t const> order)
{
    feed_.begin(order, optimizer_->steps_done() + 1);
}

void TrainingStep::begin_epoch(std::span<std::int32_t const> events,
                               std::uint64_t seed,
                               std::int64_t epoch,
                               std::int64_t steps_done)
{
    feed_.begin_epoch(events, seed, epoch, optimizer_->steps_done() + 1, steps_done);
}

void TrainingStep::run(std::int64_t steps)
{
    std::int64_t const first = feed_.batches_done();
    feed_.run(steps, [this] { run_batch(); });
    optimizer_->count_steps(steps);
    losses_.resize(static_cast<std::size_t>(steps));
    feed_.losses(first, losses_);
    for (double& loss : losses_)
        loss /= static_cast<double>(batch_size_);
}

void TrainingStep::rehearse(std::span<std::int32_t const> events)
{
    feed_.begin_epoch(events, 0, 0, 1, 0);
    feed_.rehearse(std::ssize(events) / batch_size_, [this] { run_batch(); });
}

std::vector<float> TrainingStep::outputs(std::int64_t steps) const
{
    std::int64_t const count = steps * batch_size_;
    return feed_.outputs(feed_.batches_done() * batch_size_ - count, count);
}

void TrainingStep::set_timer(Tape::Timer timer)
{
    timer_ = timer;
    feed_.set_eager();
    tape_->set_timer(std::move(timer));
}

Scorer::Scorer(Context& ctx,
               Model& model,
               Placed const& data,
               std::int64_t width,
               std::int64_t batch_size,
               Mode mode,
               std::int64_t batches_per_graph)
    : mode_(mode)
    , batch_size_(part_size(ctx, model, batch_size))
    , feed_(ctx, data, batch_size_, batch_size_, batches_per_graph)
{
    CALOFUSE_CHECK(mode != Mode::train, "a scorer does not train");
    feed_.set_output_width(width);
    tape_ = std::make_unique<Tape>(
        ctx, model.parameters(), mode, feed_.batch().position,
        [&](Tape& tape) { output_ = model.forward(tape, feed_.batch()).value.value; });
    CALOFUSE_CHECK(output_.rank == 2 && output_.shape[1] == width,
                   "outputs are " << output_.describe() << ", wanted " << width << " columns");
}

void Scorer::run_batch()
{
    feed_.take();
    tape_->run();
    feed_.finish(output_);
}

std::vector<float> Scorer::run(std::span<std::int32_t const> rows)
{
    auto const n = static_cast<std::int64_t>(rows.size());
    CALOFUSE_CHECK(mode_ == Mode::evaluate || n % batch_size_ == 0,
                   n << " rows are no multiple of " << batch_size_);
    if (rows.empty()) return {};
    feed_.begin(rows);
    feed_.run(batches_of(n), [this] { run_batch(); });
    return feed_.outputs(0, n);
}

void Scorer::rehearse(std::span<std::int32_t const> rows)
{
    if (rows.empty()) return;
    feed_.begin(rows);
    feed_.rehearse(batches_of(std::ssize(rows)), [this] { run_batch(); });
}

void Scorer::set_timer(Tape::Timer timer)
{
    feed_.set_eager();
    tape_->set_timer(std::move(timer));
}
}  // namespace calofuse
