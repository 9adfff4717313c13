/// \file io/focalh/simulator/parameters.hpp
/// Every constant of the generator, by name. Lengths in cm, energies in GeV on the electron scale.
/// Most electromagnetic ones are those of GFLASH (hep-ex/0001020) in an effective medium of copper
/// tubes, fibres and air; the others were chosen so that response and resolution come out as
/// published for the prototype (arXiv 2311.07413).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/options.hpp"

namespace calofuse {
struct SimulatorParameters {
    // detector
    double length = 110, tilt_deg = 2, atten = 350;
    double x0 = 2.28, rm = 2.60, lam = 23.5, ec = 0.0194, z = 29;
    // beam spot at the front face
    double spot_core = 0.85, spot_core_e = 12, spot_halo = 2.4, spot_halo_frac = 0.10;
    double spot_y_ratio = 0.85, beam_x = 0.20, beam_y = -0.10;
    // electromagnetic showers
    double em_core_scale = 1, em_tail_scale = 1, em_tail_add = 0, em_tail_sig = 0.30;
    double brem_prob = 0.10, brem_disp = 0.90, brem_max = 0.60;
    // hadronic showers
    double e0 = 1, k = 0.82, fem_sigma = 0.14, fem_sigma_pow = -0.12, cex_prob = 0.015;
    double he = 0.70, had_sigma = 0.30;
    double npi0_a = 0.8, npi0_b = 0.9, npi0_escale = 8, dirichlet = 0.7;
    std::int64_t npi0_max = 7;
    double pi0_depth = 0.45, pi0_hardest = 0.15;
    double pi0_disp0 = 0.30, pi0_pt = 0.45, pi0_disp_max = 3.5;
    double halo_r1 = 3.1, halo_r2 = 8.5, halo_w1 = 0.48, halo_w1_sig = 0.16, halo_disp = 0.7;
    double halo_depth = 0.9, leak_d0 = 1.6, leak_p = 1.25;
    double nspot_mean = 5, spot_e = 0.60, spot_r = 3.6;
    // tracks of minimum ionising particles, false triggers
    double mip_gev = 1.05, mip_sig = 0.085, mip_spread = 0.15, mu_rad_prob = 0.03;
    double sparse_mean = 1.2, sparse_e = 0.5;
    // response and electronics
    double adc_per_gev = 225, hg_lg = 9, sampling = 0.20;
    double pe_per_gev = 120, sipm_cells = 57'600, crosstalk = 0.015;
    double gain_sigma = 0.10, hglg_sigma = 0.03, ped_ch_sigma = 2.6;
    std::array<double, 4> ped_hg = {40.0, 27.0, 23.5, 24.0};  // by board
    std::array<double, 4> ped_lg = {36.5, 24.4, 21.6, 20.5};
    double noise_hg = 4.5, noise_lg = 1.6, cm_hg = 2;
    std::int64_t adc_max = 8191;
    double thr_adc = 100, toa0 = 180, toa_walk = 60, toa_jit = 1.5, tot0 = 12, tot_slope = 42;
    std::int64_t tot_max = 511;
    // fractions of events; contamination of the electron and the hadron files (simulator_beam.cpp)
    double pileup = 0.015, empty = 0.028, sparse = 0.012;
    double e_had_a = 0.012, e_had_b = 0.15, e_had_p = 2, e_mu_a = 0.030, e_mu_b = 0.030;
    double h_e_a = 0.003, h_e_b = 0.025, h_e_s = 40, h_mu_a = 0.042, h_mu_b = 1.6;

    /// No contamination, no false triggers, no pile-up: for tests of training.
    void make_pure();
};

/// The parameters as settings `simulate.NAME` (ped_hg and ped_lg as ped_hg0 .. ped_lg3).
OptionSchema simulator_schema();
SimulatorParameters simulator_parameters(Options const& options);
/// Name and value of every parameter, in the order of the schema.
std::vector<std::pair<std::string, double>> simulator_values(SimulatorParameters parameters);
}  // namespace calofuse
