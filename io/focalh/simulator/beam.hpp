/// \file io/focalh/simulator/beam.hpp
/// One trigger of a beam file: class, impact, particle, pile-up.
#pragma once

#include "io/focalh/simulator/shower.hpp"
#include "io/focalh/simulator/simulator.hpp"

namespace calofuse::simulator {
struct EventTruth {
    TrueClass cls = TrueClass::empty;
    int pileup = 0;  ///< 0 none, else 1 + class of the second particle
    double x = 0, y = 0;
    ParticleTruth particle;
};

class Beam {
  public:
    Beam(SimulatorParameters const& parameters, BeamFile const& file);
    EventTruth draw(Canvas& canvas, EventRandom& rng) const;

  private:
    EventTruth draw_particle(Canvas& canvas, EventRandom& rng) const;

    SimulatorParameters p_;
    double energy_;
    ShowerModel shower_;
    std::array<double, kNumTrueClasses> fractions_;
};
}  // namespace calofuse::simulator
