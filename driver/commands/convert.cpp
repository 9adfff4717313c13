/// \file driver/commands/convert.cpp
/// Raw .npy files to one verified store, with every event accounted for.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/cli/progress.hpp"
#include "driver/cli/signals.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "io/focalh/librarian.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
/// With what only this detector counts.
Json json_of(EventCounts const& counts, std::int64_t empty_triggers)
{
    Json out = commands::json_of(counts);
    out["empty_triggers"] = empty_triggers;
    return out;
}
std::string text_of(EventCounts const& counts, std::int64_t empty_triggers)
{
    return fmt::format("{}, {} empty triggers", commands::text_of(counts), empty_triggers);
}

constexpr double kMega = 1e6;

ConvertOptions options_of(ConvertArgs const& args)
{
    ConvertOptions options;
    options.inputs = args.inputs;
    options.out = args.out;
    options.unknown = args.unknown;
    options.map = args.map;
    options.pedestals = args.pedestals;
    options.board_order = parse_board_order(args.board_order);
    options.npy.layout = parse_npy_layout(args.layout);
    options.npy.hg_index = static_cast<int>(args.hg_index);
    options.npy.out_of_range = parse_out_of_range(args.out_of_range);
    options.npy.max_adc = static_cast<std::uint16_t>(args.max_adc);
    options.store.overwrite = args.overwrite ? Overwrite::yes : Overwrite::no;
    options.store.compression = args.compress ? Compression::deflate : Compression::none;
    return options;
}

double megabytes_per_s(ConvertReport const& report)
{
    return static_cast<double>(report.bytes_read) / kMega / std::max(report.wall_s, 1e-9);
}

void print_report(ConvertReport const& report)
{
    for (FocalhFile const& file : report.files)
        log::detail("{}: {} {} GeV: {}", calofuse::quoted(file.path), name_of(file.label),
                    file.energy_gev, text_of(file.counts, file.empty_triggers));
    print_line(fmt::format("{}: {} files, {:.1f} MB in {:.2f} s ({:.0f} MB/s)", report.out,
                           report.files.size(), static_cast<double>(report.bytes_read) / kMega,
                           report.wall_s, megabytes_per_s(report)));
    print_line("  " + text_of(report.total, report.empty_triggers));
    print_line("  sha256 " + report.sha256);
}

Json json_of(ConvertReport const& report)
{
    Json files = Json::array();
    for (FocalhFile const& file : report.files)
        files.push_back({{"path", file.path},
                         {"label", name_of(file.label)},
                         {"energy_gev", json_of_energy(file.energy_gev)},
                         {"sha256", file.sha256},
                         {"events", json_of(file.counts, file.empty_triggers)}});
    return {{"out", report.out},
            {"sha256", report.sha256},
            {"events", json_of(report.total, report.empty_triggers)},
            {"files", files},
            {"skipped", report.skipped},
            {"warnings", report.warnings},
            {"bytes_read", report.bytes_read},
            {"bytes_written", report.bytes_written},
            {"wall_s", report.wall_s},
            {"mb_per_s", megabytes_per_s(report)}};
}
}  // namespace

int convert(Session const& session, ConvertArgs const& args)
{
    if (!args.columns.empty()) return convert_columns(session, args);
    if (args.inputs.empty())
        throw Error(Exit::usage, "CF-CLI-05", "convert needs INPUT", "calofuse convert --help");
    ConvertOptions options = options_of(args);
    StopSignals const signals;
    ConvertReport report;
    {
        Progress progress("convert");
        options.progress = [&](ConvertProgress const& p) {
            throw_if_stopped("no store was written", "run the same command again");
            if (progress.due())
                progress.update(static_cast<double>(p.bytes_done)
                                    / static_cast<double>(std::max<std::int64_t>(p.bytes_total, 1)),
                                fmt::format("{} events", p.events));
        };
        report = calofuse::convert(options);
    }
    for (std::string const& warning : report.warnings)
        log::warning("{}", warning);
    if (session.global.json)
        print_json(json_of(report));
    else
        print_report(report);
    return 0;
}
}  // namespace calofuse::commands
