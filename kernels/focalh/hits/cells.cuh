/// \file kernels/focalh/hits/cells.cuh
/// Hits of one event, found and summed by one warp: the device twin of hit_cells.hpp, to the same
/// bits. Lane l has cells l, l + 32, .. where work is by cell, and hits likewise.
#pragma once

#include "kernels/device/launch.cuh"
#include "kernels/device/scan.cuh"
#include "kernels/focalh/hits/cell_energy.hpp"
#include "kernels/focalh/hits/math.hpp"

namespace calofuse::cuda {
inline constexpr int kPaddedCells = 256;
inline constexpr std::uint8_t kNoHit = 255;
static __device__ constexpr TouchTable kTouch = make_touch_table();

/// One event in shared memory.
struct HitCells {
    float energy[kPaddedCells];
    std::uint32_t on[kPaddedCells / kWarp + 2];  ///< bits of the cells that are on, then zeros
    std::uint8_t label[kPaddedCells];            ///< hit of each cell or kNoHit
    std::uint8_t first[kPaddedCells];            ///< first cell of each hit
    std::uint8_t next[kPaddedCells];             ///< next cell of the same hit or kNoHit
};

struct CellLimits {
    float threshold;
    float const* noise;  ///< of each channel; may be null
    std::int32_t const* channels;

    __device__ float operator()(int cell) const
    {
        return cell_limit(threshold, noise == nullptr ? 0.0F : noise[channels[cell]]);
    }
};

/// f(cell) for all 256, padding included; all lanes of the warp do it together.
template <class F>
__device__ void for_cells(F&& f)
{
#pragma unroll 1
    for (int base = 0; base < kPaddedCells; base += kWarp)
        f(base + lane_index());
}

/// Energies of all cells: energy(cell) is asked for real cells only.
template <class F>
__device__ void set_energies(HitCells& e, F&& energy)
{
    for_cells([&](int k) { e.energy[k] = k < kNumCells ? energy(k) : 0.0F; });
    __syncwarp();
}

/// As total_energy of hit_cells.hpp: eight sums, which all lanes then add up in order.
__device__ inline double total_energy(HitCells const& e)
{
    constexpr int kSums = 8;
    double sum = 0;
    if (lane_index() < kSums)
        for (int k = lane_index(); k < kNumCells - 1; k += kSums)
            sum += static_cast<double>(e.energy[k]);
    double total = static_cast<double>(e.energy[kNumCells - 1]);
    for (int s = 0; s < kSums; ++s)
        total += __shfl_sync(kFullMask, sum, s);
    return total;
}

/// Fills first and next from the labels.
__device__ inline void link_hits(HitCells& e)
{
    for_cells([&](int k) { e.first[k] = kNoHit; });
    __syncwarp();
#pragma unroll 1
    for (int base = kPaddedCells - kWarp; base >= 0; base -= kWarp) {
        int const k = base + lane_index();
        std::uint8_t const hit = e.label[k];
        std::uint32_t const peers = __match_any_sync(kFullMask, static_cast<unsigned>(hit));
        std::uint32_t const later = peers & ~lanes_below() & ~(1U << lane_index());
        if (hit != kNoHit)
            e.next[k] =
                later != 0 ? static_cast<std::uint8_t>(base + __ffs(later) - 1) : e.first[hit];
        __syncwarp();
        if (hit != kNoHit && (peers & lanes_below()) == 0)
            e.first[hit] = static_cast<std::uint8_t>(k);
        __syncwarp();
    }
}

/// Sums of one hit of linked cells, by one lane.
__device__ inline HitSums sum_hit(HitCells const& e, int hit)
{
    HitSums s;
    int cell = e.first[hit];
    CellPlace place = cell_place(cell);
    s.start(e.energy[cell], cell, place.x, place.y);
    for (cell = e.next[cell]; cell != kNoHit; cell = e.next[cell]) {
        place = cell_place(cell);
        s.add(e.energy[cell], cell, place.x, place.y);
    }
    return s;
}

inline constexpr int kStageRow = kNumHitFeatures + 1;  ///< one more: columns fall into all banks
inline constexpr int kStage = kWarp * kStageRow;

/// Features of all hits to x (num_hits, 24), staged so that writes are coalesced, and
/// node(hit, position, sums, features) for what else the caller keeps of them.
template <class F>
__device__ void write_hits(HitCells& e, int num_hits, float* stage, float* x, F&& node)
{
    link_hits(e);
    int num_cells = 0;
    for_cells([&](int k) { num_cells += __popc(__ballot_sync(kFullMask, e.label[k] != kNoHit)); });
    double const total = total_energy(e);
    EventSums const event{total, log1p_nonnegative(static_cast<float>(total)), num_cells, num_hits};
    for (int base = 0; base < num_hits; base += kWarp) {
        int const hit = base + lane_index();
        if (hit < num_hits) {
            float* const f = stage + lane_index() * kStageRow;
            HitSums const s = sum_hit(e, hit);
            node(hit, write_hit(event, s, module_of_cell(s.largest), f), s, f);
        }
        __syncwarp();
        int const count = min(kWarp, num_hits - base) * kNumHitFeatures;
        for (int i = lane_index(); i < count; i += kWarp)
            x[base * kNumHitFeatures + i] = stage[i + i / kNumHitFeatures];
        __syncwarp();
    }
}

namespace hits {
/// Labels are cells that stand for their hit; they become numbers, by first cell. Returns how many.
__device__ inline int number_by_first_cell(HitCells& e)
{
    for_cells([&](int k) { e.first[k] = kNoHit; });
    __syncwarp();
    int count = 0;
    for_cells([&](int k) {
        std::uint8_t const root = e.label[k];
        std::uint32_t const peers = __match_any_sync(kFullMask, static_cast<unsigned>(root));
        bool const is_new =
            root != kNoHit && (peers & lanes_below()) == 0 && e.first[root] == kNoHit;
        std::uint32_t const news = __ballot_sync(kFullMask, is_new);
        if (is_new) e.first[root] = static_cast<std::uint8_t>(count + __popc(news & lanes_below()));
        __syncwarp();
        if (root != kNoHit) e.label[k] = e.first[root];
        count += __popc(news);
    });
    __syncwarp();
    return count;
}

__device__ inline int label_cells(HitCells& e)
{
    int count = 0;
#pragma unroll 1
    for (int word = 0; word < kPaddedCells / kWarp; ++word) {
        std::uint32_t const on = e.on[word];
        if ((on >> lane_index() & 1U) != 0)
            e.label[word * kWarp + lane_index()] =
                static_cast<std::uint8_t>(count + __popc(on & lanes_below()));
        count += __popc(on);
    }
    return count;
}

/// `count` <= 64 bits of the set from cell `begin` on.
__device__ inline std::uint64_t bits_from(std::uint32_t const* on, int begin, int count)
{
    int const word = begin / kWarp;
    int const shift = begin % kWarp;
    std::uint64_t bits = (std::uint64_t{on[word + 1]} << 32 | on[word]) >> shift;
    if (shift + count > 64) bits |= std::uint64_t{on[word + 2]} << (64 - shift);
    return bits & ((std::uint64_t{1} << count) - 1);
}

/// Lane m floods the bit board of module m.
__device__ inline int label_components(HitCells& e)
{
    int count = 0;
    if (lane_index() < kNumModules) {
        bool const centre = lane_index() == kCentreModule;
        Board const board{centre ? kCentreBoard.side : kOuterBoard.side,
                          centre ? kCentreBoard.not_left : kOuterBoard.not_left,
                          centre ? kCentreBoard.not_right : kOuterBoard.not_right};
        int const begin = module_begin(lane_index());
        std::uint64_t rest = bits_from(e.on, begin, board.side * board.side);
        for (; rest != 0; ++count) {
            std::uint64_t component = first_component(board, rest);
            rest &= ~component;
            for (; component != 0; component &= component - 1)
                e.label[begin + __ffsll(static_cast<long long>(component)) - 1] =
                    static_cast<std::uint8_t>(count);
        }
    }
    __syncwarp();
    int const end = warp_scan(count);
    for_cells([&](int k) {
        int const module = k < kNumCells ? module_of_cell(k) : 0;
        int const before = __shfl_sync(kFullMask, end - count, module);
        if (e.label[k] != kNoHit) e.label[k] = static_cast<std::uint8_t>(e.label[k] + before);
    });
    return __shfl_sync(kFullMask, end, kNumModules - 1);
}

/// Takes the first cell out of a set of which each lane holds one word; -1 = empty.
__device__ inline int take_first(std::uint32_t& word)
{
    std::uint32_t const holders = __ballot_sync(kFullMask, word != 0);
    if (holders == 0) return -1;
    int const holder = __ffs(static_cast<int>(holders)) - 1;
    std::uint32_t const of_holder = __shfl_sync(kFullMask, word, holder);
    if (lane_index() == holder) word &= word - 1;
    return holder * kWarp + __ffs(static_cast<int>(of_holder)) - 1;
}

/// Floods hit after hit, cell by cell: lane l holds word l of the sets.
__device__ inline int label_global_components(HitCells& e)
{
    constexpr int kWords = kPaddedCells / kWarp;
    bool const has_word = lane_index() < kWords;
    std::uint32_t rest = has_word ? e.on[lane_index()] : 0;
    int count = 0;
    for (int seed = take_first(rest); seed >= 0; seed = take_first(rest), ++count) {
        std::uint32_t frontier = 0;
        for (int cell = seed; cell >= 0; cell = take_first(frontier)) {
            if (lane_index() == 0) e.label[cell] = static_cast<std::uint8_t>(count);
            std::uint64_t const touching = has_word ? kTouch.of[cell][lane_index() / 2] : 0;
            std::uint32_t const found =
                static_cast<std::uint32_t>(touching >> (lane_index() % 2 * 32)) & rest;
            frontier |= found;
            rest &= ~found;
        }
    }
    return count;
}

/// The largest on-cell among a cell and its neighbours in the module; ties: the lowest cell.
__device__ inline int uphill(HitCells const& e, int cell)
{
    CellPlace const p = cell_place(cell);
    int const side = module_side(p.module);
    float largest = -1.0F;
    int best = cell;
#pragma unroll 1
    for (int step = 0; step < 9; ++step) {
        int const row = p.row + step / 3 - 1;
        int const col = p.col + step % 3 - 1;
        if (row < 0 || row >= side || col < 0 || col >= side) continue;
        int const k = cell + (row - p.row) * side + col - p.col;
        if (e.label[k] == kNoHit || !(e.energy[k] > largest)) continue;
        largest = e.energy[k];
        best = k;
    }
    return best;
}

__device__ inline int label_basins(HitCells& e)
{
    auto const is_on = [&](int k) {
        return (e.on[k / kWarp] >> (k % kWarp) & 1U) != 0;
    };
    for_cells([&](int k) { e.label[k] = is_on(k) ? 0 : kNoHit; });
    __syncwarp();
    for_cells([&](int k) {
        if (is_on(k)) e.next[k] = static_cast<std::uint8_t>(uphill(e, k));
    });
    __syncwarp();
    for_cells([&](int k) {
        if (!is_on(k)) return;
        std::uint8_t root = static_cast<std::uint8_t>(k);
        while (e.next[root] != root)
            root = e.next[root];
        e.label[k] = root;
    });
    __syncwarp();
    return number_by_first_cell(e);
}

/// Takes away hits with less than `min_sum` and numbers the others anew.
__device__ inline int drop_weak_hits(HitCells& e, int num_hits, double min_sum)
{
    link_hits(e);
    int kept = 0;
    for (int base = 0; base < num_hits; base += kWarp) {
        int const hit = base + lane_index();
        bool keep = false;
        if (hit < num_hits) {
            int cell = e.first[hit];
            double sum = static_cast<double>(e.energy[cell]);
            for (cell = e.next[cell]; cell != kNoHit; cell = e.next[cell])
                sum += static_cast<double>(e.energy[cell]);
            keep = !(sum < min_sum);
        }
        std::uint32_t const keepers = __ballot_sync(kFullMask, keep);
        int const number = kept + __popc(keepers & lanes_below());
        if (hit < num_hits) e.first[hit] = keep ? static_cast<std::uint8_t>(number) : kNoHit;
        kept += __popc(keepers);
    }
    __syncwarp();
    for_cells([&](int k) {
        if (e.label[k] != kNoHit) e.label[k] = e.first[e.label[k]];
    });
    return kept;
}
}  // namespace hits

/// Labels the cells by their energies; returns the number of hits.
__device__ inline int find_hits(HitCells& e, HitOptions const& options, CellLimits const& limits)
{
    for_cells([&](int k) {
        std::uint32_t const on = __ballot_sync(kFullMask, k < kNumCells && e.energy[k] > limits(k));
        if (lane_index() == 0) e.on[k / kWarp] = on;
        e.label[k] = (on >> lane_index() & 1U) != 0 ? 0 : kNoHit;
    });
    if (lane_index() < 2) e.on[kPaddedCells / kWarp + lane_index()] = 0;
    __syncwarp();
    int count = 0;
    switch (options.rule) {
        case HitRule::ccl:
            count = hits::label_components(e);
            break;
        case HitRule::ccl_global:
            count = hits::label_global_components(e);
            break;
        case HitRule::watershed:
            count = hits::label_basins(e);
            break;
        case HitRule::cell:
            count = hits::label_cells(e);
            break;
    }
    __syncwarp();
    if (options.min_sum_adc > 0) {
        count = hits::drop_weak_hits(e, count, static_cast<double>(options.min_sum_adc));
        __syncwarp();
    }
    return count;
}
}  // namespace calofuse::cuda
