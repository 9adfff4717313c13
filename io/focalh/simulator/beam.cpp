#include "io/focalh/simulator/beam.hpp"

#include <cmath>
#include <fmt/format.h>

#include "runtime/error.hpp"

namespace calofuse {
std::array<double, kNumTrueClasses> class_fractions(SimulatorParameters const& p,
                                                    BeamFile const& file)
{
    double const e = file.energy_gev;
    bool const is_electron = file.label == Label::electron;
    CALOFUSE_CHECK(is_electron || file.label == Label::hadron, "a beam file has a label");
    double const other = is_electron ? p.e_had_a + p.e_had_b * std::pow(e / 300, p.e_had_p)
                                     : p.h_e_a + p.h_e_b * std::exp(-(e - 60) / p.h_e_s);
    double const muon = is_electron ? p.e_mu_a + p.e_mu_b * (e / 300) : p.h_mu_a + p.h_mu_b / e;
    double const wrong = other + muon + p.empty + p.sparse;
    if (!(wrong <= 1))
        throw Error(Exit::config, "CF-SIM-02",
                    fmt::format("{} file of {} GeV: muons, false triggers and the other particle "
                                "are {:.3f} of the events, more than all",
                                name_of(file.label), file.energy_gev, wrong),
                    "lower simulate.empty, simulate.sparse or the contamination of that file");
    double const own = 1 - wrong;
    return {is_electron ? own : other, is_electron ? other : own, muon, p.empty, p.sparse};
}
}  // namespace calofuse

namespace calofuse::simulator {
Beam::Beam(SimulatorParameters const& parameters, BeamFile const& file)
    : p_(parameters)
    , energy_(file.energy_gev)
    , shower_(parameters)
    , fractions_(class_fractions(parameters, file))
{}

EventTruth Beam::draw_particle(Canvas& canvas, EventRandom& rng) const
{
    double const u = rng.uniform();
    std::size_t cls = 0;
    double below = fractions_[0];
    while (cls + 1 < fractions_.size() && u >= below)
        below += fractions_[++cls];

    bool const halo = rng.uniform() < p_.spot_halo_frac;
    double const sigma = halo ? p_.spot_halo : p_.spot_core * (1 + p_.spot_core_e / energy_);
    EventTruth out;
    out.cls = static_cast<TrueClass>(cls);
    out.x = p_.beam_x + sigma * rng.normal();
    out.y = p_.beam_y + p_.spot_y_ratio * sigma * rng.normal();
    switch (out.cls) {
        case TrueClass::electron:
            out.particle = shower_.electron(canvas, energy_, out.x, out.y, rng);
            break;
        case TrueClass::hadron:
            out.particle = shower_.hadron(canvas, energy_, out.x, out.y, rng);
            break;
        case TrueClass::muon:
            out.particle = shower_.muon(canvas, energy_, out.x, out.y, rng);
            break;
        case TrueClass::empty:
            break;
        case TrueClass::sparse:
            shower_.sparse(canvas, rng);
            break;
    }
    return out;
}

EventTruth Beam::draw(Canvas& canvas, EventRandom& rng) const
{
    EventTruth out = draw_particle(canvas, rng);
    bool const is_particle = out.cls < TrueClass::empty;
    if (is_particle && rng.uniform() < p_.pileup) {
        Canvas second;
        EventTruth const other = draw_particle(second, rng);
        canvas.add_scaled(second, static_cast<float>(rng.uniform()));  // off the shaper's peak
        out.pileup = 1 + static_cast<int>(other.cls);
    }
    return out;
}
}  // namespace calofuse::simulator
