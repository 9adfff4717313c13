/// \file bench/kernels/graph/message_bench.cpp
/// The message-passing operators on kNN graphs: 1,024 events of 25 nodes, k = 8 (200 edges).
/// Prediction, gcn, 128 channels: 225 edges x 128 fused operations = 29 kFLOP x 2 an event, least
/// bytes 25 x 128 x 4 x 2 = 25.6 kB: about 3 us from the L2 cache, 300 k events/s, backward alike.
/// Prediction, edge_conv 64 -> 64: max needs 200 x 64 x 64 x 2 = 1.6 MFLOP an event forward, at
/// 40 GFLOP/s 41 us (24 k events/s); its backward only 2 x 25 x 64 x 64 x 2 = 0.4 MFLOP, as scaled
/// rows from the L1 cache at about 15 GFLOP/s: 27 us. Sum and mean: 25 x 64 x 64 x 2 = 0.2 MFLOP
/// forward and 0.4 backward, plus 200 edges x 64 in vectors: 10 and 20 us.
/// Measured (2.8 GHz Xeon with AVX-512, shared): gcn 128 in 5.6 us forward and 7.6 backward;
/// edge_conv max 20 .. 26 us forward (63 .. 80 GFLOP/s) and 30 .. 38 backward, sum and mean
/// 6 .. 8 and 14 .. 17 us.

#include "bench/support/bench.hpp"
#include "kernels/graph/csr.hpp"
#include "kernels/graph/edge_conv.hpp"
#include "kernels/graph/edge_features.hpp"
#include "kernels/graph/gcn.hpp"
#include "kernels/graph/knn.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kEvents = 1024;
constexpr std::int64_t kHits = 25;
constexpr std::int64_t kNodes = kEvents * kHits;
constexpr std::int64_t kNeighbours = 8;

/// Random hits and their nearest neighbours.
struct Hits {
    Context ctx = bench_context();
    Buffer<float> x = random_buffer(ctx, kNodes * 2, 1);
    Buffer<std::int32_t> row_ptr{ctx, kEvents + 1}, edge_ptr{ctx, kNodes + 1},
        source{ctx, kNodes*kNeighbours};

    Hits()
    {
        std::vector<std::int32_t> rows;
        for (std::int64_t b = 0; b <= kEvents; ++b)
            rows.push_back(static_cast<std::int32_t>(b * kHits));
        row_ptr.upload(rows);
        Buffer<std::int32_t> const neighbours(ctx, kNodes * kNeighbours);
        TensorRef const lists = neighbours.ref({kNodes, kNeighbours});
        knn(ctx, {.x = x.ref({kNodes, 2}), .row_ptr = row_ptr.ref(), .neighbours = lists});
        csr_from_neighbours(ctx, {.row_ptr = row_ptr.ref(),
                                  .neighbours = lists,
                                  .edge_ptr = edge_ptr.ref(),
                                  .source = source.ref()});
    }
};

void gcn(benchmark::State& state, bool backward)
{
    Hits hits;
    std::int64_t const channels = state.range(0);
    auto const u = random_buffer(hits.ctx, kNodes * channels, 2);
    Buffer<float> const y(hits.ctx, kNodes * channels), dbias(hits.ctx, channels);
    timed(state, hits.ctx, [&] {
        if (backward)
            gcn_backward(hits.ctx, {.row_ptr = hits.row_ptr.ref(),
                                    .edge_ptr = hits.edge_ptr.ref(),
                                    .source = hits.source.ref(),
                                    .dy = u.ref({kNodes, channels}),
                                    .du = y.ref({kNodes, channels}),
                                    .dbias = dbias.ref()});
        else
            gcn_forward(hits.ctx, {.u = u.ref({kNodes, channels}),
                                   .row_ptr = hits.row_ptr.ref(),
                                   .edge_ptr = hits.edge_ptr.ref(),
                                   .source = hits.source.ref(),
                                   .y = y.ref({kNodes, channels})});
    });
    report_events(state, kEvents);
    report_bytes(state, 8.0 * static_cast<double>(kNodes * channels));
}

void edge_conv(benchmark::State& state, bool backward)
{
    Hits hits;
    std::int64_t const width = state.range(0);
    auto const aggregate = static_cast<EdgeAggregate>(state.range(1));
    auto const rows = [&](Buffer<float> const& b) {
        return b.ref({kNodes, width});
    };
    auto const t = random_buffer(hits.ctx, kNodes * width, 2);
    auto const s = random_buffer(hits.ctx, kNodes * width, 3);
    auto const w = random_buffer(hits.ctx, width * width, 4);
    auto const dy = random_buffer(hits.ctx, kNodes * width, 5);
    Buffer<float> const y(hits.ctx, kNodes * width), dt(hits.ctx, kNodes * width),
        ds(hits.ctx, kNodes * width), dw(hits.ctx, width * width), dbias(hits.ctx, width);
    Buffer<std::int32_t> const winner(hits.ctx, kNodes * width);
    auto const forward = [&] {
        edge_conv_forward(hits.ctx, {.target = rows(t),
                                     .neighbour = rows(s),
                                     .row_ptr = hits.row_ptr.ref(),
                                     .edge_ptr = hits.edge_ptr.ref(),
                                     .source = hits.source.ref(),
                                     .w = w.ref({width, width}),
                                     .aggregate = aggregate,
                                     .y = rows(y),
                                     .winner = winner.ref({kNodes, width})});
    };
    forward();
    timed(state, hits.ctx, [&] {
        if (backward)
            edge_conv_backward(hits.ctx, {.target = rows(t),
                                          .neighbour = rows(s),
                                          .row_ptr = hits.row_ptr.ref(),
                                          .edge_ptr = hits.edge_ptr.ref(),
                                          .source = hits.source.ref(),
                                          .w = w.ref({width, width}),
                                          .aggregate = aggregate,
                                          .winner = winner.ref({kNodes, width}),
                                          .dy = rows(dy),
                                          .dtarget = rows(dt),
                                          .dneighbour = rows(ds),
                                          .dw = dw.ref({width, width}),
                                          .dbias = dbias.ref()});
        else
            forward();
    });
    report_events(state, kEvents);
    bool const on_edges = aggregate == EdgeAggregate::max && !backward;
    report_flop(state, (backward ? 4.0 : 2.0) * static_cast<double>(width * width)
                           * static_cast<double>(kNodes * (on_edges ? kNeighbours : 1)));
}

void edge_features_knn(benchmark::State& state)
{
    Hits hits;
    auto const energy = random_buffer(hits.ctx, kNodes, 2, 1.0F, 1e3F);
    Buffer<float> const features(hits.ctx, kNodes * kNeighbours * 4);
    timed(state, hits.ctx, [&] {
        edge_features(hits.ctx, {.x = hits.x.ref({kNodes, 2}),
                                 .energy = energy.ref(),
                                 .row_ptr = hits.row_ptr.ref(),
                                 .edge_ptr = hits.edge_ptr.ref(),
                                 .source = hits.source.ref(),
                                 .features = features.ref({kNodes * kNeighbours, 4})});
    });
    report_events(state, kEvents);
    report_bytes(state, 4.0 * static_cast<double>(kNodes * (3 + 5 * kNeighbours)));
}

void csr_symmetrise_knn(benchmark::State& state)
{
    Hits hits;
    Buffer<std::int32_t> const edge_ptr(hits.ctx, kNodes + 1),
        source(hits.ctx, kNodes * (2 * kNeighbours + 1));
    timed(state, hits.ctx, [&] {
        csr_symmetrise(hits.ctx, {.row_ptr = hits.row_ptr.ref(),
                                  .edge_ptr = hits.edge_ptr.ref(),
                                  .source = hits.source.ref(),
                                  .loops = Loops::all,
                                  .out_edge_ptr = edge_ptr.ref(),
                                  .out_source = source.ref()});
    });
    report_events(state, kEvents);
}
BENCHMARK_CAPTURE(gcn, forward, false)->Apply(device_time)->Arg(32)->Arg(128);
BENCHMARK_CAPTURE(gcn, backward, true)->Apply(device_time)->Arg(32)->Arg(128);
BENCHMARK_CAPTURE(edge_conv, forward, false)
    ->Apply(device_time)
    ->ArgsProduct({{64}, {0, 1, 2}});  // max, sum, mean
BENCHMARK_CAPTURE(edge_conv, backward, true)->Apply(device_time)->ArgsProduct({{64}, {0, 1, 2}});
BENCHMARK(edge_features_knn)->Apply(device_time);
BENCHMARK(csr_symmetrise_knn)->Apply(device_time);
}  // namespace
}  // namespace calofuse::bench
