/// \file driver/commands/register.hpp
/// The table of commands.
#pragma once

#include "driver/cli/options.hpp"

namespace calofuse::commands {
void register_all(CommandLine& line);
}  // namespace calofuse::commands
