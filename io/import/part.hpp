/// \file io/import/part.hpp
/// The events that are read together: one main file, and of each list of arrays the same entry.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "io/import/recipe.hpp"
#include "io/import/source.hpp"
#include "io/sha256.hpp"

namespace calofuse::recipe {
using ArrayPtr = std::shared_ptr<SourceArray const>;

struct InputPath {
    std::string shown;   ///< as in the recipe or on the command line; patterns see it
    std::string opened;  ///< as the system knows it
};
/// The files that `recipe.files` (patterns, sorted) or `inputs` name; CF-IMP-16 if there are none.
/// A
/// recipe without `files` has as its main file the first that a column or table names.
std::vector<InputPath> main_files(Recipe const& recipe,
                                  std::string const& folder,
                                  std::vector<std::string> const& inputs);

/// Entries of the lists of arrays: 1, or K where lists of K arrays follow each other; CF-REC-04 if
/// two
/// lists differ in length.
std::size_t num_turns(Recipe const& recipe);

/// Arrays of a part; each is read once.
class Part {
  public:
    Part(InputPath main, std::string folder) : main_(std::move(main)), folder_(std::move(folder)) {}
    void set_turn(std::size_t turn)
    {
        turn_ = turn;
        arrays_.clear();
    }
    ArrayPtr array(ArrayName const& name);
    ArrayPtr array(std::string const& file, std::string const& name);
    /// CF-IMP-13 if the main file fits none or several of the patterns.
    double number(Value const& value, std::string const& where) const;
    InputPath const& main() const { return main_; }
    /// Of every file that was opened, once.
    Manifest const& inputs() const { return inputs_; }

  private:
    std::string path_of(std::string const& pattern) const;

    InputPath main_;
    std::string folder_;
    std::size_t turn_ = 0;
    std::map<std::string, std::unique_ptr<Source>> sources_;
    std::map<std::pair<std::string, std::string>, ArrayPtr> arrays_;
    Manifest inputs_;
};
}  // namespace calofuse::recipe
