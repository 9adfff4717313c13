/// \file models/event_input.hpp
/// What a model reads: raw ADC rows that stay where they are, and the numbers that turn them into
/// inputs. A batch is a list of row numbers; everything else is done inside the step.
#pragma once

#include <memory>
#include <vector>

#include "kernels/calo/unpack.hpp"
#include "models/tape.hpp"
#include "runtime/channel_map.hpp"

namespace calofuse {
/// Fitted on the training part, saved with the model.
struct InputScaling {
    InputScale scale = InputScale::asinh;
    float asinh_scale = 20.0F;     ///< ADC counts
    std::vector<float> pedestals;  ///< (256) ADC counts
    double energy_mean = 0;        ///< of the pedestal-subtracted sum of an event, ADC counts
    double energy_std = 1;
    std::array<std::int32_t, kNumCells> channels = ChannelMap::focalh_prototype2().channels();
};

/// One batch of events, as a model's forward pass gets it. All on the tape's backend.
struct EventBatch {
    TensorRef adc;       ///< (N, 256) u16  all events
    TensorRef rows;      ///< (B) i32       which of them; -1 = padding
    TensorRef channels;  ///< (249) i32     channel of each cell
    TensorRef pedestal;  ///< (256) f32
    InputScaling const* scaling = nullptr;

    std::int64_t size() const { return rows.shape[0]; }
};

/// Resident events and their scaling on one backend. On the CPU the rows are used in place.
class EventInput {
  public:
    /// `adc` (N * 256) must outlive this on the CPU; a GPU gets a copy.
    EventInput(Context& ctx, InputScaling scaling, std::span<std::uint16_t const> adc);

    EventBatch batch(TensorRef rows) const;
    InputScaling const& scaling() const { return scaling_; }
    std::int64_t num_events() const { return num_events_; }

  private:
    InputScaling scaling_;
    std::int64_t num_events_;
    std::unique_ptr<Buffer<std::uint16_t>> device_adc_;
    TensorRef adc_;
    Buffer<std::int32_t> channels_;
    Buffer<float> pedestal_;
};
}  // namespace calofuse
