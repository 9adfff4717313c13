/// \file tests/support/weights.hpp
/// What golden files know of the parameters of a model.
#pragma once

#include <vector>

#include "models/engine/parameters.hpp"

namespace calofuse::test {
/// Weights and batch-norm statistics: all but what is fitted to the inputs.
inline std::vector<Parameters::Entry> weights_of(Parameters const& parameters)
{
    std::vector<Parameters::Entry> out;
    for (Parameters::Entry const& entry : parameters.entries())
        if (!entry.spec.name.starts_with("input.")) out.push_back(entry);
    return out;
}
}  // namespace calofuse::test
