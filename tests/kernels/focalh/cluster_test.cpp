#include "kernels/focalh/cluster.hpp"

#include <map>
#include <set>

#include "tests/support/backend_test.hpp"
#include "tests/support/hit_events.hpp"

namespace calofuse::test {
namespace {
struct Labels {
    std::vector<std::int32_t> label, row_ptr;
    bool operator==(Labels const&) const = default;
};

/// Energies (N, 249), as the pedestal operator gives them.
std::vector<float> energies(HitEvents const& events)
{
    std::vector<float> a;
    for (std::int64_t e = 0; e < events.size(); ++e)
        for (std::int32_t const c : events.channels)
            a.push_back(std::max(0.0F, float(events.adc[static_cast<std::size_t>(e * 256 + c)])
                                           - events.pedestal[static_cast<std::size_t>(c)]));
    return a;
}

Labels run(Context& ctx,
           HitEvents const& events,
           std::vector<float> const& a,
           HitOptions const& options,
           bool noise)
{
    auto const batch = static_cast<std::int64_t>(a.size()) / kNumCells;
    OnDevice<float> const d_a(ctx, a, {batch, kNumCells});
    OnDevice<std::int32_t> const channels(ctx, events.channels, {kNumCells});
    OnDevice<float> const d_noise(ctx, events.noise, {kNumChannels});
    OnDevice<std::int32_t> const label(ctx, std::vector<std::int32_t>(a.size(), 9),
                                       {batch, kNumCells});
    OnDevice<std::int32_t> const row_ptr(
        ctx, std::vector<std::int32_t>(static_cast<std::size_t>(batch + 1), 9), {batch + 1});
    cluster(ctx, {.a = d_a.ref(),
                  .channels = channels.ref(),
                  .noise = noise ? d_noise.ref() : TensorRef{},
                  .options = options,
                  .label = label.ref(),
                  .row_ptr = row_ptr.ref()});
    return {label.fetch(), row_ptr.fetch()};
}

Labels run(HitEvents const& events,
           std::vector<float> const& a,
           HitOptions const& options,
           bool noise = false,
           int threads = 1)
{
    Context ctx = make_context(threads);
    return run(ctx, events, a, options, noise);
}

bool touch(Cell const& a, Cell const& b, bool across_modules)
{
    double const reach =
        0.5 * kModuleSideCm * (1.0 / module_side(a.module) + 1.0 / module_side(b.module)) + 1e-6;
    return (a.module == b.module || across_modules) && std::abs(a.x_cm - b.x_cm) < reach
           && std::abs(a.y_cm - b.y_cm) < reach;
}

/// The definition: representative cell of the hit of each cell, -1 = off.
std::vector<int> representatives(HitRule rule,
                                 std::vector<double> const& a,
                                 std::vector<bool> const& on)
{
    static auto const lists = [] {  // [across modules][cell]: itself and the cells that it touches
        auto const map = ChannelMap::focalh_prototype2();
        std::vector<std::vector<std::size_t>> out[2];
        for (bool const across : {false, true})
            for (Cell const& a_cell : map.cells) {
                out[across].emplace_back();
                for (std::size_t j = 0; j < kNumCells; ++j)
                    if (touch(a_cell, map.cells[j], across)) out[across].back().push_back(j);
            }
        return std::vector(std::begin(out), std::end(out));
    }();
    std::vector<int> rep(kNumCells, -1);
    auto const& near = lists[rule == HitRule::ccl_global ? 1 : 0];
    for (int i = 0; i < kNumCells; ++i)
        if (on[static_cast<std::size_t>(i)]) rep[static_cast<std::size_t>(i)] = i;
    if (rule == HitRule::cell) return rep;
    for (bool changed = true; changed;) {
        changed = false;
        for (std::size_t i = 0; i < kNumCells; ++i) {
            if (!on[i]) continue;
            std::size_t best = i;
            int lowest = rep[i];
            for (std::size_t const j : near[i]) {
                if (!on[j]) continue;
                lowest = std::min(lowest, rep[j]);
                if (a[j] > a[best] || (a[j] == a[best] && j < best)) best = j;
            }
            // One step: up to the largest neighbour, or to the lowest number around.
            int const want = rule == HitRule::watershed ? rep[best] : lowest;
            changed = changed || rep[i] != want;
            rep[i] = want;
        }
    }
    return rep;
}

std::vector<std::int32_t> oracle(HitEvents const& events,
                                 float const* a,
                                 HitOptions const& options,
                                 bool noise)
{
    std::vector<double> energy(a, a + kNumCells);
    std::vector<bool> on;
    for (std::size_t k = 0; k < kNumCells; ++k) {
        double const sigma = noise ? events.noise[static_cast<std::size_t>(events.channels[k])] : 0;
        on.push_back(energy[k] > std::max<double>(options.threshold_adc, 3 * sigma));
    }
    auto const rep = representatives(options.rule, energy, on);
    std::map<int, double> sum;
    for (std::size_t k = 0; k < kNumCells; ++k)
        if (rep[k] >= 0) sum[rep[k]] += energy[k];
    std::map<int, std::int32_t> number;
    std::vector<std::int32_t> label;
    for (std::size_t k = 0; k < kNumCells; ++k) {
        bool const kept = rep[k] >= 0 && sum[rep[k]] >= options.min_sum_adc;
        label.push_back(
            kept ? number.emplace(rep[k], static_cast<std::int32_t>(number.size())).first->second
                 : -1);
    }
    return label;
}
}  // namespace

TEST(Cluster, agrees_with_the_definition)
{
    HitEvents const events = hit_events(10);
    auto const a = energies(events);
    for (HitRule const rule : kAllHitRules)
        for (float const threshold : {0.0F, 50.0F, 300.0F})
            for (float const min_sum : {0.0F, 100.0F, 2000.0F})
                for (bool const noise : {false, true}) {
                    HitOptions const options{
                        .rule = rule, .threshold_adc = threshold, .min_sum_adc = min_sum};
                    Labels const got = run(events, a, options, noise);
                    for (std::size_t b = 0; b < static_cast<std::size_t>(events.size()); ++b) {
                        std::vector<std::int32_t> const label(
                            got.label.begin() + static_cast<std::ptrdiff_t>(b * kNumCells),
                            got.label.begin() + static_cast<std::ptrdiff_t>((b + 1) * kNumCells));
                        ASSERT_EQ(label, oracle(events, &a[b * kNumCells], options, noise))
                            << name_of(rule) << " event " << b << " threshold " << threshold;
                        int const hits = got.row_ptr[b + 1] - got.row_ptr[b];
                        ASSERT_EQ(hits, *std::max_element(label.begin(), label.end()) + 1);
                        ASSERT_LE(hits, max_hits(rule));
                    }
                }
}

TEST(Cluster, bounds_are_reached)
{
    HitEvents events = hit_events(0);
    std::vector<float> a(2 * kNumCells, 0.0F);
    auto const map = ChannelMap::focalh_prototype2();
    for (std::size_t k = 0; k < kNumCells; ++k) {
        Cell const& c = map.cells[k];
        a[k] = 100.0F + (c.row % 2 == 0 && c.col % 2 == 0 ? 500.0F : 0.0F);
        a[kNumCells + k] = a[k] - 100.0F;
    }
    EXPECT_EQ(run(events, a, {.rule = HitRule::watershed}).row_ptr[1],
              max_hits(HitRule::watershed));
    auto const ccl = run(events, a, {.rule = HitRule::ccl}).row_ptr;
    EXPECT_EQ(ccl[1], 9);  // all cells on: one hit a module
    EXPECT_EQ(ccl[2] - ccl[1], max_hits(HitRule::ccl));
    EXPECT_EQ(run(events, a, {.rule = HitRule::cell}).row_ptr[1], max_hits(HitRule::cell));
    EXPECT_EQ(run(events, a, {.rule = HitRule::ccl_global}).row_ptr[1], 1);
}

/// Independent sets of one module, by trying all: the 9 and 16 of the bound.
TEST(Cluster, bounds_hold_for_one_module)
{
    for (int const side : {5, 7}) {
        // best[rows so far][cells taken in the last row]: cells of one row never touch each other.
        std::map<unsigned, int> best{{0U, 0}};
        for (int row = 0; row < side; ++row) {
            std::map<unsigned, int> next;
            for (auto const& [last, count] : best)
                for (unsigned taken = 0; taken < (1U << side); ++taken)
                    if ((taken & (taken << 1U)) == 0 && (taken & last) == 0
                        && (taken & (last << 1U)) == 0 && (taken & (last >> 1U)) == 0)
                        next[taken] = std::max(next[taken], count + __builtin_popcount(taken));
            best = next;
        }
        int most = 0;
        for (auto const& entry : best)
            most = std::max(most, entry.second);
        EXPECT_EQ(most, side == 5 ? 9 : 16);
    }
    EXPECT_EQ(max_hits(HitRule::ccl), 8 * 9 + 16);
}

TEST(Cluster, neither_threads_nor_other_events_change_a_label)
{
    HitEvents const events = hit_events(20);
    auto const a = energies(events);
    for (HitRule const rule : kAllHitRules) {
        HitOptions const options{.rule = rule, .min_sum_adc = 100.0F};
        Labels const all = run(events, a, options);
        for (int const threads : {2, 3})
            EXPECT_EQ(run(events, a, options, false, threads), all);
        for (std::size_t b = 0; b < static_cast<std::size_t>(events.size()); b += 7) {
            auto const begin = static_cast<std::ptrdiff_t>(b * kNumCells);
            Labels const alone =
                run(events, {a.begin() + begin, a.begin() + begin + kNumCells}, options);
            EXPECT_TRUE(
                std::equal(alone.label.begin(), alone.label.end(), all.label.begin() + begin));
            EXPECT_EQ(alone.row_ptr[1], all.row_ptr[b + 1] - all.row_ptr[b]);
        }
    }
    EXPECT_EQ(run(events, {}, {}).row_ptr, std::vector<std::int32_t>{0});
}

TEST(Cluster, backends_agree)
{
    HitEvents const events = hit_events(on_cuda() ? 60 : 10);
    auto const a = energies(events);
    Context ctx = make_context(), cpu = Context::cpu(2);
    for (HitRule const rule : kAllHitRules)
        for (float const min_sum : {0.0F, 300.0F}) {
            HitOptions const options{.rule = rule, .min_sum_adc = min_sum};
            EXPECT_EQ(run(ctx, events, a, options, true), run(cpu, events, a, options, true))
                << name_of(rule);
        }
}

TEST(Cluster, refuses_bad_settings_and_shapes)
{
    HitEvents const events = hit_events(0);
    std::vector<float> const a(kNumCells, 1.0F);
    EXPECT_NO_THROW(run(events, a, {.threshold_adc = 0, .min_sum_adc = 0, .neighbours = 64}));
    EXPECT_ANY_THROW(run(events, a, {.threshold_adc = -1}));
    EXPECT_ANY_THROW(run(events, a, {.threshold_adc = std::nanf("")}));
    EXPECT_ANY_THROW(run(events, a, {.min_sum_adc = -1}));
    EXPECT_ANY_THROW(run(events, a, {.neighbours = 0}));
    EXPECT_ANY_THROW(run(events, a, {.neighbours = 65}));
    HitEvents wrong = events;
    wrong.noise.pop_back();
    Context ctx = make_context(1);
    OnDevice<float> const d_a(ctx, a, {1, kNumCells});
    OnDevice<std::int32_t> const channels(ctx, events.channels, {kNumCells});
    OnDevice<std::int32_t> const row_ptr(ctx, {0, 0}, {2});
    EXPECT_ANY_THROW(cluster(ctx, {.a = d_a.ref(),
                                   .channels = channels.ref(),
                                   .label = d_a.ref(),
                                   .row_ptr = row_ptr.ref()}));
}
}  // namespace calofuse::test
