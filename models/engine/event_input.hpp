/// \file models/engine/event_input.hpp
/// What a model reads: raw ADC rows that stay where they are, and the numbers that turn them into
/// inputs. A batch is a list of row numbers; everything else is done inside the step.
#pragma once

#include <memory>
#include <vector>

#include "kernels/focalh/unpack.hpp"
#include "models/engine/tape.hpp"
#include "runtime/focalh/channel_map.hpp"

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
    TensorRef adc;       ///< (N, 256) u16  all events, or those of a ring
    TensorRef rows;      ///< (B) i32       which of them; -1 = padding
    TensorRef channels;  ///< (249) i32     channel of each cell
    TensorRef pedestal;  ///< (256) f32
    InputScaling const* scaling = nullptr;

    std::int64_t size() const { return rows.shape[0]; }
};

/// Where the raw rows of all events lie while a GPU computes; the results are the same bits.
enum class DataOn : std::uint8_t {
    device,  ///< resident: copied once
    host,    ///< streamed: a batch is copied while the one before it computes
};

/// All events and their scaling, for one backend. On the CPU the rows are used in place.
class EventInput {
  public:
    /// `adc` (N * 256) and `label` (N, or none) must outlive this on the CPU, `adc` also if it stays
    /// on the host.
    EventInput(Context& ctx,
               InputScaling scaling,
               std::span<std::uint16_t const> adc,
               std::span<std::uint8_t const> label = {},
               DataOn data_on = DataOn::device);

    /// `rows` of all events, which must be resident.
    EventBatch batch(TensorRef rows) const { return batch(rows, adc_); }
    EventBatch batch(TensorRef rows, TensorRef adc) const;
    InputScaling const& scaling() const { return scaling_; }
    std::int64_t num_events() const { return num_events_; }
    TensorRef labels() const { return label_; }  ///< (N) u8, or empty
    bool streamed() const { return streamed_; }
    std::span<std::uint16_t const> host_adc() const { return host_adc_; }

  private:
    InputScaling scaling_;
    std::span<std::uint16_t const> host_adc_;
    std::int64_t num_events_;
    bool streamed_;
    std::unique_ptr<Buffer<std::uint16_t>> device_adc_;
    std::unique_ptr<Buffer<std::uint8_t>> device_label_;
    TensorRef adc_, label_;
    Buffer<std::int32_t> channels_;
    Buffer<float> pedestal_;
};
}  // namespace calofuse
