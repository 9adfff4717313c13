/// \file driver/judge/quick.hpp
/// What a training of a binary head shows per epoch: the same numbers as `judge`, without the order of
/// the events on the host. 1.5 M events take about 2 ms of host work.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/context.hpp"
#include "runtime/tensor.hpp"

namespace calofuse {
struct QuickFigures {
    double accuracy = 0, auc = 0;  ///< NaN without events; the area without one of the classes
};

/// `logits` (n) f32 and `labels` (n) u8, 0 or 1, on the backend of `ctx`, which finds the area there;
/// `host_logits`, `host_labels`: the same in host memory, where right decisions are counted while it
/// does.
QuickFigures quick_figures(Context& ctx,
                           TensorRef logits,
                           TensorRef labels,
                           std::span<float const> host_logits,
                           std::span<std::uint8_t const> host_labels);
}  // namespace calofuse
