/// \file driver/report/settings.hpp
/// A resolved configuration as a flat list for people to read.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace calofuse {
/// {"train.epochs", "10"} in the order of the text. Throws CF-RUN-03 (65) if it is no TOML; `where`
/// names the file.
std::vector<std::pair<std::string, std::string>> flatten_toml(std::string const& where,
                                                              std::string const& text);
}  // namespace calofuse
