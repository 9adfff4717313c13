#include "driver/focalh/graph_store.hpp"

#include <numeric>

#include "io/focalh/event_quality.hpp"
#include "tests/support/toy_run.hpp"

namespace calofuse::test {
/// What is written in blocks is what the builder gives for all events at once, as any store.
TEST(GraphStore, holds_hits_and_edges_of_every_event)
{
    TempFolder const folder;
    Dataset const set = simulated_events(20);
    FocalhEvents const events(set);
    Context ctx = Context::cpu(1);
    HitOptions options;
    options.neighbours = 4;
    std::vector<std::int32_t> rows(static_cast<std::size_t>(events.size()));
    std::iota(rows.begin(), rows.end(), 0);
    EventGraphBuilder builder(ctx, events, pedestals_of(events), options, events.size());
    GraphStore store(folder / "g.h5", events, Overwrite::no);
    for (std::int64_t begin = 0; begin < events.size(); begin += 32) {
        std::int64_t const n = std::min<std::int64_t>(32, events.size() - begin);
        store.append(builder.build(std::span(rows).subspan(static_cast<std::size_t>(begin),
                                                           static_cast<std::size_t>(n))),
                     begin, n);
    }
    std::string const digest = store.finish(options, {});
    Dataset const data = read_store(folder / "g.h5");
    EXPECT_EQ(data.kind, "columns");
    EXPECT_EQ(data.sha256, digest);
    HitGraphs const g = builder.build(rows);
    EXPECT_EQ(data.start.at("hits"), std::vector<std::int64_t>(g.row_ptr.begin(), g.row_ptr.end()));
    EXPECT_TRUE(std::ranges::equal(data.at("hits.x").values<float>(), g.x));
    EXPECT_TRUE(std::ranges::equal(data.at("hits.position").values<float>(), g.position));
    EXPECT_TRUE(std::ranges::equal(data.at("hits.energy").values<float>(), g.energy));
    EXPECT_TRUE(std::ranges::equal(data.at("label").values<std::uint8_t>(), events.label));
    auto const source = data.at("edges.source").values<std::int32_t>();
    auto const target = data.at("edges.target").values<std::int32_t>();
    auto const& edges = data.start.at("edges");
    ASSERT_EQ(source.size(), g.source.size());
    for (std::size_t e = 0; e < rows.size(); ++e)
        for (auto i = static_cast<std::size_t>(edges[e]);
             i < static_cast<std::size_t>(edges[e + 1]); ++i) {
            std::int32_t const hit = target[i] + g.row_ptr[e];
            EXPECT_EQ(source[i] + g.row_ptr[e], g.source[i]);
            EXPECT_LE(g.edge_ptr[static_cast<std::size_t>(hit)], static_cast<std::int32_t>(i));
            EXPECT_GT(g.edge_ptr[static_cast<std::size_t>(hit + 1)], static_cast<std::int32_t>(i));
        }
    EXPECT_EQ(data.constants.at("hits_neighbours").value(0), 4);
}
}  // namespace calofuse::test
