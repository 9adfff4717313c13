/// \file driver/commands/inspect.cpp
/// What is in a file: any column of a store, and of FoCal-H events counts per file, label and energy,
/// empty triggers, saturation, mean charge.
#include "io/focalh/inspect.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/cli/arguments.hpp"
#include "driver/commands/column_view.hpp"
#include "driver/commands/commands.hpp"
#include "driver/focalh/inspect_events.hpp"
#include "io/atomic_file.hpp"
#include "io/focalh/channel_map_file.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
Json json_of(Inspection const& found)
{
    Json out = {{"kind", found.kind},
                {"path", found.path},
                {"bytes", found.bytes},
                {"sha256", found.sha256}};
    Json& properties = out["properties"] = Json::object();
    for (auto const& [name, value] : found.properties)
        properties[name] = value;
    if (found.kind == "store") {
        Json& columns = out["columns"] = Json::array();
        for (ColumnSummary const& column : found.columns)
            columns.push_back(commands::json_of(column));
        Json& tables = out["tables"] = Json::array();
        for (TableSummary const& table : found.tables)
            tables.push_back(commands::json_of(table));
    }
    if (!found.mean_charge_of_cell.empty()) add_events(out, found);
    return out;
}

void print_text(Inspection const& found)
{
    print_line(
        fmt::format("{}: {}, {} bytes", calofuse::quoted(found.path), found.kind, found.bytes));
    for (auto const& [name, value] : found.properties)
        print_line(fmt::format("  {}: {}", name, value));
    if (!found.sha256.empty()) print_line("  sha256: " + found.sha256);
    if (!found.mean_charge_of_cell.empty()) print_events(found);
    if (found.kind != "store") return;
    print_columns(found.columns);
    print_tables(found.tables);
}
}  // namespace

int inspect(Session const& session, InspectArgs const& args)
{
    InspectOptions options;
    options.npy.layout = parse_npy_layout(args.layout);
    options.npy.out_of_range = OutOfRange::drop;  // looking at a file must not fail on one value
    if (!args.map.empty()) options.map = read_channel_map(args.map);
    if (!args.svg.empty()) check_output(args.svg, Overwrite::yes);
    Inspection const found = calofuse::inspect(args.file, options);
    if (!args.svg.empty() && found.kind != "store")
        refuse("CF-CLI-04", "--svg: " + calofuse::quoted(args.file) + " is no store",
               "only a store has columns to draw");
    if (!found.board_warning.empty()) log::warning("{}", found.board_warning);
    if (!args.svg.empty())
        write_file_atomically(args.svg, picture_of(found.columns), Overwrite::yes);
    if (session.global.json)
        print_json(json_of(found));
    else
        print_text(found);
    return 0;
}
}  // namespace calofuse::commands
