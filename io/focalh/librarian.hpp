/// \file io/focalh/librarian.hpp
/// `convert`: raw .npy files or folders -> one store. Two threads: one reads and digests, one checks
/// and writes. Memory does not depend on the size of the input.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/focalh/channel_map_file.hpp"
#include "io/focalh/npy_events.hpp"
#include "io/store/store.hpp"

namespace calofuse {
struct ConvertProgress {
    std::int64_t bytes_done = 0, bytes_total = 0;
    std::int64_t events = 0;  ///< written
};

struct ConvertOptions {
    std::vector<std::string> inputs = {};  ///< files and folders
    std::string out = {};                  ///< FILE.h5
    bool unknown = false;                  ///< no labels: every event is Label::unknown
    std::string map = {};                  ///< CSV, or empty: the real prototype's
    std::string pedestals = {};            ///< CSV, or empty: none
    std::array<int, 4> board_order = {0, 1, 2, 3};
    NpyEventOptions npy = {};
    StoreWriteOptions store = {};
    /// Called about ten times a second. May throw to stop; nothing is left behind then.
    std::function<void(ConvertProgress const&)> progress = {};
};

struct ConvertReport {
    std::string out, sha256;
    std::vector<FocalhFile> files;     ///< counts per file
    EventCounts total;                 ///< read = written + dropped
    std::int64_t empty_triggers = 0;   ///< of all files
    std::vector<std::string> skipped;  ///< .npy files without a label folder
    std::vector<std::string> warnings;
    BoardCheck boards;
    std::int64_t bytes_read = 0, bytes_written = 0;
    double wall_s = 0;
};

ConvertReport convert(ConvertOptions const& options);

/// A raw file, its label and energy, before it is opened.
struct RawFile {
    std::string path;  ///< to open
    std::string name;  ///< for the store: relative to its input folder
    std::int64_t bytes = 0;
    Label label = Label::unknown;
    float energy_gev = 0;
};
/// Label of the nearest folder above the file that is named electron(s) or hadron(s), any case.
std::optional<Label> label_of_path(std::string const& path);
/// The number before "GeV" in a file name ("e_100GeV.npy" -> 100), if any.
std::optional<float> energy_of_name(std::string const& name);
/// Files of the inputs in store order (label, then path): hadron first. `skipped` receives those
/// below folders that have no label. Folders named `truth` are never entered. CF-CNV-01 no files,
/// -02 the same file twice, -03 too many, CF-NPY-25 a file without a label folder.
std::vector<RawFile> find_raw_files(std::vector<std::string> const& inputs,
                                    bool unknown,
                                    std::vector<std::string>& skipped);
}  // namespace calofuse
