/// \file driver/cli/version.hpp
/// What this program is and what it was built with.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace calofuse {
/// "0.1.0"
std::string program_version();
/// Commit that the build was configured from, or "" outside a repository.
std::string git_hash();
/// Name and version of the compiler and of each library, as found at run time where it can tell.
std::vector<std::pair<std::string, std::string>> library_versions();
/// The lines of `calofuse --version`.
std::string version_text();
}  // namespace calofuse
