#include "driver/focalh/commands/describe.hpp"

namespace calofuse::commands {
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
}  // namespace calofuse::commands
