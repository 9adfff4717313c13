/// \file kernels/dense/linear.hpp
/// Dense layers side by side: group g maps its own columns of x to its own O columns of y.
///   y[n, g O + o] = sum_i x[n, in_begin(g) + i] w_s[i, o] + b_s[o],   s = set[g]
///   in_begin(g) = width[0] + .. + width[g - 1];   w_s is (width[g], O): keras layout (in, out)
/// One group is the ordinary dense layer. Groups that name the same set share its weights.
/// Rows may be the nodes of a ragged batch: then only the first row_ptr[B] of them exist.
#pragma once

#include <array>

#include "runtime/context.hpp"

namespace calofuse {
inline constexpr int kMaxLinearGroups = 16;

/// Plain data, so that it goes by value into kernels and closures.
struct LinearGroups {
    int count = 0;                                          ///< 0: one group as wide as x
    std::array<std::int32_t, kMaxLinearGroups> width = {};  ///< inputs of each group
    std::array<std::int32_t, kMaxLinearGroups> set = {};    ///< weight set of each group, 0 .. S-1
};

struct LinearArgs {
    TensorRef x;  ///< (N, sum of widths) f32
    TensorRef w;  ///< f32, the sets one after the other, each (width, O)
    TensorRef b;  ///< f32, S * O elements; empty: no bias
    LinearGroups groups;
    TensorRef row_ptr = {};  ///< (B + 1) i32, row_ptr[B] <= N rows exist; empty: all
    TensorRef y;             ///< (N, G * O) f32
};

struct LinearGradArgs {
    TensorRef x;   ///< as in forward
    TensorRef w;   ///< as in forward
    TensorRef dy;  ///< (N, G * O) f32
    LinearGroups groups;
    TensorRef row_ptr = {};  ///< as in forward
    TensorRef dx;            ///< as x, added to; empty: not wanted
    TensorRef dw;            ///< as w, added to
    TensorRef db;            ///< as b, added to; empty: no bias
};

void linear_forward(Context& ctx, LinearArgs const& args);
void linear_backward(Context& ctx, LinearGradArgs const& args);

namespace cpu {
void linear_forward(Context& ctx, LinearArgs const& args);
void linear_backward(Context& ctx, LinearGradArgs const& args);
}  // namespace cpu
namespace cuda {
void linear_forward(Context& ctx, LinearArgs const& args);
void linear_backward(Context& ctx, LinearGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
