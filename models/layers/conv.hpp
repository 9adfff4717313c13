/// \file models/layers/conv.hpp
/// Layers on images, (B, H, W, C), channels last. Weights have Keras' names, shapes and initial values
/// (an odd cell of 'same' padding goes after: kernels/conv/window2d.hpp).
#pragma once

#include <array>
#include <string>

#include "kernels/conv/pool2d.hpp"
#include "kernels/conv/window2d.hpp"
#include "models/engine/tape.hpp"

namespace calofuse::layers {
enum class Padding : std::uint8_t { valid, same };

/// The window of a square kernel on images of this height and width.
Window2d window_on(Var x, std::int64_t kernel, std::int64_t stride, Padding padding);

struct ConvShape {
    std::int64_t kernel = 3, stride = 1;
    Padding padding = Padding::valid;
};

/// x (B, H, W, in) -> (B, H', W', out). Weights `<name>.kernel` (k, k, in, out), `<name>.bias` (out).
struct Conv2d {
    ParameterGroup kernel, bias;
    std::array<std::int64_t, 4> extents;  ///< of the kernel
    std::int64_t stride;
    Padding padding;

    Conv2d(Parameters& parameters,
           std::string const& name,
           std::int64_t in,
           std::int64_t out,
           ConvShape shape = {});
    Var operator()(Tape& tape, Var x) const;
};

/// x (B, H, W, in) -> (B, H', W', in * multiplier), every channel by itself. Weights `<name>.kernel`
/// (k, k, in, multiplier), `<name>.bias` (in * multiplier).
struct DepthwiseConv2d {
    ParameterGroup kernel, bias;
    std::array<std::int64_t, 4> extents;  ///< of the kernel
    std::int64_t stride;
    Padding padding;

    DepthwiseConv2d(Parameters& parameters,
                    std::string const& name,
                    std::int64_t in,
                    std::int64_t multiplier = 1,
                    ConvShape shape = {});
    Var operator()(Tape& tape, Var x) const;
};

/// x (B, H, W, C) -> (B, H', W', C).
Var pool2d(Tape& tape, Var x, Window2d const& window, PoolKind kind);
/// x (B, H, W, C) -> (B, C): one window over the whole image.
Var global_pool2d(Tape& tape, Var x, PoolKind kind);

/// x (N, A), y (N, B) -> (N, A + B).
Var concat(Tape& tape, Var x, Var y);

/// A row per pixel (B H W, C), which is what a batch norm of the channels takes, and a row per event
/// (B, H W C) in the order row, column, channel.
Var pixel_rows(Var x);
Var event_rows(Var x);
}  // namespace calofuse::layers
