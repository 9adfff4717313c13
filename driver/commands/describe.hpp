/// \file driver/commands/describe.hpp
/// What each command takes on the command line: those of data in describe_data.cpp, of networks and
/// their runs in describe_runs.cpp, of this machine in describe_machine.cpp. A description is joined
/// to the command's function in register.cpp, so it can exist before the function does.
#pragma once

#include <functional>

#include "driver/commands/bound.hpp"
#include "driver/commands/commands.hpp"

namespace calofuse::commands {
void add_convert(CommandLine& line, Function<ConvertArgs> run);
void add_inspect(CommandLine& line, Function<InspectArgs> run);
void add_verify(CommandLine& line, Function<VerifyArgs> run);
void add_train(CommandLine& line, Function<TrainArgs> run);
void add_evaluate(CommandLine& line, Function<EvaluateArgs> run);
void add_predict(CommandLine& line, Function<PredictArgs> run);
void add_report(CommandLine& line, Function<ReportArgs> run);
void add_profile(CommandLine& line, Function<ProfileArgs> run);
void add_doctor(CommandLine& line, Function<DoctorArgs> run);
void add_config(CommandLine& line, std::function<int(Session const&)> run);
}  // namespace calofuse::commands
