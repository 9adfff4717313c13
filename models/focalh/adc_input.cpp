#include "models/focalh/adc_input.hpp"

#include <algorithm>
#include <cmath>

#include "runtime/focalh/events.hpp"
#include "runtime/focalh/pedestal_estimator.hpp"

namespace calofuse {
namespace {
constexpr char const* kEnergyState = "input.energy";

std::vector<float> estimate(FocalhEvents const& events, std::span<std::int32_t const> rows)
{
    PedestalEstimator estimator;
    for (auto const row : rows)
        estimator.add(events.event(row));
    return estimator.estimate();
}

/// Sum over the cells of ADC - pedestal.
double total_charge(std::span<std::uint16_t const> adc,
                    std::span<std::int32_t const> channels,
                    std::span<float const> pedestals)
{
    double sum = 0;
    for (auto const channel : channels) {
        auto const c = static_cast<std::size_t>(channel);
        sum += static_cast<double>(adc[c]) - static_cast<double>(pedestals[c]);
    }
    return sum;
}
}  // namespace

void visit_adc(Settings& settings, InputScale& scaling, float& asinh_scale)
{
    settings("input.scaling", scaling, "asinh((adc - pedestal) / input.asinh_scale), log1p or raw");
    settings("input.asinh_scale", asinh_scale, "ADC counts where asinh turns logarithmic", 1e-3,
             1e6);
}

AdcInput::AdcInput(Context& ctx, Parameters& parameters, InputScale scale, float asinh_scale)
    : scale_(scale)
    , asinh_scale_(asinh_scale)
    , pedestal_state_(parameters.add_state({kPedestalState, {kNumChannels}}))
    , energy_state_(parameters.add_state({kEnergyState, {2, 3}}))
    , channels_(ctx, std::span<std::int32_t const>(ChannelMap::focalh_prototype2().channels()))
{}

void AdcInput::fit(Parameters& parameters,
                   Dataset const& data,
                   std::span<std::int32_t const> rows) const
{
    FocalhEvents const events(data);
    std::vector<float> pedestals(events.pedestals.begin(), events.pedestals.end());
    if (pedestals.empty()) pedestals = estimate(events, rows);
    auto const channels = events.map.channels();
    double mean = 0, sum_of_squares = 0, n = 0;
    for (auto const row : rows) {  // Welford
        double const x = total_charge(events.event(row), channels, pedestals);
        n += 1;
        double const delta = x - mean;
        mean += delta / n;
        sum_of_squares += delta * (x - mean);
    }
    double const std = n > 0 ? std::sqrt(sum_of_squares / n) : 0;
    std::array<float, 6> energy;
    std::ranges::copy(split_double(mean), energy.begin());
    std::ranges::copy(split_double(1.0 / (std > 0 ? std : 1)), energy.begin() + 3);
    parameters.upload(parameters.find(kPedestalState), pedestals);
    parameters.upload(parameters.find(kEnergyState), energy);
}

void AdcInput::bind(Dataset const& data)
{
    channels_.upload(FocalhEvents(data).map.channels());
}

TensorRef AdcInput::pedestals(Tape const& tape) const
{
    return tape.parameters().state(pedestal_state_);
}

AdcInput::Cells AdcInput::operator()(Tape& tape, Batch const& batch) const
{
    Cells const out{tape.make_value(DType::f32, {batch.size(), channels_.size()}),
                    tape.make_value(DType::f32, {batch.size()})};
    record(tape, "unpack", unpack,
           {.adc = batch.at("adc").data,
            .rows = batch.row,
            .channels = channels(),
            .pedestal = pedestals(tape),
            .scale = scale_,
            .asinh_scale = asinh_scale_,
            .energy = tape.parameters().state(energy_state_),
            .x = out.cells,
            .total = out.energy});
    return out;
}
}  // namespace calofuse
