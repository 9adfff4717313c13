#include "kernels/focalh/hits/cells.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/focalh/hits/cell_energy.hpp"
#include "kernels/focalh/hits/math.hpp"
#include "runtime/error.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
std::array<char const*, kNumHitFeatures> const& hit_feature_names()
{
    static constexpr std::array<char const*, kNumHitFeatures> kNames = {
        "x",        "y",        "log1p_sum", "sum_fraction", "cells",    "max_fraction",
        "rms_x",    "rms_y",    "r",         "log1p_max",    "on_cells", "centre",
        "module_0", "module_1", "module_2",  "module_3",     "module_4", "module_5",
        "module_6", "module_7", "module_8",  "log1p_total",  "hits",     "one"};
    return kNames;
}

void check_hit_options(HitOptions const& options)
{
    CALOFUSE_CHECK(options.threshold_adc >= 0, "threshold_adc = " << options.threshold_adc);
    CALOFUSE_CHECK(options.min_sum_adc >= 0, "min_sum_adc = " << options.min_sum_adc);
    CALOFUSE_CHECK(options.neighbours >= 1 && options.neighbours <= 64,
                   "neighbours = " << options.neighbours << ", compiled for 1 .. 64");
}

namespace cpu {
namespace {
constexpr std::uint8_t kNone = 255;
constexpr int kWords = kPaddedCells / 64;
using CellSet = std::array<std::uint64_t, kWords>;

/// Where the cells are and what they touch.
struct Geometry {
    std::array<std::int8_t, kNumCells> x, y;  ///< position units
    std::array<std::uint8_t, kNumCells> module;
    /// The cell and its neighbours in the module, ascending, padded with the last.
    std::array<std::array<std::uint8_t, 9>, kNumCells> block;

    Geometry()
    {
        for (std::size_t i = 0; i < kNumCells; ++i) {
            CellPlace const c = cell_place(static_cast<int>(i));
            x[i] = static_cast<std::int8_t>(c.x);
            y[i] = static_cast<std::int8_t>(c.y);
            module[i] = static_cast<std::uint8_t>(c.module);
            std::size_t n = 0;
            for (std::size_t j = 0; j < kNumCells; ++j) {
                CellPlace const b = cell_place(static_cast<int>(j));
                if (b.module == c.module && std::abs(b.row - c.row) <= 1
                    && std::abs(b.col - c.col) <= 1)
                    block[i][n++] = static_cast<std::uint8_t>(j);
            }
            std::fill(block[i].begin() + static_cast<std::ptrdiff_t>(n), block[i].end(),
                      block[i][n - 1]);
        }
    }
};

Geometry const& geometry()
{
    static Geometry const kGeometry;
    return kGeometry;
}

constexpr TouchTable kTouch = make_touch_table();

/// `count` < 64 bits of `on` from bit `begin` on.
std::uint64_t bits_from(CellSet const& on, int begin, int count)
{
    auto const word = static_cast<std::size_t>(begin / 64);
    int const shift = begin % 64;
    std::uint64_t bits = on[word] >> shift;
    if (shift + count > 64) bits |= on[word + 1] << (64 - shift);
    return bits & ((std::uint64_t{1} << count) - 1);
}

CellSet set_of(EventHits const& hits)
{
    CellSet on{};
    for (int i = 0; i < hits.num_cells; ++i)
        on[hits.cell[i] / 64U] |= std::uint64_t{1} << (hits.cell[i] % 64U);
    return on;
}

/// Labels the components of each module; returns how many.
int label_components(CellSet const& on, std::uint8_t* label)
{
    int count = 0;
    for (int module = 0; module < kNumModules; ++module) {
        Board const& board = module == kCentreModule ? kCentreBoard : kOuterBoard;
        int const begin = module_begin(module);
        std::uint64_t rest = bits_from(on, begin, board.side * board.side);
        for (; rest != 0; ++count) {
            std::uint64_t component = first_component(board, rest);
            rest &= ~component;
            for (; component != 0; component &= component - 1)
                label[begin + std::countr_zero(component)] = static_cast<std::uint8_t>(count);
        }
    }
    return count;
}

int label_global_components(CellSet on, std::uint8_t* label)
{
    int count = 0;
    auto const take_first = [](CellSet& set) {
        for (std::size_t w = 0; w < kWords; ++w) {
            if (set[w] == 0) continue;
            int const bit = std::countr_zero(set[w]);
            set[w] &= set[w] - 1;
            return static_cast<int>(w) * 64 + bit;
        }
        return -1;
    };
    for (int seed = take_first(on); seed >= 0; seed = take_first(on), ++count) {
        CellSet frontier{};
        for (int cell = seed; cell >= 0; cell = take_first(frontier)) {
            label[cell] = static_cast<std::uint8_t>(count);
            for (std::size_t w = 0; w < kWords; ++w) {
                std::uint64_t const found = kTouch.of[cell][w] & on[w];
                frontier[w] |= found;
                on[w] &= ~found;
            }
        }
    }
    return count;
}

/// `energy_on`: by cell, -1 where off.
int label_basins(EventHits const& hits, float const* energy_on, std::uint8_t* label)
{
    Geometry const& g = geometry();
    std::uint8_t to[kPaddedCells];
    for (int i = 0; i < hits.num_cells; ++i) {
        auto const& block = g.block[hits.cell[i]];
        std::uint8_t best = block[0];
        for (std::uint8_t const c : block)
            if (energy_on[c] > energy_on[best]) best = c;
        to[hits.cell[i]] = best;
    }
    std::uint8_t label_of_root[kPaddedCells];
    std::fill_n(label_of_root, kPaddedCells, kNone);
    int count = 0;
    for (int i = 0; i < hits.num_cells; ++i) {
        std::uint8_t root = hits.cell[i];
        while (to[root] != root)
            root = to[root];
        if (label_of_root[root] == kNone) label_of_root[root] = static_cast<std::uint8_t>(count++);
        label[hits.cell[i]] = label_of_root[root];
    }
    return count;
}

/// Gives each listed cell its hit.
void assign_hits(HitRule rule, EventHits& hits)
{
    if (rule == HitRule::cell) {
        hits.num_hits = hits.num_cells;
        for (int i = 0; i < hits.num_cells; ++i)
            hits.hit[i] = static_cast<std::uint8_t>(i);
        return;
    }
    std::uint8_t label[kPaddedCells];
    if (rule == HitRule::ccl) {
        hits.num_hits = label_components(set_of(hits), label);
    } else if (rule == HitRule::ccl_global) {
        hits.num_hits = label_global_components(set_of(hits), label);
    } else {
        float energy_on[kPaddedCells];
        std::fill_n(energy_on, kPaddedCells, -1.0F);
        for (int i = 0; i < hits.num_cells; ++i)
            energy_on[hits.cell[i]] = hits.energy[i];
        hits.num_hits = label_basins(hits, energy_on, label);
    }
    for (int i = 0; i < hits.num_cells; ++i)
        hits.hit[i] = label[hits.cell[i]];
}

/// Takes away hits with less than `min_sum` and numbers the others anew.
void drop_weak_hits(double min_sum, EventHits& hits)
{
    double sum[kNumCells] = {};
    for (int i = 0; i < hits.num_cells; ++i)
        sum[hits.hit[i]] += hits.energy[i];
    std::uint8_t new_hit[kNumCells];
    int kept_hits = 0;
    for (int h = 0; h < hits.num_hits; ++h)
        new_hit[h] = sum[h] < min_sum ? kNone : static_cast<std::uint8_t>(kept_hits++);
    if (kept_hits == hits.num_hits) return;
    int kept = 0;
    for (int i = 0; i < hits.num_cells; ++i) {
        std::uint8_t const hit = new_hit[hits.hit[i]];
        if (hit == kNone) continue;
        hits.cell[kept] = hits.cell[i];
        hits.energy[kept] = hits.energy[i];
        hits.hit[kept++] = hit;
    }
    hits.num_cells = kept;
    hits.num_hits = kept_hits;
}
}  // namespace

void cell_energies(std::uint16_t const* adc,
                   float const* pedestal,
                   std::int32_t const* channels,
                   std::int64_t num_cells,
                   float* a)
{
    std::array<float, kNumChannels> by_channel;
    for (std::size_t c = 0; c < kNumChannels; ++c)
        by_channel[c] = cell_energy(adc[c], pedestal[c]);
    for (std::int64_t k = 0; k < num_cells; ++k)
        a[k] = by_channel[static_cast<std::size_t>(channels[k])];
}

void cell_limits(float threshold, float const* noise, std::int32_t const* channels, float* limit)
{
    for (int k = 0; k < kNumCells; ++k) {
        limit[k] = cell_limit(threshold, noise == nullptr ? 0.0F : noise[channels[k]]);
    }
    std::fill(limit + kNumCells, limit + kPaddedCells, threshold);
}

double total_energy(float const* a)
{
    constexpr int kSums = 8;  // one vector of doubles, added up at the end in this order
    double sum[kSums] = {};
    for (int k = 0; k < kNumCells - kNumCells % kSums; k += kSums)
        for (int s = 0; s < kSums; ++s)
            sum[s] += a[k + s];
    double total = a[kNumCells - 1];
    static_assert(kNumCells % kSums == 1);
    for (double const s : sum)
        total += s;
    return total;
}

void find_hits(HitOptions const& options, float const* limit, float const* a, EventHits& hits)
{
    int n = 0;
    for (int k = 0; k < kNumCells; ++k) {  // writes every cell, keeps those that are on
        hits.cell[n] = static_cast<std::uint8_t>(k);
        hits.energy[n] = a[k];
        n += a[k] > limit[k] ? 1 : 0;
    }
    hits.num_cells = n;
    hits.total = total_energy(a);
    assign_hits(options.rule, hits);
    if (options.min_sum_adc > 0) drop_weak_hits(options.min_sum_adc, hits);
}

void hit_features(EventHits const& hits, float* x, float* position, float* energy)
{
    Geometry const& g = geometry();
    HitSums sums[kNumCells];
    int seen = 0;
    for (int i = 0; i < hits.num_cells; ++i) {
        std::uint8_t const cell = hits.cell[i];
        HitSums& s = sums[hits.hit[i]];
        float const a = hits.energy[i];
        if (hits.hit[i] == seen) {  // hits are numbered by their first cell
            s.start(a, cell, g.x[cell], g.y[cell]);
            ++seen;
        } else {
            s.add(a, cell, g.x[cell], g.y[cell]);
        }
    }
    EventSums const event{hits.total, log1p_nonnegative(static_cast<float>(hits.total)),
                          hits.num_cells, hits.num_hits};
    for (int h = 0; h < hits.num_hits; ++h) {
        HitSums const& s = sums[h];
        HitPosition const p = write_hit(event, s, g.module[s.largest], x + h * kNumHitFeatures);
        position[2 * h] = p.x;
        position[2 * h + 1] = p.y;
        if (energy != nullptr) energy[h] = static_cast<float>(s.sum);
    }
}
}  // namespace cpu
}  // namespace calofuse
