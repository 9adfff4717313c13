/// \file kernels/focalh/hits/cells.hpp
/// Hits of one event on the CPU: the loops that event_graph and the single operators (pedestal,
/// cluster, hit_features) share, so that they agree to the bit. Sums run in cell order, in double.
#pragma once

#include <cstdint>

#include "kernels/focalh/hits.hpp"

namespace calofuse::cpu {
inline constexpr int kPaddedCells = 256;  ///< 249 cells and zeros up to whole vectors

/// Cells of the hits of one event, in cell order.
struct EventHits {
    double total;            ///< energy of all cells, also of those that are off
    std::int32_t num_cells;  ///< entries of the lists below
    std::int32_t num_hits;
    std::uint8_t cell[kPaddedCells];
    std::uint8_t hit[kPaddedCells];  ///< hit of each listed cell
    float energy[kPaddedCells];      ///< of each listed cell, ADC
};

/// a[k] = max(0, adc[c] - pedestal[c]), c = channels[k]; a NaN pedestal gives 0.
void cell_energies(std::uint16_t const* adc,
                   float const* pedestal,
                   std::int32_t const* channels,
                   std::int64_t num_cells,
                   float* a);

/// Limit of each cell: max(threshold, 3 noise of its channel). noise (256) may be null; a NaN in it
/// counts as 0.
void cell_limits(float threshold, float const* noise, std::int32_t const* channels, float* limit);

/// Sum of 249 energies.
double total_energy(float const* a);

/// Hits of 249 energies; a and limit are padded to kPaddedCells with 0.
void find_hits(HitOptions const& options, float const* limit, float const* a, EventHits& hits);

/// Rows of features (num_hits, 24), positions (num_hits, 2), and, unless null, energies (num_hits).
void hit_features(EventHits const& hits, float* x, float* position, float* energy);
}  // namespace calofuse::cpu
