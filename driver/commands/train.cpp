/// \file driver/commands/train.cpp
/// Trains a model on a store and leaves a run directory (driver/train/run_directory.hpp).
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/cli/device.hpp"
#include "driver/cli/settings.hpp"
#include "driver/cli/signals.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/judge/document.hpp"
#include "driver/kinds.hpp"
#include "driver/train/clock.hpp"
#include "driver/train/run.hpp"
#include "io/store/store.hpp"
#include "models/registry.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
/// Settings of a run, and of the model that it trains.
struct Opened {
    std::string model;
    Options settings;
    RunDirectory run;
};

Opened open(Session const& session, TrainArgs const& args)
{
    if (!args.resume) {
        Options const settings = resolve_settings(session, find_model(args.model).schema());
        return {args.model, settings, RunDirectory::unused(args.run_dir)};
    }
    RunDirectory const run = RunDirectory::open(args.run_dir);
    std::string const model = Checkpoint::read(run.checkpoint("last")).model();
    return {model, resolve_settings(session, find_model(model).schema(), run.file("config.toml")),
            run};
}

void print_summary(Json const& summary, Judgement const& test)
{
    print_line(
        fmt::format("{}: {} epochs, best {}, {:.0f} events/s in training steps, {:.1f} s in all",
                    summary["run_dir"].get<std::string>(), summary["epochs"].get<int>(),
                    summary["best_epoch"].get<int>(), summary["events_per_s"].get<double>(),
                    summary["wall_s"].get<double>()));
    print_line(fmt::format("test ({} events): {}", test.rows, headline_text(test)));
}
}  // namespace

int train(Session const& session, TrainArgs const& args)
{
    double const begin = now_s();
    StopSignals const signals;
    Opened const opened = open(session, args);
    Context ctx = make_context(opened.settings);
    Dataset events = read_store(args.data);
    kind_of(events).prepare(events, opened.settings);
    TrainingJob const job = args.resume
                                ? resumed_job(opened.settings, events, opened.run)
                                : new_job(opened.model, opened.settings, events, opened.run);
    TrainingData const data{args.data, events, data_on(opened.settings, ctx, events),
                            now_s() - begin};
    Trained const trained = run_training(session, ctx, job, data, args.resume);
    if (opened.settings.get_bool("train.retrain_on_all")) {
        TrainingJob const all = job_on_everything(job, events, trained.best_epoch);
        run_training(session, ctx, all, data, false);
        log::info("{} is the model of all events", all.run.checkpoint("last"));
    }
    if (session.global.json)
        print_json(trained.summary);
    else
        print_summary(trained.summary, trained.test);
    return 0;
}
}  // namespace calofuse::commands
