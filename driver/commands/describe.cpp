#include "driver/commands/describe.hpp"

#include <memory>

#include "driver/cli/arguments.hpp"

namespace calofuse::commands {
namespace {
/// Ties the argument struct to the command: it lives as long as the command line does.
template <class Args>
struct Bound {
    std::shared_ptr<Args> args = std::make_shared<Args>();
    CommandLine::Run with(Function<Args> run) const
    {
        return [held = args, run = std::move(run)](Session const& s) {
            return run(s, *held);
        };
    }
};

/// Of evaluate and predict; the rule is that of driver/train/store_scorer.hpp.
constexpr char kScoredStore[] =
    "store made by convert; its pedestals are used, unless it is the one of the training or --set "
    "input.pedestals=PED.csv says others";

/// As io/npy.hpp reads it.
void add_layout(CommandOptions& command, std::string& layout)
{
    command.choice("--layout", layout,
                   {"auto", "events", "events-types", "types-events", "events-channels-types"},
                   "axes of the arrays");
}
}  // namespace

void add_simulate(CommandLine& line, Function<SimulateArgs> run)
{
    Bound<SimulateArgs> const bound;
    SimulateArgs& args = *bound.args;
    CommandOptions command =
        line.add("simulate", "make FoCal-H test-beam events in the raw format",
                 "calofuse simulate --out beam --events 1000", bound.with(std::move(run)));
    command.text("--out", args.out, "DIR", "folder for the files", Need::required);
    command.number("--events", args.events, 1, 100'000'000, "events per file");
    command.text("--energies", args.energies, "GEV[,GEV...]",
                 "beam energies: 60 both, e60 electrons, h60 hadrons (default: test beam)");
    command.number("--detector-seed", args.detector_seed, 0, 1'000'000'000,
                   "seed of gains and pedestals of the channels");
    command.text("--map", args.map, "MAP.csv", "channel map (default: FoCal-H prototype 2)");
    command.toggle("--pure", args.pure, "no contamination of the beams: labels are true");
    command.toggle("--full", args.full, "write low gain and times too, not high gain alone");
    command.toggle("--overwrite", args.overwrite, "replace files that exist");
}

void add_convert(CommandLine& line, Function<ConvertArgs> run)
{
    Bound<ConvertArgs> const bound;
    ConvertArgs& args = *bound.args;
    CommandOptions command = line.add(
        "convert", "raw .npy files or folders to one HDF5 store and its .sha256",
        "calofuse convert --out beam.h5 beam/electron beam/hadron", bound.with(std::move(run)));
    command.text("--out", args.out, "FILE.h5", "store to write", Need::required);
    command.toggle("--unknown", args.unknown,
                   "events without label, whatever the folder is called");
    command.text("--map", args.map, "MAP.csv", "channel map (default: FoCal-H prototype 2)");
    command.text("--board-order", args.board_order, "B,B,B,B",
                 "board of the map that each board of the data is (default 0,1,2,3)");
    add_layout(command, args.layout);
    command.number("--hg-index", args.hg_index, -1, 7,
                   "plane of the high gain; -1 = the one with the larger mean");
    command.number("--max-adc", args.max_adc, 1, 8191, "largest value that can be true");
    command.text("--pedestals", args.pedestals, "PED.csv",
                 "pedestal of each channel, kept in the store");
    command.choice("--out-of-range", args.out_of_range, {"error", "clip", "drop"},
                   "what to do with values outside 0 .. --max-adc");
    command.toggle("--compress", args.compress, "shuffle and deflate the ADC values");
    command.toggle("--overwrite", args.overwrite, "replace a store that exists");
    command.positionals("INPUT", args.inputs, ".npy files, or folders of them");
}

void add_inspect(CommandLine& line, Function<InspectArgs> run)
{
    Bound<InspectArgs> const bound;
    CommandOptions command = line.add("inspect", "what is in a .npy, .h5, map or checkpoint file",
                                      "calofuse inspect beam.h5", bound.with(std::move(run)));
    command.positional("FILE", bound.args->file, "file to look at");
    command.text("--map", bound.args->map, "MAP.csv", "channel map of a .npy file");
    add_layout(command, bound.args->layout);
}

void add_verify(CommandLine& line, Function<VerifyArgs> run)
{
    Bound<VerifyArgs> const bound;
    CommandOptions command = line.add("verify", "recompute every digest; say what differs",
                                      "calofuse verify beam.h5", bound.with(std::move(run)));
    command.positionals("PATH", bound.args->paths, "stores, .sha256 manifests or folders");
}

void add_graphs(CommandLine& line, Function<GraphsArgs> run)
{
    Bound<GraphsArgs> const bound;
    GraphsArgs& args = *bound.args;
    CommandOptions command = line.add(
        "graphs", "hits of events and the graphs of their nearest neighbours",
        "calofuse graphs --data beam.h5 --hits ccl --out graphs.h5", bound.with(std::move(run)));
    command.text("--data", args.data, "FILE.h5", "store made by convert", Need::required);
    command.text("--out", args.out, "GRAPHS.h5", "write the graphs, packed (default: count only)");
    command.setting("--hits", "hits.rule");
    command.setting("--threshold-adc", "hits.threshold_adc");
    command.setting("--neighbours", "hits.neighbours");
    command.toggle("--overwrite", args.overwrite, "replace a file that exists");
}
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

void add_display(CommandLine& line, Function<DisplayArgs> run)
{
    Bound<DisplayArgs> const bound;
    DisplayArgs& args = *bound.args;
    CommandOptions command =
        line.add("display", "draw events: cells, energies, hits and their graph",
                 "calofuse display --data beam.h5 --event 12,77 --graph --out e.svg",
                 bound.with(std::move(run)));
    command.text("--data", args.data, "FILE.h5", "store made by convert", Need::required);
    command.numbers("--event", args.events, 0, 1'000'000'000'000, "rows of the store",
                    Need::required);
    command.text("--out", args.out, "FILE.svg", "picture to write", Need::required);
    command.text("--run-dir", args.run_dir, "DIR",
                 "run whose score to show; of hits, their edges and attention too");
    command.toggle("--graph", args.graph, "draw hits and the edges between them");
    command.setting("--hits", "hits.rule");
    command.setting("--threshold-adc", "hits.threshold_adc");
    command.setting("--neighbours", "hits.neighbours");
}

void add_profile(CommandLine& line, Function<ProfileArgs> run)
{
    Bound<ProfileArgs> const bound;
    ProfileArgs& args = *bound.args;
    CommandOptions command =
        line.add("profile", "time training or inference steps",
                 "calofuse profile --model hybrid --batch-size 1024", bound.with(std::move(run)));
    command.text("--model", args.model, "NAME", "network (default hybrid)");
    command.text("--data", args.data, "FILE.h5", "events (default: synthetic ones)");
    command.setting("--batch-size", "train.batch_size");
    command.number("--steps", args.steps, 1, 1'000'000,
                   "steps to time; on a GPU whole graphs of train.steps_per_graph");
    command.number("--warmup", args.warmup, 0, 1'000'000, "steps before");
    command.toggle("--inference", args.inference, "forward passes instead of training steps");
}

void add_doctor(CommandLine& line, std::function<int(Session const&)> run)
{
    line.add("doctor", "devices, libraries, versions, and a self-check of each backend",
             "calofuse doctor --json", std::move(run));
}

void add_config(CommandLine& line, std::function<int(Session const&)> run)
{
    auto const what = std::make_shared<std::string>();
    CommandOptions command = line.add("config", "config dump: the resolved settings as TOML",
                                      "calofuse config dump --set train.epochs=10 > run.toml",
                                      [what, run = std::move(run)](Session const& s) {
                                          check_choice("calofuse config", *what, {"dump"});
                                          return run(s);
                                      });
    command.positional("ACTION", *what, "dump");
}
}  // namespace calofuse::commands
