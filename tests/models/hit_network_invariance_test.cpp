/// \file tests/models/hit_network_invariance_test.cpp
/// The score of an event does not depend on its batch, nor on the order of channels and hits.
#include <cmath>

#include "models/engine/training_step.hpp"
#include "tests/models/hit_network_case.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/toy_events.hpp"

namespace calofuse::test {
namespace {
/// The graph with its hits in reverse order, event by event, and every edge with it.
struct Reversed {
    std::vector<float> x, position;
    std::vector<std::int32_t> edge_ptr, source;

    Reversed(Context& ctx, layers::PointCloud const& g) : edge_ptr(1, 0)
    {
        auto const row_ptr = fetch<std::int32_t>(ctx, g.row_ptr);
        auto const ptr = fetch<std::int32_t>(ctx, g.edge_ptr);
        auto const from = fetch<std::int32_t>(ctx, g.source);
        auto const features = fetch(ctx, g.x.value), place = fetch(ctx, g.position);
        for (std::size_t b = 0; b + 1 < row_ptr.size(); ++b)
            for (std::int32_t i = row_ptr[b + 1] - 1; i >= row_ptr[b]; --i) {
                for (int f = 0; f < kNumHitFeatures; ++f)
                    x.push_back(features[i * kNumHitFeatures + f]);
                position.insert(position.end(), {place[2 * i], place[2 * i + 1]});
                for (std::int32_t e = ptr[i]; e < ptr[i + 1]; ++e)
                    source.push_back(row_ptr[b] + row_ptr[b + 1] - 1 - from[e]);
                edge_ptr.push_back(static_cast<std::int32_t>(source.size()));
            }
    }
};
}  // namespace

TEST(HitNetworkInvariance, score_of_an_event_does_not_depend_on_its_batch)
{
    for (Convolution const kind : kAllKinds) {
        Context ctx = make_context(1);
        ToyEvents events(70);
        std::fill_n(events.adc.begin() + 5 * kNumChannels, kNumChannels, std::uint16_t{0});
        HitNetwork model = make_network(ctx, small_config(kind));
        ToyInput const input(ctx, model, events);
        Scorer many(ctx, model, input.placed, 1, 70, Mode::evaluate);
        Scorer few(ctx, model, input.placed, 1, 7, Mode::evaluate);
        Scorer alone(ctx, model, input.placed, 1, 1, Mode::evaluate);
        auto const scores = many.run(events.rows);
        EXPECT_EQ(few.run(events.rows), scores) << name(kind);
        EXPECT_EQ(alone.run(events.rows), scores) << name(kind);
        std::vector<std::int32_t> reversed(events.rows.rbegin(), events.rows.rend());
        auto backwards = many.run(reversed);
        std::reverse(backwards.begin(), backwards.end());
        EXPECT_EQ(backwards, scores) << name(kind);
        for (float const s : scores)
            EXPECT_TRUE(std::isfinite(s)) << name(kind);
    }
}

TEST(HitNetworkInvariance, order_of_the_channels_changes_no_bit)
{
    ToyEvents const events(20);
    ChannelMap const map = ChannelMap::focalh_prototype2();
    ChannelMap moved = map;
    auto const place = [](std::size_t channel) {
        return (channel * 77 + 13) % kNumChannels;
    };
    ToyEvents others = events;
    for (std::size_t e = 0; e < 20; ++e)
        for (std::size_t c = 0; c < kNumChannels; ++c)
            others.adc[e * kNumChannels + place(c)] = events.adc[e * kNumChannels + c];
    for (std::size_t k = 0; k < kNumCells; ++k)
        moved.cells[k].channel =
            static_cast<std::int32_t>(place(static_cast<std::size_t>(map.cells[k].channel)));
    Context ctx = make_context(1);
    HitNetwork model = make_network(ctx, small_config(Convolution::gat));
    ToyInput const input(ctx, model, events);
    auto const want = Scorer(ctx, model, input.placed, 1, 20, Mode::evaluate).run(events.rows);
    ToyInput const other(ctx, model, others, DataOn::device, moved);
    EXPECT_EQ(Scorer(ctx, model, other.placed, 1, 20, Mode::evaluate).run(events.rows), want);
}

TEST(HitNetworkInvariance, order_of_the_hits_changes_rounding_only)
{
    for (Convolution const kind : kAllKinds) {
        Context ctx = make_context(1);
        ToyEvents const events(20);
        HitNetwork model = make_network(ctx, small_config(kind));
        ToyInput const input(ctx, model, events);
        Buffer<std::int32_t> const rows(ctx, events.rows);
        Buffer<std::int64_t> const step(ctx, 2);
        layers::PointCloud graph;
        TensorRef logits, logits_of_reversed;
        Tape tape(ctx, model.parameters(), Mode::evaluate, step.ref(), [&](Tape& t) {
            graph = model.points()(t, input.batch(rows.ref(), step.ref()), layers::Edges::plain);
            logits = model.forward_cloud(t, graph).value;
        });
        tape.run();
        Reversed const r(ctx, graph);
        auto const nodes = static_cast<std::int64_t>(r.edge_ptr.size()) - 1;
        Buffer<float> const x(ctx, r.x), position(ctx, r.position);
        Buffer<std::int32_t> const edge_ptr(ctx, r.edge_ptr), source(ctx, r.source);
        layers::PointCloud const reversed{.row_ptr = graph.row_ptr,
                                          .x = {x.ref({nodes, kNumHitFeatures}), {}},
                                          .position = position.ref({nodes, 2}),
                                          .edge_ptr = edge_ptr.ref(),
                                          .source = source.ref(),
                                          .edge_x = {}};
        Tape other(ctx, model.parameters(), Mode::evaluate, step.ref(),
                   [&](Tape& t) { logits_of_reversed = model.forward_cloud(t, reversed).value; });
        other.run();
        auto const want = fetch(ctx, logits), got = fetch(ctx, logits_of_reversed);
        for (std::size_t b = 0; b < 20; ++b)
            EXPECT_NEAR(got[b], want[b], 2e-5F) << name(kind) << ' ' << b;
    }
}
}  // namespace calofuse::test
