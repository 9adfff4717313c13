/// \file driver/commands/commands.hpp
/// One argument struct and one function per command. A command's function lives in its own file
/// commands/NAME.cpp; what it takes on the command line is described in describe_*.cpp. Arguments
/// that are settings (`--epochs`) are not here: they arrive through `resolve_settings`. Commands of
/// one detector alone: driver/focalh/commands/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "driver/train/session.hpp"

namespace calofuse::commands {
struct ConvertArgs {
    std::vector<std::string> inputs;  ///< files and folders
    std::string out;                  ///< FILE.h5
    std::string columns;              ///< RECIPE.toml, or empty: events of FoCal-H
    bool unknown = false;             ///< events without label
    std::string map;                  ///< CSV file; empty = FoCal-H prototype 2
    std::string board_order = "0,1,2,3";
    std::string layout = "auto";
    std::int64_t hg_index = -1;   ///< plane of the high gain; -1 = found by its mean
    std::int64_t max_adc = 8191;  ///< largest value that can be true
    std::string pedestals;        ///< CSV file, or empty
    std::string out_of_range = "error";
    bool compress = false;
    bool overwrite = false;
};

struct InspectArgs {
    std::string file;
    std::string map;  ///< CSV file for .npy files; empty = FoCal-H prototype 2
    std::string layout = "auto";
    std::string svg;  ///< FILE.svg for histograms of the columns of a store, or empty
};

struct VerifyArgs {
    std::vector<std::string> paths;
};

struct TrainArgs {
    std::string data;
    std::string model = "hybrid";
    std::string run_dir;
    bool resume = false;
};

struct EvaluateArgs {
    std::string run_dir;
    std::string data;
    std::string split = "test";       ///< train, valid, test or all
    std::string checkpoint = "best";  ///< best, last or a path
};

struct PredictArgs {
    std::string run_dir;
    std::string data;
    std::string out;  ///< FILE.csv or FILE.h5
    std::string checkpoint = "best";
    bool overwrite = false;
};

struct ReportArgs {
    std::string run_dir;
    std::string out;  ///< empty = report.html in the run directory
};

struct ProfileArgs {
    std::string model = "hybrid";
    std::string data;  ///< empty = synthetic events
    std::int64_t steps = 20;
    std::int64_t warmup = 3;
    bool inference = false;
};

struct DoctorArgs {
    std::string data;     ///< store to look at, or empty
    std::string run_dir;  ///< run whose settings are looked at, or empty
};

int convert(Session const& session, ConvertArgs const& args);
int convert_columns(Session const& session, ConvertArgs const& args);
int inspect(Session const& session, InspectArgs const& args);
int verify(Session const& session, VerifyArgs const& args);
int train(Session const& session, TrainArgs const& args);
int evaluate(Session const& session, EvaluateArgs const& args);
int predict(Session const& session, PredictArgs const& args);
int report(Session const& session, ReportArgs const& args);
int profile(Session const& session, ProfileArgs const& args);
int doctor(Session const& session, DoctorArgs const& args);
int config_dump(Session const& session);
}  // namespace calofuse::commands
