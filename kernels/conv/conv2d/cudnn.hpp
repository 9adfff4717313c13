/// \file kernels/conv/conv2d/cudnn.hpp
/// The two implementations of conv2d on a GPU: own kernels, and cuDNN's graph API, which
/// CALOFUSE_CONV=cudnn (default: own) asks for. cuDNN computes in fp32, deterministically; where it has
/// no such engine for a shape, the own kernel runs.
#pragma once

#include <array>
#include <compare>
#include <optional>

#include "kernels/conv/conv2d.hpp"

namespace calofuse::cuda {
void conv2d_forward_own(Context& ctx, Conv2dArgs const& args);
void conv2d_backward_own(Context& ctx, Conv2dGradArgs const& args);

/// Whether cuDNN can be used now; `reason` (if given) receives why not.
bool has_conv2d_library(std::string* reason = nullptr);
void conv2d_forward_library(Context& ctx, Conv2dArgs const& args);
void conv2d_backward_library(Context& ctx, Conv2dGradArgs const& args);

enum class ConvDirection : std::uint8_t { forward, data_gradient, weight_gradient };

/// What decides a plan of cuDNN.
struct ConvProblem {
    ConvDirection direction;
    std::array<std::int64_t, 4> x, y;  ///< (B, H, W, I), (B, P, Q, O)
    std::array<std::int64_t, 2> kernel, stride, before, after;
    bool accumulate;         ///< the result is added to what is there
    std::int64_t alignment;  ///< of every tensor, bytes

    auto operator<=>(ConvProblem const&) const = default;
};
struct ConvPlanFigures {
    std::int64_t engine, workspace_bytes;
};
/// What cuDNN would run on the GPU that `json` describes (cuDNN's device properties); needs no GPU.
/// Nothing: the own kernel.
std::optional<ConvPlanFigures> plan_conv2d(ConvProblem const& problem, std::string const& json);

// cuDNN's images are ours; its filters are (O, kh, kw, I), here with taps = kh * kw.

/// out (O, taps, I) = w (taps, I, O).
void filters_to_cudnn(Context& ctx, View<float const, 3> w, float* out);
/// dw (taps, I, O) += gradient (O, taps, I).
void add_filters_from_cudnn(Context& ctx, float const* gradient, View<float, 3> dw);
/// Every row of y (N, O) = bias (O).
void fill_rows(Context& ctx, float const* bias, View<float, 2> y);
}  // namespace calofuse::cuda
