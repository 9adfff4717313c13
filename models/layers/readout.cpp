#include "models/layers/readout.hpp"

#include "kernels/graph/attention_readout.hpp"

namespace calofuse::layers {
namespace {
bool takes_maximum(ReadoutKind kind)
{
    return kind == ReadoutKind::max || kind == ReadoutKind::mean_max_log_sum;
}
}  // namespace

Var readout(Tape& tape, Var x, ReadoutKind kind, TensorRef row_ptr)
{
    std::int64_t const events = row_ptr.shape[0] - 1, width = x.value.shape[1];
    Var const y = tape.make({events, readout_width(kind, width)});
    TensorRef const largest =
        takes_maximum(kind) ? tape.make_value(DType::i32, {events, width}) : TensorRef{};
    record(tape, "readout", readout_forward,
           {.x = x.value, .row_ptr = row_ptr, .kind = kind, .y = y.value, .largest = largest},
           readout_backward,
           {.row_ptr = row_ptr, .kind = kind, .dy = y.grad, .largest = largest, .dx = x.grad});
    return y;
}

Var readout_with(Tape& tape, Var x, ReadoutKind kind, TensorRef extra)
{
    std::int64_t const batch = x.value.shape[0], features = x.value.shape[2];
    Var const y = tape.make({batch, features + 1});
    TensorRef const largest =
        takes_maximum(kind) ? tape.make_value(DType::i32, {batch, features}) : TensorRef{};
    record(tape, "readout", readout_forward,
           {.x = x.value, .kind = kind, .y = y.value, .largest = largest}, readout_backward,
           {.kind = kind, .dy = y.grad, .largest = largest, .dx = x.grad});
    // One row per event: the sum over it is a copy.
    record(tape, "readout", readout_forward,
           {.x = extra.reshaped({batch, 1, 1}),
            .kind = ReadoutKind::sum,
            .column = features,
            .y = y.value});
    return y;
}

Var AttentionReadout::operator()(Tape& tape, Var x, TensorRef row_ptr) const
{
    std::int64_t const events = row_ptr.shape[0] - 1, rows = x.value.shape[0];
    Var const score = gate(tape, x, row_ptr);
    Var const y = tape.make({events, x.value.shape[1]});
    TensorRef const weight = tape.make_value(DType::f32, {rows, 1});
    record(tape, "attention_readout", attention_readout_forward,
           {.x = x.value, .score = score.value, .row_ptr = row_ptr, .weight = weight, .y = y.value},
           attention_readout_backward,
           {.x = x.value,
            .weight = weight,
            .row_ptr = row_ptr,
            .dy = y.grad,
            .dx = x.grad,
            .dscore = score.grad});
    return y;
}

PointReadout::PointReadout(Parameters& parameters, PointReadoutKind kind, std::int64_t width)
    : out(width)
{
    if (kind == PointReadoutKind::attention) {
        attention.emplace(parameters, "gate", width);
        return;
    }
    fixed = parse<ReadoutKind>(name_of(kind), "readout");
    out = readout_width(fixed, width);
}
}  // namespace calofuse::layers
