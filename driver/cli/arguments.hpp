/// \file driver/cli/arguments.hpp
/// Checks of words from the command line; each refuses with exit 64, one line and a hint. Numbers
/// are plain decimals: "0x10", " 3", "nan", and "1e9" where a whole number is wanted are refused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/options.hpp"

namespace calofuse {
/// Throws Error(Exit::usage, ...). Codes: CF-CLI-01 unknown option, 02 unknown command or stray
/// argument, 03 missing value, 04 bad value, 05 missing option or command, 06 unusable bytes.
[[noreturn]] void refuse(char const* code, std::string const& message, std::string const& hint);

/// The whole line, before it is parsed: count, UTF-8, no `--flag=` with nothing behind.
void check_arguments(std::vector<std::string> const& arguments);

/// Neither empty nor another option.
std::string check_text(std::string const& flag, std::string const& value);
std::int64_t check_whole(std::string const& flag,
                         std::string const& value,
                         std::int64_t min,
                         std::int64_t max);
void check_choice(std::string const& flag,
                  std::string const& value,
                  std::vector<std::string> const& choices);
/// The text of a flag that stands for a setting, checked as far as its entry tells.
std::string check_setting(std::string const& flag,
                          std::string const& value,
                          OptionSpec const& spec);
}  // namespace calofuse
