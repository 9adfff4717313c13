/// \file models/registry.hpp
/// The one table of models.
#pragma once

#include <span>
#include <string>

#include "models/model.hpp"

namespace calofuse {
std::span<ModelEntry const> all_models();

/// Throws CF-CFG-10, with the known names, if there is no such model.
ModelEntry const& find_model(std::string const& name);
}  // namespace calofuse
