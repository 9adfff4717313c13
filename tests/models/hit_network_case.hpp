/// \file tests/models/hit_network_case.hpp
/// Small networks on hits of every kind.
#pragma once

#include <memory>
#include <string>

#include "models/focalh/hits.hpp"
#include "models/hit_network.hpp"

namespace calofuse::test {
inline constexpr Convolution kAllKinds[] = {Convolution::gat, Convolution::gatv2,
                                            Convolution::edge_conv, Convolution::gcn,
                                            Convolution::gravnet};

/// A network, and the hits that it gets.
struct Config : HitNetworkConfig {
    HitOptions hits;
};
inline HitNetwork make_network(Context& ctx, Config const& config)
{
    return HitNetwork(ctx, config, std::make_unique<FocalHits>(config.hits));
}

inline Config small_config(Convolution convolution)
{
    Config c;
    c.hits.neighbours = 4;
    c.convolution = convolution;
    c.heads = 2;
    c.channels = 8;
    c.width = 16;
    c.neighbours = 4;
    c.propagate = 6;
    c.layers = 2;
    c.head = 8;
    return c;
}

inline std::string name(Convolution kind)
{
    return std::to_string(static_cast<int>(kind));
}
}  // namespace calofuse::test
