/// \file driver/focalh/commands/commands.hpp
/// Commands of this detector alone, as driver/commands/commands.hpp has those of all data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "driver/train/session.hpp"

namespace calofuse::commands {
struct SimulateArgs {
    std::string out;             ///< folder
    std::int64_t events = 1000;  ///< per file
    std::string energies;        ///< "60,e20,h350" (GeV); empty = those of the test beam
    std::int64_t detector_seed = 5202;
    std::string map;    ///< CSV file; empty = FoCal-H prototype 2
    bool pure = false;  ///< no wrong labels, no empty triggers
    bool full = false;  ///< all four readings of a channel, not the high gain alone
    bool overwrite = false;
};

struct GraphsArgs {
    std::string data;
    std::string out;  ///< FILE.h5 for the graphs, or empty
    bool overwrite = false;
};

struct DisplayArgs {
    std::string data;
    std::vector<std::int64_t> events;  ///< rows of the store
    std::string out;                   ///< FILE.svg
    std::string run_dir;               ///< for scores, or empty
    bool graph = false;                ///< draw hits and edges, as `hits.*` and the run say
};

int simulate(Session const& session, SimulateArgs const& args);
int graphs(Session const& session, GraphsArgs const& args);
int display(Session const& session, DisplayArgs const& args);
}  // namespace calofuse::commands
