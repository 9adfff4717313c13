/// \file driver/commands/train.cpp
/// Trains a model on a store and leaves a run directory (driver/train/run_directory.hpp).
#include <cmath>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/cli/device.hpp"
#include "driver/cli/machine.hpp"
#include "driver/cli/progress.hpp"
#include "driver/cli/settings.hpp"
#include "driver/cli/signals.hpp"
#include "driver/cli/version.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/train/clock.hpp"
#include "driver/train/scaling.hpp"
#include "driver/train/store_scorer.hpp"
#include "driver/train/trainer.hpp"
#include "io/config_file.hpp"
#include "io/focalh/pedestal_file.hpp"
#include "io/scores_file.hpp"
#include "io/store/store.hpp"
#include "models/registry.hpp"
#include "runtime/device/device.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
/// Accuracies on the same events that are further apart than this mean that the batch-norm
/// statistics of evaluation are not those of training.
constexpr double kNormGapWarning = 0.05;

std::string utc_now()
{
    std::time_t const t = std::time(nullptr);
    char text[32];
    std::tm parts{};
    gmtime_r(&t, &parts);
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

Json environment(Session const& session, Context const& ctx, Options const& settings)
{
    Machine const machine = this_machine();
    Json libraries = Json::object();
    for (auto const& [name, version] : library_versions())
        libraries[name] = version;
    return {
        {"version", program_version()},
        {"git_hash", git_hash()},
        {"date", utc_now()},
        {"command_line", session.command_line},
        {"device", name_of(ctx.backend())},
        {"gpu", ctx.backend() == Backend::cpu
                    ? Json(nullptr)
                    : Json(cuda_devices().devices[static_cast<std::size_t>(ctx.device())].name)},
        {"precision", precision_of(settings, ctx)},
        {"threads", ctx.threads()},
        {"cpu", machine.cpu_model},
        {"isa", machine.isa},
        {"cores", machine.cores},
        {"os", machine.os},
        {"libraries", libraries}};
}

Json data_record(std::string const& store, EventSet const& events, Split const& split)
{
    Json files = Json::array();
    EventCounts total;
    for (SourceFile const& file : events.files) {
        total += file.counts;
        files.push_back({{"path", file.path},
                         {"label", name_of(file.label)},
                         {"energy_gev", json_of_energy(file.energy_gev)},
                         {"num_events", file.num_events},
                         {"sha256", file.sha256}});
    }
    Json dropped = Json::object();
    for (int r = 0; r < kNumDropReasons; ++r)
        dropped[name_of(static_cast<DropReason>(r))] = total.dropped[static_cast<std::size_t>(r)];
    return {{"store", store},
            {"sha256", events.sha256},
            {"events", events.size()},
            {"split",
             {{"train", split.train.size()},
              {"valid", split.valid.size()},
              {"test", split.test.size()}}},
            {"dropped", dropped},
            {"clipped", total.clipped},
            {"empty_triggers", total.empty_triggers},
            {"files", files}};
}

InputScaling scaling_of(Options const& s, EventSet const& events, Split const& split)
{
    std::string const& name = s.get_string("input.scaling");
    InputScale const scale = name == "raw"     ? InputScale::raw
                             : name == "log1p" ? InputScale::log1p
                                               : InputScale::asinh;
    std::string const& pedestals = s.get_string("input.pedestals");
    return fit_scaling(
        events, split.train, scale, static_cast<float>(s.get_double("input.asinh_scale")),
        pedestals.empty() ? std::vector<float>{} : read_pedestals(pedestals, events.map));
}

/// The line of an epoch, as it is pasted into slides.
void report_epoch(EpochFigures const& f, std::int64_t epochs)
{
    log::info(
        "epoch {:2}/{}  loss {:.4f} acc {:.4f} auc {:.4f} | valid loss {:.4f} acc {:.4f} auc "
        "{:.4f} | "
        "{:.0f} events/s  {:.1f} s{}",
        f.epoch, epochs, f.loss, f.accuracy, f.auc, f.valid.loss, f.valid.accuracy, f.valid.auc,
        f.events_per_s, f.seconds, f.best ? "  best" : "");
    if (std::abs(f.bn_gap) > kNormGapWarning)
        log::warning(
            "on the same training events, accuracy with the statistics of the batch is {:+.3f} "
            "from that "
            "with the stored ones: batch norm is not calibrated; see --bn-statistics recomputed",
            f.bn_gap);
}

/// What one training needs, whether new or resumed.
struct Job {
    Options settings;
    std::string model;
    RunDirectory run;
};

Job open_job(Session const& session, TrainArgs const& args)
{
    if (!args.resume) {
        OptionSchema const extra = find_model(args.model).schema();
        Options const settings = resolve_settings(session, extra);
        return {settings, args.model, RunDirectory::unused(args.run_dir)};
    }
    RunDirectory const run = RunDirectory::open(args.run_dir);
    std::string const model = Checkpoint::read(run.checkpoint("last")).model();
    return {resolve_settings(session, find_model(model).schema(), run.file("config.toml")), model,
            run};
}

Split split_of(Options const& s, EventSet const& events)
{
    return split_events(events, {.train = s.get_double("split.train"),
                                 .valid = s.get_double("split.valid"),
                                 .test = s.get_double("split.test"),
                                 .fraction = s.get_double("split.fraction"),
                                 .seed = static_cast<std::uint64_t>(s.get_int("split.seed"))});
}

Json timing_json(std::vector<std::pair<std::string, double>> const& stages)
{
    Json out = Json::array();
    for (auto const& [name, seconds] : stages)
        out.push_back({{"name", name}, {"s", seconds}});
    return out;
}

struct Data {
    std::string path;
    EventSet const& events;
    DataOn on;  ///< for all that follows: how much memory is free is not the same any more
    double read_s = 0;
};

struct Trained {
    Json summary;
    Evaluation test;
    std::int64_t best_epoch = 0;
};

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
    std::vector<std::pair<std::string, double>> timing;
};

TrainerFigures run_trainer(Session const& session,
                           Context& ctx,
                           Job const& job,
                           Data const& data,
                           Split const& split,
                           InputScaling const& scaling,
                           bool resume)
{
    Options const& s = job.settings;
    Progress progress("train");
    Trainer trainer(ctx, job.model, s, data.events, data.on, split, scaling, job.run,
                    hooks_of(progress, s.get_int("train.epochs")));
    log::detail("{}: {:.0f} MB for one training step", job.model,
                static_cast<double>(trainer.planned_bytes()) / 1e6);
    // Settings, store, model and memory have been accepted: what is refused leaves no folder behind.
    job.run.make_folders();
    job.run.write_text("config.toml", dump_toml(with_extra(find_model(job.model).schema()), s));
    job.run.write_json("env.json", environment(session, ctx, s));
    job.run.write_json("data.json", data_record(data.path, data.events, split));
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

/// One training from the split to summary.json.
Trained run_training(
    Session const& session, Context& ctx, Job const& job, Data const& data, bool resume)
{
    double const begin = now_s();
    Options const& s = job.settings;
    EventSet const& events = data.events;
    Split const split = split_of(s, events);
    InputScaling const scaling = scaling_of(s, events, split);
    double const prepare_s = now_s() - begin;
    log::info("{}: {} events of {} files; train {}, valid {}, test {}", data.path, events.size(),
              events.files.size(), split.train.size(), split.valid.size(), split.test.size());

    TrainerFigures const trained = run_trainer(session, ctx, job, data, split, scaling, resume);
    double const judged = now_s();
    Checkpoint const saved = Checkpoint::read(job.run.checkpoint("best"));
    Context::Purpose const purpose(ctx, "final evaluation");
    StoreScorer best(ctx, saved, events, saved.scaling().pedestals, data.on);
    Evaluation const valid = evaluate_logits(events, split.valid, best.logits(split.valid));
    auto const test_logits = best.logits(split.test);
    Evaluation const test = evaluate_logits(events, split.test, test_logits);
    job.run.write_text("predictions_test.csv",
                       scores_csv(scored_events(events, split.test, test_logits)));
    std::vector<std::pair<std::string, double>> stages = {{"read the store", data.read_s},
                                                          {"fit the scaling", prepare_s}};
    stages.insert(stages.end(), trained.timing.begin(), trained.timing.end());
    stages.emplace_back("final evaluation", now_s() - judged);
    Json const summary = {{"run_dir", job.run.path()},
                          {"model", job.model},
                          {"device", name_of(ctx.backend())},
                          {"precision", precision_of(s, ctx)},
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

/// What trains once more on all labelled events, for as long as the best model was trained: a run of
/// its own, whose settings say that no event is left to judge it by.
Job job_on_everything(Job const& job, std::int64_t epochs)
{
    Options settings = job.settings;
    settings.set("train.epochs", epochs);
    settings.set("train.patience", std::int64_t{0});
    settings.set("train.retrain_on_all", false);
    settings.set("split.train", 1.0);
    settings.set("split.valid", 0.0);
    settings.set("split.test", 0.0);
    settings.set("split.fraction", 1.0);
    return {settings, job.model, RunDirectory::unused(job.run.file("retrained"))};
}

void print_summary(Json const& summary, Evaluation const& test)
{
    auto const figure = [](double v) {
        return std::isfinite(v) ? fmt::format("{:.4f}", v) : "undefined";
    };
    print_line(
        fmt::format("{}: {} epochs, best {}, {:.0f} events/s in training steps, {:.1f} s in all",
                    summary["run_dir"].get<std::string>(), summary["epochs"].get<int>(),
                    summary["best_epoch"].get<int>(), summary["events_per_s"].get<double>(),
                    summary["wall_s"].get<double>()));
    print_line(fmt::format("test ({} events): accuracy {}, AUC {}, loss {}", test.events,
                           figure(test.accuracy), figure(test.auc), figure(test.loss)));
}
/// Where a GPU's memory went, before the error says that it was not enough.
void print_memory_plan(Context const& ctx)
{
    log::info("memory plan:");
    for (Context::MemoryUse const& use : ctx.memory_use())
        log::info("  {:>10.1f} MB  {}", static_cast<double>(use.bytes) / 1e6, use.purpose);
    log::info("  {:>10.1f} MB  are free", static_cast<double>(free_device_memory()) / 1e6);
}

Trained run_job(Session const& session, Context& ctx, Job const& job, Data const& data, bool resume)
{
    try {
        return run_training(session, ctx, job, data, resume);
    } catch (Error const& e) {
        if (e.code() == kOutOfDeviceMemory) print_memory_plan(ctx);
        throw;
    }
}
}  // namespace

int train(Session const& session, TrainArgs const& args)
{
    double const begin = now_s();
    StopSignals const signals;
    Job const job = open_job(session, args);
    Context ctx = make_context(job.settings);
    EventSet const events = read_store(args.data);
    Data const data{args.data, events, data_on(job.settings, ctx, events), now_s() - begin};
    Trained const trained = run_job(session, ctx, job, data, args.resume);
    if (job.settings.get_bool("train.retrain_on_all")) {
        Job const all = job_on_everything(job, trained.best_epoch);
        run_job(session, ctx, all, data, false);
        log::info("{} is the model of all events", all.run.checkpoint("last"));
    }
    if (session.global.json)
        print_json(trained.summary);
    else
        print_summary(trained.summary, trained.test);
    return 0;
}
}  // namespace calofuse::commands
