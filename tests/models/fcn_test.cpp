#include "models/fcn.hpp"

#include "tests/support/heap_count.hpp"
#include "tests/support/input_model_steps.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr std::int64_t kEvents = 48, kFeatures = 5;

/// The class is the sign of a product, which no linear map knows.
struct Toy {
    std::vector<float> x = random_values(kEvents * kFeatures, 1), label;
    Toy()
    {
        for (std::size_t b = 0; b < kEvents; ++b)
            label.push_back(x[b * kFeatures] * x[b * kFeatures + 1] > 0 ? 1.0F : 0.0F);
    }
};

FcnConfig small_config()
{
    return {.features = kFeatures, .layers = 3, .width = 32};
}

std::vector<float> train_some(FcnConfig const& config, int threads, int steps, double* loss)
{
    Context ctx = make_context(threads);
    Toy const toy;
    Fcn model(ctx, config);
    Buffer<float> const x(ctx, std::span<float const>(toy.x));
    InputSteps steps_of(ctx, model.parameters(), {.learning_rate = 5e-3}, toy.label, [&](Tape& t) {
        return model.forward_inputs(t, {x.ref({kEvents, kFeatures}), {}});
    });
    for (int i = 0; i < steps; ++i)
        steps_of.step();
    if (loss != nullptr) *loss = steps_of.loss();
    return fetch(ctx, model.parameters().values());
}
}  // namespace

TEST(Fcn, has_the_published_numbers_of_parameters)
{
    struct Published {
        char const* data;
        std::int64_t features, parameters;
    };
    for (Published const& p :
         {Published{"Top", 700, 903'425}, Published{"Spinodal", 400, 826'625},
          Published{"EoS", 576, 871'681}, Published{"Airshower", 6561, 2'403'841},
          Published{"Belle", 19'100, 5'613'825}}) {
        Context ctx = make_context(1);
        Fcn const model(ctx, {.features = p.features});
        EXPECT_EQ(model.parameters().num_trainable(), p.parameters) << p.data;
        EXPECT_EQ(model.parameters().num_state(), 2 * p.features) << p.data;  // mean and scale
    }
}

TEST(Fcn, options_reach_the_network)
{
    Options options(schema_of(FcnConfig{}));
    options.set("model.layers", std::int64_t{2});
    options.set("model.width", std::int64_t{7});
    FcnConfig config = read_settings(FcnConfig{}, options);
    config.features = 3;
    config.outputs = 4;
    Context ctx = make_context(1);
    EXPECT_EQ(Fcn(ctx, config).parameters().num_trainable(), 3 * 7 + 7 + 7 * 7 + 7 + 7 * 4 + 4);
    config.layers = 0;
    EXPECT_EQ(Fcn(ctx, config).parameters().num_trainable(), 3 * 4 + 4);
}

TEST(Fcn, scaling_is_state_of_its_parameters)
{
    Context ctx = make_context(1);
    Fcn model(ctx, {.features = 2});
    model.scaling().set(model.parameters(), std::vector<double>{3, 4}, std::vector<double>{0, 8});
    EXPECT_EQ(fetch(ctx, model.scaling().mean(model.parameters())), (std::vector<float>{3, 4}));
    EXPECT_EQ(fetch(ctx, model.scaling().scale_inverse(model.parameters())),
              (std::vector<float>{1, 0.125F}));  // a constant column keeps its scale
}

TEST(Fcn, learns_a_toy)
{
    double loss = 1;
    train_some(small_config(), 0, on_cuda() ? 150 : 300, &loss);
    EXPECT_LT(loss, 0.2);
}

TEST(Fcn, number_of_threads_changes_no_bit)
{
    FcnConfig config = small_config();
    config.dropout = 0.25F;
    auto const one = train_some(config, 1, 3, nullptr);
    EXPECT_TRUE(same_bits(train_some(config, 2, 3, nullptr), one));
    EXPECT_TRUE(same_bits(train_some(config, 3, 3, nullptr), one));
}

TEST(Fcn, warm_step_allocates_nothing)
{
    Context ctx = make_context();
    Toy const toy;
    Fcn model(ctx, small_config());
    Buffer<float> const x(ctx, std::span<float const>(toy.x));
    InputSteps steps(ctx, model.parameters(), {}, toy.label, [&](Tape& t) {
        return model.forward_inputs(t, {x.ref({kEvents, kFeatures}), {}});
    });
    steps.step(), steps.step();
    auto const pool = ctx.num_allocations();
    auto const heap = g_heap_allocations.load();
    steps.step(), steps.step();
    EXPECT_EQ(ctx.num_allocations(), pool);
    if (!on_cuda()) EXPECT_EQ(g_heap_allocations.load(), heap);
}
}  // namespace calofuse::test
