/// \file tests/models/quark_gluon_golden_test.cpp
/// The published network against Keras (files model_quark_gluon_*): logits of training and of evaluation,
/// gradients of weights and inputs, running statistics.
#include "kernels/dense/concat.hpp"
#include "models/quark_gluon.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/golden.hpp"

namespace calofuse::test {
namespace {
std::vector<std::string> quark_gluon_files()
{
    std::vector<std::string> out;
    for (auto const& path : golden_files())
        if (path.stem().string().rfind("model_quark_gluon_", 0) == 0) out.push_back(path.string());
    return out;
}

QuarkGluonConfig config_of(GoldenCase const& c)
{
    auto const& a = c.attrs();
    QuarkGluonConfig config;
    config.side = a.at("image");
    config.channels = a.at("channels");
    config.scalars = c.shape("in.table")[1];
    config.filters = a.at("filters");
    config.table_width = a.at("table_units");
    config.dense0 = a.at("dense").at(0);
    config.dense1 = a.at("dense").at(1);
    config.pixels = PixelScale::linear;
    config.norm_at = NormAt::after;
    config.first_dropout = config.image_dropout = 0;
    config.input_dropout = config.dense_dropout = 0;
    config.norm = {a.at("bn_epsilon"), a.at("bn_momentum"), true};
    return config;
}

/// A value whose gradient is wanted.
struct Input {
    OnDevice<float> value, grad;
    Input(Context& ctx, GoldenCase const& c, std::string const& key)
        : value(ctx, c.floats(key), c.shape(key))
        , grad(ctx, std::vector<float>(c.floats(key).size()), c.shape(key))
    {}
    Var var() const { return {value.ref(), grad.ref()}; }
};

class QuarkGluonGolden : public testing::TestWithParam<std::string> {};

TEST_P(QuarkGluonGolden, agrees)
{
    GoldenCase c(GetParam());
    Context ctx = make_context();
    QuarkGluon model(ctx, config_of(c));
    Parameters& parameters = model.parameters();
    for (auto const& e : parameters.entries()) {
        std::string const key = (e.trainable ? "param." : "state.") + e.spec.name;
        if (c.has(key)) parameters.upload(e, c.floats(key));
    }
    Input const image(ctx, c, "in.image"), table(ctx, c, "in.table");
    OnDevice<float> const seed(ctx, c.floats("grad_out.y"), c.shape("grad_out.y"));
    Buffer<std::int64_t> position(ctx, 2);  // no dropout: never read
    bool const training = c.attrs().at("training");
    TensorRef logits;
    Tape tape(
        ctx, parameters, training ? Mode::train : Mode::evaluate, position.ref(), [&](Tape& t) {
            Var const z = model.forward_inputs(t, image.var(), table.var());
            logits = z.value;
            t.record(
                "seed", [] {}, [&, z] { concat_backward(ctx, {.dy = seed.ref(), .da = z.grad}); });
        });
    tape.run();
    c.compare("out.y", fetch(ctx, logits));
    if (training) {
        parameters.zero_gradients();
        tape.backward();
        c.compare("grad.in.image", image.grad.fetch());
        c.compare("grad.in.table", table.grad.fetch());
        for (auto const& e : parameters.entries()) {
            std::string const key = (e.trainable ? "grad.param." : "state_after.") + e.spec.name;
            if (c.has(key))
                c.compare(key,
                          e.trainable ? parameters.download_gradient(e) : parameters.download(e));
        }
    }
    // A tape has no gradients outside of training.
    for (std::string const& key : c.not_compared())
        EXPECT_TRUE(!training && key.rfind("grad.", 0) == 0) << key << " was not compared";
    RecordProperty("worst_fraction_of_tolerance", std::to_string(c.worst_fraction()));
}

INSTANTIATE_TEST_SUITE_P(files,
                         QuarkGluonGolden,
                         testing::ValuesIn(quark_gluon_files()),
                         [](auto const& p) {
                             return std::filesystem::path(p.param).stem().string();
                         });

TEST(QuarkGluonGoldenFiles, are_there)
{
    EXPECT_FALSE(quark_gluon_files().empty());
}
}  // namespace
}  // namespace calofuse::test
