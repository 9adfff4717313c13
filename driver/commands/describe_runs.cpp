#include "driver/commands/describe.hpp"

namespace calofuse::commands {
namespace {
/// Of evaluate and predict; the rule is that of driver/focalh/run_conditions.hpp.
constexpr char kScoredStore[] =
    "store made by convert; its pedestals are used, unless it is the one of the training or --set "
    "input.pedestals=PED.csv says others";
}  // namespace

void add_train(CommandLine& line, Function<TrainArgs> run)
{
    Bound<TrainArgs> const bound;
    TrainArgs& args = *bound.args;
    CommandOptions command =
        line.add("train", "train a network; Ctrl-C saves and stops",
                 "calofuse train --data beam.h5 --model hybrid --run-dir runs/first",
                 bound.with(std::move(run)));
    command.text("--data", args.data, "FILE.h5", "store made by convert", Need::required);
    command.text("--model", args.model, "NAME", "network (default hybrid)");
    command.text("--run-dir", args.run_dir, "DIR", "where everything of this run goes");
    command.toggle("--resume", args.resume, "go on from the last checkpoint of --run-dir");
    command.setting("--epochs", "train.epochs");
    command.setting("--batch-size", "train.batch_size");
    command.setting("--fraction", "split.fraction");
    command.setting("--patience", "train.patience");
    command.setting("--bn-statistics", "train.bn_statistics");
    command.setting_toggle("--retrain-on-all", "train.retrain_on_all");
}

void add_evaluate(CommandLine& line, Function<EvaluateArgs> run)
{
    Bound<EvaluateArgs> const bound;
    EvaluateArgs& args = *bound.args;
    CommandOptions command = line.add(
        "evaluate", "metrics of a trained network on a split",
        "calofuse evaluate --run-dir runs/first --data beam.h5 --json", bound.with(std::move(run)));
    command.text("--run-dir", args.run_dir, "DIR", "run that train made", Need::required);
    command.text("--data", args.data, "FILE.h5", kScoredStore, Need::required);
    command.choice("--split", args.split, {"train", "valid", "test", "all"}, "part of the events");
    command.text("--checkpoint", args.checkpoint, "best|last|PATH", "which weights (default best)");
    command.setting("--batch-size", "train.batch_size");
}

void add_predict(CommandLine& line, Function<PredictArgs> run)
{
    Bound<PredictArgs> const bound;
    PredictArgs& args = *bound.args;
    CommandOptions command =
        line.add("predict", "a score per event, labelled or not",
                 "calofuse predict --run-dir runs/first --data new.h5 --out scores.csv",
                 bound.with(std::move(run)));
    command.text("--run-dir", args.run_dir, "DIR", "run that train made", Need::required);
    command.text("--data", args.data, "FILE.h5", kScoredStore, Need::required);
    command.text("--out", args.out, "FILE.csv|.h5", "where the scores go", Need::required);
    command.toggle("--overwrite", args.overwrite, "replace a file that exists");
    command.text("--checkpoint", args.checkpoint, "best|last|PATH", "which weights (default best)");
    command.setting("--batch-size", "train.batch_size");
}

void add_report(CommandLine& line, Function<ReportArgs> run)
{
    Bound<ReportArgs> const bound;
    CommandOptions command =
        line.add("report", "one HTML file with curves, metrics and displays",
                 "calofuse report --run-dir runs/first", bound.with(std::move(run)));
    command.text("--run-dir", bound.args->run_dir, "DIR", "run that train made", Need::required);
    command.text("--out", bound.args->out, "FILE.html",
                 "(default: report.html in the run directory)");
}
}  // namespace calofuse::commands
