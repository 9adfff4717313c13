#include "io/focalh/simulator/parameters.hpp"

#include <functional>
#include <variant>

namespace calofuse {
namespace {
using P = SimulatorParameters;

struct Entry {
    char const* name;
    std::variant<std::function<double&(P&)>, std::int64_t P::*> field;
    double min;
    double max;
    char const* help;
};

std::function<double&(P&)> real(double P::*field)
{
    return [field](P& p) -> double& {
        return p.*field;
    };
}
std::function<double&(P&)> board(std::array<double, 4> P::*field, std::size_t number)
{
    return [field, number](P& p) -> double& {
        return (p.*field)[number];
    };
}

/// Ranges keep every formula finite; they are no statement about what is sensible.
std::vector<Entry> table()
{
    return {
        {"length", real(&P::length), 10, 500, "depth of the calorimeter (cm)"},
        {"tilt_deg", real(&P::tilt_deg), -45, 45, "angle of the beam in the x-z plane (degrees)"},
        {"atten", real(&P::atten), 1, 1e9, "attenuation length of the fibres (cm)"},
        {"x0", real(&P::x0), 0.1, 50, "radiation length (cm)"},
        {"rm", real(&P::rm), 0.1, 50, "Moliere radius (cm)"},
        {"lam", real(&P::lam), 1, 500, "interaction length (cm)"},
        {"ec", real(&P::ec), 1e-3, 0.02, "critical energy (GeV)"},
        {"z", real(&P::z), 1, 92, "atomic number of the absorber"},
        {"spot_core", real(&P::spot_core), 0, 20, "width of the beam core at high energy (cm)"},
        {"spot_core_e", real(&P::spot_core_e), 0, 1e3, "energy at which the core doubles (GeV)"},
        {"spot_halo", real(&P::spot_halo), 0, 20, "width of the beam halo (cm)"},
        {"spot_halo_frac", real(&P::spot_halo_frac), 0, 1, "fraction of events in the halo"},
        {"spot_y_ratio", real(&P::spot_y_ratio), 0, 10, "beam width in y over that in x"},
        {"beam_x", real(&P::beam_x), -20, 20, "mean impact in x (cm)"},
        {"beam_y", real(&P::beam_y), -20, 20, "mean impact in y (cm)"},
        {"em_core_scale", real(&P::em_core_scale), 0.01, 100, "scale of the core radius"},
        {"em_tail_scale", real(&P::em_tail_scale), 0.01, 100, "scale of the tail radius"},
        {"em_tail_add", real(&P::em_tail_add), 0, 1, "energy moved from core to tail (fraction)"},
        {"em_tail_sig", real(&P::em_tail_sig), 0, 3, "log-normal spread of em_tail_add"},
        {"brem_prob", real(&P::brem_prob), 0, 1, "electrons with an upstream photon (fraction)"},
        {"brem_disp", real(&P::brem_disp), 0, 20, "mean distance of that photon (cm)"},
        {"brem_max", real(&P::brem_max), 0, 1, "largest energy fraction of that photon"},
        {"e0", real(&P::e0), 0.1, 3, "scale of the electromagnetic fraction (GeV)"},
        {"k", real(&P::k), 0.3, 0.99, "f_em = 1 - (E / e0)^(k - 1)"},
        {"fem_sigma", real(&P::fem_sigma), 0.01, 0.5, "spread of f_em at 60 GeV"},
        {"fem_sigma_pow", real(&P::fem_sigma_pow), -1, 1, "power of E / 60 GeV in that spread"},
        {"cex_prob", real(&P::cex_prob), 0, 1, "charge exchange (fraction of hadrons)"},
        {"he", real(&P::he), 0, 2, "response to the hadronic part, electromagnetic = 1"},
        {"had_sigma", real(&P::had_sigma), 0, 2, "log-normal spread of that response"},
        {"npi0_a", real(&P::npi0_a), 0, 50, "mean number of further pi0 at npi0_escale"},
        {"npi0_b", real(&P::npi0_b), 0, 10, "growth of that number with ln E"},
        {"npi0_escale", real(&P::npi0_escale), 0.1, 10, "energy scale of that number (GeV)"},
        {"npi0_max", &P::npi0_max, 1, 16, "most pi0 of a hadron"},
        {"dirichlet", real(&P::dirichlet), 0.05, 50, "how evenly pi0 share their energy"},
        {"pi0_depth", real(&P::pi0_depth), 0, 5, "mean depth of pi0 behind the start (lam)"},
        {"pi0_hardest", real(&P::pi0_hardest), 0, 1, "scale of that depth for the hardest pi0"},
        {"pi0_disp0", real(&P::pi0_disp0), 0, 10, "least spread of pi0 (cm)"},
        {"pi0_pt", real(&P::pi0_pt), 0, 10, "transverse momentum of pi0 (GeV)"},
        {"pi0_disp_max", real(&P::pi0_disp_max), 0, 20, "largest spread of pi0 (cm)"},
        {"halo_r1", real(&P::halo_r1), 0.01, 100, "radius of the charged core (cm)"},
        {"halo_r2", real(&P::halo_r2), 0.01, 100, "radius of the wide halo (cm)"},
        {"halo_w1", real(&P::halo_w1), 0, 1, "mean fraction in the charged core"},
        {"halo_w1_sig", real(&P::halo_w1_sig), 0, 1, "spread of that fraction"},
        {"halo_disp", real(&P::halo_disp), 0, 20, "spread of the core's centre (cm)"},
        {"halo_depth", real(&P::halo_depth), 0, 5, "depth of that centre behind the start (lam)"},
        {"leak_d0", real(&P::leak_d0), 0.01, 50, "depth scale of the containment (lam)"},
        {"leak_p", real(&P::leak_p), 0.1, 10, "power of the containment"},
        {"nspot_mean", real(&P::nspot_mean), 0, 50, "mean number of single hot cells"},
        {"spot_e", real(&P::spot_e), 0, 50, "mean energy of one at 100 GeV (GeV)"},
        {"spot_r", real(&P::spot_r), 0, 50, "mean distance of one (cm)"},
        {"mip_gev", real(&P::mip_gev), 0, 50, "signal of a particle that only ionises (GeV)"},
        {"mip_sig", real(&P::mip_sig), 0, 1, "Landau spread of that signal"},
        {"mip_spread", real(&P::mip_spread), 0, 10, "smearing of the track (cm)"},
        {"mu_rad_prob", real(&P::mu_rad_prob), 0, 1, "muons that radiate (fraction)"},
        {"sparse_mean", real(&P::sparse_mean), 0, 50, "mean lit cells of a sparse trigger, less 1"},
        {"sparse_e", real(&P::sparse_e), 0, 50, "mean energy of one (GeV)"},
        {"adc_per_gev", real(&P::adc_per_gev), 0, 1e5, "high gain (ADC counts a GeV)"},
        {"hg_lg", real(&P::hg_lg), 0.1, 1e3, "ratio of high to low gain"},
        {"sampling", real(&P::sampling), 0, 5, "sampling fluctuation (x sqrt(E / GeV))"},
        {"pe_per_gev", real(&P::pe_per_gev), 0.1, 1e6, "photoelectrons a GeV"},
        {"sipm_cells", real(&P::sipm_cells), 1, 1e9, "pixels of a SiPM"},
        {"crosstalk", real(&P::crosstalk), 0, 0.2, "exchange with each neighbour (fraction)"},
        {"gain_sigma", real(&P::gain_sigma), 0, 1, "log-normal spread of channel gains"},
        {"hglg_sigma", real(&P::hglg_sigma), 0, 0.15, "spread of the gain ratio"},
        {"ped_ch_sigma", real(&P::ped_ch_sigma), 0, 100, "spread of pedestals in a board (ADC)"},
        {"ped_hg0", board(&P::ped_hg, 0), 0, 8191, "high-gain pedestal of board 0 (ADC)"},
        {"ped_hg1", board(&P::ped_hg, 1), 0, 8191, "high-gain pedestal of board 1 (ADC)"},
        {"ped_hg2", board(&P::ped_hg, 2), 0, 8191, "high-gain pedestal of board 2 (ADC)"},
        {"ped_hg3", board(&P::ped_hg, 3), 0, 8191, "high-gain pedestal of board 3 (ADC)"},
        {"ped_lg0", board(&P::ped_lg, 0), 0, 8191, "low-gain pedestal of board 0 (ADC)"},
        {"ped_lg1", board(&P::ped_lg, 1), 0, 8191, "low-gain pedestal of board 1 (ADC)"},
        {"ped_lg2", board(&P::ped_lg, 2), 0, 8191, "low-gain pedestal of board 2 (ADC)"},
        {"ped_lg3", board(&P::ped_lg, 3), 0, 8191, "low-gain pedestal of board 3 (ADC)"},
        {"noise_hg", real(&P::noise_hg), 0, 1e3, "high-gain noise (ADC)"},
        {"noise_lg", real(&P::noise_lg), 0, 1e3, "low-gain noise (ADC)"},
        {"cm_hg", real(&P::cm_hg), 0, 1e3, "noise common to a board (ADC)"},
        {"adc_max", &P::adc_max, 1, 16'383, "largest ADC value"},
        {"thr_adc", real(&P::thr_adc), 1, 1e4, "threshold of the time measurement (ADC)"},
        {"toa0", real(&P::toa0), 0, 1e4, "time of arrival of large signals"},
        {"toa_walk", real(&P::toa_walk), 0, 1e4, "its delay at threshold"},
        {"toa_jit", real(&P::toa_jit), 0, 1e3, "its jitter"},
        {"tot0", real(&P::tot0), 0, 1e4, "time over threshold at threshold"},
        {"tot_slope", real(&P::tot_slope), 0, 1e3, "its growth with ln(signal)"},
        {"tot_max", &P::tot_max, 0, 16'383, "largest time over threshold"},
        {"pileup", real(&P::pileup), 0, 1, "events with a second particle (fraction)"},
        {"empty", real(&P::empty), 0, 1, "empty false triggers (fraction)"},
        {"sparse", real(&P::sparse), 0, 1, "sparse false triggers (fraction)"},
        {"e_had_a", real(&P::e_had_a), 0, 1, "hadrons in electron files: a + b (E / 300)^p"},
        {"e_had_b", real(&P::e_had_b), 0, 1, "hadrons in electron files: b"},
        {"e_had_p", real(&P::e_had_p), 0, 10, "hadrons in electron files: p"},
        {"e_mu_a", real(&P::e_mu_a), 0, 1, "muons in electron files: a + b E / 300"},
        {"e_mu_b", real(&P::e_mu_b), 0, 1, "muons in electron files: b"},
        {"h_e_a", real(&P::h_e_a), 0, 1, "electrons in hadron files: a + b exp((60 - E) / s)"},
        {"h_e_b", real(&P::h_e_b), 0, 1, "electrons in hadron files: b"},
        {"h_e_s", real(&P::h_e_s), 1, 1e4, "electrons in hadron files: s (GeV)"},
        {"h_mu_a", real(&P::h_mu_a), 0, 1, "muons in hadron files: a + b / E"},
        {"h_mu_b", real(&P::h_mu_b), 0, 100, "muons in hadron files: b (GeV)"},
    };
}

std::string key_of(Entry const& entry)
{
    return std::string("simulate.") + entry.name;
}
}  // namespace

void SimulatorParameters::make_pure()
{
    for (double* fraction : {&pileup, &empty, &sparse, &e_had_a, &e_had_b, &e_mu_a, &e_mu_b, &h_e_a,
                             &h_e_b, &h_mu_a, &h_mu_b})
        *fraction = 0;
}

OptionSchema simulator_schema()
{
    SimulatorParameters defaults;
    OptionSchema schema;
    for (Entry const& entry : table()) {
        OptionValue value;
        if (auto const* whole = std::get_if<std::int64_t P::*>(&entry.field))
            value = defaults.*(*whole);
        else
            value = std::get<0>(entry.field)(defaults);
        schema.push_back({key_of(entry), value, entry.help, entry.min, entry.max, {}});
    }
    return schema;
}

SimulatorParameters simulator_parameters(Options const& options)
{
    SimulatorParameters out;
    for (Entry const& entry : table()) {
        if (auto const* whole = std::get_if<std::int64_t P::*>(&entry.field))
            out.*(*whole) = options.get_int(key_of(entry));
        else
            std::get<0>(entry.field)(out) = options.get_double(key_of(entry));
    }
    return out;
}

std::vector<std::pair<std::string, double>> simulator_values(SimulatorParameters parameters)
{
    std::vector<std::pair<std::string, double>> out;
    for (Entry const& entry : table()) {
        auto const* whole = std::get_if<std::int64_t P::*>(&entry.field);
        out.emplace_back(entry.name, whole != nullptr ? static_cast<double>(parameters.*(*whole))
                                                      : std::get<0>(entry.field)(parameters));
    }
    return out;
}
}  // namespace calofuse
