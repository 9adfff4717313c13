/// \file driver/train/split.hpp
/// Which events train, choose and judge a model. An event's part is decided by a hash of
/// (file, event), so it does not depend on the order of files or events; every file is divided in
/// the same proportions (stratified), so every energy is in every part.
#pragma once

#include <cstdint>
#include <vector>

#include "models/task.hpp"
#include "runtime/dataset.hpp"

namespace calofuse {
struct SplitConfig {
    double train = 0.7, valid = 0.1, test = 0.2;  ///< parts of every file; add up to 1
    double fraction =
        1.0;  ///< of the training and validation events that is used; test stays whole
    std::uint64_t seed = 1;
};

/// Settings `split.*`.
SplitConfig split_config(Options const& settings);

/// Rows of the data set, ascending. Events without a target are in no part.
struct Split {
    std::vector<std::int32_t> train, valid, test;
};

Split split_events(Dataset const& data, Task const& task, SplitConfig const& config);
}  // namespace calofuse
