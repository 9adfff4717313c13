/// \file tests/models/hit_network_test.cpp
#include <numeric>

#include "models/engine/training_step.hpp"
#include "models/registry.hpp"
#include "tests/models/hit_network_case.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/heap_count.hpp"
#include "tests/support/same_bits.hpp"
#include "tests/support/toy_events.hpp"

namespace calofuse::test {
namespace {
/// Logits of some events, a last weight after a few steps and the loss, whatever is asked of them.
struct Trained {
    std::vector<float> weights, logits;
    double loss = 0;
};
Trained train_some(Config const& config, int threads, int steps, std::size_t events = 70)
{
    Context ctx = make_context(threads);
    ToyEvents const data(events);
    HitNetwork model = make_network(ctx, config);
    ToyInput const input(ctx, model, data);
    Optimizer optimizer(ctx, model.parameters(), {.learning_rate = 5e-3});
    TrainingStep step(ctx, model, input.placed, input.task, optimizer,
                      static_cast<std::int64_t>(events));
    for (int i = 0; i < steps; ++i)
        step.begin(data.rows), step.run();
    return {fetch(ctx, model.parameters().values()), step.outputs(), step.loss()};
}
}  // namespace

TEST(HitNetwork, default_models_have_these_numbers_of_parameters)
{
    Context ctx = make_context(1);
    auto const count = [&](char const* model) {
        ModelEntry const& entry = find_model(model);
        Options const options(entry.schema());
        Dataset data;
        data.kind = "focalh";
        Task task;
        task.heads.resize(1);
        return entry.make(ctx, data, task, options, 1)->parameters().num_trainable();
    };
    // Three blocks and the head (attention: 96 inputs, others 384), by hand from models/README.md.
    EXPECT_EQ(count("gat"), 6784 + 17024 + 20832 + 12545);
    EXPECT_EQ(count("gatv2"), 9984 + 33536 + 37344 + 12545);
    EXPECT_EQ(count("edge_conv"), 26112 + 49664 + 49664 + 49409);
    EXPECT_EQ(count("gcn"), 6528 + 16768 + 16768 + 49409);
    EXPECT_EQ(count("gravnet"), 9738 + 9370 + 9370 + 49409);
}

/// Every weight tensor by itself, along a random direction: the central difference of the loss is
/// the gradient's component. The loss is a float sum, and a step crosses kinks of maxima. Fewer hits
/// than neighbours: lists that are searched in a learned space then do not change with the weights,
/// which would make the loss jump.
void expect_gradients(Config config, char const* what)
{
    config.dropout = 0;
    config.hits.threshold_adc = 500;
    config.neighbours = 64;
    Context ctx = make_context(1);
    ToyEvents const events(40);
    HitNetwork model = make_network(ctx, config);
    ToyInput const input(ctx, model, events);
    Optimizer frozen(ctx, model.parameters(), {.name = "sgd", .learning_rate = 0});
    TrainingStep step(ctx, model, input.placed, input.task, frozen, 40);
    step.begin(events.rows), step.run();
    Parameters& parameters = model.parameters();
    std::vector<std::vector<float>> gradients;
    for (auto const& e : parameters.entries())  // weights come first
        if (e.trainable) gradients.push_back(parameters.download_gradient(e));
    for (std::size_t k = 0; k < gradients.size(); ++k) {
        auto const& entry = parameters.entries()[k];
        auto const keep = parameters.download(entry);
        auto const direction = random_values(keep.size(), static_cast<std::uint32_t>(k + 1));
        double const length = std::sqrt(
            std::inner_product(direction.begin(), direction.end(), direction.begin(), 0.0));
        double const h = 5e-4 / length;
        double difference = 0;
        for (int sign : {1, -1}) {
            auto moved = keep;
            for (std::size_t i = 0; i < keep.size(); ++i)
                moved[i] += static_cast<float>(sign * h * double{direction[i]});
            parameters.upload(entry, moved);
            step.begin(events.rows), step.run();
            difference += sign * step.loss();
        }
        parameters.upload(entry, keep);
        double const slope =
            std::inner_product(direction.begin(), direction.end(), gradients[k].begin(), 0.0);
        EXPECT_NEAR(difference / (2 * h), slope, 0.03 * std::abs(slope) + 2e-4 * length)
            << what << ' ' << entry.spec.name;
    }
}

TEST(HitNetwork, gradients_of_all_weights_are_slopes_of_the_loss)
{
    for (Convolution const kind : kAllKinds)
        expect_gradients(small_config(kind), name(kind).c_str());
    for (Convolution const kind : {Convolution::gat, Convolution::gatv2}) {
        Config config = small_config(kind);
        config.edge_features = true;
        config.hits.symmetrise = true;
        expect_gradients(config, "edge features");
    }
    Config dynamic = small_config(Convolution::edge_conv);
    dynamic.dynamic = true;
    dynamic.aggregate = EdgeAggregate::mean;
    expect_gradients(dynamic, "dynamic");
    Config normalised = small_config(Convolution::gravnet);
    normalised.variant = GravNetVariant::hgcalml_normalised;
    expect_gradients(normalised, "hgcalml_normalised");
    Config gated = small_config(Convolution::gcn);
    gated.readout = layers::PointReadoutKind::attention;
    expect_gradients(gated, "attention readout");
}

TEST(HitNetwork, learns_a_toy_with_every_readout)
{
    for (auto const which :
         {layers::PointReadoutKind::mean, layers::PointReadoutKind::max,
          layers::PointReadoutKind::sum, layers::PointReadoutKind::log_sum,
          layers::PointReadoutKind::mean_max_log_sum, layers::PointReadoutKind::attention}) {
        Config config = small_config(Convolution::gat);
        config.readout = which;
        double const start = train_some(config, 1, 1).loss;
        EXPECT_LT(train_some(config, 1, 60).loss, 0.6 * start) << name_of(which);
    }
}

TEST(HitNetwork, learns_a_toy)
{
    for (Convolution const kind : kAllKinds)
        for (HitRule const rule : {HitRule::ccl, HitRule::cell}) {
            Config config = small_config(kind);
            config.hits.rule = rule;
            double const start = train_some(config, 1, 1).loss;
            EXPECT_LT(train_some(config, 1, 60).loss, 0.6 * start) << name(kind);
        }
}

TEST(HitNetwork, number_of_threads_changes_no_bit)
{
    for (Convolution const kind : kAllKinds) {
        Config config = small_config(kind);
        config.attention_dropout = 0.1F;
        auto const one = train_some(config, 1, 3);
        EXPECT_EQ(train_some(config, 2, 3).weights, one.weights) << name(kind);
        EXPECT_EQ(train_some(config, 3, 3).weights, one.weights) << name(kind);
    }
}

TEST(HitNetwork, layers_that_search_their_own_neighbours_do_without_edges)
{
    Config dynamic = small_config(Convolution::edge_conv);
    dynamic.dynamic = true;
    for (Config config : {small_config(Convolution::gravnet), dynamic}) {
        Context ctx = make_context(1);
        ToyEvents const events(20);
        HitNetwork model = make_network(ctx, config);
        ToyInput const input(ctx, model, events);
        Buffer<std::int32_t> const rows(ctx, events.rows);
        Buffer<std::int64_t> const step(ctx, 2);
        ASSERT_EQ(model.edges(), layers::Edges::none);
        auto const logits = [&](layers::Edges edges, bool symmetrise) {
            config.hits.symmetrise = symmetrise;
            HitNetwork same_weights = make_network(ctx, config);
            ToyInput const same_input(ctx, same_weights, events);
            TensorRef out;
            Tape tape(ctx, same_weights.parameters(), Mode::evaluate, step.ref(), [&](Tape& t) {
                layers::PointCloud const cloud =
                    same_weights.points()(t, same_input.batch(rows.ref(), step.ref()), edges);
                out = same_weights.forward_cloud(t, cloud).value;
            });
            tape.run();
            return fetch(ctx, out);
        };
        auto const want = logits(layers::Edges::plain, false);
        EXPECT_TRUE(same_bits(logits(layers::Edges::none, false), want));
        EXPECT_TRUE(same_bits(logits(layers::Edges::plain, true), want)) << "symmetrise";
        TensorRef of_model;
        Tape tape(ctx, model.parameters(), Mode::evaluate, step.ref(), [&](Tape& t) {
            of_model = model.forward(t, input.batch(rows.ref(), step.ref())).value.value;
        });
        tape.run();
        EXPECT_TRUE(same_bits(fetch(ctx, of_model), want));
        EXPECT_NE(want, std::vector<float>(want.size(), want[0]));
    }
    Context ctx = make_context(1);
    Config config = small_config(Convolution::gat);
    EXPECT_EQ(make_network(ctx, config).edges(), layers::Edges::plain);
    config.edge_features = true;
    EXPECT_EQ(make_network(ctx, config).edges(), layers::Edges::with_features);
}

TEST(HitNetwork, batch_of_empty_events_is_harmless)
{
    for (Convolution const kind : kAllKinds) {
        Context ctx = make_context(1);
        ToyEvents events(10);
        std::ranges::fill(events.adc, std::uint16_t{30});
        Config config = small_config(kind);
        config.dropout = 0;
        HitNetwork model = make_network(ctx, config);
        ToyInput const input(ctx, model, events);
        Optimizer optimizer(ctx, model.parameters(), {});
        TrainingStep step(ctx, model, input.placed, input.task, optimizer, 10);
        for (int i = 0; i < 3; ++i)
            step.begin(events.rows), step.run();
        EXPECT_TRUE(std::isfinite(step.loss())) << name(kind);
        auto const logits = step.outputs();
        EXPECT_EQ(logits, std::vector<float>(logits.size(), logits[0]));
    }
}

TEST(HitNetwork, warm_step_allocates_nothing)
{
    for (Convolution const kind : kAllKinds) {
        Context ctx = make_context(1);
        ToyEvents const events(70);
        HitNetwork model = make_network(ctx, small_config(kind));
        ToyInput const input(ctx, model, events);
        Optimizer optimizer(ctx, model.parameters(), {});
        TrainingStep step(ctx, model, input.placed, input.task, optimizer, 70);
        step.begin(events.rows), step.run();
        step.begin(events.rows), step.run();
        auto const pool = ctx.num_allocations();
        auto const heap = g_heap_allocations.load();
        for (int i = 0; i < 3; ++i)
            step.begin(events.rows), step.run();
        EXPECT_EQ(ctx.num_allocations(), pool) << name(kind);
        EXPECT_EQ(g_heap_allocations.load(), heap) << name(kind);
    }
}

TEST(HitNetwork, attention_weights_of_a_hit_sum_to_one)
{
    for (Convolution const kind : {Convolution::gat, Convolution::gatv2}) {
        Context ctx = make_context(1);
        ToyEvents const events(3);
        HitNetwork model = make_network(ctx, small_config(kind));
        ToyInput const input(ctx, model, events);
        Buffer<std::int32_t> const rows(ctx, events.rows);
        Buffer<std::int64_t> const position(ctx, 2);
        layers::PointCloud graph;
        std::vector<layers::AttentionOutput> attention;
        Tape tape(ctx, model.parameters(), Mode::evaluate, position.ref(), [&](Tape& t) {
            graph =
                model.points()(t, input.batch(rows.ref(), position.ref()), layers::Edges::plain);
            model.forward_cloud(t, graph, nullptr, &attention);
        });
        tape.run();
        auto const row_ptr = fetch<std::int32_t>(ctx, graph.row_ptr);
        auto const edge_ptr = fetch<std::int32_t>(ctx, graph.edge_ptr);
        ASSERT_EQ(attention.size(), 2U);
        ASSERT_GT(row_ptr[3], 10);
        for (auto const& layer : attention) {
            auto const alpha = fetch(ctx, layer.alpha), loop = fetch(ctx, layer.alpha_loop);
            for (std::int32_t i = 0; i < row_ptr[3]; ++i)
                for (std::int32_t h = 0; h < 2; ++h) {
                    double sum = loop[2 * i + h];
                    for (std::int32_t e = edge_ptr[i]; e < edge_ptr[i + 1]; ++e)
                        sum += static_cast<double>(alpha[2 * e + h]);
                    EXPECT_NEAR(sum, 1.0, 1e-5);
                }
        }
    }
}
}  // namespace calofuse::test
