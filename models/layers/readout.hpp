/// \file models/layers/readout.hpp
/// From rows of an event to one vector per event.
#pragma once

#include <optional>

#include "kernels/graph/readout.hpp"
#include "models/layers/linear.hpp"

namespace calofuse::layers {
/// x (N, W), row_ptr (B + 1) -> (B, readout_width(kind, W)).
Var readout(Tape& tape, Var x, ReadoutKind kind, TensorRef row_ptr);

/// x (B, V, F), extra (B) -> (B, F + 1): mean, max or sum over the nodes, then `extra`.
Var readout_with(Tape& tape, Var x, ReadoutKind kind, TensorRef extra);

/// A mean with learned weights (kernels/graph/attention_readout.hpp): x (N, W) -> (B, W). Weights of the
/// map from a row to its score: `<name>.kernel` (W, 1), `<name>.bias` (1).
struct AttentionReadout {
    Linear gate;

    AttentionReadout(Parameters& parameters, std::string const& name, std::int64_t width)
        : gate(parameters, name, width, 1, Init::torch_uniform)
    {}
    Var operator()(Tape& tape, Var x, TensorRef row_ptr) const;
};

/// The readouts of networks on points, by name.
enum class PointReadoutKind : std::uint8_t { mean, max, sum, log_sum, mean_max_log_sum, attention };
constexpr auto names_of(PointReadoutKind)
{
    using K = PointReadoutKind;
    return std::to_array<Name<K>>({{K::mean, "mean"},
                                   {K::max, "max"},
                                   {K::sum, "sum"},
                                   {K::log_sum, "log_sum"},
                                   {K::mean_max_log_sum, "mean_max_log_sum"},
                                   {K::attention, "attention"}});
}

/// One of them: x (N, W) -> (B, out).
struct PointReadout {
    ReadoutKind fixed = ReadoutKind::mean;
    std::optional<AttentionReadout> attention;
    std::int64_t out = 0;

    PointReadout(Parameters& parameters, PointReadoutKind kind, std::int64_t width);
    Var operator()(Tape& tape, Var x, TensorRef row_ptr) const
    {
        return attention ? (*attention)(tape, x, row_ptr) : readout(tape, x, fixed, row_ptr);
    }
};
}  // namespace calofuse::layers
