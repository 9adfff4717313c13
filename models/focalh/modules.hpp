/// \file models/focalh/modules.hpp
/// The networks that the hybrid has in each of the nine modules of the detector.
#pragma once

#include <array>
#include <optional>

#include "kernels/focalh/module_cnn.hpp"
#include "models/layers/linear.hpp"
#include "models/layers/norm.hpp"

namespace calofuse::layers {
/// Which modules share their weights.
struct ModuleSets {
    std::vector<std::string> names;  ///< of the sets: "cnn0." .. "cnn8.", or "outer.", "centre."
    std::array<std::int32_t, kNumModules> of_module{};

    explicit ModuleSets(bool share_outer);
    std::int64_t count() const { return static_cast<std::int64_t>(names.size()); }
};

struct ModuleOptions {
    std::int64_t filters = 64, dense = 128, embedding = 64;  ///< C, D, U
    float slope = 0.3F;                                      ///< of the leaky ReLUs
    float conv_dropout = 0.3F, dense_dropout = 0.4F;
    NormRule rule;
    Init init = Init::glorot_uniform;
};

/// The fused CNNs (kernels/focalh/module_cnn.hpp). Weights of each set: `conv0.kernel`, `conv0.bias`,
/// `bn0.gamma`, `bn0.beta`, and the same of conv1, bn1.
struct ModuleCnn {
    ParameterGroup w1, b1, gamma1, beta1, w2, b2, gamma2, beta2;
    StatisticsGroup norm1, norm2;
    ModuleSets sets;
    ModuleOptions options;

    ModuleCnn(Parameters& parameters, ModuleSets sets, ModuleOptions const& options);
    /// x (B, 249) -> (B, 41 C): pooled, normalised, dropped-out features of the nine modules.
    Var operator()(Tape& tape, TensorRef x) const;

  private:
    ModuleCnnWeights weights(Tape& tape, TensorRef Var::*part) const;
};

/// Per module: dense D, batch norm, leaky ReLU, dropout, dense U, ReLU. Weights of each set:
/// `dense0.kernel`, `dense0.bias`, `bn2.gamma`, `bn2.beta`, `dense1.kernel`, `dense1.bias`.
struct ModuleDense {
    Linear first;
    ParameterGroup gamma, beta;  ///< one row per set
    Linear second;
    StatisticsGroup statistics;  ///< one row per module
    ModuleOptions options;
    std::int64_t sets;
    std::optional<Buffer<std::int32_t>> set_of_module;  ///< (9), where modules share a set

    ModuleDense(Context& ctx,
                Parameters& parameters,
                ModuleSets const& sets,
                ModuleOptions const& options);
    /// (B, 41 C) -> (B, 9 U).
    Var operator()(Tape& tape, Var x) const;
};
}  // namespace calofuse::layers
