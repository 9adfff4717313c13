/// \file tests/io/focalh/simulator/reference.hpp
/// Summary statistics of 20,000 events a file made by the numpy prototype of the generator, which
/// was written first and independently (seed 1; gain_sigma, hglg_sigma and ped_ch_sigma 0). Made by
/// `tests/io/focalh/simulator/reference.py generate`; the definitions are there.
#pragma once

#include <array>

#include "io/focalh/simulator/simulator.hpp"

namespace calofuse::test {
struct FileStatistics {
    Label label;
    int energy_gev;
    double median;     ///< of the sum over cells, ADC without pedestals
    double width;      ///< FWHM / 2.355 / median of that sum
    double pixels;     ///< median number of cells above 100 ADC
    double mean_x;     ///< mean centre of gravity in x (cm)
    double saturated;  ///< fraction of events with a cell above 8120 ADC
    double peak;       ///< median of largest cell / sum
    std::array<double, kNumTrueClasses> fractions;  ///< of true classes
    double pileup;                                  ///< fraction of events
};
inline constexpr int kReferenceEvents = 20'000;

// clang-format off
inline constexpr FileStatistics kReference[] = {
    {Label::electron, 20, 3545.5, 0.0864, 5.0, 0.7569, 0.0000, 0.3241, {0.91235, 0.01300, 0.03390, 0.02895, 0.01180}, 0.01610},
    {Label::electron, 100, 17108.5, 0.0281, 18.0, 0.9379, 0.0057, 0.3064, {0.89155, 0.02680, 0.04175, 0.02855, 0.01135}, 0.01435},
    {Label::electron, 300, 42881.5, 0.0486, 46.0, 1.0723, 0.9973, 0.1904, {0.74330, 0.15880, 0.06020, 0.02750, 0.01020}, 0.01425},
    {Label::hadron, 60, 8581.5, 0.1506, 12.0, 1.6145, 0.0000, 0.2219, {0.02975, 0.85710, 0.07185, 0.02945, 0.01185}, 0.01430},
    {Label::hadron, 200, 28704.5, 0.1086, 31.0, 1.7203, 0.3541, 0.2439, {0.00435, 0.90640, 0.05045, 0.02745, 0.01135}, 0.01385},
    {Label::hadron, 350, 45629.0, 0.1014, 50.0, 1.7466, 0.9315, 0.1779, {0.00285, 0.91025, 0.04585, 0.02950, 0.01155}, 0.01480},
};
// clang-format on
}  // namespace calofuse::test
