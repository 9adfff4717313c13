#include <immintrin.h>

#include "kernels/math/knn_distance.hpp"
#include "kernels/math/small_knn.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
#ifdef __AVX512F__
constexpr int kLanes = 16;
#else
constexpr int kLanes = 8;
#endif
typedef float Vector __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t IntVector __attribute__((vector_size(4 * kLanes)));

constexpr float kInfinity = __builtin_inff();
constexpr int kMaxDims = 128;

/// The sorted lists of kLanes targets.
template <int kSlots>
struct Lists {
    Vector distance[kSlots];
    IntVector index[kSlots];
};

bool any(IntVector mask)
{
#ifdef __AVX512F__
    auto const m = reinterpret_cast<__m512i>(mask);
    return _mm512_test_epi32_mask(m, m) != 0;
#else
    auto const m = reinterpret_cast<__m256i>(mask);
    return _mm256_testz_si256(m, m) == 0;
#endif
}

/// Puts candidate j before the first entry that is farther; entries of equal distance came earlier,
/// so they have smaller indices and stay in front.
template <int kSlots>
void insert(Lists<kSlots>& lists, int slots, Vector distance, std::int32_t j)
{
    Vector carried = distance;
    IntVector carried_index = j - IntVector{};
#pragma GCC unroll 8
    for (int s = 0; s < slots; ++s) {
        Vector const old = lists.distance[s];
        IntVector const old_index = lists.index[s];
        IntVector const from_here = distance < old;
        lists.distance[s] = from_here ? carried : old;
        lists.index[s] = from_here ? carried_index : old_index;
        carried = from_here ? old : carried;
        carried_index = from_here ? old_index : carried_index;
    }
}

template <int kSlots>
void store(SmallKnn const& args, int begin, int lanes, int most, Lists<kSlots> const& lists)
{
    std::int64_t const stride = args.row_stride == 0 ? args.k : args.row_stride;
    IntVector const first = args.first - IntVector{};
    int const filled = most < args.k ? most : args.k;
    for (int s = 0; s < filled; ++s) {
        IntVector const row = lists.index[s] < 0 ? lists.index[s] : lists.index[s] + first;
        std::int32_t* const out = args.neighbours + begin * stride + s;
        for (int l = 0; l < lanes; ++l)
            out[l * stride] = row[l];
    }
    for (int l = 0; l < lanes; ++l)
        for (int s = filled; s < args.k; ++s)
            args.neighbours[(begin + l) * stride + s] = -1;
    if (args.squared_distance == nullptr) return;
    for (int l = 0; l < lanes; ++l)
        for (int s = 0; s < args.k; ++s)
            args.squared_distance[(begin + l) * stride + s] =
                s < most && lists.index[s][l] >= 0 ? lists.distance[s][l] : -1.0F;
}

/// Neighbours of targets begin .. begin + lanes - 1. Lists of up to 8 stay in registers, where all
/// slots are gone through; longer ones live in memory, where only the used slots are.
template <int kSlots>
void group(SmallKnn const& args, int begin, int lanes)
{
    Vector target[kMaxDims];
    IntVector self{};
    for (int l = 0; l < kLanes; ++l) {
        int const i = begin + (l < lanes ? l : 0);
        self[l] = i;
        for (int d = 0; d < args.dims; ++d)
            target[d][l] = args.position[i * args.dims + d];
    }
    Vector const infinity = kInfinity - Vector{};
    int const most = args.n - 1 < args.k ? args.n - 1 : args.k;
    int const used = kSlots <= 8 ? kSlots : most;
    Lists<kSlots> lists;
    for (int s = 0; s < used; ++s) {
        lists.distance[s] = infinity;
        lists.index[s] = IntVector{} - 1;
    }
    for (int j = 0; j < args.n; ++j) {
        float const* const p = args.position + j * args.dims;
        Vector sum = rounded_square(target[0] - p[0]);
        for (int d = 1; d < args.dims; ++d)
            sum += rounded_square(target[d] - p[d]);
        sum = self == j ? infinity : sum;
        if constexpr (kSlots <= 8) {
            insert(lists, kSlots, sum, j);
        } else if (j < most || any(sum < lists.distance[most - 1])) {
            insert(lists, j < most ? j + 1 : most, sum, j);
        }
    }
    store(args, begin, lanes, most, lists);
}

template <int kSlots>
void all_groups(SmallKnn const& args)
{
    for (int begin = 0; begin < args.n; begin += kLanes)
        group<kSlots>(args, begin, args.n - begin < kLanes ? args.n - begin : kLanes);
}
}  // namespace

void small_knn(SmallKnn const& args)
{
    int const most = args.n - 1 < args.k ? args.n - 1 : args.k;
    if (most <= 4) return all_groups<4>(args);
    if (most <= 8) return all_groups<8>(args);
    return all_groups<kMaxNeighbours>(args);
}
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
