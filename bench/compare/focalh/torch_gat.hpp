/// \file bench/compare/focalh/torch_gat.hpp
/// The GAT classifier on graphs of hits (models/hit_network.hpp with its defaults) by LibTorch: the
/// same 57,185 numbers, once on lists of edges (gather and scatter), once as masked dense attention
/// over batches of events of similar size.
#pragma once

#include <memory>
#include <string>

#include "bench/compare/focalh/torch_run.hpp"

namespace calofuse::bench {
namespace nn = torch::nn;
namespace F = torch::nn::functional;

inline constexpr std::int64_t kHitFeatures = 24, kGatLayers = 3, kGatHeads = 4, kGatChannels = 32;
inline constexpr std::int64_t kGatHead = 128, kGatNeighbours = 8;
inline constexpr std::int64_t kGatParameters = 57185;
inline constexpr double kGatSlope = 0.2, kGatDropout = 0.2;

inline std::int64_t gat_inputs(std::int64_t layer)
{
    return layer == 0 ? kHitFeatures : kGatHeads * kGatChannels;
}
inline std::int64_t gat_outputs(std::int64_t layer)
{
    return layer + 1 < kGatLayers ? kGatHeads * kGatChannels : kGatChannels;
}

struct GatLayer : nn::Module {
    explicit GatLayer(std::int64_t layer)
    {
        std::int64_t const in = gat_inputs(layer), out = gat_outputs(layer);
        auto const glorot = [&](char const* name, std::int64_t rows, std::int64_t columns) {
            double const limit = std::sqrt(6.0 / static_cast<double>(rows + columns));
            return register_parameter(name, torch::empty({rows, columns}).uniform_(-limit, limit));
        };
        weight = glorot("weight", in, kGatHeads * kGatChannels);
        source = glorot("source", kGatHeads, kGatChannels);
        target = glorot("target", kGatHeads, kGatChannels);
        if (in != out) shortcut = glorot("shortcut", in, out);
        bias = register_parameter("bias", torch::zeros({out}));
        gain = register_parameter("gain", torch::ones({out}));
        shift = register_parameter("shift", torch::zeros({out}));
    }
    Tensor weight, source, target, shortcut, bias, gain, shift;
};

/// Events as lists of edges, hits of all events one after the other.
struct EdgeBatch {
    Tensor x;         ///< (N, 24) f32
    Tensor from, to;  ///< (E) i64, self-loops included
    Tensor event;     ///< (N) i64
    std::int64_t events;
};

/// Events padded to the same number of hits.
struct DenseBatch {
    Tensor x;        ///< (B, n, 24) f32
    Tensor closed;   ///< (B, 1, n, n) bool: no edge from column to row
    Tensor present;  ///< (B, n, 1) bool
};

struct TorchGat : nn::Module {
    /// `tuned`: cheaper random numbers for the dropout.
    TorchGat(bool use_dropout, bool tuned) : dropout(use_dropout), cheap(tuned)
    {
        for (std::int64_t l = 0; l < kGatLayers; ++l)
            layer.push_back(
                register_module("layer" + std::to_string(l), std::make_shared<GatLayer>(l)));
        head0 = register_module("head0", nn::Linear(3 * kGatChannels, kGatHead));
        head1 = register_module("head1", nn::Linear(kGatHead, 1));
    }

    Tensor logits(EdgeBatch const& b)
    {
        auto const nodes = b.x.size(0);
        Tensor const where = b.to.unsqueeze(1).expand({-1, kGatHeads});
        Tensor x = b.x;
        for (auto const& p : layer) {
            Tensor const h = torch::matmul(x, p->weight).view({-1, kGatHeads, kGatChannels});
            Tensor const s = (h * p->source).sum(-1), t = (h * p->target).sum(-1);
            Tensor e =
                torch::leaky_relu(s.index_select(0, b.from) + t.index_select(0, b.to), kGatSlope);
            Tensor top;
            {
                torch::NoGradGuard const no_grad;  // only a shift
                top = torch::full({nodes, kGatHeads}, -1e30, e.options())
                          .scatter_reduce(0, where, e.detach(), "amax");
            }
            e = (e - top.index_select(0, b.to)).exp();
            Tensor const sum = torch::zeros({nodes, kGatHeads}, e.options()).index_add(0, b.to, e);
            Tensor const alpha = e / (sum.index_select(0, b.to) + 1e-16);
            Tensor const message = h.index_select(0, b.from) * alpha.unsqueeze(-1);
            Tensor const z = torch::zeros({nodes, kGatHeads, kGatChannels}, message.options())
                                 .index_add(0, b.to, message);
            x = finish(*p, p == layer.back() ? z.mean(1) : z.flatten(1), x);
        }
        Tensor const ones = torch::ones({nodes}, x.options());
        auto const add_up = [&](Tensor const& v, at::IntArrayRef shape) {
            return torch::zeros(shape, x.options()).index_add(0, b.event, v);
        };
        Tensor const count = add_up(ones, {b.events}).unsqueeze(1);
        Tensor const sum = add_up(x, {b.events, kGatChannels});
        Tensor const largest =
            torch::full({b.events, kGatChannels}, -1e30, x.options())
                .scatter_reduce(0, b.event.unsqueeze(1).expand({-1, kGatChannels}), x, "amax");
        return head(count, sum, largest);
    }

    Tensor logits(DenseBatch const& b)
    {
        auto const events = b.x.size(0), nodes = b.x.size(1);
        Tensor x = b.x;
        for (auto const& p : layer) {
            // the score vectors are folded into the weights: one product gives both scores
            Tensor const w = p->weight.view({-1, kGatHeads, kGatChannels});
            Tensor const both =
                torch::stack({(w * p->source).sum(-1), (w * p->target).sum(-1)}, 1).flatten(1);
            Tensor const h = torch::matmul(x, p->weight)
                                 .view({events, nodes, kGatHeads, kGatChannels})
                                 .permute({0, 2, 1, 3});
            Tensor const st = torch::matmul(x, both)
                                  .view({events, nodes, 2, kGatHeads})
                                  .permute({2, 0, 3, 1});  // (2, B, H, n)
            Tensor const e = torch::leaky_relu(st[0].unsqueeze(2) + st[1].unsqueeze(3), kGatSlope)
                                 .masked_fill(b.closed, -1e9);
            Tensor const z = torch::matmul(torch::softmax(e, -1), h);  // (B, H, n, C)
            x = finish(
                *p, p == layer.back() ? z.mean(1) : z.transpose(1, 2).reshape({events, nodes, -1}),
                x);
        }
        Tensor const keep = b.present.to(x.scalar_type());
        return head(keep.sum(1), (x * keep).sum(1),
                    std::get<0>(x.masked_fill(b.present.logical_not(), -1e30).max(1)));
    }

  private:
    Tensor drop(Tensor const& x) const
    {
        if (cheap) return cheap_dropout(x, kGatDropout, dropout && is_training());
        return torch::dropout(x, kGatDropout, dropout && is_training());
    }
    Tensor finish(GatLayer const& p, Tensor const& z, Tensor const& x) const
    {
        Tensor const y = torch::layer_norm(z + p.bias, {z.size(-1)}, p.gain, p.shift);
        return drop(torch::elu(y)) + (p.shortcut.defined() ? torch::matmul(x, p.shortcut) : x);
    }
    Tensor head(Tensor const& count, Tensor const& sum, Tensor const& largest)
    {
        Tensor const mean = sum / count, damped = sum / torch::log1p(count);
        Tensor const h = torch::elu(head0(torch::cat({mean, largest, damped}, 1)));
        return head1(drop(h)).squeeze(1);
    }

    bool dropout, cheap;
    std::vector<std::shared_ptr<GatLayer>> layer;
    nn::Linear head0{nullptr}, head1{nullptr};
};
}  // namespace calofuse::bench
