/// \file kernels/dense/layer_norm/simd.hpp
/// The vector part of layer_norm: some rows of one event.
#pragma once

#include <cstdint>

#include "kernels/math/dropout_key.hpp"

namespace calofuse::cpu {
struct LayerNormRows {
    std::int64_t begin, end;
    std::int64_t first_of_event;  ///< row of the event's node 0
    std::int64_t width;
    float epsilon;
    bool elu;
    DropoutKey dropout;
};

struct LayerNormTensors {
    float const* x;
    float const* gamma;
    float const* beta;
    float const* shortcut;  ///< or null
    float* saved;
    std::uint16_t* kept;  ///< or null
    float* y;
};
struct LayerNormGradients {
    float const* dy;
    float* dx;
    float* dshortcut;  ///< or null
    float* dgamma;     ///< of some rows
    float* dbeta;      ///< of some rows
    float* row;        ///< (width) scratch
};

struct LayerNormKernels {
    void (*forward)(LayerNormRows const&, LayerNormTensors const&);
    void (*backward)(LayerNormRows const&, LayerNormTensors const&, LayerNormGradients const&);
};
namespace avx2 {
extern LayerNormKernels const layer_norm_kernels;
}  // namespace avx2
namespace avx512 {
extern LayerNormKernels const layer_norm_kernels;
}  // namespace avx512
}  // namespace calofuse::cpu
