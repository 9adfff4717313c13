#include "kernels/graph/knn.hpp"

#include <algorithm>
#include <limits>

#include "runtime/isa.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

struct Cloud {
    std::int64_t dims;
    std::vector<std::int32_t> row_ptr;
    std::vector<float> x;
};

struct Lists {
    std::vector<std::int32_t> neighbours;
    std::vector<float> squared_distance;
};

/// The definition: sorts all others of the graph, distances rounded after every operation.
Lists oracle(Cloud const& cloud, std::int64_t k, KnnSelf self)
{
    Lists out;
    for (std::size_t b = 0; b + 1 < cloud.row_ptr.size(); ++b)
        for (std::int32_t i = cloud.row_ptr[b]; i < cloud.row_ptr[b + 1]; ++i) {
            std::vector<std::pair<float, std::int32_t>> all;
            if (self == KnnSelf::first) all.emplace_back(-1.0F, i);
            for (std::int32_t j = cloud.row_ptr[b]; j < cloud.row_ptr[b + 1]; ++j) {
                float volatile sum = 0;
                for (std::int64_t d = 0; d < cloud.dims; ++d) {
                    float const volatile difference =
                        cloud.x[static_cast<std::size_t>(i * cloud.dims + d)]
                        - cloud.x[static_cast<std::size_t>(j * cloud.dims + d)];
                    float const volatile square = difference * difference;
                    sum = sum + square;
                }
                float const d2 = sum;
                if (i != j && d2 < kInf) all.emplace_back(d2, j);
            }
            auto const take = std::min(all.size(), static_cast<std::size_t>(k));
            std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(take),
                              all.end());
            all.resize(take);
            if (self == KnnSelf::first) all[0].first = 0;
            all.resize(static_cast<std::size_t>(k), {-1.0F, -1});
            for (auto const& [d2, j] : all) {
                out.neighbours.push_back(j);
                out.squared_distance.push_back(d2);
            }
        }
    return out;
}

enum class By { choice, all_pairs, tree };

Lists run(Context& ctx, Cloud const& cloud, std::int64_t k, KnnSelf self, By by = By::choice)
{
    auto const rows = static_cast<std::int64_t>(cloud.x.size()) / cloud.dims;
    OnDevice<float> x(ctx, cloud.x, {rows, cloud.dims});
    OnDevice<std::int32_t> row_ptr(ctx, cloud.row_ptr,
                                   {static_cast<std::int64_t>(cloud.row_ptr.size())});
    OnDevice<std::int32_t> neighbours(
        ctx, std::vector<std::int32_t>(static_cast<std::size_t>(rows * k), 55), {rows, k});
    OnDevice<float> squared_distance(ctx, std::vector<float>(static_cast<std::size_t>(rows * k), 5),
                                     {rows, k});
    KnnArgs const args{.x = x.ref(),
                       .row_ptr = row_ptr.ref(),
                       .self = self,
                       .neighbours = neighbours.ref(),
                       .squared_distance = squared_distance.ref()};
    if (by == By::choice)
        knn(ctx, args);
    else
        cpu::knn_by(ctx, args, by == By::tree ? cpu::KnnMethod::tree : cpu::KnnMethod::all_pairs);
    return {neighbours.fetch(), squared_distance.fetch()};
}

void expect_definition(Cloud const& cloud, std::int64_t k)
{
    for (KnnSelf const self : {KnnSelf::exclude, KnnSelf::first}) {
        Lists const want = oracle(cloud, k, self);
        auto const expect_same = [&](Context& ctx, By by) {
            Lists const got = run(ctx, cloud, k, self, by);
            EXPECT_EQ(got.neighbours, want.neighbours)
                << cloud.dims << " dims, k " << k << ", way " << static_cast<int>(by);
            EXPECT_EQ(got.squared_distance, want.squared_distance);
        };
        Context ctx = make_context(2);
        if (on_cuda()) {
            expect_same(ctx, By::choice);
            continue;
        }
        for (Isa const isa : {Isa::avx2, Isa::avx512}) {
            if (!cpu_has(isa)) continue;
            ForcedIsa const forced(isa);
            for (By const by : {By::choice, By::all_pairs, By::tree})
                expect_same(ctx, by);
        }
    }
}

Cloud random_cloud(std::int64_t dims, std::vector<std::int32_t> row_ptr, std::uint32_t seed)
{
    auto const count = static_cast<std::size_t>(row_ptr.back() * dims);
    return {dims, std::move(row_ptr), random_values(count, seed)};
}

/// Whole numbers below `side` in every coordinate: nearly every distance is tied.
Cloud lattice(std::int64_t dims, std::int32_t points, std::uint32_t side, std::uint32_t seed)
{
    Cloud cloud = random_cloud(dims, {0, points}, seed);
    for (float& v : cloud.x)
        v = std::floor((v + 1) * 0.5F * static_cast<float>(side)) * 0.5F;
    return cloud;
}
}  // namespace

TEST(Knn, agrees_with_the_definition)
{
    using Ints = std::vector<std::int64_t>;
    std::vector<std::int32_t> const ragged{0, 0, 1, 3, 3, 28, 45, 61, 77, 110, 359, 359};
    for (std::int64_t const dims : on_cuda() ? Ints{1, 2, 9} : Ints{1, 2, 3, 5, 16})
        for (std::int64_t const k : {1, 8, 64})
            expect_definition(random_cloud(dims, ragged, 3), k);
    expect_definition(random_cloud(128, {0, 20, 90}, 3), 8);
    expect_definition(random_cloud(128, {0, 80}, 3), 64);
    expect_definition(random_cloud(2, {0}, 1), 4);
    if (!on_cuda()) expect_definition(random_cloud(3, {0, 700, 701, 1301}, 1), 16);
}

TEST(Knn, ties_go_to_the_smaller_index)
{
    for (std::int64_t const k : {1, 8, 40}) {
        expect_definition(lattice(2, on_cuda() ? 200 : 600, 17, 5), k);
        expect_definition(lattice(3, on_cuda() ? 150 : 300, 4, 6), k);
    }
    Cloud same = random_cloud(3, {0, on_cuda() ? 100 : 500}, 1);
    std::fill(same.x.begin(), same.x.end(), 2.5F);
    expect_definition(same, 9);
}

TEST(Knn, points_without_a_finite_distance_have_no_neighbours)
{
    for (std::int32_t const points : {40, on_cuda() ? 140 : 600}) {
        Cloud cloud = random_cloud(2, {0, points}, 9);
        cloud.x[6] = kNan;
        cloud.x[21] = kInf;
        cloud.x[44] = -kInf;
        cloud.x[60] = 3e38F;
        cloud.x[62] = -3e38F;
        expect_definition(cloud, 8);
        expect_definition(cloud, 64);
        std::fill(cloud.x.begin(), cloud.x.end(), kNan);
        expect_definition(cloud, 3);
    }
}

TEST(Knn, rows_past_the_last_graph_are_left_alone)
{
    Cloud cloud = random_cloud(2, {0, 20, 450}, 2);
    Lists want = oracle(cloud, 5, KnnSelf::exclude);
    cloud.x.resize(cloud.x.size() + 14, kNan);
    want.neighbours.resize(want.neighbours.size() + 35, 55);
    want.squared_distance.resize(want.squared_distance.size() + 35, 5);
    Context ctx = make_context(2);
    Lists const got = run(ctx, cloud, 5, KnnSelf::exclude);
    EXPECT_EQ(got.neighbours, want.neighbours);
    EXPECT_EQ(got.squared_distance, want.squared_distance);
}

TEST(Knn, permuting_the_points_of_a_graph_permutes_the_lists)
{
    std::int32_t const points = 700;
    Cloud const cloud = random_cloud(3, {0, points}, 4);
    Cloud turned = cloud;
    for (std::int32_t i = 0; i < points; ++i)
        std::copy_n(&cloud.x[static_cast<std::size_t>(3 * i)], 3,
                    &turned.x[static_cast<std::size_t>(3 * (points - 1 - i))]);
    Context ctx = make_context(1);
    Lists const a = run(ctx, cloud, 6, KnnSelf::exclude);
    Lists const b = run(ctx, turned, 6, KnnSelf::exclude);
    for (std::int32_t i = 0; i < points; ++i)
        for (std::int32_t s = 0; s < 6; ++s)
            EXPECT_EQ(
                a.neighbours[static_cast<std::size_t>(i * 6 + s)],
                points - 1 - b.neighbours[static_cast<std::size_t>((points - 1 - i) * 6 + s)]);
}

TEST(Knn, backends_agree_to_the_bit)
{
    Context ctx = make_context(), cpu = Context::cpu(2);
    for (std::int64_t const k : {5, 20}) {
        Cloud const cloud = random_cloud(4, {0, 90, 91, 230}, 6);
        Lists const got = run(ctx, cloud, k, KnnSelf::exclude);
        Lists const want = run(cpu, cloud, k, KnnSelf::exclude);
        EXPECT_TRUE(same_bits(got.neighbours, want.neighbours));
        EXPECT_TRUE(same_bits(got.squared_distance, want.squared_distance));
    }
}

TEST(Knn, same_bits_for_any_number_of_threads)
{
    std::int32_t const large = on_cuda() ? 400 : 1700;
    Cloud const cloud = random_cloud(3, {0, 20, large, large + 25, large + 100}, 8);
    expect_same_for_any_threads(
        [&](Context& ctx) { return run(ctx, cloud, 12, KnnSelf::exclude).neighbours; });
}

TEST(Knn, distances_are_optional)
{
    Context ctx = make_context(1);
    for (std::int32_t const points : {9, 500}) {
        Cloud const cloud = random_cloud(2, {0, points}, 8);
        OnDevice<float> x(ctx, cloud.x, {points, 2});
        OnDevice<std::int32_t> row_ptr(ctx, cloud.row_ptr, {2});
        OnDevice<std::int32_t> neighbours(
            ctx, std::vector<std::int32_t>(static_cast<std::size_t>(points * 4)), {points, 4});
        knn(ctx, {.x = x.ref(), .row_ptr = row_ptr.ref(), .neighbours = neighbours.ref()});
        EXPECT_EQ(neighbours.fetch(), oracle(cloud, 4, KnnSelf::exclude).neighbours);
    }
}

TEST(Knn, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> x(ctx, std::vector<float>(12), {6, 2}),
        wide(ctx, std::vector<float>(774), {6, 129});
    OnDevice<std::int32_t> row_ptr(ctx, {0, 6}, {2}), none(ctx, {}, {0});
    OnDevice<std::int32_t> lists(ctx, std::vector<std::int32_t>(18), {6, 3});
    OnDevice<std::int32_t> empty(ctx, {}, {6, 0});
    OnDevice<std::int32_t> long_lists(ctx, std::vector<std::int32_t>(390), {6, 65});
    OnDevice<std::int32_t> few(ctx, std::vector<std::int32_t>(15), {5, 3});
    OnDevice<float> distance(ctx, std::vector<float>(12), {6, 2});
    auto const call = [&](TensorRef const& points, TensorRef const& rows, TensorRef const& out,
                          TensorRef const& d2) {
        knn(ctx, {.x = points, .row_ptr = rows, .neighbours = out, .squared_distance = d2});
    };
    call(x.ref(), row_ptr.ref(), lists.ref(), {});
    EXPECT_THROW(call(wide.ref(), row_ptr.ref(), lists.ref(), {}), Error);
    EXPECT_THROW(call(x.ref(), none.ref(), lists.ref(), {}), Error);
    EXPECT_THROW(call(x.ref(), row_ptr.ref(), empty.ref(), {}), Error);
    EXPECT_THROW(call(x.ref(), row_ptr.ref(), long_lists.ref(), {}), Error);
    EXPECT_THROW(call(x.ref(), row_ptr.ref(), few.ref(), {}), Error);
    EXPECT_THROW(call(x.ref(), row_ptr.ref(), lists.ref(), distance.ref()), Error);
}
}  // namespace calofuse::test
