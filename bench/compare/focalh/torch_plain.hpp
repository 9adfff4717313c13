/// \file bench/compare/focalh/torch_plain.hpp
/// The hybrid as a competent user of LibTorch writes it: nine submodules in a loop, the library's
/// own layers, dropout and Adam. 774,849 trainable numbers.
#pragma once

#include <memory>
#include <string>

#include "bench/compare/focalh/torch_common.hpp"

namespace calofuse::bench {
inline constexpr std::int64_t kPlainParameters = 774849;

inline nn::Conv2d make_convolution(std::int64_t in)
{
    nn::Conv2d layer(nn::Conv2dOptions(in, kFilters, 3).padding(1));
    glorot_uniform(layer->weight, 9 * in, 9 * kFilters);
    nn::init::zeros_(layer->bias);
    return layer;
}

template <class Norm>
Norm make_norm(std::int64_t size)
{
    return Norm(nn::BatchNormOptions(size).eps(kNormEps).momentum(kNormMomentum));
}

struct PlainCnn : nn::Module {
    PlainCnn(int side, bool dropout)
        : conv1(register_module("conv1", make_convolution(1)))
        , conv2(register_module("conv2", make_convolution(kFilters)))
        , bn1(register_module("bn1", make_norm<nn::BatchNorm2d>(kFilters)))
        , bn2(register_module("bn2", make_norm<nn::BatchNorm2d>(kFilters)))
        , dense1(register_module("dense1", make_linear(pooled_features(side), kDense)))
        , bn3(register_module("bn3", make_norm<nn::BatchNorm1d>(kDense)))
        , dense2(register_module("dense2", make_linear(kDense, kEmbedding)))
        , drop1(register_module("drop1", nn::Dropout(dropout ? kConvDropout : 0.0)))
        , drop2(register_module("drop2", nn::Dropout(dropout ? kDenseDropout : 0.0)))
    {}

    /// (B, 1, side, side) -> (B, 64)
    Tensor forward(Tensor x)
    {
        auto const leaky = F::LeakyReLUFuncOptions().negative_slope(kSlope);
        x = F::leaky_relu(bn1(conv1(x)), leaky);
        x = F::leaky_relu(bn2(conv2(x)), leaky);
        x = drop1(F::max_pool2d(x, F::MaxPool2dFuncOptions(2)));
        x = F::leaky_relu(bn3(dense1(x.flatten(1))), leaky);
        return torch::relu(dense2(drop2(x)));
    }

    nn::Conv2d conv1, conv2;
    nn::BatchNorm2d bn1, bn2;
    nn::Linear dense1;
    nn::BatchNorm1d bn3;
    nn::Linear dense2;
    nn::Dropout drop1, drop2;
};

struct PlainHybrid final : TorchHybrid {
    PlainHybrid(EnergyScale scale, bool dropout)
        : head1(register_module("head1", make_linear(kEmbedding + 1, kHead)))
        , head2(register_module("head2", make_linear(kHead, 1)))
        , drop(register_module("drop", nn::Dropout(dropout ? kHeadDropout : 0.0)))
        , energy_scale(scale)
        , channels(channels_of({0, 1, 2, 3, 4, 5, 6, 7, 8}))
        , adjacency(register_buffer("adjacency", grid_adjacency({0, 1, 2, 3, 4, 5, 6, 7, 8})))
    {
        for (int m = 0; m < kNumModules; ++m)
            cnn.push_back(register_module("cnn" + std::to_string(m),
                                          std::make_shared<PlainCnn>(module_side(m), dropout)));
        for (int l = 0; l < 2; ++l)
            gnn.push_back(
                register_module("gnn" + std::to_string(l), std::make_shared<GraphConv>()));
    }

    Tensor logits(Tensor const& adc) override
    {
        Tensor const cells = adc.index_select(1, channels).to(adjacency.scalar_type());
        Tensor const image = torch::asinh(cells / kAdcScale);
        std::vector<Tensor> embedding;
        for (int m = 0; m < kNumModules; ++m) {
            std::int64_t const side = module_side(m);
            embedding.push_back(cnn[static_cast<std::size_t>(m)]->forward(
                image.narrow(1, module_begin(m), side * side).reshape({-1, 1, side, side})));
        }
        Tensor x = torch::stack(embedding, 1);  // (B, 9, 64)
        for (auto const& g : gnn)
            x = torch::relu(torch::matmul(adjacency, torch::matmul(x, g->w1))
                            + torch::matmul(x, g->w2) + g->b);
        Tensor const energy = (cells.sum(1, true) - energy_scale.mean) / energy_scale.std;
        x = torch::relu(head1(torch::cat({x.mean(1), energy}, 1)));
        return head2(drop(x)).squeeze(1);
    }

    nn::Linear head1, head2;
    nn::Dropout drop;
    EnergyScale energy_scale;
    Tensor channels;  ///< (249) i64; no buffer: Module::to(dtype) would make it floating point
    Tensor adjacency;
    std::vector<std::shared_ptr<PlainCnn>> cnn;
    std::vector<std::shared_ptr<GraphConv>> gnn;
};
}  // namespace calofuse::bench
