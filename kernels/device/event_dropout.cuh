/// \file kernels/device/event_dropout.cuh
/// kernels/math/event_dropout.hpp inside kernels. DeviceDropout is a kernel's argument; the step is
/// read by the kernel, so that a captured graph follows it:
///   DropoutKey const key = dropout.key();                           // once a thread
///   std::uint32_t const kept = dropout_kept4(key, event, e / 4);    // bit e % 4: element e is kept
#pragma once

#include "kernels/math/event_dropout.hpp"

namespace calofuse::cuda {
class DeviceDropout {
  public:
    explicit DeviceDropout(EventDropout const& dropout)
    {
        if (dropout.rate == 0) return;
        step_ = dropout.step.view<std::int64_t const, 1>().data;
        key_ = {.seed = dropout.seed,
                .stream = dropout.stream,
                .threshold = dropout_threshold(dropout.rate),
                .factor = 1.0F / (1.0F - dropout.rate)};
    }

    /// The same for all threads: kernels may branch on it.
    __device__ bool drops() const { return step_ != nullptr; }
    /// Key of event 0 of the pass; without dropout, one that keeps everything.
    __device__ DropoutKey key() const
    {
        DropoutKey out = key_;
        if (!drops()) return out;
        out.step = static_cast<std::uint32_t>(step_[0]);
        out.event = static_cast<std::uint32_t>(step_[1]);
        return out;
    }

  private:
    std::int64_t const* step_ = nullptr;
    DropoutKey key_ = {};
};

/// Bit j (j = 0..3) is set if element 4 * block + j of event `event` of the pass is kept.
__device__ inline std::uint32_t dropout_kept4(DropoutKey const& key,
                                              std::uint32_t event,
                                              std::uint32_t block)
{
    std::uint64_t const counter = std::uint64_t{key.event + event} << 32U | block;
    return dropout_keep4(key.seed, key.stream, key.step, counter, key.threshold);
}
/// What element e of that event is multiplied by. Costs a whole Philox block: for tensors where a
/// thread has no use for the three neighbours.
__device__ inline float dropout_factor(DropoutKey const& key, std::uint32_t event, std::uint32_t e)
{
    return (dropout_kept4(key, event, e / 4) >> e % 4 & 1U) != 0 ? key.factor : 0.0F;
}
}  // namespace calofuse::cuda
