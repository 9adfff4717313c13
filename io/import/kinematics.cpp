#include "io/import/kinematics.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace calofuse::recipe {
namespace {
constexpr double kMaxEta = 20;  // beyond every collider: a pt of 10 keV at 2400 GeV
// Generators make photons of 1e-14 GeV; these keep their logarithm.
constexpr double kLeast = 1e-20;

struct Direction {
    double pt, eta, phi, log_pt, log_energy;
};

double in_half_open_turn(double angle)
{
    constexpr double kPi = std::numbers::pi;
    if (angle > kPi) return angle - 2 * kPi;
    return angle <= -kPi ? angle + 2 * kPi : angle;
}

Direction direction_of(FourMomentum const& p)
{
    double const pt = std::hypot(p.px, p.py);
    // 0 / 0 is only that of a zero vector; pz / 0 is infinite and meets the bound.
    double const eta = p.pz == 0 ? 0 : std::clamp(std::asinh(p.pz / pt), -kMaxEta, kMaxEta);
    // atan2 of zeros depends on their signs.
    double const phi = pt == 0 ? 0 : in_half_open_turn(std::atan2(p.py, p.px));
    return {pt, eta, phi, std::log(std::max(pt, kLeast)), std::log(std::max(p.energy, kLeast))};
}

double value_of(Kinematic which, Direction const& row, Direction const& jet)
{
    double const deta = row.eta - jet.eta;
    double const dphi = in_half_open_turn(row.phi - jet.phi);
    switch (which) {
        case Kinematic::deta:
            return deta;
        case Kinematic::dphi:
            return dphi;
        case Kinematic::eta:
            return row.eta;
        case Kinematic::phi:
            return row.phi;
        case Kinematic::pt:
            return row.pt;
        case Kinematic::log_pt:
            return row.log_pt;
        case Kinematic::log_energy:
            return row.log_energy;
        case Kinematic::log_rel_pt:
            return row.log_pt - jet.log_pt;
        case Kinematic::log_rel_energy:
            return row.log_energy - jet.log_energy;
        default:
            return std::hypot(deta, dphi);
    }
}
}  // namespace

void kinematics_of(std::span<FourMomentum const> rows,
                   std::span<Kinematic const> which,
                   std::span<double> out)
{
    FourMomentum sum;
    for (FourMomentum const& p : rows) {
        sum.energy += p.energy;
        sum.px += p.px;
        sum.py += p.py;
        sum.pz += p.pz;
    }
    Direction const jet = direction_of(sum);
    std::size_t at = 0;
    for (FourMomentum const& p : rows) {
        Direction const row = direction_of(p);
        for (Kinematic const k : which)
            out[at++] = value_of(k, row, jet);
    }
}
}  // namespace calofuse::recipe
