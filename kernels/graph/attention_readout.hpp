/// \file kernels/graph/attention_readout.hpp
/// One row per graph: the mean of its nodes' rows, weighted by a softmax of their scores (global
/// attention pooling, Li et al., arXiv 1511.05493). score = x w + b comes from dense/linear:
///   weight[i]        = exp(score[i] - m) / sum over the graph of exp(score - m), m = its largest
///   y[b, column + c] = sum over the nodes i of graph b of weight[i] x[i, c]
/// A graph without nodes gives 0.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct AttentionReadoutArgs {
    TensorRef x;              ///< (N, F) f32
    TensorRef score;          ///< (N, 1) f32
    TensorRef row_ptr;        ///< (B + 1) i32: rows of graph b; N is a capacity
    std::int64_t column = 0;  ///< first column of y that is written
    TensorRef weight;         ///< (N, 1) f32, for backward and displays; may be `score`
    TensorRef y;              ///< (B, L) f32, L >= column + F; other columns are left alone
};

/// dx[i] += weight[i] dy[b], dscore[i] += weight[i] (dy[b] . x[i] - sum_j weight[j] dy[b] . x[j])
struct AttentionReadoutGradArgs {
    TensorRef x, weight;  ///< of forward
    TensorRef row_ptr;
    std::int64_t column = 0;
    TensorRef dy;      ///< (B, L) f32
    TensorRef dx;      ///< (N, F) f32, added to
    TensorRef dscore;  ///< (N, 1) f32, added to
};

void attention_readout_forward(Context& ctx, AttentionReadoutArgs const& args);
void attention_readout_backward(Context& ctx, AttentionReadoutGradArgs const& args);

namespace cpu {
void attention_readout_forward(Context& ctx, AttentionReadoutArgs const& args);
void attention_readout_backward(Context& ctx, AttentionReadoutGradArgs const& args);
}  // namespace cpu
namespace cuda {
void attention_readout_forward(Context& ctx, AttentionReadoutArgs const& args);
void attention_readout_backward(Context& ctx, AttentionReadoutGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
