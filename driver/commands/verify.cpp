/// \file driver/commands/verify.cpp
/// Recomputes every digest: of stores by their `.sha256`, of manifests, of all manifests in a
/// folder. A store without a manifest, as other programs write them, is read and checked.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "io/sha256.hpp"
#include "io/store/store.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
namespace fs = std::filesystem;
constexpr std::string_view kManifestEnd = ".sha256";

bool ends_with(std::string const& text, std::string_view end)
{
    return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// A manifest to go through, and the one file of it that the user asked about, if it was one.
struct Job {
    std::string manifest;  ///< empty: there is none
    std::string only;      ///< path, or empty: every file counts
};

/// What there is to check for `path`.
std::vector<Job> jobs_for(std::string const& path)
{
    std::error_code none;
    if (fs::is_directory(path, none)) {
        std::vector<Job> found;
        fs::recursive_directory_iterator it(path, fs::directory_options::skip_permission_denied,
                                            none);
        for (; !none && it != fs::recursive_directory_iterator(); it.increment(none))
            if (ends_with(it->path().string(), kManifestEnd))
                found.push_back({it->path().string(), {}});
        std::sort(found.begin(), found.end(),
                  [](Job const& x, Job const& y) { return x.manifest < y.manifest; });
        if (found.empty())
            throw Error(Exit::no_input, "CF-SHA-04",
                        calofuse::quoted(path) + ": no .sha256 file below it",
                        "convert writes one beside the store");
        return found;
    }
    if (!fs::exists(path, none))
        throw Error(Exit::no_input, "CF-IO-01", calofuse::quoted(path) + ": no such file",
                    "check the path for typing errors");
    if (ends_with(path, kManifestEnd)) return {{path, {}}};
    std::string const beside = manifest_path_of(path);
    return {{fs::exists(beside, none) ? beside : "", path}};
}

/// One file of a manifest, with what is wrong inside it where that can be told.
Json check(VerifiedFile const& file)
{
    constexpr char const* kResults[] = {"same", "differs", "missing"};
    Json entry = {{"path", file.path}, {"result", kResults[static_cast<int>(file.result)]}};
    if (file.result != Digest::differs) return entry;
    entry["expected"] = file.expected;
    entry["found"] = file.found;
    if (!ends_with(file.path, ".h5")) return entry;
    Json datasets = Json::array();
    for (DamagedDataset const& damaged : damaged_datasets(file.path))
        datasets.push_back({{"name", damaged.name}, {"reason", damaged.reason}});
    entry["damaged_datasets"] = datasets;
    return entry;
}

/// Throws what is wrong with a store that nobody made a digest of.
Json check_structure(std::string const& path)
{
    Dataset const data = read_store(path);
    log::warning("{}: no manifest: structure checked, digests not", calofuse::quoted(path));
    return {{"path", path},
            {"result", "no manifest"},
            {"events", data.size()},
            {"columns", data.describe_columns()}};
}

void print_text(Json const& entry)
{
    std::string const path = calofuse::quoted(entry["path"].get<std::string>());
    print_line(fmt::format("{:<8} {}", entry["result"].get<std::string>(), path));
    if (entry.contains("columns"))
        print_line(fmt::format("         {} events: {}", entry["events"].get<std::int64_t>(),
                               entry["columns"].get<std::string>()));
    if (!entry.contains("damaged_datasets")) return;
    for (Json const& d : entry["damaged_datasets"])
        print_line(fmt::format("         {}: {}", d["name"].get<std::string>(),
                               d["reason"].get<std::string>()));
    if (entry["damaged_datasets"].empty())
        print_line("         every dataset reads back: the damage lies outside their values");
}
}  // namespace

int verify(Session const& session, VerifyArgs const& args)
{
    Json files = Json::array();
    Json manifests = Json::array();
    std::vector<std::string> bad;
    for (std::string const& path : args.paths)
        for (Job const& job : jobs_for(path)) {
            if (job.manifest.empty()) {
                files.push_back(check_structure(job.only));
                if (!session.global.json) print_text(files.back());
                continue;
            }
            manifests.push_back(job.manifest);
            bool listed = job.only.empty();
            for (VerifiedFile const& file : verify_manifest(job.manifest)) {
                std::error_code none;
                bool const is_it = job.only.empty() || fs::equivalent(file.path, job.only, none);
                listed = listed || is_it;
                files.push_back(check(file));
                // a store may well travel without the raw files that it was made from
                bool const absent_input = file.result == Digest::missing && !is_it;
                if (file.result != Digest::same && !absent_input) bad.push_back(file.path);
                if (!session.global.json) print_text(files.back());
            }
            if (!listed)
                throw Error(Exit::data, "CF-SHA-06",
                            fmt::format("{} does not list {}", calofuse::quoted(job.manifest),
                                        calofuse::quoted(job.only)),
                            "the two files do not belong together");
        }
    std::size_t const num_files = files.size();
    if (session.global.json)
        print_json({{"ok", bad.empty()},
                    {"manifests", std::move(manifests)},
                    {"files", std::move(files)}});
    if (bad.empty()) return 0;
    throw Error(Exit::data, "CF-SHA-02",
                fmt::format("{} of {} files differ or are missing, the first is {}", bad.size(),
                            num_files, calofuse::quoted(bad.front())),
                "copy it again from where it came, or run convert again");
}
}  // namespace calofuse::commands
