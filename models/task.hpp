/// \file models/task.hpp
/// What is predicted: the target column, its loss, and what the numbers of the output mean. A task has
/// one head, or several whose losses are added with weights; their outputs stand side by side in the
/// columns of the model's output (B, W). A task is plain data: it is read off the store at the start of
/// a training, saved in the checkpoint, and needs no target column afterwards.
/// One table of kinds (models/task/settings.cpp), one of judges (driver/judge/judges.cpp).
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "models/engine/batch.hpp"
#include "models/engine/tape.hpp"
#include "runtime/dataset.hpp"
#include "runtime/options.hpp"

namespace calofuse {
enum class TaskKind : std::uint8_t {
    binary,      ///< one logit; target: class 1 of a u8 or integer column of two classes
    classes,     ///< C logits, softmax
    regression,  ///< D values of a column, or Q quantiles of each
};
enum class RegressionLoss : std::uint8_t { squared, huber, quantile };

struct Head {
    TaskKind kind = TaskKind::binary;
    std::string target;              ///< column
    std::vector<std::string> names;  ///< of the classes, or of the D target values
    std::string unit;                ///< of the target
    double weight = 1;               ///< of this head in the loss
    // classes and binary
    float label_smoothing = 0;
    std::vector<float> class_weight;  ///< (C), or empty: 1; mean 1 over the training part
    // regression; the network predicts (target - mean) / scale
    RegressionLoss loss = RegressionLoss::squared;
    float delta = 1;                 ///< of huber, in scaled units
    std::vector<float> quantiles;    ///< of quantile, rising
    std::vector<float> mean, scale;  ///< (D), or empty: 0 and 1
    /// This value means "not known". NaN: none does, or, with `skip_nan`, NaN itself does.
    double missing = std::numeric_limits<double>::quiet_NaN();
    bool skip_nan = false;

    /// Columns of the output: 1, C, D, or D * Q (a value's quantiles side by side).
    std::int64_t width() const;
    /// Numbers of an event in the target column: 1 class, or D values.
    std::int64_t num_targets() const;
};

struct Task {
    std::vector<Head> heads;
    std::string weight;  ///< column of sample weights, or empty

    std::int64_t width() const;
    /// Targets and weights: what the feed of a training brings.
    std::vector<std::string> columns() const;
    /// First column of head h in the output.
    std::int64_t first_column(std::size_t head) const;
};

/// Settings `task.*`: kind, target, weight, ... (models/README.md).
OptionSchema task_schema();

/// The task that settings and data name. What settings leave open is read off the data: the target is
/// "label" where there is one; two classes = binary, more = classes, f32 = regression. A class of 255
/// in a u8 column, or below 0, means that the class of the event is not known.
/// Errors: CF-TSK-01 no target column (with what there is), -02 the kind does not fit the column's type,
/// -03 a target outside its classes (column, event, value), -04 a NaN or infinity in an f32 target,
/// -05 a class of which the data has no event (binary), -06 a weight that is negative or not finite,
/// -07 a setting that is no list of such numbers, or has another number of them than the task needs.
Task make_task(Options const& settings, Dataset const& data);

/// Throws -02, -03, -04 and -06 for data that do not fit the task; its columns must be there.
void check_targets(Task const& task, Dataset const& data);

/// Whether an event has all targets: its label is a class, its value is finite and not `missing`.
bool has_target(Task const& task, Dataset const& data, std::int64_t event);

/// Fits what depends on the training part: target scaling (mean and standard deviation), and class
/// weights, "balanced" or given, to mean 1 over the events (with sample weights: over their weight).
void fit_task(Task& task,
              Options const& settings,
              Dataset const& data,
              std::span<std::int32_t const> rows);

/// Records the loss of a batch on the tape. Returns (1) f32: the sum over its valid events, of which
/// the loss of an event is averaged over its D (D * Q) values and weighted by class, sample and, with
/// several heads, head. What runs back is the gradient of that sum times `scale` (1) f32 (one over the
/// batch size), so that parts of a batch add up to the mean over the batch. Means divide by the number
/// of events, never by the sum of weights: class weights have mean 1 over the training part instead.
TensorRef record_loss(
    Tape& tape, Task const& task, Var output, Batch const& batch, TensorRef scale);

/// What the outputs (width) of an event say: probabilities of the C classes (binary: two), or values in
/// the target's unit. Scores should be made of logits: probabilities near 1 tie by rounding.
std::vector<double> to_values(Head const& head, std::span<float const> output);

/// As text in checkpoints (JSON), and back; throws CF-CKP-01 for what it does not know.
std::string to_text(Task const& task);
Task task_from_text(std::string const& text);
}  // namespace calofuse
