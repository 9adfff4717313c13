/// \file kernels/loss/events/device.cuh
/// The counterpart of host.hpp: a thread per event, all in double. Batches are small, so that a loss
/// costs what its launches cost.
#pragma once

#include "kernels/device/device_sum.cuh"
#include "kernels/loss/events/events.hpp"

namespace calofuse::cuda {
/// Losses of all events, or their sum over `e.over()`.
template <class E>
void write_losses(Context& ctx, char const* name, E e, TensorRef const& to)
{
    float* const loss = to.flat<float>().data;
    if (e.reduction == Reduction::none)
        return for_each(ctx, name, e.events, [=] __device__(std::int64_t n) {
            loss[n] = n < e.valid() ? static_cast<float>(e.loss(n)) : 0.0F;
        });
    device_sum(
        ctx, name, e.events,
        [=] __device__(std::int64_t n) { return n < e.valid() ? e.loss(n) : 0.0; },
        [=] __device__(double sum) { loss[0] = static_cast<float>(sum / e.over()); });
}
}  // namespace calofuse::cuda
