/// \file models/focalh/adc_input.hpp
/// What every model on raw ADC rows shares: settings `input.*`, and what they are scaled by. Pedestals and
/// the energy's mean and deviation are fitted on the training events and are states of the model;
/// the channel map is the store's.
#pragma once

#include "kernels/focalh/unpack.hpp"
#include "models/engine/batch.hpp"
#include "models/engine/tape.hpp"
#include "runtime/buffer.hpp"
#include "runtime/dataset.hpp"
#include "runtime/settings.hpp"

namespace calofuse {
inline constexpr char const* kPedestalState = "input.pedestals";  ///< (256) ADC counts

/// Settings input.scaling, input.asinh_scale of a model's config.
void visit_adc(Settings& settings, InputScale& scaling, float& asinh_scale);

class AdcInput {
  public:
    /// Adds its states behind the weights of the model: initial values depend on the order.
    AdcInput(Context& ctx, Parameters& parameters, InputScale scale, float asinh_scale);

    static std::vector<std::string> columns() { return {"adc"}; }

    /// Pedestals: those of the store if it has any, else the estimate
    /// (runtime/focalh/pedestal_estimator.hpp) from `rows` alone.
    void fit(Parameters& parameters, Dataset const& data, std::span<std::int32_t const> rows) const;
    void bind(Dataset const& data);

    TensorRef channels() const { return channels_.ref(); }  ///< (249) i32
    TensorRef pedestals(Tape const& tape) const;            ///< (256) f32

    /// Cells (B, 249) in cell order, scaled, and the standardised energy sum (B).
    struct Cells {
        TensorRef cells, energy;
    };
    Cells operator()(Tape& tape, Batch const& batch) const;

  private:
    InputScale scale_;
    float asinh_scale_;
    ParameterGroup pedestal_state_, energy_state_;
    Buffer<std::int32_t> channels_;
};
}  // namespace calofuse
