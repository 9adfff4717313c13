/// \file bench/compare/focalh/torch_tuned.hpp
/// The hybrid as tuned as LibTorch on a CPU lets it be without own kernels, the same function of the
/// same weights: no biases in front of batch norms (they cancel: 2,304 numbers less), channels-last
/// convolutions, LeakyReLU after the pooling (it is monotone) and in place, dense layers of the
/// eight outer modules batched, dropout masks from one random byte an element (rates rounded to
/// 1/256), Adam in place, asinh by vectorised operators.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "bench/compare/focalh/torch_plain.hpp"
#include "bench/compare/focalh/torch_run.hpp"

namespace calofuse::bench {
inline constexpr std::int64_t kTunedParameters = kPlainParameters - 9 * (2 * kFilters + kDense);

inline Tensor leaky(Tensor x)
{
    return torch::leaky_relu_(x, kSlope);
}

struct TunedNorm {
    TunedNorm(nn::Module& owner, std::string const& name, std::int64_t size)
        : weight(owner.register_parameter(name + "_weight", torch::ones({size})))
        , bias(owner.register_parameter(name + "_bias", torch::zeros({size})))
        , mean(owner.register_buffer(name + "_mean", torch::zeros({size})))
        , var(owner.register_buffer(name + "_var", torch::ones({size})))
    {}
    Tensor operator()(Tensor const& x, bool training) const
    {
        return torch::batch_norm(x, weight, bias, mean, var, training, kNormMomentum, kNormEps,
                                 true);
    }
    Tensor weight, bias, mean, var;
};

/// Convolutions and pooling of one module.
struct TunedConvs : nn::Module {
    explicit TunedConvs(int module_side)
        : side(module_side)
        , w1(register_parameter("w1", torch::empty({kFilters, 1, 3, 3})))
        , w2(register_parameter("w2",
                                torch::empty({kFilters, kFilters, 3, 3})
                                    .contiguous(torch::MemoryFormat::ChannelsLast)))
        , bn1(*this, "bn1", kFilters)
        , bn2(*this, "bn2", kFilters)
    {
        glorot_uniform(w1, 9, 9 * kFilters);
        glorot_uniform(w2, 9 * kFilters, 9 * kFilters);
    }

    /// (B, side * side) -> (B, features), features ordered by (row, column, channel)
    Tensor forward(Tensor const& cells) const
    {
        auto const batch = cells.size(0);
        Tensor x =
            cells.reshape({batch, 1, side, side}).contiguous(torch::MemoryFormat::ChannelsLast);
        x = torch::conv2d(x, w1, {}, 1, 1);
        x = leaky(bn1(x, is_training()));
        x = torch::conv2d(x, w2, {}, 1, 1);
        x = leaky(torch::max_pool2d(bn2(x, is_training()), 2));
        return x.permute({0, 2, 3, 1}).reshape({batch, -1});
    }

    std::int64_t side;
    Tensor w1, w2;
    TunedNorm bn1, bn2;
};

/// Modules of one size: convolutions one by one (faster than grouped ones), dense layers batched.
struct TunedGroup : nn::Module {
    TunedGroup(std::vector<int> group, bool use_dropout)
        : modules(std::move(group))
        , dropout(use_dropout)
        , count(static_cast<std::int64_t>(modules.size()))
        , channels(channels_of(modules))
        , dense1(register_parameter(
              "dense1", torch::empty({count, pooled_features(module_side(modules[0])), kDense})))
        , dense2(register_parameter("dense2", torch::empty({count, kDense, kEmbedding})))
        , bias2(register_parameter("bias2", torch::zeros({count, 1, kEmbedding})))
        , bn3(*this, "bn3", count * kDense)
    {
        for (int const m : modules)
            convs.push_back(register_module("convs" + std::to_string(m),
                                            std::make_shared<TunedConvs>(module_side(m))));
        glorot_uniform(dense1, dense1.size(1), kDense);
        glorot_uniform(dense2, kDense, kEmbedding);
    }

    /// (B, cells of the group), ADC counts -> (modules, B, 64)
    Tensor forward(Tensor const& cells) const
    {
        auto const batch = cells.size(0);
        Tensor const x0 = cells / kAdcScale;
        Tensor const image = (x0 * x0).add_(1).sqrt_().add_(x0).log_();  // asinh, no value below 0
        std::vector<Tensor> pooled;
        for (std::size_t i = 0; i < convs.size(); ++i) {
            std::int64_t const n = convs[i]->side * convs[i]->side;
            pooled.push_back(
                convs[i]->forward(image.narrow(1, static_cast<std::int64_t>(i) * n, n)));
        }
        bool const drop = dropout && is_training();
        Tensor x = cheap_dropout(torch::stack(pooled), kConvDropout, drop);
        x = torch::bmm(x, dense1).transpose(0, 1).reshape({batch, count * kDense});
        x = leaky(bn3(x, is_training()));
        x = cheap_dropout(x, kDenseDropout, drop).view({batch, count, kDense}).transpose(0, 1);
        return torch::baddbmm(bias2, x, dense2).relu_();
    }

    void load(PlainHybrid const& from)
    {
        for (std::size_t i = 0; i < convs.size(); ++i) {
            PlainCnn const& cnn = *from.cnn[static_cast<std::size_t>(modules[i])];
            auto const row = static_cast<std::int64_t>(i);
            convs[i]->w1.copy_(cnn.conv1->weight);
            convs[i]->w2.copy_(cnn.conv2->weight);
            std::int64_t const half = convs[i]->side / 2;
            dense1[row].copy_(cnn.dense1->weight.view({kDense, kFilters, half, half})
                                  .permute({2, 3, 1, 0})
                                  .reshape({-1, kDense}));
            dense2[row].copy_(cnn.dense2->weight.t());
            bias2[row][0].copy_(cnn.dense2->bias);
        }
    }

    std::vector<int> modules;
    bool dropout;
    std::int64_t count;
    Tensor channels, dense1, dense2, bias2;
    TunedNorm bn3;
    std::vector<std::shared_ptr<TunedConvs>> convs;
};

struct TunedHybrid final : TorchHybrid {
    TunedHybrid(EnergyScale scale, bool use_dropout)
        : outer(register_module(
            "outer",
            std::make_shared<TunedGroup>(std::vector<int>{0, 1, 2, 3, 5, 6, 7, 8}, use_dropout)))
        , centre(register_module(
              "centre", std::make_shared<TunedGroup>(std::vector<int>{kCentreModule}, use_dropout)))
        , head1(register_module("head1", make_linear(kEmbedding + 1, kHead)))
        , head2(register_module("head2", make_linear(kHead, 1)))
        , energy_scale(scale)
        , adjacency(register_buffer("adjacency", grid_adjacency({0, 1, 2, 3, 5, 6, 7, 8, 4})))
        , dropout(use_dropout)
    {
        for (int l = 0; l < 2; ++l)
            gnn.push_back(
                register_module("gnn" + std::to_string(l), std::make_shared<GraphConv>()));
    }

    Tensor logits(Tensor const& adc) override
    {
        auto const batch = adc.size(0);
        auto const type = adjacency.scalar_type();
        Tensor const o = adc.index_select(1, outer->channels).to(type);
        Tensor const c = adc.index_select(1, centre->channels).to(type);
        Tensor const sum = o.sum(1, true) + c.sum(1, true);
        Tensor x = torch::cat({outer->forward(o), centre->forward(c)}, 0);  // (9, B, 64)
        for (auto const& g : gnn) {
            Tensor const near = torch::mm(adjacency, x.view({kNumModules, batch * kEmbedding}))
                                    .view({-1, kEmbedding});
            x = torch::addmm(g->b, x.view({-1, kEmbedding}), g->w2);
            x = torch::addmm(x, near, g->w1).relu_().view({kNumModules, batch, kEmbedding});
        }
        x = torch::cat({x.mean(0), (sum - energy_scale.mean) / energy_scale.std}, 1);
        x = head1(x).relu_();
        return head2(cheap_dropout(x, kHeadDropout, dropout && is_training())).squeeze(1);
    }

    /// Initial weights of the plain form: both compute the same function then.
    void load(PlainHybrid const& from)
    {
        torch::NoGradGuard const no_grad;
        outer->load(from);
        centre->load(from);
        for (std::size_t l = 0; l < gnn.size(); ++l) {
            gnn[l]->w1.copy_(from.gnn[l]->w1);
            gnn[l]->w2.copy_(from.gnn[l]->w2);
        }
        head1->weight.copy_(from.head1->weight);
        head2->weight.copy_(from.head2->weight);
    }

    std::shared_ptr<TunedGroup> outer, centre;
    nn::Linear head1, head2;
    EnergyScale energy_scale;
    Tensor adjacency;
    bool dropout;
    std::vector<std::shared_ptr<GraphConv>> gnn;
};
}  // namespace calofuse::bench
