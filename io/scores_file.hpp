/// \file io/scores_file.hpp
/// Scores of events, one row an event, as `calofuse predict` and `train` write them.
/// CSV: file_id,event_index,score,label,energy_gev (label empty where unknown).
/// HDF5: /file_id u16, /event_index u32, /score f32, /label u8 (255 unknown), /energy_gev f32.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/atomic_file.hpp"

namespace calofuse {
struct ScoredEvents {
    std::vector<std::uint16_t> file_id;
    std::vector<std::uint32_t> event_index;
    std::vector<float> score;  ///< probability of electron
    std::vector<std::uint8_t> label;
    std::vector<float> energy_gev;
};

std::string scores_csv(ScoredEvents const& events);

/// By the ending of `path`: .csv, or .h5; CF-SCO-01 for any other.
void write_scores(std::string const& path, ScoredEvents const& events, Overwrite overwrite);
/// Throws what `write_scores` would throw for this path, before any work is done.
void check_scores_path(std::string const& path, Overwrite overwrite);
}  // namespace calofuse
