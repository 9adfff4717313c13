/// \file kernels/focalh/module_cnn/simd.hpp
/// The vector part of module_cnn: work on one tile, at most kTileEvents events of one module, kept
/// in the L2 cache. Letters: P cells of the module, Q pooled cells, n events of the tile, C'
/// channels rounded up to whole vectors. Tiles are position-major: for a fixed cell the rows of a
/// product are events, so the taps that would read padding are left out.
/// A matrix that multiplies from the right is packed in panels of `panel_width(C')` columns:
///   packed[panel][row][j] = matrix[row][panel * width + j]
#pragma once

#include <cstdint>

namespace calofuse::cpu {
inline constexpr int kTileEvents = 24;
/// The nine taps, and ones for the bias: rows of a cell's input columns.
inline constexpr int kColumnRows = 10;
inline constexpr int kNumMoments = kColumnRows * (kColumnRows + 1) / 2;
/// Bits of `choice`: which cell of the window, and whether dropout keeps it.
inline constexpr int kChoiceMask = 3;
inline constexpr int kKeptBit = 4;
inline constexpr int kMaxModuleCells = 49;
inline constexpr int kMaxModuleChannels = 256;

/// Plain pointers; which ones a function reads or writes is said with it.
struct ModuleTile {
    int side;      ///< 5 or 7
    int events;    ///< n
    int channels;  ///< C'
    float slope;
    std::int64_t x_stride;  ///< between events
    float const* x;         ///< first event, first cell of the module
    float* columns;         ///< (P, 10, kTileEvents)  inputs under each tap, 0 past the last event
    float* a1;              ///< (P, n, C')      output of the first leaky ReLU
    float* z2;              ///< (P, n, C')      second convolution, without its bias
    float* dz2;             ///< (C'/width, P, n, width)
    float* da1;             ///< (n, C')         of one cell
};

/// One instance for each instruction set.
struct ModuleCnnKernels {
    /// Columns of a panel of a matrix with `channels` columns.
    int (*panel_width)(int channels);
    /// x -> columns
    void (*fill_columns)(ModuleTile const& tile);
    /// columns -> sums (55) += products of two columns over cells and events: (0,0), (0,1) ..
    void (*add_moments)(ModuleTile const& tile, double* sums);
    /// columns -> a1 = leaky_relu(columns * w1); w1: packed (10, C'), norm folded in
    void (*convolve1)(ModuleTile const& tile, float const* w1);
    /// a1 -> z2; w2: packed (9 C', C'). sums (2, C'): += z2 and z2^2 over cells and events. Without
    /// sums, cells that pooling drops are not computed.
    void (*convolve2)(ModuleTile const& tile, float const* w2, double* sums);
    /// z2 -> pooled, choice: rows of Q * C', `stride` apart. sign (C'): 1 takes the first largest,
    /// -1 the first smallest.
    void (*pool)(ModuleTile const& tile,
                 float const* sign,
                 std::int64_t stride,
                 float* pooled,
                 std::uint8_t* choice);
    /// z2 -> dz2 = slope * (z2 - mean) + shift + gain * g where chosen; coefficients (4, C') are
    /// mean, slope, shift, gain; g and choice: rows of Q * C', `stride` apart.
    void (*second_norm_backward)(ModuleTile const& tile,
                                 float const* coefficients,
                                 std::int64_t stride,
                                 float const* g,
                                 std::uint8_t const* choice);
    /// a1, dz2 -> dw2 (9, C', C') +=
    void (*add_weight_gradient)(ModuleTile const& tile, float* dw2);
    /// dz2, a1, columns -> sums (10, C') += columns^T * (gradient before the first leaky ReLU).
    /// w2t: packed (9 C', C') with inputs and outputs of every tap exchanged.
    void (*add_data_gradient)(ModuleTile const& tile, float const* w2t, float* sums);
};
namespace avx2 {
extern ModuleCnnKernels const module_cnn_kernels;
}  // namespace avx2
namespace avx512 {
extern ModuleCnnKernels const module_cnn_kernels;
}  // namespace avx512
}  // namespace calofuse::cpu
