/// \file models/focalh/hits.hpp
/// Hits of raw ADC rows as points of a network, found inside the step (kernels/focalh/event_graph.hpp).
#pragma once

#include <optional>

#include "kernels/focalh/hits.hpp"
#include "models/focalh/adc_input.hpp"
#include "models/layers/points.hpp"

namespace calofuse {
class FocalHits final : public layers::Points {
  public:
    explicit FocalHits(HitOptions const& options) : options_(options) {}

    std::int64_t features() const override { return kNumHitFeatures; }
    std::int64_t edge_features() const override { return kNumHitEdgeFeatures; }
    layers::PointCloud operator()(Tape& tape,
                                  Batch const& batch,
                                  layers::Edges edges) const override;
    void add_states(Context& ctx, Parameters& parameters) override
    {
        adc_.emplace(ctx, parameters, InputScale::asinh, 1.0F);
    }
    std::vector<std::string> columns() const override { return AdcInput::columns(); }
    void fit(Parameters& parameters,
             Dataset const& data,
             std::span<std::int32_t const> rows) override
    {
        adc_->fit(parameters, data, rows);
    }
    void bind(Dataset const& data) override { adc_->bind(data); }
    HitOptions const& options() const { return options_; }

  private:
    HitOptions options_;
    std::optional<AdcInput> adc_;  ///< pedestals and channels; hits have scales of their own
};
}  // namespace calofuse
