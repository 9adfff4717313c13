#include "kernels/math/small_knn.hpp"

#include <algorithm>
#include <cstring>
#include <random>

#include "kernels/math/knn_distance.hpp"
#include "runtime/isa.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

/// Squares and sums one by one through memory, so that nothing can be fused.
float plain_distance(float const* a, float const* b, int dims)
{
    float volatile sum = 0;
    for (int d = 0; d < dims; ++d) {
        float const volatile difference = a[d] - b[d];
        float const volatile square = difference * difference;
        sum = d == 0 ? square : sum + square;
    }
    return sum;
}

std::vector<std::int32_t> oracle(std::vector<float> const& p, int dims, int k, std::int32_t first)
{
    int const n = static_cast<int>(p.size()) / dims;
    std::vector<std::int32_t> out;
    for (int i = 0; i < n; ++i) {
        std::vector<std::pair<float, std::int32_t>> all;
        for (int j = 0; j < n; ++j) {
            float const d2 = plain_distance(&p[static_cast<std::size_t>(i * dims)],
                                            &p[static_cast<std::size_t>(j * dims)], dims);
            if (i != j && d2 < kInf) all.emplace_back(d2, j);
        }
        std::sort(all.begin(), all.end());
        for (std::size_t r = 0; r < static_cast<std::size_t>(k); ++r)
            out.push_back(r < all.size() ? first + all[r].second : -1);
    }
    return out;
}

void expect_same(std::vector<float> const& p, int dims, int k)
{
    int const n = static_cast<int>(p.size()) / dims;
    auto const want = oracle(p, dims, k, 1000);
    for (Isa const isa : {Isa::avx2, Isa::avx512}) {
        if (!cpu_has(isa)) continue;
        ForcedIsa const forced(isa);
        std::vector<std::int32_t> got(static_cast<std::size_t>(n * k) + 8, 77);
        cpu::small_knn({p.data(), n, dims, k, 1000, got.data()});
        EXPECT_EQ(std::count(got.end() - 8, got.end(), 77), 8) << "write past end";
        got.resize(got.size() - 8);
        EXPECT_EQ(got, want) << n << " points, " << dims << " dims, k " << k << name_of(isa);
    }
}
}  // namespace

TEST(SmallKnn, agrees_with_a_sort_of_all_pairs)
{
    for (int const n : {0, 1, 2, 3, 8, 9, 15, 16, 17, 25, 33, 88, 249})
        for (int const dims : {1, 2, 3, 4, 16})
            for (int const k : {1, 2, 7, 8, 16, 64})
                expect_same(random_values(static_cast<std::size_t>(n * dims), 3), dims, k);
}

TEST(SmallKnn, ties_go_to_the_smaller_index)
{
    std::mt19937 rng(5);
    for (int const n : {5, 16, 40, 100}) {
        std::vector<float> lattice;
        for (int i = 0; i < 2 * n; ++i)
            lattice.push_back(static_cast<float>(rng() % 4) * 0.5F);
        for (int const k : {1, 3, 8, 64})
            expect_same(lattice, 2, k);
        expect_same(std::vector<float>(static_cast<std::size_t>(3 * n), 2.5F), 3, 8);
    }
}

TEST(SmallKnn, points_at_no_finite_distance_are_no_neighbours)
{
    std::vector<float> p = random_values(2 * 40, 9);
    p[6] = kNan;
    p[21] = kInf;
    p[44] = -kInf;
    p[60] = 3e38F;
    expect_same(p, 2, 8);
    expect_same(p, 2, 64);
    expect_same(std::vector<float>(20, kNan), 2, 4);
}

TEST(SmallKnn, distance_is_never_fused)
{
    auto const p = random_values(4000, 1);
    int fused = 0;
    for (std::size_t i = 0; i + 4 <= p.size(); i += 4) {
        float const want = plain_distance(&p[i], &p[i + 2], 2);
        EXPECT_EQ(knn_distance(&p[i], &p[i + 2], 2), want);
        float const dx = p[i] - p[i + 2];
        float const dy = p[i + 1] - p[i + 3];
        fused += std::fma(dx, dx, dy * dy) != want ? 1 : 0;
    }
    EXPECT_GT(fused, 50);  // the two do differ often: the test can fail
}
}  // namespace calofuse::test
