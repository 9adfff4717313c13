/// \file tests/io/import/import_case.hpp
/// A folder of small source files, and what a recipe makes of them.
#pragma once

#include <fstream>

#include "io/import/import.hpp"
#include "tests/support/raw_npz.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
struct ImportCase {
    TempFolder folder;

    void put(std::string const& name, std::string const& bytes) const
    {
        std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
        std::ofstream(folder / name, std::ios::binary) << bytes;
    }
    Imported take(std::string const& recipe, ImportOptions const& options = {}) const
    {
        return import_columns(recipe::parse_recipe(recipe, "r.toml"), folder.path(), options);
    }
};

inline std::vector<double> numbers(Column const& column)
{
    std::vector<double> out;
    for (std::int64_t i = 0; i < column.rows() * column.spec.row_size(); ++i)
        out.push_back(column.value(i));
    return out;
}
using Numbers = std::vector<double>;
using Shape = std::vector<std::int64_t>;
}  // namespace calofuse::test
