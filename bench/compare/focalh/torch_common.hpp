/// \file bench/compare/focalh/torch_common.hpp
/// What both LibTorch forms of the hybrid network share: its shape (models/focalh/hybrid.hpp), initial
/// weights, the adjacency of the modules and the scaling of the inputs.
#pragma once

#include <cmath>
#include <cstdint>
#include <torch/torch.h>
#include <vector>

#include "runtime/focalh/channel_map.hpp"

namespace calofuse::bench {
using torch::Tensor;
namespace nn = torch::nn;
namespace F = torch::nn::functional;

inline constexpr std::int64_t kFilters = 64, kDense = 128, kEmbedding = 64, kHead = 64;
inline constexpr double kSlope = 0.3, kNormEps = 1e-3, kNormMomentum = 0.01;
inline constexpr double kConvDropout = 0.3, kDenseDropout = 0.4, kHeadDropout = 0.3;
inline constexpr double kAdcScale = 20, kAdamRate = 1e-3, kAdamEps = 1e-7;

inline std::int64_t pooled_features(int side)
{
    return kFilters * (side / 2) * (side / 2);
}

inline void glorot_uniform(Tensor weight, std::int64_t fan_in, std::int64_t fan_out)
{
    torch::NoGradGuard const no_grad;
    double const limit = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
    weight.uniform_(-limit, limit);
}

/// D^-1/2 A D^-1/2 of the 3 x 3 grid with 8 neighbours, (9, 9); `order` = module of each node.
inline Tensor grid_adjacency(std::vector<int> const& order)
{
    Tensor const a = torch::zeros({kNumModules, kNumModules});
    for (int i = 0; i < kNumModules; ++i)
        for (int j = 0; j < kNumModules; ++j) {
            int const p = order[i], q = order[j];
            bool const near = std::abs(p / 3 - q / 3) <= 1 && std::abs(p % 3 - q % 3) <= 1;
            a[i][j] = p != q && near ? 1 : 0;
        }
    Tensor const d = a.sum(1).rsqrt();
    return d.unsqueeze(1) * a * d.unsqueeze(0);
}

/// Channels of the cells of these modules, in cell order.
inline Tensor channels_of(std::vector<int> const& modules)
{
    auto const all = ChannelMap::focalh_prototype2().channels();
    std::vector<std::int64_t> channels;
    for (int const m : modules)
        channels.insert(channels.end(), all.begin() + module_begin(m),
                        all.begin() + module_begin(m + 1));
    return torch::tensor(channels, torch::kInt64);
}

/// Mean and spread of the summed ADC of an event.
struct EnergyScale {
    double mean = 0, std = 1;
};

struct TorchHybrid : nn::Module {
    /// adc (B, 256) i16: 13-bit values fit, and LibTorch 1.13 has no u16. Returns (B).
    virtual Tensor logits(Tensor const& adc) = 0;
};

/// relu(A x W1 + x W2 + b): weights only, each form multiplies in its own order.
struct GraphConv : nn::Module {
    GraphConv()
        : w1(register_parameter("w1", torch::empty({kEmbedding, kEmbedding})))
        , w2(register_parameter("w2", torch::empty({kEmbedding, kEmbedding})))
        , b(register_parameter("b", torch::zeros({kEmbedding})))
    {
        glorot_uniform(w1, kEmbedding, kEmbedding);
        glorot_uniform(w2, kEmbedding, kEmbedding);
    }
    Tensor w1, w2, b;
};

inline nn::Linear make_linear(std::int64_t in, std::int64_t out)
{
    nn::Linear layer(in, out);
    glorot_uniform(layer->weight, in, out);
    nn::init::zeros_(layer->bias);
    return layer;
}
}  // namespace calofuse::bench
