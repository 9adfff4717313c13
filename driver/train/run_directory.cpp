#include "driver/train/run_directory.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/atomic_file.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace fs = std::filesystem;
using nlohmann::ordered_json;

RunDirectory RunDirectory::unused(std::string const& path)
{
    RunDirectory const run(path);
    if (run.has("config.toml"))
        throw Error(Exit::cannot_create, "CF-RUN-01", quoted(path) + " holds a run already",
                    "take another --run-dir, or go on with --resume");
    return run;
}

void RunDirectory::make_folders() const
{
    std::error_code error;
    fs::create_directories(file("checkpoints"), error);
    if (error)
        throw Error(error == std::errc::permission_denied ? Exit::permission : Exit::cannot_create,
                    "CF-RUN-05", quoted(path_) + " cannot be created: " + error.message(),
                    "choose a folder that you may write to");
}

RunDirectory RunDirectory::open(std::string const& path)
{
    RunDirectory const run(path);
    if (!run.has("config.toml"))
        throw Error(Exit::no_input, "CF-RUN-02", quoted(path) + " is no run directory",
                    "give the --run-dir of a training");
    return run;
}

bool RunDirectory::has(std::string const& name) const
{
    std::error_code error;
    return fs::is_regular_file(file(name), error);
}

std::string RunDirectory::checkpoint(std::string const& which) const
{
    if (which != "best" && which != "last") return which;
    return file("checkpoints/" + which + ".safetensors");
}

void RunDirectory::write_text(std::string const& name, std::string const& text) const
{
    write_file_atomically(file(name), text, Overwrite::yes);
}

void RunDirectory::write_json(std::string const& name, ordered_json const& document) const
{
    write_text(name, document.dump(2) + "\n");
}

ordered_json RunDirectory::read_json(std::string const& name) const
{
    std::ifstream in(file(name), std::ios::binary);
    if (!in)
        throw Error(Exit::no_input, "CF-RUN-02", quoted(file(name)) + " is missing",
                    "the run did not get that far; train --resume finishes it");
    try {
        return ordered_json::parse(in);
    } catch (ordered_json::exception const& e) {
        throw Error(Exit::data, "CF-RUN-03", quoted(file(name)) + " is broken: " + e.what(),
                    "train --resume writes it again");
    }
}

void RunDirectory::append_metrics(double t,
                                  std::int64_t epoch,
                                  std::int64_t step,
                                  std::string const& split,
                                  ordered_json const& values) const
{
    std::ofstream out(file("metrics.jsonl"), std::ios::app | std::ios::binary);
    for (auto const& [name, value] : values.items()) {
        ordered_json const row = {{"t", t},         {"epoch", epoch}, {"step", step},
                                  {"split", split}, {"name", name},   {"value", value}};
        out << row.dump() << '\n';
    }
    if (!out.flush())
        throw Error(Exit::io, "CF-IO-05",
                    quoted(file("metrics.jsonl")) + " cannot be written: " + std::strerror(errno),
                    "check the space on that disk");
}

void RunDirectory::truncate_metrics(std::int64_t epoch) const
{
    if (!has("metrics.jsonl")) return;
    std::ifstream in(file("metrics.jsonl"), std::ios::binary);
    std::string kept, line;
    while (std::getline(in, line)) {
        auto const row = ordered_json::parse(line, nullptr, false);
        if (!row.is_object() || row.value("epoch", epoch) >= epoch) break;
        kept += line + "\n";
    }
    in.close();
    write_text("metrics.jsonl", kept);
}
}  // namespace calofuse
