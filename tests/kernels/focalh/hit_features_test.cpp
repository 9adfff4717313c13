#include "kernels/focalh/hit_features.hpp"

#include <set>

#include "kernels/focalh/cluster.hpp"
#include "tests/support/hit_events.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
struct Nodes {
    std::vector<float> x, position, energy;
};

/// `capacity` rows of which the last ones must stay as they are.
Nodes run(Context& ctx,
          std::vector<float> const& a,
          std::vector<std::int32_t> const& label,
          std::vector<std::int32_t> const& row_ptr,
          std::int64_t capacity)
{
    auto const batch = static_cast<std::int64_t>(row_ptr.size()) - 1;
    auto const rows = static_cast<std::size_t>(capacity);
    OnDevice<float> const d_a(ctx, a, {batch, kNumCells});
    OnDevice<std::int32_t> const d_label(ctx, label, {batch, kNumCells});
    OnDevice<std::int32_t> const d_row_ptr(ctx, row_ptr, {batch + 1});
    OnDevice<float> const x(ctx, std::vector<float>(rows * kNumHitFeatures, -7.0F),
                            {capacity, kNumHitFeatures});
    OnDevice<float> const position(ctx, std::vector<float>(rows * 2, -7.0F), {capacity, 2});
    OnDevice<float> const energy(ctx, std::vector<float>(rows, -7.0F), {capacity});
    hit_features(
        ctx, {d_a.ref(), d_label.ref(), d_row_ptr.ref(), x.ref(), position.ref(), energy.ref()});
    return {x.fetch(), position.fetch(), energy.fetch()};
}

Nodes run(std::vector<float> const& a,
          std::vector<std::int32_t> const& label,
          std::vector<std::int32_t> const& row_ptr,
          std::int64_t capacity,
          int threads = 1)
{
    Context ctx = make_context(threads);
    return run(ctx, a, label, row_ptr, capacity);
}

/// Energies of all events, and their hits by the cluster operator, which has its own test.
struct Hits {
    std::vector<float> a;
    std::vector<std::int32_t> label, row_ptr;
};
Hits hits_of(HitEvents const& events, HitRule rule)
{
    Hits out;
    for (std::int64_t e = 0; e < events.size(); ++e)
        for (std::int32_t const c : events.channels)
            out.a.push_back(
                std::max(0.0F, static_cast<float>(events.adc[static_cast<std::size_t>(e * 256 + c)])
                                   - events.pedestal[static_cast<std::size_t>(c)]));
    Context ctx = make_context(1);
    OnDevice<float> const a(ctx, out.a, {events.size(), kNumCells});
    OnDevice<std::int32_t> const channels(ctx, events.channels, {kNumCells});
    OnDevice<std::int32_t> const label(ctx, std::vector<std::int32_t>(out.a.size()),
                                       {events.size(), kNumCells});
    OnDevice<std::int32_t> const row_ptr(
        ctx, std::vector<std::int32_t>(static_cast<std::size_t>(events.size() + 1)),
        {events.size() + 1});
    cluster(ctx, {.a = a.ref(),
                  .channels = channels.ref(),
                  .options = {.rule = rule},
                  .label = label.ref(),
                  .row_ptr = row_ptr.ref()});
    out.label = label.fetch();
    out.row_ptr = row_ptr.fetch();
    return out;
}

/// The definition, in double and millimetres.
std::vector<double> oracle(float const* a, std::int32_t const* label, int hit, int num_hits)
{
    static auto const map = ChannelMap::focalh_prototype2();
    double total = 0, sum = 0, x = 0, y = 0, cells = 0, on = 0;
    std::size_t largest = kNumCells;
    for (std::size_t k = 0; k < kNumCells; ++k) {
        total += a[k];
        on += label[k] >= 0 ? 1 : 0;
        if (label[k] != hit) continue;
        sum += a[k];
        x += 10.0 * a[k] * map.cells[k].x_cm;
        y += 10.0 * a[k] * map.cells[k].y_cm;
        ++cells;
        if (largest == kNumCells || a[k] > a[largest]) largest = k;
    }
    x /= sum;
    y /= sum;
    double xx = 0, yy = 0;
    for (std::size_t k = 0; k < kNumCells; ++k) {
        if (label[k] != hit) continue;
        xx += double{a[k]} * std::pow(10 * map.cells[k].x_cm - x, 2);
        yy += double{a[k]} * std::pow(10 * map.cells[k].y_cm - y, 2);
    }
    int const module = map.cells[largest].module;
    std::vector<double> f = {x / 100,
                             y / 100,
                             std::log1p(sum),
                             sum / total,
                             cells / 25,
                             a[largest] / sum,
                             std::sqrt(xx / sum) / 10,
                             std::sqrt(yy / sum) / 10,
                             std::hypot(x, y) / 100,
                             std::log1p(double{a[largest]}),
                             on / 10,
                             module == kCentreModule ? 1.0 : 0.0};
    for (int m = 0; m < kNumModules; ++m)
        f.push_back(m == module ? 1.0 : 0.0);
    f.insert(f.end(), {std::log1p(total), num_hits / 10.0, 1.0});
    f.insert(f.end(), {x / kMillimetresPerPositionUnit, y / kMillimetresPerPositionUnit, sum});
    return f;
}
}  // namespace

TEST(HitFeatures, agrees_with_the_definition)
{
    HitEvents const events = hit_events(20);
    for (HitRule const rule : kAllHitRules) {
        Hits const hits = hits_of(events, rule);
        std::int64_t const capacity = hits.row_ptr.back() + 3;
        Nodes const got = run(hits.a, hits.label, hits.row_ptr, capacity);
        std::vector<double> x, position, energy;
        for (std::size_t b = 0; b + 1 < hits.row_ptr.size(); ++b) {
            int const n = hits.row_ptr[b + 1] - hits.row_ptr[b];
            for (int h = 0; h < n; ++h) {
                auto const f = oracle(&hits.a[b * kNumCells], &hits.label[b * kNumCells], h, n);
                x.insert(x.end(), f.begin(), f.begin() + kNumHitFeatures);
                position.insert(position.end(), f.begin() + kNumHitFeatures, f.end() - 1);
                energy.push_back(f.back());
            }
        }
        x.resize(x.size() + 3 * kNumHitFeatures, -7.0);
        position.resize(position.size() + 6, -7.0);
        energy.resize(energy.size() + 3, -7.0);
        // Sums are in double; a feature is rounded once, or twice with a logarithm of two units.
        expect_close(got.x, x, 2e-7, 3e-7);
        expect_close(got.position, position, 1e-5, 1e-7);
        expect_close(got.energy, energy, 0, 1e-7);
    }
}

TEST(HitFeatures, single_cells_sit_exactly_on_the_lattice)
{
    HitEvents const events = hit_events(20);
    Hits const hits = hits_of(events, HitRule::cell);
    Nodes const got = run(hits.a, hits.label, hits.row_ptr, hits.row_ptr.back());
    for (std::size_t i = 0; i < got.energy.size(); ++i) {
        EXPECT_EQ(got.position[2 * i], std::round(got.position[2 * i]));
        EXPECT_EQ(got.position[2 * i + 1], std::round(got.position[2 * i + 1]));
        EXPECT_EQ(got.x[i * kNumHitFeatures + 5], 1.0F);
        EXPECT_EQ(got.x[i * kNumHitFeatures + 6], 0.0F);
        EXPECT_EQ(got.x[i * kNumHitFeatures + 7], 0.0F);
    }
}

TEST(HitFeatures, threads_change_no_bit_and_every_feature_has_a_name)
{
    HitEvents const events = hit_events(30);
    Hits const hits = hits_of(events, HitRule::ccl);
    Nodes const one = run(hits.a, hits.label, hits.row_ptr, hits.row_ptr.back(), 1);
    for (int const threads : {2, 3})
        EXPECT_EQ(run(hits.a, hits.label, hits.row_ptr, hits.row_ptr.back(), threads).x, one.x);
    EXPECT_TRUE(run({}, {}, {0}, 0).x.empty());
    std::set<std::string> names;
    for (char const* const name : hit_feature_names())
        names.insert(name);
    EXPECT_EQ(names.size(), std::size_t{kNumHitFeatures});
}

TEST(HitFeatures, backends_agree_to_the_bit)
{
    HitEvents const events = hit_events(30);
    Context ctx = make_context(), cpu = Context::cpu(2);
    for (HitRule const rule : kAllHitRules) {
        Hits const hits = hits_of(events, rule);
        std::int64_t const capacity = hits.row_ptr.back() + 2;
        Nodes const got = run(ctx, hits.a, hits.label, hits.row_ptr, capacity);
        Nodes const want = run(cpu, hits.a, hits.label, hits.row_ptr, capacity);
        EXPECT_TRUE(same_bits(got.x, want.x)) << name_of(rule);
        EXPECT_TRUE(same_bits(got.position, want.position)) << name_of(rule);
        EXPECT_TRUE(same_bits(got.energy, want.energy)) << name_of(rule);
    }
}

TEST(HitFeatures, refuses_wrong_shapes)
{
    Context ctx = make_context(1);
    OnDevice<float> const a(ctx, std::vector<float>(kNumCells, 1.0F), {1, kNumCells});
    OnDevice<std::int32_t> const label(ctx, std::vector<std::int32_t>(kNumCells, 0),
                                       {1, kNumCells});
    OnDevice<std::int32_t> const row_ptr(ctx, {0, 1}, {2});
    OnDevice<float> const x(ctx, std::vector<float>(kNumHitFeatures), {1, kNumHitFeatures});
    OnDevice<float> const position(ctx, {0, 0}, {1, 2});
    HitFeaturesArgs const good{a.ref(), label.ref(), row_ptr.ref(), x.ref(), position.ref()};
    EXPECT_NO_THROW(hit_features(ctx, good));
    HitFeaturesArgs bad = good;
    bad.position = x.ref();
    EXPECT_ANY_THROW(hit_features(ctx, bad));
    bad = good;
    bad.label = a.ref();
    EXPECT_ANY_THROW(hit_features(ctx, bad));
    bad = good;
    bad.energy = position.ref();
    EXPECT_ANY_THROW(hit_features(ctx, bad));
}
}  // namespace calofuse::test
