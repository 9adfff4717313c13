/// \file kernels/dense/activation.hpp
/// Element-wise activations; p = `parameter`:
///   relu max(x, 0)   leaky_relu x > 0 ? x : p x   elu x > 0 ? x : p (exp(x) - 1)
///   gelu_exact x (1 + erf(x / sqrt 2)) / 2   softplus log(1 + exp(x))   tanh   sigmoid   asinh
///   gelu_tanh x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class Activation : std::uint8_t {
    relu,
    leaky_relu,
    elu,
    gelu_exact,
    gelu_tanh,
    tanh,
    sigmoid,
    softplus,
    asinh
};

/// Which tensor of forward the backward pass needs: the input x, or the output y, which allows
/// forward in place.
constexpr bool backward_reads_input(Activation kind)
{
    return kind == Activation::gelu_exact || kind == Activation::gelu_tanh
           || kind == Activation::softplus || kind == Activation::asinh;
}

struct ActivationArgs {
    TensorRef x;  ///< any shape, f32
    Activation kind = Activation::relu;
    float parameter = 0;  ///< slope of leaky_relu (keras 0.3, torch 0.01), alpha of elu (1); >= 0
    TensorRef y;          ///< as x; may alias x
};

/// dx += dy f'(x). At x = 0 the derivative of relu is 0, of leaky_relu and elu p.
struct ActivationGradArgs {
    TensorRef saved;  ///< x of forward if backward_reads_input(kind), else y of forward
    TensorRef dy;     ///< as saved
    Activation kind = Activation::relu;
    float parameter = 0;
    TensorRef dx;  ///< as saved, added to
};

void activation_forward(Context& ctx, ActivationArgs const& args);
void activation_backward(Context& ctx, ActivationGradArgs const& args);
namespace cpu {
void activation_forward(Context& ctx, ActivationArgs const& args);
void activation_backward(Context& ctx, ActivationGradArgs const& args);
}  // namespace cpu
namespace cuda {
void activation_forward(Context& ctx, ActivationArgs const& args);
void activation_backward(Context& ctx, ActivationGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
