/// \file io/import/recipe.hpp
/// A recipe says which arrays become which columns of a store; the language is described in
/// io/README.md.
/// Errors of the text are Exit::config, with the line where it is known:
///   CF-REC-01 not TOML, or unreadable   02 unknown key   03 value of a wrong type
///   04 a key is missing, or two contradict each other   05 a name that cannot be, or stands twice
///   06 a selection that is none
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/import/kinematics.hpp"
#include "runtime/dtype.hpp"

namespace calofuse::recipe {
/// Where an array comes from.
struct ArrayName {
    std::string file;                ///< with {stem} and {dir} of the main file; empty: that
    std::vector<std::string> names;  ///< one after the other; empty: the only array of the file
    bool given() const { return !file.empty() || !names.empty(); }
};

/// The same number for every event: of all files, of the files of a pattern, or of the arrays in
/// turn.
struct Value {
    std::optional<double> all;
    std::vector<double> by_array;
    std::vector<std::pair<std::string, double>> by_file;  ///< pattern, number; as written
    bool given() const { return all.has_value() || !by_array.empty() || !by_file.empty(); }
};

struct ColumnRecipe {
    std::string name;  ///< "image", "particles.x"
    ArrayName array;
    std::vector<std::string> stack;     ///< names of arrays that stand side by side
    std::vector<Kinematic> kinematics;  ///< computed from rows of 4 numbers E, px, py, pz, which
                                        ///< `array` or `stack` gives; the recipe calls it `p4`
    Value value;
    std::optional<DType> dtype;
    std::string unit;
    std::vector<std::string> names;    ///< of the last axis
    std::vector<std::string> classes;  ///< of the values 0, 1, ..
    std::vector<std::int64_t> map;     ///< class of the numbers 0, 1, .. of the file; empty: itself
    std::vector<std::int64_t> transpose, pick, shape;
    bool constant = false;  ///< the whole array once, not a row per event
    bool store = true;      ///< false: only for `select`
    std::string where;      ///< "'r.toml' line 3, column 'image'"
};

/// A ragged table.
struct TableRecipe {
    std::string name;
    ArrayName starts, counts, mask, pad_array;
    bool padded = false;
    double pad = 0;
    std::int64_t feature = 0;  ///< of the last axis of `pad_array`
    std::string where;
};

enum class Compare : std::uint8_t { eq, ne, lt, le, gt, ge };
struct Condition {
    std::string column;
    Compare compare = Compare::eq;
    double number = 0;
};

enum class NotFinite : std::uint8_t { error, drop };

struct Recipe {
    std::string path;
    std::vector<std::string> files;  ///< patterns, one event after the other
    NotFinite not_finite = NotFinite::error;
    std::vector<Condition> select;  ///< all must hold
    std::vector<ColumnRecipe> columns;
    std::vector<TableRecipe> tables;
};

Recipe parse_recipe(std::string const& text, std::string const& path);
Recipe read_recipe(std::string const& path);
}  // namespace calofuse::recipe
