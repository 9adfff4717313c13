/// \file tests/models/focalh/hybrid_test.cpp
#include "models/focalh/hybrid.hpp"

#include <cmath>

#include "models/engine/training_step.hpp"
#include "models/registry.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/heap_count.hpp"
#include "tests/support/toy_events.hpp"

namespace calofuse::test {
namespace {
using Graph = layers::DenseGraphKind;

HybridConfig small_config()
{
    HybridConfig c;
    c.filters = 16;
    c.dense = 16;
    c.embedding = 8;
    c.gnn_units = 8;
    c.head = 8;
    return c;
}

/// Weights after a few steps.
std::vector<float> train_some(HybridConfig const& config,
                              int threads,
                              int steps,
                              double* last_loss = nullptr)
{
    Context ctx = make_context(threads);
    ToyEvents const events(64);
    Hybrid model(ctx, config);
    ToyInput const input(ctx, model, events);
    Optimizer optimizer(ctx, model.parameters(), {.learning_rate = 5e-3});
    TrainingStep step(ctx, model, input.placed, input.task, optimizer, 64);
    for (int i = 0; i < steps; ++i)
        step.begin(events.rows), step.run();
    if (last_loss != nullptr) *last_loss = step.loss();
    return fetch(ctx, model.parameters().values());
}
}  // namespace

TEST(Hybrid, has_the_published_number_of_parameters)
{
    Context ctx = make_context(1);
    Hybrid const model(ctx, {});
    EXPECT_EQ(model.parameters().num_trainable(), 774849);
    // Of batch norms; 256 pedestals and the energy's two doubles, in three floats each, are fitted.
    std::int64_t statistics = 0, in_cnns = 0;
    for (auto const& e : model.parameters().entries()) {
        if (!e.trainable && e.spec.name.rfind("input.", 0) != 0) statistics += e.size;
        if (e.spec.name.rfind("cnn", 0) == 0) in_cnns += e.size;
    }
    EXPECT_EQ(statistics, 4608);
    EXPECT_EQ(model.parameters().num_state(), statistics + 256 + 6);
    EXPECT_EQ(model.parameters().num_trainable() + statistics, 779457);
    EXPECT_EQ(in_cnns, 758656);
}

TEST(Hybrid, options_change_the_number_of_parameters)
{
    Context ctx = make_context(1);
    HybridConfig shared;
    shared.share_outer = true;
    // One 5x5 CNN, the 7x7 one, the graph network and the head; 128 dense statistics a module.
    EXPECT_EQ(Hybrid(ctx, shared).parameters().num_trainable(), 79232 + 120192 + 2 * 8256 + 4289);
    HybridConfig gcn;
    gcn.gnn = Graph::gcn;
    EXPECT_EQ(Hybrid(ctx, gcn).parameters().num_trainable(), 774849 - 2 * 64 * 64);
    HybridConfig deep;
    deep.gnn_layers = 3;
    EXPECT_EQ(Hybrid(ctx, deep).parameters().num_trainable(), 774849 + 2 * 64 * 64 + 64);
}

TEST(Hybrid, initial_weights_follow_glorot_and_the_seed)
{
    Context ctx = make_context(1);
    Hybrid const one(ctx, {}), same(ctx, {});
    HybridConfig other_seed;
    other_seed.seed = 2;
    Hybrid const other(ctx, other_seed);
    auto const& kernel = one.parameters().find("cnn3.conv1.kernel");
    auto const w = one.parameters().download(kernel);
    EXPECT_EQ(w, same.parameters().download(kernel));
    EXPECT_NE(w, other.parameters().download(kernel));
    double const limit = std::sqrt(6.0 / (9 * 64 + 9 * 64));
    double sum = 0, squares = 0, largest = 0;
    for (float const v : w) {
        sum += v;
        squares += double{v} * v;
        largest = std::max(largest, std::abs(double{v}));
    }
    auto const n = static_cast<double>(w.size());
    EXPECT_LE(largest, limit);
    EXPECT_GT(largest, 0.999 * limit);
    EXPECT_NEAR(sum / n, 0.0, 4 * limit / std::sqrt(3 * n));
    EXPECT_NEAR(squares / n, limit * limit / 3, 0.02 * limit * limit);
}

TEST(Hybrid, gradient_is_the_slope_of_the_loss)
{
    // Along the gradient g the loss must change by |g|^2 h; fp32 sums leave about 1e-3 of that.
    for (Graph const gnn : {Graph::gcs, Graph::gcn, Graph::gat}) {
        HybridConfig config = small_config();
        config.gnn = gnn;
        config.gat_heads = 4;
        config.conv_dropout = config.dense_dropout = config.head_dropout = 0;
        Context ctx = make_context();
        ToyEvents const events(32);
        Hybrid model(ctx, config);
        ToyInput const input(ctx, model, events);
        Optimizer frozen(ctx, model.parameters(), {.name = "sgd", .learning_rate = 0});
        TrainingStep step(ctx, model, input.placed, input.task, frozen, 32);
        step.begin(events.rows), step.run();
        TensorRef const w = model.parameters().values();
        auto const keep = fetch(ctx, w), slope = fetch(ctx, model.parameters().gradients());
        double norm = 0;
        for (float const v : slope)
            norm += double{v} * v;
        double const h = 2e-3 / std::sqrt(norm);
        double difference = 0;
        for (int sign : {1, -1}) {
            auto moved = keep;
            for (std::size_t i = 0; i < keep.size(); ++i)
                moved[i] += static_cast<float>(sign * h * slope[i]);
            put(ctx, w, moved);
            step.begin(events.rows), step.run();
            difference += sign * step.loss();
        }
        EXPECT_NEAR(difference / (2 * h * norm), 1.0, 0.02) << name_of(gnn);
    }
}

TEST(Hybrid, every_option_learns_a_toy)
{
    for (int option = 0; option < 6; ++option) {
        HybridConfig config = small_config();
        config.conv_dropout = config.dense_dropout = config.head_dropout = 0;
        config.share_outer = option == 0;
        config.gnn = option == 1 ? Graph::gcn : option == 2 ? Graph::gat : Graph::gcs;
        config.adjacency = option == 3   ? GridNeighbours::all
                           : option == 1 ? GridNeighbours::four
                                         : GridNeighbours::eight;
        config.readout = option == 4 ? ReadoutKind::max : ReadoutKind::mean;
        config.gnn_layers = option % 4;
        if (option == 3) config.init = Init::torch_uniform;
        double loss = 0;
        train_some(config, 0, 60, &loss);
        EXPECT_LT(loss, 0.3) << "option " << option;
    }
}

TEST(Hybrid, number_of_threads_changes_no_bit)
{
    auto const one = train_some(small_config(), 1, 3);
    EXPECT_EQ(train_some(small_config(), 2, 3), one);
    EXPECT_EQ(train_some(small_config(), 3, 3), one);
}

TEST(Hybrid, warm_step_allocates_nothing)
{
    Context ctx = make_context();
    ToyEvents const events(64);
    Hybrid model(ctx, small_config());
    ToyInput const input(ctx, model, events);
    Optimizer optimizer(ctx, model.parameters(), {});
    TrainingStep step(ctx, model, input.placed, input.task, optimizer, 64);
    step.begin(events.rows), step.run();
    step.begin(events.rows), step.run();
    auto const pool = ctx.num_allocations();
    auto const heap = g_heap_allocations.load();
    for (int i = 0; i < 3; ++i)
        step.begin(events.rows), step.run();
    EXPECT_EQ(ctx.num_allocations(), pool);
    EXPECT_EQ(g_heap_allocations.load(), heap);
}

TEST(Hybrid, score_of_an_event_does_not_depend_on_its_batch)
{
    Context ctx = make_context();
    ToyEvents const events(40);
    Hybrid model(ctx, small_config());
    ToyInput const input(ctx, model, events);
    Scorer many(ctx, model, input.placed, 1, 40, Mode::evaluate),
        few(ctx, model, input.placed, 1, 7, Mode::evaluate);
    Scorer alone(ctx, model, input.placed, 1, 1, Mode::evaluate);
    auto const together = many.run(events.rows);
    EXPECT_EQ(few.run(events.rows), together);
    EXPECT_EQ(alone.run(events.rows), together);
    EXPECT_TRUE(many.run({}).empty());
}

TEST(Hybrid, calibration_makes_evaluation_agree_with_the_batch)
{
    // With the statistics of the very batch, evaluation is that batch's forward pass.
    Context ctx = make_context();
    ToyEvents const events(64);
    Hybrid model(ctx, small_config());
    ToyInput const input(ctx, model, events);
    Scorer calibrate(ctx, model, input.placed, 1, 64, Mode::calibrate);
    Scorer evaluate(ctx, model, input.placed, 1, 64, Mode::evaluate);
    auto const before = evaluate.run(events.rows);
    model.parameters().begin_calibration();
    auto const batch = calibrate.run(events.rows);
    model.parameters().finish_calibration();
    auto const after = evaluate.run(events.rows);
    expect_close(after, batch, 1e-4, 1e-4);
    double change = 0;
    for (std::size_t i = 0; i < before.size(); ++i)
        change = std::max(change, std::abs(double{before[i]} - after[i]));
    EXPECT_GT(change, 1e-2);
}

TEST(Registry, unknown_models_are_refused_by_name)
{
    EXPECT_STREQ(find_model("hybrid").name, "hybrid");
    EXPECT_THROW(find_model("hybird"), Error);
}
}  // namespace calofuse::test
