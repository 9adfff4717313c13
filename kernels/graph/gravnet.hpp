/// \file kernels/graph/gravnet.hpp
/// GravNet (Qasim et al., arXiv 1902.07987): every node gathers the features of its neighbours in a
/// learned space, weighted by their distance there. Coordinates s and features h come from
/// dense/linear, the neighbours from a kNN search in s:
///   w[i, j]    = exp(-10 |s[i] - s[j]|^2)
///   mean[i, c] = sum_j w[i, j] h[j, c] / M,   max[i, c] = max_j w[i, j] h[j, c]
/// j runs over the list of node i. A node whose list is empty gets 0 for both (minus its own features where the variant says so). Gradients flow to h and,
/// through the weights, to s; the lists are constants. Four implementations of the paper differ in
/// the details below, all of them behind GravNetVariant.
#pragma once

#include "runtime/context.hpp"
#include "runtime/names.hpp"

namespace calofuse {
inline constexpr std::int64_t kMaxGravNetNeighbours = 64;

enum class GravNetVariant : std::uint8_t {
    tensorflow,          ///< the paper's own code: [max, mean]
    keras,               ///< the same operator; coordinates start orthogonal there
    pyg,                 ///< [mean, max], the node itself is the first of its neighbours
    hgcalml,             ///< [mean - h[i], max - h[i]], M = K
    hgcalml_normalised,  ///< as hgcalml, but M = max(sum of w, K / 1000)
};

constexpr auto names_of(GravNetVariant)
{
    return std::to_array<Name<GravNetVariant>>({
        {GravNetVariant::tensorflow, "tensorflow"},
        {GravNetVariant::keras, "keras"},
        {GravNetVariant::pyg, "pyg"},
        {GravNetVariant::hgcalml, "hgcalml"},
        {GravNetVariant::hgcalml_normalised, "hgcalml_normalised"},
    });
}

/// What a variant does; M is the number of neighbours unless said otherwise.
struct GravNetRule {
    bool with_self = false;
    bool max_first = false;
    bool mean_over_width = false;  ///< M = K, however short the list
    bool normalised = false;       ///< M = max(sum of w, K / 1000)
    bool minus_own = false;        ///< h[i] is subtracted from both halves
};
constexpr GravNetRule gravnet_rule(GravNetVariant variant)
{
    switch (variant) {
        case GravNetVariant::tensorflow:
        case GravNetVariant::keras:
            return {.max_first = true};
        case GravNetVariant::pyg:
            return {.with_self = true};
        case GravNetVariant::hgcalml:
            return {.mean_over_width = true, .minus_own = true};
        case GravNetVariant::hgcalml_normalised:
            break;
    }
    return {.normalised = true, .minus_own = true};
}

struct GravNetArgs {
    TensorRef s;          ///< (N, S) f32, coordinates
    TensorRef h;          ///< (N, F) f32, features
    TensorRef row_ptr;    ///< (B + 1) i32, from 0; rows of s, h, y past row_ptr[B] are left alone
    TensorRef neighbour;  ///< (N, K) i32, K <= 64: rows of the same graph without the node itself
                          ///< (pyg adds it: its k is K + 1); negative entries are skipped
    GravNetVariant variant = GravNetVariant::pyg;
    TensorRef y;  ///< (N, 2 F) f32
    TensorRef
        winner;  ///< (N, F) i32, kept for the backward pass: which neighbour gave the maximum,
                 ///< the first of equals
};

/// ds, dh += what dy says of them
struct GravNetGradArgs {
    TensorRef s, h, row_ptr, neighbour;  ///< of forward
    GravNetVariant variant = GravNetVariant::pyg;
    TensorRef winner;  ///< of forward
    TensorRef dy;      ///< (N, 2 F) f32
    TensorRef ds;      ///< (N, S) f32, added to
    TensorRef dh;      ///< (N, F) f32, added to
};

void gravnet_forward(Context& ctx, GravNetArgs const& args);
void gravnet_backward(Context& ctx, GravNetGradArgs const& args);

namespace cpu {
void gravnet_forward(Context& ctx, GravNetArgs const& args);
void gravnet_backward(Context& ctx, GravNetGradArgs const& args);
}  // namespace cpu
namespace cuda {
void gravnet_forward(Context& ctx, GravNetArgs const& args);
void gravnet_backward(Context& ctx, GravNetGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
