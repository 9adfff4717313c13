#include "kernels/focalh/event_graph.hpp"

#include <numeric>
#include <set>

#include "kernels/focalh/cluster.hpp"
#include "kernels/focalh/hit_features.hpp"
#include "kernels/focalh/pedestal.hpp"
#include "kernels/graph/csr.hpp"
#include "kernels/graph/knn.hpp"
#include "tests/support/hit_events.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr float kUnwritten = -7.0F;

/// Cut to what the batch has; everything after that is checked to be unwritten.
struct Graphs {
    std::vector<std::int32_t> row_ptr, edge_ptr, source;
    std::vector<float> x, position, energy, edge_x;
    bool operator==(Graphs const&) const = default;

    int num_hits(std::size_t b) const { return row_ptr[b + 1] - row_ptr[b]; }
};

template <class T>
void cut(std::vector<T>& all, std::size_t size)
{
    for (std::size_t i = size; i < all.size(); ++i)
        ASSERT_EQ(all[i], static_cast<T>(kUnwritten)) << "element " << i << " was written";
    all.resize(size);
}

enum class Edges : std::uint8_t { none, all };

Graphs run(Context& ctx,
           HitEvents const& events,
           std::vector<std::int32_t> const& rows,
           HitOptions const& options,
           bool noise,
           Edges wanted = Edges::all)
{
    auto const batch = static_cast<std::int64_t>(rows.size());
    std::int64_t const n = batch * max_hits(options.rule);
    std::int64_t const e = batch * max_edges(options);
    auto const floats = [&](std::int64_t count, std::vector<std::int64_t> shape) {
        return OnDevice<float>(ctx, std::vector<float>(static_cast<std::size_t>(count), kUnwritten),
                               std::move(shape));
    };
    auto const words = [&](std::int64_t count) {
        return OnDevice<std::int32_t>(
            ctx, std::vector<std::int32_t>(static_cast<std::size_t>(count), -7), {count});
    };
    OnDevice<std::uint16_t> const adc(ctx, events.adc, {events.size(), kNumChannels});
    OnDevice<std::int32_t> const d_rows(ctx, rows, {batch});
    OnDevice<std::int32_t> const channels(ctx, events.channels, {kNumCells});
    OnDevice<float> const pedestal(ctx, events.pedestal, {kNumChannels});
    OnDevice<float> const d_noise(ctx, events.noise, {kNumChannels});
    auto const row_ptr = words(batch + 1), edge_ptr = words(n + 1), source = words(e);
    auto const x = floats(n * kNumHitFeatures, {n, kNumHitFeatures});
    auto const position = floats(2 * n, {n, 2}), energy = floats(n, {n});
    auto const edge_x = floats(4 * e, {e, 4});
    auto const if_wanted = [&](TensorRef const& t) {
        return wanted == Edges::all ? t : TensorRef{};
    };
    event_graph(ctx, {.adc = adc.ref(),
                      .rows = d_rows.ref(),
                      .channels = channels.ref(),
                      .pedestal = pedestal.ref(),
                      .noise = noise ? d_noise.ref() : TensorRef{},
                      .options = options,
                      .row_ptr = row_ptr.ref(),
                      .x = x.ref(),
                      .position = position.ref(),
                      .energy = energy.ref(),
                      .edge_ptr = if_wanted(edge_ptr.ref()),
                      .source = if_wanted(source.ref()),
                      .edge_x = if_wanted(edge_x.ref())});
    Graphs out{row_ptr.fetch(),  edge_ptr.fetch(), source.fetch(), x.fetch(),
               position.fetch(), energy.fetch(),   edge_x.fetch()};
    auto const nodes = static_cast<std::size_t>(out.row_ptr.back());
    auto const edges = wanted == Edges::all ? static_cast<std::size_t>(out.edge_ptr[nodes]) : 0;
    cut(out.edge_ptr, wanted == Edges::all ? nodes + 1 : 0);
    cut(out.source, edges);
    cut(out.x, nodes * kNumHitFeatures);
    cut(out.position, nodes * 2);
    cut(out.energy, nodes);
    cut(out.edge_x, edges * 4);
    return out;
}

Graphs run(HitEvents const& events,
           std::vector<std::int32_t> const& rows,
           HitOptions const& options,
           int threads = 1,
           bool noise = false)
{
    Context ctx = make_context(threads);
    return run(ctx, events, rows, options, noise);
}

std::vector<std::int32_t> all_rows(HitEvents const& events)
{
    std::vector<std::int32_t> rows(static_cast<std::size_t>(events.size()));
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
}

/// The emulator takes its time: there every fifth event must do.
std::vector<std::int32_t> some_rows(HitEvents const& events)
{
    auto rows = all_rows(events);
    if (!on_cuda()) return rows;
    for (std::size_t i = 0; 5 * i < rows.size(); ++i)
        rows[i] = rows[5 * i];
    rows.resize((rows.size() + 4) / 5);
    return rows;
}

/// Neighbours by sorting all pairs of whole-number-friendly positions, in double.
std::vector<std::vector<std::int32_t>> sources_of(Graphs const& g,
                                                  std::size_t b,
                                                  HitOptions const& options)
{
    int const first = g.row_ptr[b];
    auto const n = static_cast<std::size_t>(g.num_hits(b));
    std::vector<std::vector<std::int32_t>> near(n);
    for (std::size_t i = 0; i < n; ++i) {
        std::vector<std::pair<float, std::int32_t>> all;
        for (std::size_t j = 0; j < n; ++j) {
            auto const at = [&](std::size_t p, std::size_t d) {
                return g.position[2 * (static_cast<std::size_t>(first) + p) + d];
            };
            float const volatile dx = at(i, 0) - at(j, 0), dy = at(i, 1) - at(j, 1);
            float const volatile xx = dx * dx, yy = dy * dy;
            if (i != j) all.emplace_back(xx + yy, first + static_cast<std::int32_t>(j));
        }
        std::sort(all.begin(), all.end());
        all.resize(std::min(all.size(), static_cast<std::size_t>(options.neighbours)));
        for (auto const& [d2, j] : all)
            near[i].push_back(j);
    }
    if (!options.symmetrise) return near;
    auto const own = near;
    for (std::size_t j = 0; j < n; ++j)
        for (std::int32_t const i : own[j]) {
            auto& list = near[static_cast<std::size_t>(i - first)];
            auto const me = first + static_cast<std::int32_t>(j);
            if (std::find(list.begin(), list.end(), me) == list.end()) list.push_back(me);
        }
    for (auto& list : near)
        std::sort(list.begin(), list.end());
    return near;
}
}  // namespace

TEST(EventGraph, equals_the_chain_of_single_operators)
{
    HitEvents const events = hit_events(on_cuda() ? 2 : 10);
    Context ctx = make_context(1);
    std::int64_t const batch = events.size();
    OnDevice<std::uint16_t> const adc(ctx, events.adc, {batch, kNumChannels});
    OnDevice<std::int32_t> const rows(ctx, all_rows(events), {batch});
    OnDevice<std::int32_t> const channels(ctx, events.channels, {kNumCells});
    OnDevice<float> const pedestal(ctx, events.pedestal, {kNumChannels});
    OnDevice<float> const noise(ctx, events.noise, {kNumChannels});
    std::vector<float> const cells(static_cast<std::size_t>(batch * kNumCells));
    for (HitRule const rule : kAllHitRules) {
        HitOptions const options{.rule = rule, .min_sum_adc = default_min_sum_adc(rule)};
        Graphs const fused = run(events, all_rows(events), options, 1, true);
        OnDevice<float> const a(ctx, cells, {batch, kNumCells});
        OnDevice<std::int32_t> const label(ctx, std::vector<std::int32_t>(cells.size()),
                                           {batch, kNumCells});
        OnDevice<std::int32_t> const row_ptr(
            ctx, std::vector<std::int32_t>(static_cast<std::size_t>(batch + 1)), {batch + 1});
        subtract_pedestal(ctx, {adc.ref(), rows.ref(), channels.ref(), pedestal.ref(), a.ref()});
        cluster(ctx, {.a = a.ref(),
                      .channels = channels.ref(),
                      .noise = noise.ref(),
                      .options = options,
                      .label = label.ref(),
                      .row_ptr = row_ptr.ref()});
        EXPECT_EQ(row_ptr.fetch(), fused.row_ptr) << name_of(rule);
        std::int64_t const n = fused.row_ptr.back();
        OnDevice<float> const x(ctx, std::vector<float>(fused.x.size()), {n, kNumHitFeatures});
        OnDevice<float> const position(ctx, std::vector<float>(fused.position.size()), {n, 2});
        OnDevice<float> const energy(ctx, std::vector<float>(fused.energy.size()), {n});
        hit_features(ctx,
                     {a.ref(), label.ref(), row_ptr.ref(), x.ref(), position.ref(), energy.ref()});
        EXPECT_EQ(x.fetch(), fused.x) << name_of(rule);
        EXPECT_EQ(position.fetch(), fused.position) << name_of(rule);
        EXPECT_EQ(energy.fetch(), fused.energy) << name_of(rule);

        std::int64_t const k = options.neighbours;
        auto const words = [&](std::int64_t count, std::vector<std::int64_t> shape) {
            return OnDevice<std::int32_t>(
                ctx, std::vector<std::int32_t>(static_cast<std::size_t>(count), -7),
                std::move(shape));
        };
        auto const neighbours = words(n * k, {n, k});
        auto const edge_ptr = words(n + 1, {n + 1}), both_ptr = words(n + 1, {n + 1});
        auto const source = words(n * k, {n * k}), both = words(2 * n * k, {2 * n * k});
        knn(ctx, {.x = position.ref(), .row_ptr = row_ptr.ref(), .neighbours = neighbours.ref()});
        csr_from_neighbours(ctx, {row_ptr.ref(), neighbours.ref(), edge_ptr.ref(), source.ref()});
        EXPECT_EQ(edge_ptr.fetch(), fused.edge_ptr) << name_of(rule);
        auto sources = source.fetch();
        cut(sources, fused.source.size());
        EXPECT_EQ(sources, fused.source) << name_of(rule);

        HitOptions symmetric = options;
        symmetric.symmetrise = true;
        Graphs const fused_both = run(events, all_rows(events), symmetric, 1, true);
        csr_symmetrise(ctx, {.row_ptr = row_ptr.ref(),
                             .edge_ptr = edge_ptr.ref(),
                             .source = source.ref(),
                             .out_edge_ptr = both_ptr.ref(),
                             .out_source = both.ref()});
        EXPECT_EQ(both_ptr.fetch(), fused_both.edge_ptr) << name_of(rule);
        sources = both.fetch();
        cut(sources, fused_both.source.size());
        EXPECT_EQ(sources, fused_both.source) << name_of(rule);
    }
}

TEST(EventGraph, backends_agree_to_the_bit)
{
    HitEvents const events = hit_events(10);
    Context ctx = make_context(), cpu = Context::cpu(2);
    auto rows = all_rows(events);
    rows.insert(rows.begin() + 3, -1);
    for (HitRule const rule : kAllHitRules)
        for (bool const symmetrise : {false, true}) {
            HitOptions const options{.rule = rule, .min_sum_adc = 80, .symmetrise = symmetrise};
            Graphs const got = run(ctx, events, rows, options, true);
            Graphs const want = run(cpu, events, rows, options, true);
            EXPECT_EQ(got.row_ptr, want.row_ptr);
            EXPECT_EQ(got.edge_ptr, want.edge_ptr);
            EXPECT_EQ(got.source, want.source);
            EXPECT_TRUE(same_bits(got.x, want.x)) << name_of(rule);
            EXPECT_TRUE(same_bits(got.position, want.position)) << name_of(rule);
            EXPECT_TRUE(same_bits(got.energy, want.energy)) << name_of(rule);
            EXPECT_TRUE(same_bits(got.edge_x, want.edge_x)) << name_of(rule);
        }
}

TEST(EventGraph, without_edges_the_hits_are_the_same_to_the_bit)
{
    HitEvents const events = hit_events(10);
    auto rows = some_rows(events);
    rows.insert(rows.begin() + 3, -1);
    Context ctx = make_context(2);
    for (HitRule const rule : kAllHitRules)
        for (bool const symmetrise : {false, true}) {
            HitOptions const options{.rule = rule, .min_sum_adc = 80, .symmetrise = symmetrise};
            Graphs const got = run(ctx, events, rows, options, true, Edges::none);
            Graphs const want = run(ctx, events, rows, options, true);
            ASSERT_GT(want.source.size(), 0U);
            EXPECT_EQ(got.row_ptr, want.row_ptr);
            EXPECT_TRUE(same_bits(got.x, want.x)) << name_of(rule);
            EXPECT_TRUE(same_bits(got.position, want.position)) << name_of(rule);
            EXPECT_TRUE(same_bits(got.energy, want.energy)) << name_of(rule);
        }
    EXPECT_EQ(run(ctx, events, {}, {}, false, Edges::none).row_ptr, std::vector<std::int32_t>{0});
}

TEST(EventGraph, edges_agree_with_a_sort_of_all_pairs)
{
    HitEvents const events = hit_events(10);
    auto const rows = some_rows(events);
    for (HitRule const rule : kAllHitRules)
        for (int const k : {1, 3, 8, 64})
            for (bool const symmetrise : {false, true}) {
                HitOptions const options{.rule = rule, .neighbours = k, .symmetrise = symmetrise};
                Graphs const g = run(events, rows, options);
                for (std::size_t b = 0; b + 1 < g.row_ptr.size(); ++b) {
                    auto const want = sources_of(g, b, options);
                    for (std::size_t i = 0; i < want.size(); ++i) {
                        auto const row = static_cast<std::size_t>(g.row_ptr[b]) + i;
                        std::vector<std::int32_t> const got(g.source.begin() + g.edge_ptr[row],
                                                            g.source.begin() + g.edge_ptr[row + 1]);
                        ASSERT_EQ(got, want[i]) << name_of(rule) << " k " << k << " event " << b;
                    }
                    ASSERT_LE(g.edge_ptr[static_cast<std::size_t>(g.row_ptr[b + 1])]
                                  - g.edge_ptr[static_cast<std::size_t>(g.row_ptr[b])],
                              max_edges(options));
                }
            }
}

TEST(EventGraph, edge_features_agree_with_their_definition)
{
    HitEvents const events = hit_events(10);
    for (bool const symmetrise : {false, true}) {
        Graphs const g = run(events, some_rows(events), {.symmetrise = symmetrise});
        std::vector<double> want;
        for (std::size_t i = 0; i + 1 < g.edge_ptr.size(); ++i)
            for (int e = g.edge_ptr[i]; e < g.edge_ptr[i + 1]; ++e) {
                auto const j = static_cast<std::size_t>(g.source[static_cast<std::size_t>(e)]);
                double const unit = kMillimetresPerPositionUnit / 100;
                double const dx = (g.position[2 * j] - g.position[2 * i]) * unit;
                double const dy = (g.position[2 * j + 1] - g.position[2 * i + 1]) * unit;
                double const ratio = double{g.energy[j]} / g.energy[i];
                want.insert(want.end(), {dx, dy, std::hypot(dx, dy), std::log(ratio)});
            }
        // Differences of coordinates up to 1 and of logarithms up to 9, each rounded to float.
        expect_close(g.edge_x, want, 1.5e-6, 1e-6);
    }
}

TEST(EventGraph, neither_threads_nor_other_events_change_a_bit)
{
    HitEvents const events = hit_events(30);
    auto const rows = some_rows(events);
    for (HitRule const rule : kAllHitRules)
        for (bool const symmetrise : {false, true}) {
            HitOptions const options{.rule = rule, .symmetrise = symmetrise};
            Graphs const all = run(events, rows, options);
            for (int const threads : {2, 3})
                EXPECT_EQ(run(events, rows, options, threads), all);
            for (std::size_t b = 0; b < rows.size(); b += 11) {
                Graphs const alone = run(events, {rows[b]}, options);
                auto const begin = static_cast<std::size_t>(all.row_ptr[b]);
                ASSERT_EQ(alone.num_hits(0), all.num_hits(b));
                EXPECT_TRUE(std::equal(alone.x.begin(), alone.x.end(),
                                       all.x.begin() + begin * kNumHitFeatures));
                auto const edge = static_cast<std::size_t>(all.edge_ptr[begin]);
                for (std::size_t e = 0; e < alone.source.size(); ++e)
                    ASSERT_EQ(alone.source[e] + all.row_ptr[b], all.source[edge + e]);
                EXPECT_TRUE(std::equal(alone.edge_x.begin(), alone.edge_x.end(),
                                       all.edge_x.begin() + edge * 4));
            }
        }
}

TEST(EventGraph, padding_and_empty_events_have_no_nodes)
{
    HitEvents const events = hit_events(1);
    for (bool const symmetrise : {false, true}) {
        HitOptions const options{.symmetrise = symmetrise};
        Graphs const one = run(events, {1}, options);
        Graphs const padded = run(events, {-1, -1, 1, 4, -1}, options);  // event 4 is empty
        ASSERT_GT(one.row_ptr[1], 0);
        EXPECT_EQ(padded.row_ptr, (std::vector<std::int32_t>{0, 0, 0, one.row_ptr[1],
                                                             one.row_ptr[1], one.row_ptr[1]}));
        EXPECT_EQ(padded.x, one.x);
        EXPECT_EQ(padded.source, one.source);
        EXPECT_EQ(run(events, {-1, 4}, options).row_ptr, (std::vector<std::int32_t>{0, 0, 0}));
        EXPECT_EQ(run(events, {}, options).edge_ptr, std::vector<std::int32_t>{0});
        Graphs const single = run(events, {5}, options);  // one cell
        EXPECT_EQ(single.row_ptr, (std::vector<std::int32_t>{0, 1}));
        EXPECT_EQ(single.edge_ptr, (std::vector<std::int32_t>{0, 0}));
    }
}

TEST(EventGraph, capacities_are_reached_and_refused_below)
{
    EXPECT_EQ(max_edges({.rule = HitRule::cell, .neighbours = 8}), 249 * 8);
    EXPECT_EQ(max_edges({.rule = HitRule::cell, .neighbours = 8, .symmetrise = true}), 249 * 16);
    EXPECT_EQ(max_edges({.rule = HitRule::ccl, .neighbours = 64, .symmetrise = true}), 88 * 87);
    HitEvents const events = hit_events(0);
    Graphs const full = run(events, {2}, {});  // all cells on
    EXPECT_EQ(full.row_ptr[1], 249);
    EXPECT_EQ(full.source.size(), 249U * 8U);
    EXPECT_ANY_THROW(run(events, {2}, {.neighbours = 65}));
    EXPECT_ANY_THROW(run(events, {2}, {.threshold_adc = -0.5F}));

    Context ctx = make_context(1);
    OnDevice<std::uint16_t> const adc(ctx, events.adc, {events.size(), kNumChannels});
    OnDevice<std::int32_t> const rows(ctx, {0}, {1}), channels(ctx, events.channels, {kNumCells});
    OnDevice<float> const pedestal(ctx, events.pedestal, {kNumChannels});
    OnDevice<std::int32_t> const row_ptr(ctx, {0, 0}, {2});
    auto const attempt = [&](std::int64_t n, std::int64_t e, bool ends = true) {
        auto const size = [](std::int64_t count) {
            return static_cast<std::size_t>(count);
        };
        OnDevice<float> const x(ctx, std::vector<float>(size(n * 24)), {n, 24});
        OnDevice<float> const position(ctx, std::vector<float>(size(n * 2)), {n, 2});
        OnDevice<std::int32_t> const edge_ptr(ctx, std::vector<std::int32_t>(size(n + 1)), {n + 1});
        OnDevice<std::int32_t> const source(ctx, std::vector<std::int32_t>(size(e)), {e});
        event_graph(ctx, {.adc = adc.ref(),
                          .rows = rows.ref(),
                          .channels = channels.ref(),
                          .pedestal = pedestal.ref(),
                          .row_ptr = row_ptr.ref(),
                          .x = x.ref(),
                          .position = position.ref(),
                          .edge_ptr = ends ? edge_ptr.ref() : TensorRef{},
                          .source = source.ref()});
    };
    EXPECT_NO_THROW(attempt(249, 249 * 8));
    EXPECT_ANY_THROW(attempt(248, 249 * 8));
    EXPECT_ANY_THROW(attempt(249, 249 * 8 - 1));
    EXPECT_ANY_THROW(attempt(249, 249 * 8, false));
}
}  // namespace calofuse::test
