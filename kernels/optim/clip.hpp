/// \file kernels/optim/clip.hpp
/// Gradient clipping by norm, |g| = sqrt(sum of g^2) over the whole vector:
///   keras: g *= min(1, c / |g|)      torch: g *= min(1, c / (|g| + 1e-6))
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class ClipRule : std::uint8_t { keras, torch };

struct ClipArgs {
    double max_norm = 1;  ///< c, > 0
    ClipRule rule = ClipRule::keras;
    TensorRef dw;    ///< (n) f32, updated
    TensorRef norm;  ///< (1) f32, |g| before clipping
};

void clip_by_norm(Context& ctx, ClipArgs const& args);
namespace cpu {
void clip_by_norm(Context& ctx, ClipArgs const& args);
}
namespace cuda {
void clip_by_norm(Context& ctx, ClipArgs const& args);
}
}  // namespace calofuse
