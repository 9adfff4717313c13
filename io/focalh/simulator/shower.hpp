/// \file io/focalh/simulator/shower.hpp
/// Particles drawn on a canvas: electron, hadron and muon, and false triggers. Each starts at the
/// front face (x, y) and follows the tilted axis x(z) = x + z tan(tilt).
#pragma once

#include "io/focalh/simulator/canvas.hpp"
#include "io/focalh/simulator/math.hpp"
#include "io/focalh/simulator/parameters.hpp"

namespace calofuse::simulator {
/// What the truth file keeps of a particle.
struct ParticleTruth {
    double fem = 0;  ///< electromagnetic fraction
    double z0 = 0;   ///< depth where the shower starts (cm)
};

class ShowerModel {
  public:
    explicit ShowerModel(SimulatorParameters const& parameters);

    /// Upstream material splits off a bremsstrahlung photon in some events.
    ParticleTruth electron(Canvas& canvas, double e, double x, double y, EventRandom& rng) const;
    /// Ionises down to z0, then electromagnetic sub-showers of pi0, a charged core, a wide halo and
    /// single hot cells.
    ParticleTruth hadron(Canvas& canvas, double e, double x, double y, EventRandom& rng) const;
    ParticleTruth muon(Canvas& canvas, double e, double x, double y, EventRandom& rng) const;
    /// A false trigger with a few lit cells.
    void sparse(Canvas& canvas, EventRandom& rng) const;

  private:
    enum class Detail : std::uint8_t { one_node, three_nodes };
    void em_shower(Canvas& canvas,
                   double e,
                   double x,
                   double y,
                   double z0,
                   Detail detail,
                   EventRandom& rng) const;
    void track(Canvas& canvas, double x, double y, double z_end, EventRandom& rng) const;
    struct Hadron;
    double draw_fem(double e, EventRandom& rng) const;
    void pi0_showers(Canvas& canvas, Hadron const& hadron, EventRandom& rng) const;
    void hadronic_part(Canvas& canvas, Hadron const& hadron, EventRandom& rng) const;
    double attenuation(double z) const;

    SimulatorParameters p_;
    double tan_tilt_;
};
}  // namespace calofuse::simulator
