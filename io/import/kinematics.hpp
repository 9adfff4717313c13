/// \file io/import/kinematics.hpp
/// What networks on jets read, from the four-momenta (E, px, py, pz) that files hold. Each formula
/// has an answer for every finite four-momentum, so that a store holds no NaN and no infinity:
///   pt = sqrt(px^2 + py^2)
///   eta = asinh(pz / pt), bounded to -20 .. 20: +-20 along the beam (pt = 0), 0 of a zero vector
///   phi = atan2(py, px) in (-pi, pi]; 0 where pt = 0
///   log_pt, log_energy = ln(max(pt or energy, 1e-20)), in the unit of the file
///   log_rel_pt = log_pt - log_pt of the jet; log_rel_energy likewise
///   deta = eta - eta of the jet; dphi = phi - phi of the jet, in (-pi, pi]
///   delta_r = sqrt(deta^2 + dphi^2)
/// The jet is the sum of the four-momenta of the event's rows. deta is not multiplied by the sign
/// of the jet's eta, as JetClass' part_deta is. ParticleNet (Qu, Gouskos, arXiv:1902.08570) reads
/// deta, dphi, log_pt, log_energy, log_rel_pt, log_rel_energy, delta_r.
#pragma once

#include <cstdint>
#include <span>

namespace calofuse::recipe {
enum class Kinematic : std::uint8_t {
    deta,
    dphi,
    eta,
    phi,
    pt,
    log_pt,
    log_energy,
    log_rel_pt,
    log_rel_energy,
    delta_r
};
inline constexpr char const* kKinematicNames[] = {
    "deta",       "dphi",           "eta",    "phi", "pt", "log_pt", "log_energy",
    "log_rel_pt", "log_rel_energy", "delta_r"};

struct FourMomentum {
    double energy = 0, px = 0, py = 0, pz = 0;
};

/// `out` (rows, which), of the rows of one event, whose sum is the jet. Not finite only where a
/// sum or a norm overflows a double.
void kinematics_of(std::span<FourMomentum const> rows,
                   std::span<Kinematic const> which,
                   std::span<double> out);
}  // namespace calofuse::recipe
