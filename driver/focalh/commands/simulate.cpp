/// \file driver/focalh/commands/simulate.cpp
/// Test-beam events in the raw format, with their hidden truth beside them.
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/cli/progress.hpp"
#include "driver/cli/settings.hpp"
#include "driver/cli/signals.hpp"
#include "driver/commands/result.hpp"
#include "driver/focalh/commands/commands.hpp"
#include "driver/train/clock.hpp"
#include "io/focalh/channel_map_file.hpp"
#include "io/focalh/simulator/simulator.hpp"

namespace calofuse::commands {
namespace {
SimulateOptions options_of(SimulateArgs const& args, Options const& settings)
{
    SimulateOptions options;
    options.out = args.out;
    options.events_per_file = args.events;
    options.files = parse_beam_files(args.energies);
    options.seed = static_cast<std::uint64_t>(settings.get_int("general.seed"));
    options.detector_seed = static_cast<std::uint64_t>(args.detector_seed);
    if (!args.map.empty()) options.map = read_channel_map(args.map);
    options.parameters = simulator_parameters(settings);
    if (args.pure) options.parameters.make_pure();
    options.planes = args.full ? Planes::all : Planes::high_gain;
    options.overwrite = args.overwrite ? Overwrite::yes : Overwrite::no;
    return options;
}

SimulateSummary run(Context const& ctx, SimulateOptions const& options)
{
    StopSignals const signals;
    Progress progress("simulate");
    double const start = now_s();
    return simulate_dataset(ctx, options, [&](std::int64_t done, std::int64_t total) {
        throw_if_stopped(fmt::format("{} of {} files are complete and stay in {}",
                                     (done - 1) / options.events_per_file, options.files.size(),
                                     quoted(options.out)),
                         "the same command with --overwrite makes all of them anew");
        if (!progress.due()) return;
        double const rate = static_cast<double>(done) / std::max(now_s() - start, 1e-9);
        progress.update(static_cast<double>(done) / static_cast<double>(total),
                        fmt::format("{} of {} events, {:.0f}/s", done, total, rate));
    });
}

Json json_of(SimulateOptions const& options, SimulateSummary const& summary, double wall_s)
{
    Json truth;
    for (std::size_t i = 0; i < summary.class_counts.size(); ++i)
        truth[name_of(static_cast<TrueClass>(i))] = summary.class_counts[i];
    return {{"out", options.out},
            {"files", summary.num_files},
            {"events", summary.num_events},
            {"seed", options.seed},
            {"detector_seed", options.detector_seed},
            {"truth_events", truth},
            {"wall_s", wall_s},
            {"events_per_s", static_cast<double>(summary.num_events) / std::max(wall_s, 1e-9)}};
}

void print_summary(SimulateOptions const& options, SimulateSummary const& summary, double wall_s)
{
    print_line(fmt::format("{}: {} files, {} events in {:.2f} s ({:.0f} events/s)", options.out,
                           summary.num_files, summary.num_events, wall_s,
                           static_cast<double>(summary.num_events) / std::max(wall_s, 1e-9)));
    std::string classes;
    for (std::size_t i = 0; i < summary.class_counts.size(); ++i)
        classes += fmt::format("{}{} {}", i == 0 ? "" : ", ", summary.class_counts[i],
                               name_of(static_cast<TrueClass>(i)));
    print_line("  true classes: " + classes);
}
}  // namespace

int simulate(Session const& session, SimulateArgs const& args)
{
    Options const settings = resolve_settings(session, simulator_schema());
    SimulateOptions const options = options_of(args, settings);
    Context const ctx = Context::cpu(static_cast<int>(settings.get_int("general.threads")));
    double const start = now_s();
    SimulateSummary const summary = run(ctx, options);
    double const wall_s = now_s() - start;
    if (session.global.json)
        print_json(json_of(options, summary, wall_s));
    else
        print_summary(options, summary, wall_s);
    return 0;
}
}  // namespace calofuse::commands
