/// \file runtime/nearest.hpp
/// The known name that a misspelt one most likely meant: hints of "unknown ..." errors.
#pragma once

#include <string>
#include <vector>

namespace calofuse {
/// Fewest insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`
/// (no part is edited twice).
int edit_distance(std::string const& a, std::string const& b);

/// The candidate of least edit distance (the first one of several); empty if none is closer than
/// about a third of the name.
std::string nearest(std::string const& name, std::vector<std::string> const& candidates);
}  // namespace calofuse
