/// \file models/focalh/hit_options.hpp
/// The settings `hits.*`: how events become graphs of hits. One table for the command `graphs` and
/// for every model on hits.
#pragma once

#include "kernels/focalh/hits.hpp"
#include "runtime/options.hpp"

namespace calofuse {
/// hits.rule, .threshold_adc, .min_sum_adc, .neighbours, .symmetrise
OptionSchema hit_schema();

/// From settings with `hit_schema()` in their table. Single cells have no least sum: what a cell
/// needs is its threshold.
HitOptions hit_options(Options const& settings);
}  // namespace calofuse
