/// \file io/focalh/raw_files.cpp
/// Which files `convert` takes, and what their names say about them (io/focalh/librarian.hpp).
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/core.h>
#include <set>

#include "io/focalh/librarian.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
namespace fs = std::filesystem;
constexpr std::size_t kMaxFiles = 65535;  ///< file_id has 16 bits
constexpr float kMaxEnergy = 1e6F;        ///< GeV; beyond, the number is something else

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

std::string lower(std::string text)
{
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

bool is_npy(fs::path const& path)
{
    return lower(path.extension().string()) == ".npy";
}

/// Regular .npy files below `folder`, in no order; links to files are followed, to folders not.
std::vector<fs::path> npy_files_below(fs::path const& folder)
{
    std::vector<fs::path> out;
    std::error_code error;
    auto it = fs::recursive_directory_iterator(folder, error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
        if (it->is_directory(error) && lower(it->path().filename().string()) == "truth")
            it.disable_recursion_pending();
        else if (is_npy(it->path()) && it->is_regular_file(error))
            out.push_back(it->path());
    }
    if (error)
        throw Error(
            error == std::errc::permission_denied ? Exit::permission : Exit::no_input,
            error == std::errc::permission_denied ? "CF-IO-06" : "CF-IO-01",
            fmt::format("{}: cannot list: {}", calofuse::quoted(folder.string()), error.message()),
            "check the folder");
    return out;
}

RawFile raw_file(fs::path const& path, std::string name, bool unknown)
{
    RawFile file{.path = path.string(), .name = std::move(name)};
    std::error_code none;
    auto const bytes = fs::file_size(path, none);
    file.bytes = none ? 0 : static_cast<std::int64_t>(bytes);
    if (!unknown) file.label = label_of_path(path.string()).value_or(Label::unknown);
    file.energy_gev = energy_of_name(path.filename().string()).value_or(0.0F);
    return file;
}

[[noreturn]] void throw_no_label(std::string const& path)
{
    throw Error(Exit::data, "CF-NPY-25",
                calofuse::quoted(path) + ": lies in no folder named electron or hadron",
                "move it into one, or pass --unknown to store events without labels");
}

void add_folder(std::string const& input,
                std::string const& prefix,
                bool unknown,
                std::vector<RawFile>& files,
                std::vector<std::string>& skipped)
{
    for (fs::path const& path : npy_files_below(input)) {
        std::string const name = prefix + path.lexically_relative(input).generic_string();
        if (!unknown && !label_of_path(path.string()))
            skipped.push_back(path.string());
        else
            files.push_back(raw_file(path, name, unknown));
    }
}

void check_distinct(std::vector<RawFile> const& files)
{
    std::set<std::string> seen;
    for (RawFile const& file : files)
        if (!seen.insert(fs::weakly_canonical(file.path).string()).second)
            throw Error(Exit::usage, "CF-CNV-02", calofuse::quoted(file.path) + ": is given twice",
                        "events that stand twice spoil every test set");
}
}  // namespace

std::optional<Label> label_of_path(std::string const& path)
{
    for (fs::path folder = fs::absolute(path).lexically_normal().parent_path();
         folder != folder.parent_path(); folder = folder.parent_path()) {
        std::string const name = lower(folder.filename().string());
        if (name == "electron" || name == "electrons") return Label::electron;
        if (name == "hadron" || name == "hadrons") return Label::hadron;
    }
    return std::nullopt;
}

std::optional<float> energy_of_name(std::string const& name)
{
    std::string const text = lower(name);
    for (std::size_t unit = text.find("gev"); unit != std::string::npos;
         unit = text.find("gev", unit + 1)) {
        std::size_t end = unit;
        if (end > 0 && text[end - 1] == '_') --end;
        while (end > 0 && text[end - 1] == ' ')
            --end;
        std::size_t begin = end;
        while (begin > 0 && is_digit(text[begin - 1]))
            --begin;
        if (begin == end) continue;
        // "e_1.5gev": the digits before the point belong to the number, a point without any does not.
        if (begin > 1 && text[begin - 1] == '.' && is_digit(text[begin - 2])) {
            --begin;
            while (begin > 0 && is_digit(text[begin - 1]))
                --begin;
        }
        float value = 0;
        auto const [stop, error] = std::from_chars(text.data() + begin, text.data() + end, value);
        if (error == std::errc() && stop == text.data() + end && value <= kMaxEnergy) return value;
    }
    return std::nullopt;
}

std::vector<RawFile> find_raw_files(std::vector<std::string> const& inputs,
                                    bool unknown,
                                    std::vector<std::string>& skipped)
{
    std::vector<RawFile> files;
    for (std::string const& input : inputs) {
        std::error_code none;
        if (fs::is_directory(input, none)) {
            std::string const own = fs::absolute(input).lexically_normal().parent_path().filename();
            std::string const base =
                fs::path(input).filename().empty() ? own : fs::path(input).filename().string();
            add_folder(input, inputs.size() > 1 ? base + "/" : "", unknown, files, skipped);
            continue;
        }
        if (!unknown && fs::exists(input, none) && !label_of_path(input)) throw_no_label(input);
        fs::path const path = input;
        std::string const folder = fs::absolute(path).lexically_normal().parent_path().filename();
        files.push_back(raw_file(path, folder + "/" + path.filename().string(), unknown));
    }
    std::sort(skipped.begin(), skipped.end());
    if (files.empty() && !skipped.empty()) throw_no_label(skipped.front());
    if (files.empty())
        throw Error(Exit::no_input, "CF-CNV-01",
                    inputs.empty() ? std::string("no input files")
                                   : calofuse::quoted(inputs.front()) + ": holds no .npy files",
                    "give .npy files, or folders that hold electron/ and hadron/");
    std::sort(files.begin(), files.end(), [](RawFile const& a, RawFile const& b) {
        return std::tie(a.label, a.name, a.path) < std::tie(b.label, b.name, b.path);
    });
    check_distinct(files);
    if (files.size() > kMaxFiles)
        throw Error(Exit::usage, "CF-CNV-03",
                    fmt::format("{} files, a store holds {}", files.size(), kMaxFiles),
                    "convert them to several stores");
    return files;
}
}  // namespace calofuse
