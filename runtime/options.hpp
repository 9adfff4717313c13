/// \file runtime/options.hpp
/// Named, typed settings: what a part understands (`OptionSpec`), and what it was given (`Options`).
/// Keys are `section.name`, e.g. `train.epochs`. Files, environment and command line all end here.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace calofuse {
using OptionValue = std::variant<bool, std::int64_t, double, std::string>;

struct OptionSpec {
    std::string key;
    OptionValue fallback;  ///< default; its alternative is the type of the option
    std::string help;      ///< one line, with unit
    double min = -std::numeric_limits<double>::infinity();  ///< of numbers, inclusive
    double max = std::numeric_limits<double>::infinity();
    std::vector<std::string> choices = {};  ///< of strings; empty = any
};
using OptionSchema = std::vector<OptionSpec>;

/// Resolved settings. Asking for a key that is not there, or of another type, is a bug (CF-INT-01).
class Options {
  public:
    Options() = default;
    explicit Options(OptionSchema const& schema);  ///< all at their defaults

    void set(std::string const& key, OptionValue value) { values_[key] = std::move(value); }
    bool has(std::string const& key) const { return values_.count(key) > 0; }
    bool get_bool(std::string const& key) const;
    std::int64_t get_int(std::string const& key) const;
    double get_double(std::string const& key) const;
    std::string const& get_string(std::string const& key) const;
    std::map<std::string, OptionValue> const& all() const { return values_; }

  private:
    std::map<std::string, OptionValue> values_;
};

/// Throws CF-CFG-03 (type) or CF-CFG-04 (range, choice) if `value` does not fit; `where` names the
/// place it came from. Whole numbers are accepted, and converted, where a real number is wanted.
OptionValue checked(OptionSpec const& spec, OptionValue value, std::string const& where);
}  // namespace calofuse
