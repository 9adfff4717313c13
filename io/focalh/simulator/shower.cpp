#include "io/focalh/simulator/shower.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace calofuse::simulator {
namespace {
constexpr double kPi = 3.14159265358979323846;
constexpr int kMaxPi0 = 16;
constexpr int kMaxSpots = 10;
constexpr int kMaxSparseCells = 6;
constexpr double kLeastPi0 = 0.3;  // GeV

/// Part of a longitudinal profile: middle (in depths of the maximum) and width.
struct Node {
    double tau, dtau;
};
constexpr Node kThreeNodes[] = {{0.40, 0.65}, {0.95, 0.60}, {1.70, 1.10}};
}  // namespace

struct ShowerModel::Hadron {
    double e, x, y, z0, fem;
    bool charge_exchange;
};

ShowerModel::ShowerModel(SimulatorParameters const& parameters)
    : p_(parameters), tan_tilt_(std::tan(parameters.tilt_deg * kPi / 180))
{}

double ShowerModel::attenuation(double z) const
{
    return std::exp(-(p_.length - z) / p_.atten);
}

/// GFLASH, homogeneous media. Longitudinal: t^(A-1) e^(-b t) with b = (A - 1) / T, the logarithms of
/// T and A correlated normals; at t = tau T it is (tau e^-tau)^(A-1) times a constant. Lateral: a
/// core of radius RC and a tail of radius RT that depend on tau.
void ShowerModel::em_shower(
    Canvas& canvas, double e, double x, double y, double z0, Detail detail, EventRandom& rng) const
{
    e = std::max(e, 0.05);
    double const ly = std::log(e / p_.ec);
    double const le = std::log(std::max(e, 0.2));
    double const rho = std::clamp(0.705 - 0.023 * ly, -1.0, 1.0);
    double const g1 = std::sqrt((1 + rho) / 2) * rng.normal();
    double const g2 = std::sqrt((1 - rho) / 2) * rng.normal();
    double const sigma_t = std::min(0.5, 1 / std::max(-1.4 + 1.26 * ly, 0.5));
    double const depth_of_max = std::max(ly - 0.812, 0.3) * std::exp(sigma_t * (g1 + g2)) * p_.x0;

    Node nodes[] = {{1.0, 1.0}, {}, {}};
    int num_nodes = 1;
    if (detail == Detail::three_nodes) {
        double const sigma_a = std::min(0.5, 1 / std::max(-0.58 + 0.86 * ly, 0.5));
        double const mean_a = 0.81 + (0.458 + 2.26 / p_.z) * ly;
        double const a = std::max(1.2, mean_a * std::exp(sigma_a * (g1 - g2)));
        double sum = 0;
        num_nodes = 3;
        for (int i = 0; i < 3; ++i) {
            double const tau = kThreeNodes[i].tau;
            nodes[i] = {tau, kThreeNodes[i].dtau * std::exp((a - 1) * (std::log(tau) - tau))};
            sum += nodes[i].dtau;
        }
        for (Node& node : nodes)
            node.dtau /= sum;
    }
    double const moved =
        p_.em_tail_add > 0 ? p_.em_tail_add * std::exp(p_.em_tail_sig * rng.normal()) : 0;
    double const k1 = 0.659 - 0.00309 * p_.z;
    double const k4 = 0.3585 + 0.0421 * le;
    double const p2 = 0.401 + 0.00187 * p_.z;
    double const p3 = 1.313 - 0.0686 * le;
    for (int i = 0; i < num_nodes; ++i) {
        auto const [tau, weight] = nodes[i];
        double const z = z0 + tau * depth_of_max;
        if (z >= p_.length) continue;
        double const core = (0.0251 + 0.00319 * le + (0.1162 - 0.000381 * p_.z) * tau) * p_.rm;
        double const tail =
            k1 * (std::exp(-2.59 * (tau - 0.645)) + std::exp(k4 * (tau - 0.645))) * p_.rm;
        double const q = (p2 - tau) / p3;
        double const in_core =
            std::clamp((2.632 - 0.00094 * p_.z) * std::exp(q - std::exp(q)) - moved, 0.05, 0.97);
        double const visible = e * weight * attenuation(z);
        double const axis = x + z * tan_tilt_;
        canvas.add(visible * in_core, axis, y, core * p_.em_core_scale);
        canvas.add(visible * (1 - in_core), axis, y, tail * p_.em_tail_scale);
    }
}

ParticleTruth ShowerModel::electron(
    Canvas& canvas, double e, double x, double y, EventRandom& rng) const
{
    double photon = 0;
    if (rng.uniform() < p_.brem_prob) {
        double const u = rng.uniform();
        photon = e * p_.brem_max * u * u;
        double const side = rng.uniform() < 0.5 ? -1 : 1;
        double const beside = x + side * rng.exponential(p_.brem_disp);
        double const conversion = rng.exponential(9.0 / 7 * p_.x0);
        em_shower(canvas, photon, beside, y, conversion, Detail::three_nodes, rng);
    }
    em_shower(canvas, e - photon, x, y, 0, Detail::three_nodes, rng);
    return {1, 0};
}

/// Moyal-distributed loss (-ln chi2_1 is Moyal up to a shift), spread unevenly over 11 steps.
void ShowerModel::track(Canvas& canvas, double x, double y, double z_end, EventRandom& rng) const
{
    constexpr int kSteps = 11;
    double const g = rng.normal();
    double const moyal = -std::log(g * g + 1e-12) - 1.27;
    double const loss =
        std::clamp(p_.mip_gev * (1 + p_.mip_sig * moyal) * (z_end / p_.length), 0.05, 8.0);
    for (int step = 0; step < kSteps; ++step) {
        double const z = (step + 0.5) / kSteps * z_end;
        double const u = rng.uniform() * rng.uniform() * rng.uniform() * rng.uniform();
        double const share = -0.25 * std::log(u);  // Gamma(4) / 4
        double const dx = p_.mip_spread * rng.normal();
        double const dy = p_.mip_spread * rng.normal();
        canvas.add_point(loss / kSteps * share * attenuation(z), x + z * tan_tilt_ + dx, y + dy);
    }
}

ParticleTruth ShowerModel::muon(
    Canvas& canvas, double e, double x, double y, EventRandom& rng) const
{
    track(canvas, x, y, p_.length, rng);
    if (rng.uniform() < p_.mu_rad_prob) {
        double const photon = 1.5 * std::pow(0.3 * e / 1.5, rng.uniform());  // ~ 1/E
        em_shower(canvas, photon, x, y, p_.length * rng.uniform(), Detail::one_node, rng);
    }
    return {0, p_.length};
}

ParticleTruth ShowerModel::hadron(
    Canvas& canvas, double e, double x, double y, EventRandom& rng) const
{
    double const z0 = rng.exponential(p_.lam);
    track(canvas, x, y, std::min(z0, p_.length), rng);
    if (z0 >= p_.length) return {0, p_.length};
    bool const charge_exchange = rng.uniform() < p_.cex_prob;
    double const fem = charge_exchange ? 0.90 + 0.10 * rng.uniform() : draw_fem(e, rng);
    Hadron const hadron{e, x, y, z0, fem, charge_exchange};
    pi0_showers(canvas, hadron, rng);
    hadronic_part(canvas, hadron, rng);
    return {fem, z0};
}

/// Power law for the mean, a beta distribution around it.
double ShowerModel::draw_fem(double e, EventRandom& rng) const
{
    double const mean = 1 - std::pow(e / p_.e0, p_.k - 1);
    double const variance = mean * (1 - mean);
    double const sigma =
        std::min(p_.fem_sigma * std::pow(e / 60, p_.fem_sigma_pow), 0.95 * std::sqrt(variance));
    double const nu = variance / (sigma * sigma) - 1;
    return rng.beta(mean * nu, (1 - mean) * nu);
}

void ShowerModel::pi0_showers(Canvas& canvas, Hadron const& hadron, EventRandom& rng) const
{
    int const most = std::min(static_cast<int>(p_.npi0_max), kMaxPi0);
    double const mean =
        std::max(0.0, p_.npi0_a + p_.npi0_b * std::log(std::max(hadron.e, 10.0) / p_.npi0_escale));
    int const drawn = std::min(most, 1 + rng.poisson(mean, most));
    int const count = hadron.charge_exchange ? 1 : drawn;
    double share[kMaxPi0];
    for (int i = 0; i < count; ++i)
        share[i] = rng.gamma(p_.dirichlet) + 1e-9;
    double const sum = std::accumulate(share, share + count, 0.0);
    auto const hardest = std::max_element(share, share + count) - share;
    for (int i = 0; i < count; ++i) {
        double const e = share[i] / sum * hadron.fem * hadron.e;
        double dz = rng.exponential(p_.pi0_depth * p_.lam);
        if (i == hardest) dz *= p_.pi0_hardest;  // the hardest pi0 is made early
        if (e <= kLeastPi0) continue;
        double const sigma =
            std::min(p_.pi0_disp_max, std::hypot(p_.pi0_disp0, p_.pi0_pt / e * (dz + 6.0) * 0.6));
        double const dx = sigma * rng.normal();
        double const dy = sigma * rng.normal();
        em_shower(canvas, e, hadron.x + dx, hadron.y + dy, hadron.z0 + dz, Detail::one_node, rng);
    }
}

void ShowerModel::hadronic_part(Canvas& canvas, Hadron const& hadron, EventRandom& rng) const
{
    double const response =
        p_.he * std::exp(p_.had_sigma * rng.normal() - p_.had_sigma * p_.had_sigma / 2);
    double const behind = (p_.length - hadron.z0) / p_.lam;
    double const contained = 1 - std::exp(-std::pow(behind / p_.leak_d0, p_.leak_p));
    double const z = std::min(hadron.z0 + p_.halo_depth * p_.lam, p_.length);
    double left = (1 - hadron.fem) * hadron.e * response * contained * attenuation(z);
    double const axis = hadron.x + z * tan_tilt_;

    int const spots = rng.poisson(p_.nspot_mean, kMaxSpots);
    for (int i = 0; i < spots; ++i) {
        double const drawn = rng.exponential(p_.spot_e * std::sqrt(hadron.e / 100));
        double const e = std::min(drawn, 0.25 * left);
        double const r = rng.exponential(p_.spot_r);
        double const angle = 2 * kPi * rng.uniform();
        canvas.add_point(e, axis + r * std::cos(angle), hadron.y + r * std::sin(angle));
        left -= e;
    }
    double const in_core = std::clamp(p_.halo_w1 + p_.halo_w1_sig * rng.normal(), 0.1, 0.95);
    double const x = axis + p_.halo_disp * rng.normal();
    double const y = hadron.y + p_.halo_disp * rng.normal();
    canvas.add(left * in_core, x, y, p_.halo_r1);
    canvas.add(left * (1 - in_core), x, y, p_.halo_r2);
}

void ShowerModel::sparse(Canvas& canvas, EventRandom& rng) const
{
    int const cells = std::min(kMaxSparseCells, 1 + rng.poisson(p_.sparse_mean, kMaxSparseCells));
    for (int i = 0; i < cells; ++i) {
        double const e = rng.exponential(p_.sparse_e);
        double const x = 19.5 * rng.uniform() - 9.75;
        canvas.add_point(e, x, 19.5 * rng.uniform() - 9.75);
    }
}
}  // namespace calofuse::simulator
