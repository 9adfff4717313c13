/// \file kernels/focalh/hits.hpp
/// What a hit is, and how a graph of hits is made of one event: the settings and sizes that all
/// operators of the graph path share.
///
/// A cell is on if its energy a = max(0, adc - pedestal) exceeds max(threshold_adc, 3 sigma), where
/// the caller knows the noise sigma of each channel, else threshold_adc. Rules:
///   ccl         connected on-cells of one module, corners included
///   ccl_global  the same across module borders (adjacent_cells(), runtime/focalh/channel_map.hpp)
///   watershed   every on-cell points to the largest on-cell among itself and its neighbours in the
///               module (ties: lowest cell); cells that end at the same local maximum are a hit
///   cell        every on-cell is a hit
/// Hits whose energies sum to less than min_sum_adc are dropped, cells and all. Hits are numbered by
/// their first cell.
///
/// Hit features (the sums run over the hit's cells; x to the right, y up, from the middle of the
/// detector; the hit's module is that of its largest cell):
///    0, 1   x, y                 energy-weighted mean, 100 mm
///    2      log(1 + sum)         sum of the energies, ADC
///    3      sum / total          total = all 249 energies of the event, cells that are off included
///    4      cells / 25           number of cells
///    5      max / sum            largest energy over sum
///    6, 7   rms x, rms y         energy-weighted rms width, 10 mm
///    8      r                    distance of (x, y) from the middle, where the beam aims, 100 mm
///    9      log(1 + max)         ADC
///   10      on cells / 10        cells of all hits of the event
///   11      centre               1 in the centre module
///   12..20  module 0 .. 8        one of nine
///   21      log(1 + total)       ADC
///   22      hits / 10            hits of the event
///   23      1
#pragma once

#include <array>
#include <cstdint>

#include "runtime/names.hpp"

namespace calofuse {
enum class HitRule : std::uint8_t { ccl, ccl_global, watershed, cell };
constexpr auto names_of(HitRule)
{
    return std::to_array<Name<HitRule>>({
        {HitRule::ccl, "ccl"},
        {HitRule::ccl_global, "ccl_global"},
        {HitRule::watershed, "watershed"},
        {HitRule::cell, "cell"},
    });
}

struct HitOptions {
    HitRule rule = HitRule::cell;
    float threshold_adc = 50.0F;  ///< >= 0
    float min_sum_adc = 0.0F;     ///< >= 0
    std::int32_t neighbours = 8;  ///< k of the kNN graph, 1 .. 64
    bool symmetrise = false;      ///< every edge also in the other direction
};

/// Below this a connected region is taken for noise; single cells have the threshold alone.
constexpr float default_min_sum_adc(HitRule rule)
{
    return rule == HitRule::cell ? 0.0F : 100.0F;
}

/// Most hits that an event can have. Two hits never touch in a module (ccl) or have maxima that do
/// (watershed): at most 9 of them in 5 x 5 cells, 16 in 7 x 7, hence 8 * 9 + 16.
constexpr std::int32_t max_hits(HitRule rule)
{
    return rule == HitRule::cell ? 249 : 88;
}

/// Most edges that an event can have.
constexpr std::int32_t max_edges(HitOptions const& options)
{
    std::int32_t const others = max_hits(options.rule) - 1;
    std::int32_t const k = options.neighbours < others ? options.neighbours : others;
    return max_hits(options.rule)
           * (options.symmetrise && 2 * k < others ? 2 * k
              : options.symmetrise                 ? others
                                                   : k);
}

/// Throws unless thresholds are numbers >= 0 and neighbours is 1 .. 64.
void check_hit_options(HitOptions const& options);

/// Hit positions are in the unit in which all cell centres are whole numbers (5 x 5 modules have a
/// pitch of 7, the 7 x 7 one of 5), so that distances between cells tie exactly.
inline constexpr double kMillimetresPerPositionUnit = 65.0 / 35.0;

inline constexpr int kNumHitFeatures = 24;
inline constexpr int kNumHitEdgeFeatures = 4;

/// Names of the features, in order, e.g. "log1p_sum".
std::array<char const*, kNumHitFeatures> const& hit_feature_names();
}  // namespace calofuse
