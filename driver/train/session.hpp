/// \file driver/train/session.hpp
/// What holds for every command: the global options, and the settings that flags have given.
#pragma once

#include <string>
#include <vector>

namespace calofuse {
/// A setting that came from a flag of its own: `--epochs 10` is {"train.epochs", "10", "--epochs"}.
struct FlagSetting {
    std::string key;
    std::string value;
    std::string flag;
};

struct GlobalOptions {
    bool json = false;               ///< one JSON document on stdout, nothing else there
    int verbosity = 0;               ///< -1 quiet, 0 normal, 1 detailed
    std::string config;              ///< TOML file, or empty
    std::vector<std::string> sets;   ///< `section.key=value`, in the order given
    std::vector<FlagSetting> flags;  ///< threads, device, precision, seed and a command's own
};

struct Session {
    GlobalOptions global;
    std::string command;                    ///< "train"
    std::vector<std::string> command_line;  ///< as given, without the program
};
}  // namespace calofuse
