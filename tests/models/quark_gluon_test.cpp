#include "models/quark_gluon.hpp"

#include <cmath>

#include "runtime/error.hpp"
#include "tests/support/heap_count.hpp"
#include "tests/support/input_model_steps.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr std::int64_t kEvents = 12, kSide = 22, kChannels = 2, kScalars = 2;

/// Images with a bright spot above or below the middle.
struct Toy {
    std::vector<float> image = random_values(kEvents * kSide * kSide * kChannels, 1, 0, 0.1F);
    std::vector<float> table = random_values(kEvents * kScalars, 2), label;
    Toy()
    {
        for (std::size_t b = 0; b < kEvents; ++b) {
            bool const above = b % 2 == 0;
            std::size_t const row = (above ? 4 : 15) + b % 3, col = 5 + b;
            image[((b * kSide + row) * kSide + col) * kChannels] = 5;
            label.push_back(above ? 1.0F : 0.0F);
        }
    }
};

QuarkGluonConfig small_config()
{
    return {.side = kSide,
            .channels = kChannels,
            .scalars = kScalars,
            .filters = 8,
            .table_width = 4,
            .dense0 = 16,
            .dense1 = 8};
}

struct ToyRun {
    Context ctx;
    Toy toy;
    QuarkGluon model;
    Buffer<float> image, table;
    InputSteps steps;

    ToyRun(QuarkGluonConfig const& config, int threads, OptimizerConfig const& optimizer)
        : ctx(make_context(threads))
        , model(ctx, config)
        , image(ctx, std::span<float const>(toy.image))
        , table(ctx, std::span<float const>(toy.table))
        , steps(ctx, model.parameters(), optimizer, toy.label, [this](Tape& tape) {
            return model.forward_inputs(tape, {image.ref({kEvents, kSide, kSide, kChannels}), {}},
                                        {table.ref({kEvents, kScalars}), {}});
        })
    {}
};

std::vector<float> weights_after(QuarkGluonConfig const& config, int threads, int steps)
{
    ToyRun run(config, threads, {});
    for (int i = 0; i < steps; ++i)
        run.steps.step();
    return fetch(run.ctx, run.model.parameters().values());
}
}  // namespace

TEST(QuarkGluon, has_the_published_number_of_parameters)
{
    Context ctx = make_context(1);
    QuarkGluon const model(ctx, {});
    std::int64_t statistics = 0, scaling = 0;
    for (auto const& e : model.parameters().entries())
        if (!e.trainable) (e.spec.name.rfind("bn", 0) == 0 ? statistics : scaling) += e.size;
    EXPECT_EQ(model.parameters().num_trainable(), 706'977);
    EXPECT_EQ(model.parameters().num_trainable() + statistics, 707'553);
    EXPECT_EQ(scaling, 2 + 4);  // one mean and scale of the pixels, those of pt and m0
}

TEST(QuarkGluon, options_reach_the_network)
{
    Options options(schema_of(QuarkGluonConfig{}));
    for (char const* key : {"model.filters", "model.table_width", "model.dense0", "model.dense1"})
        options.set(key, std::int64_t{3});
    options.set("model.norm_at", std::string("after"));
    options.set("model.pixels", std::string("linear"));
    options.set("model.first_dropout", 0.3);
    QuarkGluonConfig const config = read_settings(QuarkGluonConfig{}, options);
    EXPECT_EQ(config.norm_at, NormAt::after);
    EXPECT_EQ(config.pixels, PixelScale::linear);
    EXPECT_EQ(config.first_dropout, 0.3F);
    Context ctx = make_context(1);
    // conv0, two depthwise, table, dense 13 x 13 x 3 + 3, dense, out; five norms
    EXPECT_EQ(QuarkGluon(ctx, config).parameters().num_trainable(),
              (27 * 3 + 3) + 2 * (27 + 3) + (6 + 3) + (510 * 3 + 3) + (9 + 3) + (3 + 1) + 5 * 6);
}

TEST(QuarkGluon, images_that_are_too_small_are_refused)
{
    Context ctx = make_context(1);
    EXPECT_THROW(QuarkGluon(ctx, {.side = 21}), Error);
    EXPECT_NO_THROW(QuarkGluon(ctx, {.side = 22}));
}

TEST(QuarkGluon, gradient_is_the_slope_of_the_loss)
{
    // Along the gradient g the loss must change by |g|^2 h; fp32 sums leave about 1e-3 of that.
    for (NormAt const norm_at : {NormAt::before, NormAt::after}) {
        QuarkGluonConfig config = small_config();
        config.norm_at = norm_at;
        config.input_dropout = config.dense_dropout = 0;
        ToyRun run(config, 0, {});
        run.steps.gradients();
        TensorRef const w = run.model.parameters().values();
        auto const keep = fetch(run.ctx, w);
        auto const slope = fetch(run.ctx, run.model.parameters().gradients());
        double norm = 0;
        for (float const v : slope)
            norm += double{v} * v;
        double const h = 2e-3 / std::sqrt(norm);
        double difference = 0;
        for (int const sign : {1, -1}) {
            auto moved = keep;
            for (std::size_t i = 0; i < keep.size(); ++i)
                moved[i] += static_cast<float>(sign * h * slope[i]);
            put(run.ctx, w, moved);
            run.steps.gradients();
            difference += sign * run.steps.loss();
        }
        EXPECT_NEAR(difference / (2 * h * norm), 1.0, 0.02) << name_of(norm_at);
    }
}

TEST(QuarkGluon, learns_a_toy)
{
    QuarkGluonConfig config = small_config();
    config.input_dropout = config.dense_dropout = 0;
    ToyRun run(config, 0, {.learning_rate = 5e-3});
    for (int i = 0; i < (on_cuda() ? 15 : 100); ++i)
        run.steps.step();
    EXPECT_LT(run.steps.loss(), on_cuda() ? 0.5 : 0.1);
}

TEST(QuarkGluon, number_of_threads_changes_no_bit)
{
    QuarkGluonConfig config = small_config();
    config.first_dropout = config.image_dropout = 0.3F;
    auto const one = weights_after(config, 1, 3);
    EXPECT_TRUE(same_bits(weights_after(config, 2, 3), one));
    EXPECT_TRUE(same_bits(weights_after(config, 3, 3), one));
}

TEST(QuarkGluon, warm_step_allocates_nothing)
{
    ToyRun run(small_config(), 0, {});
    run.steps.step(), run.steps.step();
    auto const pool = run.ctx.num_allocations();
    auto const heap = g_heap_allocations.load();
    run.steps.step(), run.steps.step();
    EXPECT_EQ(run.ctx.num_allocations(), pool);
    if (!on_cuda()) EXPECT_EQ(g_heap_allocations.load(), heap);
}
}  // namespace calofuse::test
