/// \file driver/commands/bound.hpp
/// How a description of a command is joined to its function.
#pragma once

#include <functional>
#include <memory>

#include "driver/cli/options.hpp"

namespace calofuse::commands {
template <class Args>
using Function = std::function<int(Session const&, Args const&)>;

/// Ties the argument struct to the command: it lives as long as the command line does.
template <class Args>
struct Bound {
    std::shared_ptr<Args> args = std::make_shared<Args>();
    CommandLine::Run with(Function<Args> run) const
    {
        return [held = args, run = std::move(run)](Session const& s) {
            return run(s, *held);
        };
    }
};
}  // namespace calofuse::commands
