#include "driver/train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/judge/document.hpp"
#include "driver/judge/predictions.hpp"
#include "driver/train/clock.hpp"
#include "driver/train/inputs.hpp"
#include "driver/train/trained_model.hpp"
#include "kernels/data/shuffle.hpp"
#include "models/registry.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kCalibrationBatch = 1024;  // large: composed like the whole
// Lines of the memory plan.
constexpr char const* kEventMemory = "events (not with --data-on host)";
constexpr char const* kModelMemory = "weights and optimiser";
constexpr char const* kStepMemory = "training step (grows with train.batch_size)";
constexpr char const* kScoreMemory = "evaluation";

/// `count` rows spread evenly over all, so that every file takes part, and mixed, so that every batch
/// has the composition of the whole: statistics of a batch of one class would be worth nothing.
/// The choice is always the same.
std::vector<std::int32_t> spread(std::vector<std::int32_t> const& rows, std::int64_t count)
{
    constexpr std::uint64_t kFixedSeed = 1;
    std::vector<std::int32_t> chosen(static_cast<std::size_t>(count)), out(chosen.size());
    for (std::size_t i = 0; i < chosen.size(); ++i)
        chosen[i] = rows[i * rows.size() / chosen.size()];
    Context ctx = Context::cpu(1);
    shuffle(ctx, {.events = tensor_ref(chosen.data(), {count}),
                  .seed = kFixedSeed,
                  .order = tensor_ref(out.data(), {count})});
    return out;
}

PlateauConfig plateau_config(Options const& s)
{
    return {.factor = s.get_double("train.lr_factor"),
            .patience = s.get_int("train.lr_patience"),
            .min_delta = s.get_double("train.min_delta"),
            .min_rate = s.get_double("train.min_learning_rate")};
}

EarlyStoppingConfig early_stopping_config(Options const& s)
{
    return {.patience = s.get_int("train.patience"), .min_delta = s.get_double("train.min_delta")};
}

/// Infinity has no JSON form; it stands for "nothing watched yet".
nlohmann::json best_json(double best)
{
    return std::isfinite(best) ? nlohmann::json(best) : nlohmann::json(nullptr);
}

double best_from(nlohmann::json const& value)
{
    return value.is_null() ? worst_value(Goal::lower) : value.get<double>();
}

nlohmann::json to_json(ReduceOnPlateau::State const& s)
{
    return {{"learning_rate", s.learning_rate},
            {"best", best_json(s.best)},
            {"wait", s.wait},
            {"cooldown", s.cooldown}};
}

ReduceOnPlateau::State plateau_from(nlohmann::json const& p)
{
    return {.learning_rate = p.at("learning_rate"),
            .best = best_from(p.at("best")),
            .wait = p.at("wait"),
            .cooldown = p.at("cooldown")};
}

nlohmann::json to_json(EarlyStopping::State const& s)
{
    return {{"best", best_json(s.best)},
            {"next_epoch", s.next_epoch},
            {"wait", s.wait},
            {"best_epoch", s.best_epoch}};
}

EarlyStopping::State early_stopping_from(nlohmann::json const& p)
{
    return {.best = best_from(p.at("best")),
            .next_epoch = p.at("next_epoch"),
            .wait = p.at("wait"),
            .best_epoch = p.at("best_epoch")};
}

/// What stored statistics lose against those of the batch on the same events: accuracy, or for a
/// regression the share of the loss that is on top.
double norm_gap(Judgement const& with_batch, Judgement const& with_stored)
{
    double const batch = with_batch.first().figure("accuracy");
    if (std::isfinite(batch)) return batch - with_stored.first().figure("accuracy");
    return (with_stored.loss - with_batch.loss) / std::max(with_stored.loss, 1e-30);
}

OptimizerConfig optimizer_config(Options const& s)
{
    return {.name = s.get_string("train.optimizer"),
            .dialect = s.get_string("train.dialect"),
            .learning_rate = s.get_double("train.learning_rate"),
            .momentum = s.get_double("train.momentum"),
            .weight_decay = s.get_double("train.weight_decay")};
}
}  // namespace

Trainer::Trainer(
    Context& ctx, TrainingJob const& job, Dataset const& data, DataOn data_on, Hooks hooks)
    : ctx_(ctx)
    , job_(job)
    , settings_(job.settings)
    , data_(data)
    , hooks_(std::move(hooks))
    , plateau_(plateau_config(job.settings), job.settings.get_double("train.learning_rate"))
    , early_stopping_(early_stopping_config(job.settings))
    , started_(now_s())
{
    auto const n = std::ssize(job.split.train);
    if (n == 0)
        throw Error(Exit::data, "CF-TRN-01",
                    "there is no event with a " + job.task.columns().front() + " to train on",
                    "the store has " + data.describe_columns());
    make_model();
    place(data_on);
    make_programs(n);
    if (ctx.backend() == Backend::cuda) rehearse();
}

void Trainer::make_model()
{
    Context::Purpose const purpose(ctx_, kModelMemory);
    auto const seed = static_cast<std::uint64_t>(settings_.get_int("general.seed"));
    model_ = find_model(job_.model).make(ctx_, data_, job_.task, settings_, seed);
    check_columns(*model_, job_.model, data_);
    check_inputs(*model_, data_);
    model_->bind(data_);
    model_->fit(data_, job_.split.train);
    optimizer_ =
        std::make_unique<Optimizer>(ctx_, model_->parameters(), optimizer_config(settings_));
}

void Trainer::place(DataOn data_on)
{
    Context::Purpose const purpose(ctx_, kEventMemory);
    std::vector<std::string> columns = model_->columns();
    for (std::string const& column : job_.task.columns())
        columns.push_back(column);
    placed_ = std::make_unique<Placed>(ctx_, data_, columns, data_on);
}

/// What an epoch of `num_train` events runs.
void Trainer::make_programs(std::int64_t num_train)
{
    {
        Context::Purpose const purpose(ctx_, kStepMemory);
        std::int64_t const batch = std::min(settings_.get_int("train.batch_size"), num_train);
        step_ = std::make_unique<TrainingStep>(ctx_, *model_, *placed_, job_.task, *optimizer_,
                                               batch, settings_.get_int("train.steps_per_graph"));
    }
    Context::Purpose const purpose(ctx_, kScoreMemory);
    std::int64_t const width = job_.task.width();
    scorer_ = std::make_unique<Scorer>(ctx_, *model_, *placed_, width, scoring_batch(data_),
                                       Mode::evaluate);
    if (!model_->parameters().has_statistics()) return;
    std::int64_t const wanted = std::min(settings_.get_int("train.bn_events"), num_train);
    std::int64_t const calibration_batch = std::min(kCalibrationBatch, wanted);
    calibrator_ = std::make_unique<Scorer>(ctx_, *model_, *placed_, width, calibration_batch,
                                           Mode::calibrate);
    calibration_rows_ = spread(job_.split.train, wanted / calibration_batch * calibration_batch);
}

/// One batch of everything, with what is captured: operators take their scratch when they run. What
/// this computes is forgotten.
void Trainer::rehearse()
{
    Checkpoint before(job_.model, settings_, job_.task);
    before.store(model_->parameters());
    before.store(*optimizer_);
    {
        Context::Purpose const purpose(ctx_, kStepMemory);
        step_->rehearse(job_.split.train);
    }
    Context::Purpose const purpose(ctx_, kScoreMemory);
    if (calibrator_) {
        model_->parameters().begin_calibration();
        calibrator_->rehearse(calibration_rows_);
        model_->parameters().finish_calibration();
    }
    std::vector<std::int32_t> const* most = &calibration_rows_;
    for (auto const* rows : {&job_.split.valid, &job_.split.test})
        if (rows->size() > most->size()) most = rows;
    scorer_->rehearse(*most);
    before.restore(model_->parameters());
    before.restore(*optimizer_);
}

TrainingEnd Trainer::run()
{
    std::int64_t const epochs = settings_.get_int("train.epochs");
    while (epoch_ < epochs) {
        if (!train_epoch()) {
            save("last");
            return TrainingEnd::interrupted;
        }
        EpochFigures figures = finish_epoch();
        bool const stop = learn_from(figures);
        if (hooks_.epoch_done) hooks_.epoch_done(figures);
        if (stop) return TrainingEnd::early_stop;
    }
    return TrainingEnd::epochs;
}

/// False if it was asked to stop; the epoch can be continued.
bool Trainer::train_epoch()
{
    double const begin = now_s();
    auto const seed = static_cast<std::uint64_t>(settings_.get_int("general.seed"));
    step_->begin_epoch(job_.split.train, seed, epoch_, step_in_epoch_);
    std::int64_t const batch = step_->batch_size();
    std::int64_t const steps =
        std::ssize(job_.split.train) / batch;  // the rest sits this epoch out
    double const waited = now_s() - begin;
    std::int64_t const first = step_in_epoch_;
    bool finished = true;
    while (step_in_epoch_ < steps) {
        if (hooks_.stop_requested && hooks_.stop_requested()) {
            finished = false;
            break;
        }
        // Up to the next whole launch, wherever a resumed epoch began.
        std::int64_t const to_launch =
            step_->steps_per_graph() - step_in_epoch_ % step_->steps_per_graph();
        step_->run(std::min(to_launch, steps - step_in_epoch_));
        for (double const loss : step_->losses()) {
            ++step_in_epoch_;
            if (!std::isfinite(loss))
                throw Error(Exit::numerical, "CF-NUM-01",
                            fmt::format("loss is {} in epoch {}, step {}", loss, epoch_ + 1,
                                        step_in_epoch_),
                            "lower train.learning_rate; checkpoints/last is from before");
            epoch_loss_ += loss;
        }
        double const done = static_cast<double>((step_in_epoch_ - first) * batch);
        if (hooks_.status)
            hooks_.status({epoch_ + 1, settings_.get_int("train.epochs"), step_in_epoch_, steps,
                           done / (now_s() - begin), waited / (now_s() - begin),
                           epoch_loss_ / static_cast<double>(step_in_epoch_)});
    }
    auto const outputs = step_->outputs(step_in_epoch_ - first);
    epoch_outputs_.insert(epoch_outputs_.end(), outputs.begin(), outputs.end());
    wait_seconds_ += waited;
    train_seconds_ += now_s() - begin;
    trained_events_ += static_cast<double>((step_in_epoch_ - first) * batch);
    return finished;
}

/// Statistics of evaluation from the calibration rows (setting `recomputed`), and how far they are
/// from those of the batches: loss on these rows with stored minus with batch statistics.
double Trainer::refresh_statistics()
{
    if (!calibrator_) return 0;  // a model without batch norm
    double const begin = now_s();
    bool const recompute = settings_.get_string("train.bn_statistics") == "recomputed";
    if (recompute) model_->parameters().begin_calibration();
    auto const with_batch = calibrator_->run(calibration_rows_);
    if (recompute) model_->parameters().finish_calibration();
    auto const with_stored = scorer_->run(calibration_rows_);
    calibrate_seconds_ += now_s() - begin;
    return norm_gap(judge_rows(calibration_rows_, with_batch),
                    judge_rows(calibration_rows_, with_stored));
}

Judgement Trainer::judge_rows(std::span<std::int32_t const> rows,
                              std::span<float const> outputs) const
{
    return judge(make_predictions(job_.task, data_, rows, outputs), job_.task);
}

EpochFigures Trainer::finish_epoch()
{
    EpochFigures f;
    f.epoch = epoch_ + 1;
    f.learning_rate = optimizer_->learning_rate();
    f.events_per_s = events_per_s();
    f.data_wait_fraction = data_wait_fraction();
    auto const order = step_->order();
    auto const trained = static_cast<std::size_t>(step_in_epoch_ * step_->batch_size());
    f.train = judge_rows(std::span(order).first(trained), epoch_outputs_);
    // The loss that was minimised, of the weights as they moved.
    f.train.loss = epoch_loss_ / static_cast<double>(std::max<std::int64_t>(1, step_in_epoch_));
    f.bn_gap = refresh_statistics();
    double const begin = now_s();
    f.valid = judge_rows(job_.split.valid, scorer_->run(job_.split.valid));
    validate_seconds_ += now_s() - begin;
    f.seconds = now_s() - started_;
    return f;
}

/// Schedules, checkpoints, metrics. True if training should stop.
bool Trainer::learn_from(EpochFigures& f)
{
    ++epoch_;
    step_in_epoch_ = 0;
    epoch_loss_ = 0;
    epoch_outputs_.clear();
    double const watched = f.valid.rows > 0 ? f.valid.loss : f.train.loss;
    if (settings_.get_int("train.lr_patience") > 0 && plateau_.update(watched))
        optimizer_->set_learning_rate(plateau_.learning_rate());
    EarlyStopping::Decision const decision = early_stopping_.update(watched);
    f.best = decision.keep;
    bool const stop = decision.stop && settings_.get_int("train.patience") > 0;

    std::int64_t const steps = optimizer_->steps_done();
    nlohmann::ordered_json train = headline(f.train);
    train["learning_rate"] = f.learning_rate;
    train["events_per_s"] = f.events_per_s;
    train["data_wait_fraction"] = f.data_wait_fraction;
    train["bn_gap"] = f.bn_gap;
    job_.run.append_metrics(f.seconds, epoch_, steps, "train", train);
    if (f.valid.rows > 0)
        job_.run.append_metrics(f.seconds, epoch_, steps, "valid", headline(f.valid));

    if (f.best) save("best");
    bool const last = stop || epoch_ == settings_.get_int("train.epochs");
    if (last || epoch_ % settings_.get_int("train.checkpoint_every") == 0) save("last");
    return stop;
}

void Trainer::save(std::string const& name)
{
    double const begin = now_s();
    Checkpoint checkpoint(job_.model, settings_, job_.task);
    checkpoint.store(model_->parameters());
    nlohmann::json progress = {{"epoch", epoch_}, {"data_sha256", data_.sha256}};
    if (name == "last") {
        checkpoint.store(*optimizer_);
        checkpoint.set_values("progress.outputs", epoch_outputs_);
        progress["step_in_epoch"] = step_in_epoch_;
        progress["epoch_loss"] = epoch_loss_;
        progress["plateau"] = to_json(plateau_.state());
        progress["early_stopping"] = to_json(early_stopping_.state());
    }
    checkpoint.set_progress(progress);
    checkpoint.write(job_.run.checkpoint(name));
    save_seconds_ += now_s() - begin;
}

void Trainer::start()
{
    save("last");
}

void Trainer::resume()
{
    Checkpoint const checkpoint = Checkpoint::read(job_.run.checkpoint("last"));
    auto const p = checkpoint.progress();
    if (!data_.sha256.empty() && p.value("data_sha256", data_.sha256) != data_.sha256)
        throw Error(Exit::config, "CF-RUN-06", "the run was trained on other data",
                    "give the store that its data.json names");
    checkpoint.restore(model_->parameters());
    checkpoint.restore(*optimizer_);
    epoch_ = p.at("epoch");
    step_in_epoch_ = p.at("step_in_epoch");
    epoch_loss_ = p.at("epoch_loss");
    epoch_outputs_ = checkpoint.values("progress.outputs");
    plateau_.restore(plateau_from(p.at("plateau")));
    early_stopping_.restore(early_stopping_from(p.at("early_stopping")));
    optimizer_->set_learning_rate(plateau_.learning_rate());
    job_.run.truncate_metrics(epoch_ + 1);
}

std::vector<std::pair<std::string, double>> Trainer::timing() const
{
    return {{"training steps", train_seconds_},
            {"batch-norm statistics", calibrate_seconds_},
            {"validation", validate_seconds_},
            {"checkpoints", save_seconds_}};
}

std::int64_t Trainer::planned_bytes() const
{
    return step_->bytes();
}
}  // namespace calofuse
