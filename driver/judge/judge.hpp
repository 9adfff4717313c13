/// \file driver/judge/judge.hpp
/// One judge for trainer, evaluate and report: from predictions to figures of merit.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "io/predictions_file.hpp"
#include "models/task.hpp"

namespace calofuse {
/// A number with its name, and a 68.27 % interval where it has one (else NaN).
struct Figure {
    std::string name;
    double value = 0;
    double low = std::numeric_limits<double>::quiet_NaN(), high = low;
};

/// Figures of some of the events: one beam energy and class, one bin of the target.
struct Group {
    std::string name;  ///< "electron 100 GeV"
    std::int64_t rows = 0;
    std::vector<Figure> figures;
};

/// What one head came to.
struct HeadJudgement {
    std::string head;  ///< its target
    TaskKind kind = TaskKind::binary;
    std::int64_t rows = 0;
    double loss = 0;  ///< mean over the events, as trained on
    std::vector<Figure>
        figures;  ///< binary: accuracy, auc, ...; classes: accuracy, macro_auc, auc.<class>; regression: bias, resolution, mae, rmse
    std::vector<Group> groups;
    std::vector<std::vector<std::int64_t>> confusion;  ///< [true][predicted]; empty for regression

    /// NaN where there is no such figure.
    double figure(std::string const& name) const;
};

struct Judgement {
    std::int64_t rows = 0;
    double loss = 0;  ///< of all heads with their weights
    std::vector<HeadJudgement> heads;

    HeadJudgement const& first() const { return heads.front(); }
};

/// Rows without a target are not counted.
Judgement judge(Predictions const& predictions, Task const& task);
}  // namespace calofuse
