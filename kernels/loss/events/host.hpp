/// \file kernels/loss/events/host.hpp
/// The loops of all losses on the CPU. `e` has `loss(n)` of an event and what LossEvents has.
#pragma once

#include "kernels/loss/events/events.hpp"
#include "kernels/math/ordered_sum.hpp"

namespace calofuse::cpu {
/// f(n) for the first `count` events.
template <class F>
void for_events(Context& ctx, std::int64_t count, F const& f)
{
    constexpr std::int64_t kChunk = 256;
    parallel_chunks(ctx, count, kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
        for (std::int64_t n = begin; n < end; ++n)
            f(n);
    });
}

/// Losses of all events, or their sum over `e.over()`.
template <class E>
void write_losses(Context& ctx, E const& e, TensorRef const& to)
{
    std::int64_t const valid = e.valid();
    auto const loss = to.flat<float>();
    if (e.reduction == Reduction::none)
        return for_events(ctx, e.events, [&](std::int64_t n) {
            loss[n] = n < valid ? static_cast<float>(e.loss(n)) : 0.0F;
        });
    double const sum = ordered_sum(ctx, valid, [&](std::int64_t n) { return e.loss(n); });
    loss[0] = static_cast<float>(sum / e.over());
}
}  // namespace calofuse::cpu
