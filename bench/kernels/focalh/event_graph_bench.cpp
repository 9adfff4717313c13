/// \file bench/kernels/focalh/event_graph_bench.cpp
/// Simulated events of four beam files, batches of 1,024, one thread. Predicted for `cell` hits
/// (34 an event in this mix), k = 8, at 2.8 GHz:
///   energies and cells that are on: 256 conversions, 249 gathered words, 249 conditional stores:
///     about 1,000 cycles
///   features: 34 hits x about 60 operations, six divisions, two logarithms: 3,500 cycles
///   kNN: 34 targets x 34 candidates in 3 groups of 16 lanes, 8 list slots x 5 operations each:
///     4,500 cycles
/// together 9,000 cycles = 3.2 us, 310 k events/s (measured 200 k to 250 k with the machine's other
/// half busy). Least bytes: 512 in, 34 x (104 + 4 + 32) out.
#include <random>

#include "bench/support/bench.hpp"
#include "io/focalh/simulator/simulator.hpp"
#include "kernels/focalh/event_graph.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kPerFile = 1000;
constexpr std::int64_t kBatch = 1024;

std::vector<std::uint16_t> simulated_adc()
{
    std::vector<std::uint16_t> adc;
    Context ctx = Context::cpu(1);
    Simulator const simulator({}, ChannelMap::focalh_prototype2());
    std::vector<std::int16_t> some(kPerFile * kNumChannels);
    for (BeamFile const file : {BeamFile{Label::hadron, 80}, BeamFile{Label::hadron, 250},
                                BeamFile{Label::electron, 60}, BeamFile{Label::electron, 200}}) {
        simulator.generate(ctx, file, 0, kPerFile, Planes::high_gain, some, {});
        adc.insert(adc.end(), some.begin(), some.end());
    }
    return adc;
}

enum class Edges : std::uint8_t { none, plain, with_features };

void event_graph(benchmark::State& state, HitOptions const& options, Edges edges)
{
    static auto const host_adc = simulated_adc();
    std::mt19937 rng(1);
    std::vector<std::int32_t> host_rows(kBatch);
    for (auto& r : host_rows)
        r = static_cast<std::int32_t>(rng() % (4 * kPerFile));
    auto const cells = ChannelMap::focalh_prototype2().channels();
    Context ctx = bench_context();
    std::int64_t const n = kBatch * max_hits(options.rule);
    std::int64_t const e = kBatch * max_edges(options);
    Buffer<std::uint16_t> const adc(ctx, std::span<std::uint16_t const>(host_adc));
    Buffer<std::int32_t> const rows(ctx, host_rows);
    Buffer<std::int32_t> const channels(ctx, cells);
    Buffer<float> const pedestal(ctx, std::vector<float>(kNumChannels, 40.5F));
    Buffer<std::int32_t> const row_ptr(ctx, kBatch + 1), edge_ptr(ctx, n + 1), source(ctx, e);
    Buffer<float> const x(ctx, n * kNumHitFeatures), position(ctx, 2 * n), edge_x(ctx, 4 * e);
    auto const only_if = [](bool wanted, TensorRef const& t) {
        return wanted ? t : TensorRef{};
    };
    timed(state, ctx, [&] {
        calofuse::event_graph(
            ctx, {.adc = adc.ref({4 * kPerFile, kNumChannels}),
                  .rows = rows.ref(),
                  .channels = channels.ref(),
                  .pedestal = pedestal.ref(),
                  .options = options,
                  .row_ptr = row_ptr.ref(),
                  .x = x.ref({n, kNumHitFeatures}),
                  .position = position.ref({n, 2}),
                  .edge_ptr = only_if(edges != Edges::none, edge_ptr.ref()),
                  .source = only_if(edges != Edges::none, source.ref()),
                  .edge_x = only_if(edges == Edges::with_features, edge_x.ref({e, 4}))});
    });
    std::int32_t const nodes = row_ptr.download()[kBatch];
    double const hits = nodes;
    double const made =
        edges == Edges::none ? 0 : edge_ptr.download()[static_cast<std::size_t>(nodes)];
    report_events(state, kBatch);
    report_bytes(state, 512.0 * kBatch + hits * (edges == Edges::none ? 104 : 108)
                            + made * (edges == Edges::with_features ? 20 : 4));
    state.counters["hits/event"] = hits / kBatch;
    state.counters["edges/event"] = made / kBatch;
}
}  // namespace

BENCHMARK_CAPTURE(event_graph, cell, HitOptions{.rule = HitRule::cell}, Edges::plain)
    ->Apply(device_time);
BENCHMARK_CAPTURE(event_graph,
                  ccl,
                  HitOptions{.rule = HitRule::ccl, .min_sum_adc = 100},
                  Edges::plain)
    ->Apply(device_time);
BENCHMARK_CAPTURE(event_graph,
                  ccl_global,
                  HitOptions{.rule = HitRule::ccl_global, .min_sum_adc = 100},
                  Edges::plain)
    ->Apply(device_time);
BENCHMARK_CAPTURE(event_graph,
                  watershed,
                  HitOptions{.rule = HitRule::watershed, .min_sum_adc = 100},
                  Edges::plain)
    ->Apply(device_time);
BENCHMARK_CAPTURE(event_graph, cell_k16, HitOptions{.neighbours = 16}, Edges::plain)
    ->Apply(device_time);
BENCHMARK_CAPTURE(event_graph, cell_symmetrise, HitOptions{.symmetrise = true}, Edges::plain)
    ->Apply(device_time);
BENCHMARK_CAPTURE(event_graph, cell_edge_features, HitOptions{}, Edges::with_features)
    ->Apply(device_time);
BENCHMARK_CAPTURE(event_graph, cell_no_edges, HitOptions{}, Edges::none)->Apply(device_time);
BENCHMARK_CAPTURE(event_graph, all_cells, HitOptions{.threshold_adc = 0}, Edges::plain)
    ->Apply(device_time);
}  // namespace calofuse::bench
