#include "models/engine/event_input.hpp"

namespace calofuse {
EventInput::EventInput(Context& ctx,
                       InputScaling scaling,
                       std::span<std::uint16_t const> adc,
                       std::span<std::uint8_t const> label,
                       DataOn data_on)
    : scaling_(std::move(scaling))
    , host_adc_(adc)
    , num_events_(static_cast<std::int64_t>(adc.size()) / kNumChannels)
    , streamed_(ctx.backend() != Backend::cpu && data_on == DataOn::host)
    , channels_(ctx, std::span<std::int32_t const>(scaling_.channels))
    , pedestal_(ctx, std::span<float const>(scaling_.pedestals))
{
    CALOFUSE_CHECK(scaling_.pedestals.size() == kNumChannels, "one pedestal a channel is needed");
    CALOFUSE_CHECK(label.empty() || static_cast<std::int64_t>(label.size()) == num_events_,
                   label.size() << " labels of " << num_events_ << " events");
    if (ctx.backend() == Backend::cpu) {
        adc_ = tensor_ref(adc.data(), {num_events_, kNumChannels});
        if (!label.empty()) label_ = tensor_ref(label.data(), {num_events_});
        return;
    }
    if (!streamed_) {
        device_adc_ = std::make_unique<Buffer<std::uint16_t>>(ctx, adc);
        adc_ = device_adc_->ref({num_events_, kNumChannels});
    }
    if (label.empty()) return;
    device_label_ = std::make_unique<Buffer<std::uint8_t>>(ctx, label);
    label_ = device_label_->ref();
}

EventBatch EventInput::batch(TensorRef rows, TensorRef adc) const
{
    CALOFUSE_CHECK(!adc.empty(), "the events are streamed, not resident");
    return {.adc = adc,
            .rows = rows,
            .channels = channels_.ref(),
            .pedestal = pedestal_.ref(),
            .scaling = &scaling_};
}
}  // namespace calofuse
