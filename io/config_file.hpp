/// \file io/config_file.hpp
/// Settings from a TOML file, the environment and the command line, checked against a schema
/// (runtime/options.hpp), and back to TOML.
///
/// Precedence: command line (`--set` and named options) > environment > file > default.
/// Errors (exit 78 unless noted): CF-CFG-01 syntax, 02 unknown key, 03 wrong type, 04 out of range
/// or not finite, 05 key given twice, 06 file larger than 1 MiB, 07 nested deeper than 32 levels,
/// 08 `--set` is not key=value, 09 text is not UTF-8, 10 file cannot be read (exit 66).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/options.hpp"

namespace calofuse {
struct ConfigSources {
    std::string file;               ///< path of a TOML file; empty = none
    std::vector<std::string> sets;  ///< "section.key=value", from --set

    /// Keys that only other commands understand: known, and without effect.
    std::vector<std::string> ignored;

    /// Values of named command-line options by key. A text is read as the type of the option.
    std::map<std::string, OptionValue> command_line;

    /// Variables "NAME=value", ended by a null pointer; null = those of this process. Of them
    /// CALOFUSE_SECTION_NAME sets section.name.
    char const* const* environment = nullptr;
};

Options resolve_options(OptionSchema const& schema, ConfigSources const& sources);

/// Canonical TOML, the help as comments. Resolving it gives the same options, and dumping those
/// the same bytes.
std::string dump_toml(OptionSchema const& schema, Options const& options);
}  // namespace calofuse
