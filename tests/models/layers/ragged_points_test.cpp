/// \file tests/models/layers/ragged_points_test.cpp
/// The edges of points of any kind have the layout that the kernel for hits makes (an independent
/// operator, kernels/focalh/event_graph.hpp): on the same positions they are the same to the bit.
#include "models/layers/ragged_points.hpp"

#include <cmath>

#include "models/focalh/hits.hpp"
#include "models/hit_network.hpp"
#include "runtime/error.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/toy_events.hpp"

namespace calofuse::test {
namespace {
using layers::Edges;
using layers::PointCloud;

/// Elements that exist of a table.
template <class T>
std::vector<T> first_of(Context& ctx, TensorRef const& t, std::int64_t rows)
{
    std::vector<T> all = fetch<T>(ctx, t);
    all.resize(static_cast<std::size_t>(rows * (t.size() / t.shape[0])));
    return all;
}
}  // namespace

TEST(RaggedPoints, have_the_edges_that_hits_have)
{
    for (bool const symmetrise : {false, true})
        for (int const k : {1, 4, 64}) {
            SCOPED_TRACE(std::to_string(k) + (symmetrise ? " symmetric" : ""));
            Context ctx = make_context();
            ToyEvents events(6);
            std::fill_n(events.adc.begin() + 2 * kNumChannels, kNumChannels, std::uint16_t{0});
            HitNetwork model(ctx, {.convolution = Convolution::gcn},
                             std::make_unique<FocalHits>(HitOptions{
                                 .threshold_adc = 200, .neighbours = k, .symmetrise = symmetrise}));
            ToyInput const input(ctx, model, events);
            Buffer<std::int32_t> const rows(ctx, events.rows);
            Buffer<std::int64_t> const position(ctx, 2);
            PointCloud want, got;
            Tape tape(ctx, model.parameters(), Mode::evaluate, position.ref(), [&](Tape& t) {
                want = model.points()(t, input.batch(rows.ref(), position.ref()), Edges::plain);
                PointCloud bare = want;
                bare.edge_ptr = bare.source = {};
                got = layers::nearest_edges(t, bare, {.neighbours = k, .symmetrise = symmetrise},
                                            Edges::plain);
            });
            tape.run();
            auto const row_ptr = fetch<std::int32_t>(ctx, want.row_ptr);
            EXPECT_EQ(row_ptr[2], row_ptr[3]) << "an event without points";
            std::int64_t const points = row_ptr.back();
            ASSERT_GT(points, 20);
            auto const edge_ptr = first_of<std::int32_t>(ctx, want.edge_ptr, points + 1);
            EXPECT_EQ(first_of<std::int32_t>(ctx, got.edge_ptr, points + 1), edge_ptr);
            EXPECT_EQ(first_of<std::int32_t>(ctx, got.source, edge_ptr.back()),
                      first_of<std::int32_t>(ctx, want.source, edge_ptr.back()));
        }
}

TEST(RaggedPoints, features_of_edges_are_differences_and_a_ratio)
{
    Context ctx = make_context(1);
    Buffer<std::int32_t> const row_ptr(ctx, std::vector<std::int32_t>{0, 3, 3, 5});
    std::vector<float> const place{0, 0, 3, 4, 0, 1, 2, 2, 2, 7};
    std::vector<float> const energy{1, 2, 8, 0.5F, 4};
    Buffer<float> const position(ctx, place), weight(ctx, energy), x(ctx, 5);
    Buffer<std::int64_t> const step(ctx, 2);
    Parameters parameters;
    parameters.allocate(ctx, 1);
    PointCloud const bare{.row_ptr = row_ptr.ref(),
                          .x = {x.ref({5, 1}), {}},
                          .position = position.ref({5, 2}),
                          .edge_ptr = {},
                          .source = {},
                          .edge_x = {}};
    PointCloud cloud;
    Tape tape(ctx, parameters, Mode::evaluate, step.ref(), [&](Tape& t) {
        cloud =
            layers::nearest_edges(t, bare, {.neighbours = 2}, Edges::with_features, weight.ref());
        EXPECT_TRUE(layers::nearest_edges(t, bare, {.neighbours = 2}, Edges::none).source.empty());
        EXPECT_TRUE(layers::nearest_edges(t, bare, {.neighbours = 2}, Edges::plain).edge_x.empty());
        EXPECT_THROW(layers::nearest_edges(t, bare, {.neighbours = 2}, Edges::with_features), Error)
            << "no weight";
    });
    tape.run();
    auto const edge_ptr = fetch<std::int32_t>(ctx, cloud.edge_ptr);
    EXPECT_EQ(edge_ptr, (std::vector<std::int32_t>{0, 2, 4, 6, 7, 8}));
    auto const source = first_of<std::int32_t>(ctx, cloud.source, 8);
    EXPECT_EQ(source, (std::vector<std::int32_t>{2, 1, 2, 0, 0, 1, 4, 3}));
    auto const features = first_of<float>(ctx, cloud.edge_x, 8);
    std::vector<double> want;
    for (std::size_t i = 0; i < 5; ++i)
        for (std::int32_t e = edge_ptr[i]; e < edge_ptr[i + 1]; ++e) {
            auto const j = static_cast<std::size_t>(source[static_cast<std::size_t>(e)]);
            double const dx = double{place[2 * j]} - place[2 * i];
            double const dy = double{place[2 * j + 1]} - place[2 * i + 1];
            want.insert(want.end(), {dx, dy, std::hypot(dx, dy),
                                     std::log(double{energy[j]} / double{energy[i]})});
        }
    expect_close(features, want, 1e-6, 1e-6);
}
}  // namespace calofuse::test
