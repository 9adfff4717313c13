#include "models/event_input.hpp"

namespace calofuse {
EventInput::EventInput(Context& ctx, InputScaling scaling, std::span<std::uint16_t const> adc)
    : scaling_(std::move(scaling))
    , num_events_(static_cast<std::int64_t>(adc.size()) / kNumChannels)
    , channels_(ctx, std::span<std::int32_t const>(scaling_.channels))
    , pedestal_(ctx, std::span<float const>(scaling_.pedestals))
{
    CALOFUSE_CHECK(scaling_.pedestals.size() == kNumChannels, "one pedestal a channel is needed");
    if (ctx.backend() == Backend::cpu) {
        adc_ = tensor_ref(adc.data(), {num_events_, kNumChannels});
    } else {
        device_adc_ = std::make_unique<Buffer<std::uint16_t>>(ctx, adc);
        adc_ = device_adc_->ref({num_events_, kNumChannels});
    }
}

EventBatch EventInput::batch(TensorRef rows) const
{
    return {.adc = adc_,
            .rows = rows,
            .channels = channels_.ref(),
            .pedestal = pedestal_.ref(),
            .scaling = &scaling_};
}
}  // namespace calofuse
