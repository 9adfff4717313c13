/// \file kernels/math/event_dropout.hpp
/// Dropout of tensors that have rows for the nodes or edges of events: masks depend on the event's
/// number in its batch and on the place in the event, so they stay the same however a batch is cut
/// into passes. Element e of an event is kept if and only if bit e % 4 of
///   dropout_keep4(seed, stream, (u32)step[0], (step[1] + event in the pass) << 32 | e / 4)
/// is set, where
///   node tensors (N, C): e = (node in the event) * 4 ceil(C / 4) + channel
///   edge tensors (E, H): e = slot * 4 ceil(H / 4) + head; slots count the event's edges in order,
///     and where self-loops are added, every node has one more slot after its own edges.
#pragma once

#include "kernels/check.hpp"
#include "kernels/math/dropout_key.hpp"
#include "kernels/math/dropout_mask.hpp"

namespace calofuse {
struct EventDropout {
    TensorRef step = {};  ///< (2) i64: step of the training, number of the pass's first event
    std::uint64_t seed = 0;
    std::uint32_t stream = 0;  ///< RandomStream::dropout + number of the layer
    float rate = 0;            ///< in [0, 1); 0: no dropout, `step` is not read
};

inline void check_event_dropout(EventDropout const& dropout)
{
    CALOFUSE_CHECK(dropout.rate >= 0 && dropout.rate < 1,
                   "rate=" << dropout.rate << " (must be in [0, 1))");
    if (dropout.rate > 0) check_tensor(dropout.step, DType::i64, {2}, "step");
}

/// Key of event 0 of the pass. Host only: reads `step`.
inline DropoutKey dropout_key(EventDropout const& dropout)
{
    if (dropout.rate == 0) return {};
    auto const step = dropout.step.view<std::int64_t const, 1>();
    return {dropout.seed,
            dropout.stream,
            static_cast<std::uint32_t>(step[0]),
            static_cast<std::uint32_t>(step[1]),
            dropout_threshold(dropout.rate),
            1.0F / (1.0F - dropout.rate)};
}
}  // namespace calofuse
