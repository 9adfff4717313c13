#include "driver/train/run.hpp"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/cli/device.hpp"
#include "driver/cli/progress.hpp"
#include "driver/cli/settings.hpp"
#include "driver/cli/signals.hpp"
#include "driver/judge/document.hpp"
#include "driver/judge/predictions.hpp"
#include "driver/train/clock.hpp"
#include "driver/train/record.hpp"
#include "driver/train/trained_model.hpp"
#include "io/config_file.hpp"
#include "models/registry.hpp"
#include "runtime/device/device.hpp"
#include "runtime/log.hpp"

namespace calofuse {
namespace {
using Json = nlohmann::ordered_json;
using Stages = std::vector<std::pair<std::string, double>>;

/// Gaps on the same events that are larger than this mean that the batch-norm statistics of evaluation
/// are not those of training.
constexpr double kNormGapWarning = 0.05;

/// The line of an epoch, as it is pasted into slides.
void report_epoch(EpochFigures const& f, std::int64_t epochs)
{
    log::info("epoch {:2}/{}  {} | valid {} | {:.0f} events/s  {:.1f} s{}", f.epoch, epochs,
              headline_text(f.train), headline_text(f.valid), f.events_per_s, f.seconds,
              f.best ? "  best" : "");
    if (std::abs(f.bn_gap) > kNormGapWarning)
        log::warning(
            "on the same training events, the result with the statistics of the batch is {:+.3f} "
            "from that with the stored ones: batch norm is not calibrated; see --bn-statistics "
            "recomputed",
            f.bn_gap);
}

Trainer::Hooks hooks_of(Progress& progress, std::int64_t epochs)
{
    return {
        .status =
            [&progress](TrainingStatus const& t) {
                if (!progress.due()) return;
                double const part = static_cast<double>(t.step) / static_cast<double>(t.steps);
                progress.update(
                    (static_cast<double>(t.epoch - 1) + part) / static_cast<double>(t.epochs),
                    fmt::format("epoch {}/{} step {}/{} {:.0f} events/s data {:.1f}% loss {:.4f}",
                                t.epoch, t.epochs, t.step, t.steps, t.events_per_s,
                                100 * t.data_wait_fraction, t.loss));
            },
        .epoch_done =
            [&progress, epochs](EpochFigures const& f) {
                progress.clear();
                report_epoch(f, epochs);
            },
        .stop_requested = stop_requested};
}

/// What is left of a trainer, which holds events and programs on the device.
struct TrainerFigures {
    std::int64_t epochs = 0, best_epoch = 0;
    double events_per_s = 0, data_wait_fraction = 0;
    Stages timing;
};

TrainerFigures run_trainer(Session const& session,
                           Context& ctx,
                           TrainingJob const& job,
                           TrainingData const& data,
                           bool resume)
{
    Options const& s = job.settings;
    Progress progress("train");
    Trainer trainer(ctx, job, data.data, data.on, hooks_of(progress, s.get_int("train.epochs")));
    log::detail("{}: {:.0f} MB for one training step", job.model,
                static_cast<double>(trainer.planned_bytes()) / 1e6);
    // Settings, store, model and memory have been accepted: what is refused leaves no folder behind.
    job.run.make_folders();
    job.run.write_text("config.toml", dump_toml(with_extra(find_model(job.model).schema()), s));
    job.run.write_json("env.json", environment_record(session, ctx, s));
    job.run.write_json("data.json", data_record(data.path, data.data, job.split));
    resume ? trainer.resume() : trainer.start();
    TrainingEnd const end = trainer.run();
    progress.clear();
    if (end == TrainingEnd::interrupted)
        throw_if_stopped("checkpoints/last is saved",
                         fmt::format("calofuse train --resume --run-dir {} --data {} goes on",
                                     job.run.path(), data.path));
    return {trainer.epochs_done(), trainer.best_epoch(), trainer.events_per_s(),
            trainer.data_wait_fraction(), trainer.timing()};
}

Json timing_json(Stages const& stages)
{
    Json out = Json::array();
    for (auto const& [name, seconds] : stages)
        out.push_back({{"name", name}, {"s", seconds}});
    return out;
}

Trained train_and_judge(Session const& session,
                        Context& ctx,
                        TrainingJob const& job,
                        TrainingData const& data,
                        bool resume)
{
    double const begin = now_s();
    log::info("{}: {} events of {} files; train {}, valid {}, test {}", data.path, data.data.size(),
              data.data.files.size(), job.split.train.size(), job.split.valid.size(),
              job.split.test.size());
    TrainerFigures const trained = run_trainer(session, ctx, job, data, resume);
    double const judged = now_s();
    Context::Purpose const purpose(ctx, "final evaluation");
    TrainedModel best(ctx, Checkpoint::read(job.run.checkpoint("best")), data.data, nullptr,
                      data.on);
    Judgement const valid = judge(best.predict(job.split.valid), job.task);
    Predictions predictions = best.predict(job.split.test);
    Judgement const test = judge(predictions, job.task);
    add_probabilities(predictions, job.task);
    write_predictions(predictions, job.run.file("predictions_test.csv"), Overwrite::yes);
    Stages stages = {{"read the store", data.read_s}};
    stages.insert(stages.end(), trained.timing.begin(), trained.timing.end());
    stages.emplace_back("final evaluation", now_s() - judged);
    Json const summary = {{"run_dir", job.run.path()},
                          {"model", job.model},
                          {"task", Json::parse(to_text(job.task))},
                          {"device", name_of(ctx.backend())},
                          {"precision", precision_of(job.settings, ctx)},
                          {"epochs", trained.epochs},
                          {"best_epoch", trained.best_epoch},
                          {"events_per_s", trained.events_per_s},
                          {"wall_s", data.read_s + now_s() - begin},
                          {"data_wait_fraction", trained.data_wait_fraction},
                          {"valid", headline(valid)},
                          {"test", headline(test)},
                          {"timing", timing_json(stages)}};
    job.run.write_json("summary.json", summary);
    return {summary, test, trained.best_epoch};
}

/// Where a GPU's memory went, before the error says that it was not enough.
void print_memory_plan(Context const& ctx)
{
    log::info("memory plan:");
    for (Context::MemoryUse const& use : ctx.memory_use())
        log::info("  {:>10.1f} MB  {}", static_cast<double>(use.bytes) / 1e6, use.purpose);
    log::info("  {:>10.1f} MB  are free", static_cast<double>(free_device_memory()) / 1e6);
}
}  // namespace

TrainingJob new_job(std::string const& model,
                    Options const& settings,
                    Dataset const& data,
                    RunDirectory const& run)
{
    TrainingJob job{model, settings, make_task(settings, data), {}, run};
    job.split = split_events(data, job.task, split_config(settings));
    fit_task(job.task, settings, data, job.split.train);
    return job;
}

TrainingJob resumed_job(Options const& settings, Dataset const& data, RunDirectory const& run)
{
    Checkpoint const last = Checkpoint::read(run.checkpoint("last"));
    return {last.model(), settings, last.task(),
            split_events(data, last.task(), split_config(settings)), run};
}

TrainingJob job_on_everything(TrainingJob const& job, Dataset const& data, std::int64_t epochs)
{
    Options settings = job.settings;
    settings.set("train.epochs", epochs);
    settings.set("train.patience", std::int64_t{0});
    settings.set("train.retrain_on_all", false);
    settings.set("split.train", 1.0);
    settings.set("split.valid", 0.0);
    settings.set("split.test", 0.0);
    settings.set("split.fraction", 1.0);
    return new_job(job.model, settings, data, RunDirectory::unused(job.run.file("retrained")));
}

Trained run_training(Session const& session,
                     Context& ctx,
                     TrainingJob const& job,
                     TrainingData const& data,
                     bool resume)
{
    try {
        return train_and_judge(session, ctx, job, data, resume);
    } catch (Error const& e) {
        if (e.code() == kOutOfDeviceMemory) print_memory_plan(ctx);
        throw;
    }
}
}  // namespace calofuse
