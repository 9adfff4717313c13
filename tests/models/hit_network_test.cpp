/// \file tests/models/hit_network_test.cpp
#include "models/hit_network.hpp"

#include <numeric>

#include "models/engine/training_step.hpp"
#include "models/registry.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/heap_count.hpp"
#include "tests/support/same_bits.hpp"
#include "tests/support/toy_events.hpp"

namespace calofuse::test {
namespace {
using layers::HitConvolution;

constexpr HitConvolution kAllKinds[] = {HitConvolution::gat, HitConvolution::gatv2,
                                        HitConvolution::edge_conv, HitConvolution::gcn,
                                        HitConvolution::gravnet};

HitNetworkConfig small_config(HitConvolution kind)
{
    HitNetworkConfig c;
    c.hits.neighbours = 4;
    c.convolution.kind = kind;
    c.convolution.heads = 2;
    c.convolution.channels = 8;
    c.convolution.neighbours = 4;
    c.convolution.propagate = 6;
    c.layers = 2;
    c.head = 8;
    return c;
}

std::string name(HitConvolution kind)
{
    return std::to_string(static_cast<int>(kind));
}

/// Logits of some events, a last weight after a few steps and the loss, whatever is asked of them.
struct Trained {
    std::vector<float> weights, logits;
    double loss = 0;
};
Trained train_some(HitNetworkConfig const& config, int threads, int steps, std::size_t events = 70)
{
    Context ctx = make_context(threads);
    ToyEvents const data(events);
    HitNetwork model(ctx, config);
    EventInput const input(ctx, toy_scaling(), data.adc, data.label);
    Optimizer optimizer(ctx, model.parameters(), {.learning_rate = 5e-3});
    TrainingStep step(ctx, model, input, optimizer, static_cast<std::int64_t>(events));
    for (int i = 0; i < steps; ++i)
        step.begin(data.rows), step.run();
    return {fetch(ctx, model.parameters().values()), step.logits(), step.loss()};
}
}  // namespace

TEST(HitNetwork, default_models_have_these_numbers_of_parameters)
{
    Context ctx = make_context(1);
    auto const count = [&](char const* model) {
        ModelEntry const& entry = find_model(model);
        Options const options(entry.schema());
        return entry.make(ctx, options, 1)->parameters().num_trainable();
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
void expect_gradients(HitNetworkConfig config, char const* what)
{
    config.dropout = 0;
    config.hits.threshold_adc = 500;
    config.convolution.neighbours = 64;
    Context ctx = make_context(1);
    ToyEvents const events(40);
    HitNetwork model(ctx, config);
    EventInput const input(ctx, toy_scaling(), events.adc, events.label);
    Optimizer frozen(ctx, model.parameters(), {.name = "sgd", .learning_rate = 0});
    TrainingStep step(ctx, model, input, frozen, 40);
    step.begin(events.rows), step.run();
    Parameters& parameters = model.parameters();
    std::vector<std::vector<float>> gradients;
    for (auto const& e : parameters.entries())
        gradients.push_back(parameters.download_gradient(e));
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
    for (HitConvolution const kind : kAllKinds)
        expect_gradients(small_config(kind), name(kind).c_str());
    for (HitConvolution const kind : {HitConvolution::gat, HitConvolution::gatv2}) {
        HitNetworkConfig config = small_config(kind);
        config.convolution.edge_features = true;
        config.hits.symmetrise = true;
        expect_gradients(config, "edge features");
    }
    HitNetworkConfig dynamic = small_config(HitConvolution::edge_conv);
    dynamic.convolution.dynamic = true;
    dynamic.convolution.aggregate = EdgeAggregate::mean;
    expect_gradients(dynamic, "dynamic");
    HitNetworkConfig normalised = small_config(HitConvolution::gravnet);
    normalised.convolution.variant = GravNetVariant::hgcalml_normalised;
    expect_gradients(normalised, "hgcalml_normalised");
    HitNetworkConfig gated = small_config(HitConvolution::gcn);
    gated.attention_readout = true;
    expect_gradients(gated, "attention readout");
}

TEST(HitNetwork, learns_a_toy_with_every_readout)
{
    for (int which = 0; which < 5; ++which) {
        HitNetworkConfig config = small_config(HitConvolution::gat);
        config.attention_readout = which == 4;
        config.readout = static_cast<ReadoutKind>(which);
        double const start = train_some(config, 1, 1).loss;
        EXPECT_LT(train_some(config, 1, 60).loss, 0.6 * start) << which;
    }
}

TEST(HitNetwork, learns_a_toy)
{
    for (HitConvolution const kind : kAllKinds)
        for (HitRule const rule : {HitRule::ccl, HitRule::cell}) {
            HitNetworkConfig config = small_config(kind);
            config.hits.rule = rule;
            double const start = train_some(config, 1, 1).loss;
            EXPECT_LT(train_some(config, 1, 60).loss, 0.6 * start) << name(kind);
        }
}

TEST(HitNetwork, number_of_threads_changes_no_bit)
{
    for (HitConvolution const kind : kAllKinds) {
        HitNetworkConfig config = small_config(kind);
        config.convolution.attention_dropout = 0.1F;
        auto const one = train_some(config, 1, 3);
        EXPECT_EQ(train_some(config, 2, 3).weights, one.weights) << name(kind);
        EXPECT_EQ(train_some(config, 3, 3).weights, one.weights) << name(kind);
    }
}

TEST(HitNetwork, score_of_an_event_does_not_depend_on_its_batch)
{
    for (HitConvolution const kind : kAllKinds) {
        Context ctx = make_context(1);
        ToyEvents events(70);
        std::fill_n(events.adc.begin() + 5 * kNumChannels, kNumChannels, std::uint16_t{0});
        HitNetwork model(ctx, small_config(kind));
        EventInput const input(ctx, toy_scaling(), events.adc, events.label);
        Scorer many(ctx, model, input, 70, Mode::evaluate);
        Scorer few(ctx, model, input, 7, Mode::evaluate);
        Scorer alone(ctx, model, input, 1, Mode::evaluate);
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

TEST(HitNetwork, order_of_the_channels_changes_no_bit)
{
    ToyEvents const events(20);
    InputScaling const scaling = toy_scaling();
    InputScaling moved = scaling;
    auto const place = [](std::size_t channel) {
        return (channel * 77 + 13) % kNumChannels;
    };
    std::vector<std::uint16_t> adc(events.adc.size());
    for (std::size_t e = 0; e < 20; ++e)
        for (std::size_t c = 0; c < kNumChannels; ++c)
            adc[e * kNumChannels + place(c)] = events.adc[e * kNumChannels + c];
    for (std::size_t k = 0; k < kNumCells; ++k)
        moved.channels[k] =
            static_cast<std::int32_t>(place(static_cast<std::size_t>(scaling.channels[k])));
    Context ctx = make_context(1);
    HitNetwork model(ctx, small_config(HitConvolution::gat));
    EventInput const input(ctx, scaling, events.adc), other(ctx, moved, adc);
    Scorer first(ctx, model, input, 20, Mode::evaluate),
        second(ctx, model, other, 20, Mode::evaluate);
    EXPECT_EQ(first.run(events.rows), second.run(events.rows));
}

/// The graph with its hits in reverse order, event by event, and every edge with it.
struct Reversed {
    std::vector<float> x, position;
    std::vector<std::int32_t> edge_ptr, source;

    Reversed(Context& ctx, layers::HitGraph const& g) : edge_ptr(1, 0)
    {
        auto const row_ptr = fetch<std::int32_t>(ctx, g.row_ptr);
        auto const ptr = fetch<std::int32_t>(ctx, g.edge_ptr);
        auto const from = fetch<std::int32_t>(ctx, g.source);
        auto const features = fetch(ctx, g.x), place = fetch(ctx, g.position);
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

TEST(HitNetwork, order_of_the_hits_changes_rounding_only)
{
    for (HitConvolution const kind : kAllKinds) {
        Context ctx = make_context(1);
        ToyEvents const events(20);
        HitNetwork model(ctx, small_config(kind));
        EventInput const input(ctx, toy_scaling(), events.adc, events.label);
        Buffer<std::int32_t> const rows(ctx, events.rows);
        Buffer<std::int64_t> const step(ctx, 2);
        layers::HitGraph graph;
        TensorRef logits, logits_of_reversed;
        Tape tape(ctx, Mode::evaluate, step.ref(), [&](Tape& t) {
            graph = layers::event_graph(t, input.batch(rows.ref()), model.config().hits,
                                        layers::HitEdges::plain);
            logits = model.forward_graph(t, graph).value;
        });
        tape.run();
        Reversed const r(ctx, graph);
        auto const nodes = static_cast<std::int64_t>(r.edge_ptr.size()) - 1;
        Buffer<float> const x(ctx, r.x), position(ctx, r.position);
        Buffer<std::int32_t> const edge_ptr(ctx, r.edge_ptr), source(ctx, r.source);
        layers::HitGraph const reversed{.row_ptr = graph.row_ptr,
                                        .x = x.ref({nodes, kNumHitFeatures}),
                                        .position = position.ref({nodes, 2}),
                                        .edge_ptr = edge_ptr.ref(),
                                        .source = source.ref(),
                                        .edge_x = {}};
        Tape other(ctx, Mode::evaluate, step.ref(),
                   [&](Tape& t) { logits_of_reversed = model.forward_graph(t, reversed).value; });
        other.run();
        auto const want = fetch(ctx, logits), got = fetch(ctx, logits_of_reversed);
        for (std::size_t b = 0; b < 20; ++b)
            EXPECT_NEAR(got[b], want[b], 2e-5F) << name(kind) << ' ' << b;
    }
}

TEST(HitNetwork, layers_that_search_their_own_neighbours_do_without_edges)
{
    HitNetworkConfig dynamic = small_config(HitConvolution::edge_conv);
    dynamic.convolution.dynamic = true;
    for (HitNetworkConfig config : {small_config(HitConvolution::gravnet), dynamic}) {
        ASSERT_EQ(layers::edges_of(config.convolution), layers::HitEdges::none);
        Context ctx = make_context(1);
        ToyEvents const events(20);
        HitNetwork model(ctx, config);
        EventInput const input(ctx, toy_scaling(), events.adc, events.label);
        Buffer<std::int32_t> const rows(ctx, events.rows);
        Buffer<std::int64_t> const step(ctx, 2);
        auto const logits = [&](layers::HitEdges edges, bool symmetrise) {
            config.hits.symmetrise = symmetrise;
            TensorRef out;
            Tape tape(ctx, Mode::evaluate, step.ref(), [&](Tape& t) {
                out = model
                          .forward_graph(t, layers::event_graph(t, input.batch(rows.ref()),
                                                                config.hits, edges))
                          .value;
            });
            tape.run();
            return fetch(ctx, out);
        };
        auto const want = logits(layers::HitEdges::plain, false);
        EXPECT_TRUE(same_bits(logits(layers::HitEdges::none, false), want));
        EXPECT_TRUE(same_bits(logits(layers::HitEdges::plain, true), want)) << "symmetrise";
        TensorRef of_model;
        Tape tape(ctx, Mode::evaluate, step.ref(),
                  [&](Tape& t) { of_model = model.forward(t, input.batch(rows.ref())).value; });
        tape.run();
        EXPECT_TRUE(same_bits(fetch(ctx, of_model), want));
        EXPECT_NE(want, std::vector<float>(want.size(), want[0]));
    }
    layers::HitConvolutionOptions with_features = small_config(HitConvolution::gat).convolution;
    EXPECT_EQ(layers::edges_of(with_features), layers::HitEdges::plain);
    with_features.edge_features = true;
    EXPECT_EQ(layers::edges_of(with_features), layers::HitEdges::with_features);
}

TEST(HitNetwork, batch_of_empty_events_is_harmless)
{
    for (HitConvolution const kind : kAllKinds) {
        Context ctx = make_context(1);
        std::vector<std::uint16_t> const adc(10 * kNumChannels, 30);
        std::vector<std::int32_t> rows(10);
        std::iota(rows.begin(), rows.end(), 0);
        std::vector<std::uint8_t> const label(10, 1);
        HitNetworkConfig config = small_config(kind);
        config.dropout = 0;
        HitNetwork model(ctx, config);
        EventInput const input(ctx, toy_scaling(), adc, label);
        Optimizer optimizer(ctx, model.parameters(), {});
        TrainingStep step(ctx, model, input, optimizer, 10);
        for (int i = 0; i < 3; ++i)
            step.begin(rows), step.run();
        EXPECT_TRUE(std::isfinite(step.loss())) << name(kind);
        auto const logits = step.logits();
        EXPECT_EQ(logits, std::vector<float>(logits.size(), logits[0]));
    }
}

TEST(HitNetwork, warm_step_allocates_nothing)
{
    for (HitConvolution const kind : kAllKinds) {
        Context ctx = make_context(1);
        ToyEvents const events(70);
        HitNetwork model(ctx, small_config(kind));
        EventInput const input(ctx, toy_scaling(), events.adc, events.label);
        Optimizer optimizer(ctx, model.parameters(), {});
        TrainingStep step(ctx, model, input, optimizer, 70);
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
    for (HitConvolution const kind : {HitConvolution::gat, HitConvolution::gatv2}) {
        Context ctx = make_context(1);
        ToyEvents const events(3);
        HitNetwork model(ctx, small_config(kind));
        EventInput const input(ctx, toy_scaling(), events.adc, events.label);
        Buffer<std::int32_t> const rows(ctx, events.rows);
        Buffer<std::int64_t> const position(ctx, 2);
        layers::HitGraph graph;
        std::vector<layers::AttentionOutput> attention;
        Tape tape(ctx, Mode::evaluate, position.ref(), [&](Tape& t) {
            graph = layers::event_graph(t, input.batch(rows.ref()), model.config().hits,
                                        layers::HitEdges::plain);
            model.forward_graph(t, graph, nullptr, &attention);
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
