/// \file io/focalh/simulator/digitise.hpp
/// Cells to ADC counts: sampling fluctuation, SiPM saturation, gains, pedestals, noise common to a
/// board and of a channel, rounding and clipping.
#pragma once

#include "io/focalh/simulator/math.hpp"
#include "io/focalh/simulator/simulator.hpp"

namespace calofuse::simulator {
DetectorConstants draw_detector(SimulatorParameters const& parameters,
                                ChannelMap const& map,
                                std::uint64_t detector_seed);

class Digitiser {
  public:
    Digitiser(SimulatorParameters const& parameters,
              ChannelMap const& map,
              DetectorConstants const& detector);

    /// energy: (249) GeV in cell order; adc: (256) or (4, 256), channels without a cell are 0.
    void run(EventKey const& key,
             std::array<float, kNumCells> const& energy,
             Planes planes,
             std::int16_t* adc) const;

  private:
    using CellValues = std::array<float, kNumCells>;
    void low_gain(EventKey const& key, CellValues const& signal, std::int16_t* adc) const;
    void times(EventKey const& key, CellValues const& signal, std::int16_t* adc) const;
    void store(CellValues const& value, float max, std::int16_t* adc) const;

    SimulatorParameters p_;
    DetectorConstants detector_;
    std::array<std::int32_t, kNumCells> channel_;
    std::array<std::int32_t, kNumCells> board_;
};
}  // namespace calofuse::simulator
