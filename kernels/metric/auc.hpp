/// \file kernels/metric/auc.hpp
/// Area under the ROC curve, exact: the probability that a signal event scores higher than a
/// background event, equal scores counting one half; with weights a pair counts w_s w_b.
///   auc = sum_{s, b} w_s w_b ([x_s > x_b] + [x_s = x_b] / 2) / sum_{s, b} w_s w_b
/// From integer counts without weights, so it does not depend on the order of the events.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct AucArgs {
    TensorRef score;        ///< (N) f32, any rising function of the signal probability; no NaN
    TensorRef label;        ///< (N) u8, 1 = signal, 0 = background
    TensorRef weight = {};  ///< (N) f32, >= 0; empty: 1
    TensorRef auc;          ///< (1) f64; NaN if a class is missing or weighs nothing
};

/// Takes O(N) time (radix sort). Throws CF-NUM-01 for a NaN score, CF-NUM-02 for another label; on
/// CUDA, where nobody waits for the result, the area is NaN instead.
void auc(Context& ctx, AucArgs const& args);
namespace cpu {
void auc(Context& ctx, AucArgs const& args);
}
namespace cuda {
void auc(Context& ctx, AucArgs const& args);
}
}  // namespace calofuse
