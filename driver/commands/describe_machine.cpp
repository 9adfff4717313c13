#include <memory>

#include "driver/cli/arguments.hpp"
#include "driver/commands/describe.hpp"

namespace calofuse::commands {
void add_profile(CommandLine& line, Function<ProfileArgs> run)
{
    Bound<ProfileArgs> const bound;
    ProfileArgs& args = *bound.args;
    CommandOptions command =
        line.add("profile", "time training or inference steps",
                 "calofuse profile --model hybrid --batch-size 1024", bound.with(std::move(run)));
    command.text("--model", args.model, "NAME", "network (default hybrid)");
    command.text("--data", args.data, "FILE.h5", "events (default: synthetic ones)");
    command.setting("--batch-size", "train.batch_size");
    command.number("--steps", args.steps, 1, 1'000'000,
                   "steps to time; on a GPU whole graphs of train.steps_per_graph");
    command.number("--warmup", args.warmup, 0, 1'000'000, "steps before");
    command.toggle("--inference", args.inference, "forward passes instead of training steps");
}

void add_doctor(CommandLine& line, Function<DoctorArgs> run)
{
    Bound<DoctorArgs> const bound;
    DoctorArgs& args = *bound.args;
    CommandOptions command = line.add(
        "doctor", "devices, versions, a self-check; what is odd about a store and settings",
        "calofuse doctor --data images.h5 --config run.toml", bound.with(std::move(run)));
    command.text("--data", args.data, "FILE.h5", "store to look at");
    command.text("--run-dir", args.run_dir, "DIR", "run whose settings to look at");
}

void add_config(CommandLine& line, std::function<int(Session const&)> run)
{
    auto const what = std::make_shared<std::string>();
    CommandOptions command = line.add("config", "config dump: the resolved settings as TOML",
                                      "calofuse config dump --set train.epochs=10 > run.toml",
                                      [what, run = std::move(run)](Session const& s) {
                                          check_choice("calofuse config", *what, {"dump"});
                                          return run(s);
                                      });
    command.positional("ACTION", *what, "dump");
}
}  // namespace calofuse::commands
