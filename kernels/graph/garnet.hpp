/// \file kernels/graph/garnet.hpp
/// GarNet (Qasim et al., arXiv 1902.07987): the nodes of a graph meet in A aggregators. Features f
/// and "distances" d to the aggregators come from dense/linear. With g[v] = concat(f[v], w[v]):
///   collect   w[v, a]   = exp(-d[v, a]^2) or exp(-|d[v, a]|)
///             agg[b, a] = concat(max_v w[v, a] g[v], sum_v w[v, a] g[v] / n)     full
///             agg[b, a] = sum_v w[v, a] f[v] / n                                 simplified
///   spread    y[v]      = base[v] + sum_a w[v, a] z[b, a]
/// The published layer, act(concat(x[v], w[v, 0] agg[0], .., w[v, A - 1] agg[A - 1], w[v]) W + c),
/// has no x and w in the simplified form. With W cut by rows into Wx, U_0 .. U_{A - 1}, Ww that is
///   act(x[v] Wx + c + sum_a w[v, a] (agg[a] U_a + Ww[a])):
/// z = agg[a] U_a + Ww[a] is one dense/linear of A groups (weights U, bias Ww) on a row per graph
/// instead of a wide one on a row per node, and base = x Wx + c.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
inline constexpr std::int64_t kMaxAggregators = 16;

enum class GarNetKernel : std::uint8_t { square, abs };  ///< exp(-d^2), exp(-|d|)
enum class GarNetForm : std::uint8_t { full, simplified };
enum class GarNetMean : std::uint8_t {
    count,
    padded
};  ///< n = nodes of the graph, or padded_nodes

struct GarNetOptions {
    GarNetKernel kernel = GarNetKernel::square;
    GarNetForm form = GarNetForm::full;
    GarNetMean mean = GarNetMean::count;
    /// Above 0: graphs behave as if padded to so many rows of w = 0, which the maximum sees as 0.
    std::int64_t padded_nodes = 0;
};

/// C = 2 (P + A) full: [max of f, max of w, mean of f, mean of w]; P simplified.
struct GarNetCollectArgs {
    TensorRef f;        ///< (N, P) f32
    TensorRef d;        ///< (N, A) f32, A <= 16
    TensorRef row_ptr;  ///< (B + 1) i32, from 0; rows past row_ptr[B] are left alone
    GarNetOptions options = {};
    TensorRef w;    ///< (N, A) f32
    TensorRef agg;  ///< (B, A, C) f32; 0 for a graph without nodes
    TensorRef winner =
        {};  ///< (B, A, P + A) i32, full only: row that gave the maximum (first of equals) or -1
};

/// df, dd += what dagg and dw say of them
struct GarNetCollectGradArgs {
    TensorRef f, d, row_ptr, w;  ///< of forward
    GarNetOptions options = {};
    TensorRef winner = {};  ///< of forward
    TensorRef dagg;         ///< (B, A, C) f32
    TensorRef dw = {};      ///< (N, A) f32, from the uses of w outside; empty: 0
    TensorRef df;           ///< (N, P) f32, added to
    TensorRef dd;           ///< (N, A) f32, added to
};

struct GarNetSpreadArgs {
    TensorRef w;          ///< (N, A) f32
    TensorRef z;          ///< (B, A, O) f32
    TensorRef row_ptr;    ///< (B + 1) i32
    TensorRef base = {};  ///< (N, O) f32; empty: 0
    TensorRef y;          ///< (N, O) f32; may be base
};

/// dw[v, a] += dy[v] . z[b, a]; dz[b, a] += sum_v w[v, a] dy[v]; the gradient of base is dy.
struct GarNetSpreadGradArgs {
    TensorRef w, z, row_ptr;  ///< of forward
    TensorRef dy;             ///< (N, O) f32
    TensorRef dw;             ///< (N, A) f32, added to
    TensorRef dz;             ///< (B, A, O) f32, added to
};

void garnet_collect(Context& ctx, GarNetCollectArgs const& args);
void garnet_collect_backward(Context& ctx, GarNetCollectGradArgs const& args);
void garnet_spread(Context& ctx, GarNetSpreadArgs const& args);
void garnet_spread_backward(Context& ctx, GarNetSpreadGradArgs const& args);

namespace cpu {
void garnet_collect(Context& ctx, GarNetCollectArgs const& args);
void garnet_collect_backward(Context& ctx, GarNetCollectGradArgs const& args);
void garnet_spread(Context& ctx, GarNetSpreadArgs const& args);
void garnet_spread_backward(Context& ctx, GarNetSpreadGradArgs const& args);
}  // namespace cpu
namespace cuda {
void garnet_collect(Context& ctx, GarNetCollectArgs const& args);
void garnet_collect_backward(Context& ctx, GarNetCollectGradArgs const& args);
void garnet_spread(Context& ctx, GarNetSpreadArgs const& args);
void garnet_spread_backward(Context& ctx, GarNetSpreadGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
