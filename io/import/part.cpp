#include "io/import/part.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>
#include <glob.h>

#include "runtime/error.hpp"

namespace calofuse::recipe {
namespace {
namespace fs = std::filesystem;

/// Paths that fit the pattern, sorted; a name without wildcards is taken as it is.
std::vector<std::string> matches(std::string const& pattern)
{
    if (pattern.find_first_of("*?[") == std::string::npos) return {pattern};
    glob_t found{};
    std::vector<std::string> out;
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
        out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
    return out;
}

std::string first_file(Recipe const& recipe)
{
    for (TableRecipe const& table : recipe.tables)
        for (ArrayName const* array : {&table.starts, &table.counts, &table.mask, &table.pad_array})
            if (!array->file.empty()) return array->file;
    for (ColumnRecipe const& column : recipe.columns)
        if (!column.array.file.empty()) return column.array.file;
    return "";
}

std::string replaced(std::string text, std::string_view what, std::string const& with)
{
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
    return text;
}
}  // namespace

std::vector<InputPath> main_files(Recipe const& recipe,
                                  std::string const& folder,
                                  std::vector<std::string> const& inputs)
{
    std::vector<InputPath> out;
    for (std::string const& input : inputs)
        out.push_back({input, input});
    if (!out.empty()) return out;
    std::vector<std::string> patterns = recipe.files;
    if (patterns.empty() && !first_file(recipe).empty()) patterns = {first_file(recipe)};
    if (patterns.empty())
        throw Error(Exit::data, "CF-IMP-16", quoted(recipe.path) + ": names no file",
                    "files = [\"run*.npz\"], or name them after the recipe on the command line");
    for (std::string const& pattern : patterns) {
        std::vector<std::string> const found = matches((fs::path(folder) / pattern).string());
        if (found.empty())
            throw Error(Exit::data, "CF-IMP-16",
                        fmt::format("{}: no file fits {} in {}", quoted(recipe.path),
                                    quoted(pattern, 60), quoted(folder.empty() ? "." : folder)),
                        "patterns are relative to the folder of the recipe");
        for (std::string const& path : found) {
            std::string const shown = path.substr(path.size() < folder.size() ? 0 : folder.size());
            out.push_back(
                {shown.substr(std::min(shown.find_first_not_of('/'), shown.size())), path});
            if (fs::path(pattern).is_absolute()) out.back().shown = path;
        }
    }
    return out;
}

std::size_t num_turns(Recipe const& recipe)
{
    std::size_t turns = 1;
    auto const count = [&](std::size_t n, std::string const& where) {
        if (n > 1 && turns > 1 && n != turns)
            throw Error(Exit::config, "CF-REC-04",
                        fmt::format("{}: a list of {} arrays, another has {}", where, n, turns),
                        "lists of arrays that follow each other have the same length");
        turns = std::max(turns, n);
    };
    for (ColumnRecipe const& column : recipe.columns) {
        count(column.array.names.size(), column.where);
        count(column.value.by_array.size(), column.where);
    }
    for (TableRecipe const& table : recipe.tables)
        for (ArrayName const* array : {&table.starts, &table.counts, &table.mask, &table.pad_array})
            count(array->names.size(), table.where);
    return turns;
}

std::string Part::path_of(std::string const& pattern) const
{
    if (pattern.empty()) return main_.opened;
    fs::path const main(main_.opened);
    std::string path = replaced(pattern, "{stem}", main.stem().string());
    if (path.find("{dir}") != std::string::npos)
        return replaced(path, "{dir}", main.has_parent_path() ? main.parent_path().string() : ".");
    return (fs::path(folder_) / path).string();
}

ArrayPtr Part::array(std::string const& file, std::string const& name)
{
    std::string const path = path_of(file);
    ArrayPtr& array = arrays_[{path, name}];
    if (array) return array;
    std::unique_ptr<Source>& source = sources_[path];
    if (!source) {
        source = open_source(path);
        inputs_.push_back({sha256_of_file(path), path});
    }
    array = std::make_shared<SourceArray>(read_array(*source, name, path));
    return array;
}

ArrayPtr Part::array(ArrayName const& name)
{
    std::size_t const n = name.names.size();
    return array(name.file, n == 0 ? "" : name.names[n == 1 ? 0 : turn_]);
}

double Part::number(Value const& value, std::string const& where) const
{
    if (value.all) return *value.all;
    if (!value.by_array.empty()) return value.by_array[value.by_array.size() == 1 ? 0 : turn_];
    std::vector<std::string> fitting;
    double out = 0;
    for (auto const& [pattern, number] : value.by_file) {
        std::string const anywhere = "*/" + pattern;
        if (fnmatch(pattern.c_str(), main_.shown.c_str(), 0) != 0
            && fnmatch(anywhere.c_str(), main_.shown.c_str(), 0) != 0)
            continue;
        fitting.push_back(pattern);
        out = number;
    }
    if (fitting.size() == 1) return out;
    throw Error(Exit::data, "CF-IMP-13",
                fmt::format("{}: {} fits {}", where, quoted(main_.shown),
                            fitting.empty() ? "no pattern of `value`"
                                            : fmt::format("{}", fmt::join(fitting, " and "))),
                "exactly one pattern must fit each file");
}
}  // namespace calofuse::recipe
