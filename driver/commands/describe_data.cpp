#include "driver/commands/describe.hpp"

namespace calofuse::commands {
namespace {
/// As io/npy.hpp reads it.
void add_layout(CommandOptions& command, std::string& layout)
{
    command.choice("--layout", layout,
                   {"auto", "events", "events-types", "types-events", "events-channels-types"},
                   "axes of the arrays");
}
}  // namespace

void add_convert(CommandLine& line, Function<ConvertArgs> run)
{
    Bound<ConvertArgs> const bound;
    ConvertArgs& args = *bound.args;
    CommandOptions command =
        line.add("convert", "raw events, or arrays of any kind, to one HDF5 store and its .sha256",
                 "calofuse convert --out beam.h5 beam", bound.with(std::move(run)));
    command.text("--out", args.out, "FILE.h5", "store to write", Need::required);
    command.text("--columns", args.columns, "RECIPE.toml",
                 "which arrays of .npy, .npz, HDF5 and CSV files become which columns");
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
    command.positionals("INPUT", args.inputs,
                        ".npy files, or folders of them; with --columns the recipe may name files",
                        Need::optional);
}

void add_inspect(CommandLine& line, Function<InspectArgs> run)
{
    Bound<InspectArgs> const bound;
    CommandOptions command = line.add("inspect", "what is in a .npy, .h5, map or checkpoint file",
                                      "calofuse inspect beam.h5", bound.with(std::move(run)));
    command.positional("FILE", bound.args->file, "file to look at");
    command.text("--map", bound.args->map, "MAP.csv", "channel map of a .npy file");
    command.text("--svg", bound.args->svg, "FILE.svg", "histograms of all columns of a store");
    add_layout(command, bound.args->layout);
}

void add_verify(CommandLine& line, Function<VerifyArgs> run)
{
    Bound<VerifyArgs> const bound;
    CommandOptions command = line.add("verify", "recompute every digest; say what differs",
                                      "calofuse verify beam.h5", bound.with(std::move(run)));
    command.positionals("PATH", bound.args->paths, "stores, .sha256 manifests or folders");
}
}  // namespace calofuse::commands
