/// \file driver/commands/convert_columns.cpp
/// `convert --columns RECIPE.toml`: arrays of any origin to one verified store.
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/cli/progress.hpp"
#include "driver/cli/signals.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "io/import/import.hpp"
#include "io/store/store.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
Imported import_with_progress(ConvertArgs const& args)
{
    recipe::Recipe const recipe = recipe::read_recipe(args.columns);
    std::string const folder = std::filesystem::path(args.columns).parent_path().string();
    Progress progress("convert");
    ImportOptions options;
    options.inputs = args.inputs;
    options.progress = [&](ImportProgress const& p) {
        throw_if_stopped("no store was written", "run the same command again");
        if (progress.due())
            progress.update(static_cast<double>(p.files_done) / static_cast<double>(p.files_total),
                            fmt::format("{} events", p.events));
    };
    return import_columns(recipe, folder, options);
}

Json json_of(Imported const& imported, ConvertArgs const& args, std::string const& sha256)
{
    Json files = Json::array(), columns = Json::array();
    for (SourceFile const& file : imported.data.files)
        files.push_back({{"path", file.path},
                         {"sha256", file.sha256},
                         {"events", commands::json_of(file.counts)}});
    for (auto const& [name, column] : imported.data.columns)
        columns.push_back(column.spec.describe());
    return {{"out", args.out},
            {"sha256", sha256},
            {"events", commands::json_of(imported.counts)},
            {"not_selected", imported.not_selected},
            {"columns", columns},
            {"files", files},
            {"warnings", imported.warnings}};
}
}  // namespace

int convert_columns(Session const& session, ConvertArgs const& args)
{
    StopSignals const signals;
    auto const begin = std::chrono::steady_clock::now();
    Imported const imported = import_with_progress(args);
    StoreWriteOptions options;
    options.overwrite = args.overwrite ? Overwrite::yes : Overwrite::no;
    options.compression = args.compress ? Compression::deflate : Compression::none;
    std::string const sha256 = write_store(imported.data, args.out, options, imported.inputs);
    std::chrono::duration<double> const wall = std::chrono::steady_clock::now() - begin;
    for (std::string const& warning : imported.warnings)
        log::warning("{}", warning);
    if (session.global.json) {
        Json document = json_of(imported, args, sha256);
        document["wall_s"] = wall.count();
        print_json(document);
        return 0;
    }
    print_line(fmt::format("{}: {} files in {:.2f} s: {}", args.out, imported.data.files.size(),
                           wall.count(), imported.data.describe_columns()));
    print_line("  " + text_of(imported.counts)
               + (imported.not_selected > 0
                      ? fmt::format(", {} not selected", imported.not_selected)
                      : ""));
    print_line("  sha256 " + sha256);
    return 0;
}
}  // namespace calofuse::commands
