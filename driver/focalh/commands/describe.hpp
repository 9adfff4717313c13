/// \file driver/focalh/commands/describe.hpp
/// What the commands of this detector take on the command line.
#pragma once

#include "driver/commands/bound.hpp"
#include "driver/focalh/commands/commands.hpp"

namespace calofuse::commands {
void add_simulate(CommandLine& line, Function<SimulateArgs> run);
void add_graphs(CommandLine& line, Function<GraphsArgs> run);
void add_display(CommandLine& line, Function<DisplayArgs> run);
}  // namespace calofuse::commands
