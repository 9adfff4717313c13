/// \file tests/models/focalh/hybrid_golden_test.cpp
/// The whole hybrid against Keras and Spektral: forward, loss, gradients, running statistics, three
/// Adam steps, inference before and after them (files hybrid_*, tests/golden/README.md).
#include <algorithm>

#include "kernels/loss/bce.hpp"
#include "models/engine/optimizer.hpp"
#include "models/focalh/hybrid.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/weights.hpp"

namespace calofuse::test {
namespace {
std::vector<std::string> hybrid_files()
{
    std::vector<std::string> out;
    for (auto const& path : golden_files())
        if (path.stem().string().rfind("hybrid_", 0) == 0) out.push_back(path.string());
    return out;
}

HybridConfig config_of(GoldenCase const& c)
{
    auto const& a = c.attrs();
    HybridConfig config;
    config.filters = a.at("conv_filters");
    config.dense = a.at("dense");
    config.embedding = a.at("embedding");
    config.head = a.at("head");
    config.gnn = parse<layers::DenseGraphKind>(a.at("gnn").get<std::string>(), "gnn");
    config.gnn_layers = a.at("gnn_layers");
    config.gnn_units = a.at("gnn_units");
    config.gat_heads = std::max<std::int64_t>(1, a.at("gat_heads"));
    config.leaky_slope = a.at("leaky_slope");
    config.norm = {a.at("bn_epsilon"), a.at("bn_momentum"), true};
    config.conv_dropout = config.dense_dropout = config.head_dropout = 0;
    return config;
}

/// image0 .. image8 (B, n, n, 1) side by side: (B, 249).
std::vector<float> cells_of(GoldenCase const& c, std::int64_t batch)
{
    std::vector<float> cells(static_cast<std::size_t>(batch * kNumCells));
    for (int m = 0; m < kNumModules; ++m) {
        auto const image = c.floats("in.image" + std::to_string(m));
        auto const size = static_cast<std::size_t>(module_side(m) * module_side(m));
        for (std::size_t b = 0; b < static_cast<std::size_t>(batch); ++b)
            std::copy_n(image.begin() + static_cast<std::ptrdiff_t>(b * size), size,
                        cells.begin()
                            + static_cast<std::ptrdiff_t>(
                                b * kNumCells + static_cast<std::size_t>(module_begin(m))));
    }
    return cells;
}

class HybridGolden : public testing::TestWithParam<std::string> {};

TEST_P(HybridGolden, forward_gradients_and_three_steps)
{
    GoldenCase c(GetParam());
    Context ctx = make_context();
    HybridConfig const config = config_of(c);
    Hybrid model(ctx, config);
    model.set_adjacency(c.floats("in.adjacency"));
    Parameters& parameters = model.parameters();
    for (auto const& e : weights_of(parameters))
        parameters.upload(e, c.floats((e.trainable ? "param." : "state.") + e.spec.name));

    std::int64_t const batch = c.shape("in.image0")[0];
    Buffer<float> cells(ctx, cells_of(c, batch)), energy(ctx, c.floats("in.energy"));
    Buffer<float> label(ctx, c.floats("in.label")), loss(ctx, 1);
    AdcInput::Cells const input{cells.ref({batch, kNumCells}), energy.ref({batch})};

    Optimizer optimizer(ctx, parameters, {});
    Buffer<std::int64_t> position(ctx, 2), number(ctx, 1);  // no dropout: never read
    TensorRef logits, scored;
    Tape train(ctx, parameters, Mode::train, position.ref(), [&](Tape& tape) {
        Var const z = model.forward_cells(tape, input);
        logits = z.value;
        record(tape, "bce", bce_forward, {.x = z.value, .target = label.ref(), .loss = loss.ref()},
               bce_backward, {.x = z.value, .target = label.ref(), .dx = z.grad});
    });
    Tape score(ctx, parameters, Mode::evaluate, position.ref(),
               [&](Tape& tape) { scored = model.forward_cells(tape, input).value; });

    score.run();
    c.compare("out.logit_inference_before", fetch(ctx, scored));
    std::vector<double> losses;
    auto const num_steps = static_cast<int>(c.attrs().at("steps"));
    for (int k = 1; k <= num_steps; ++k) {
        std::int64_t const step_number = k;
        number.upload({&step_number, 1});
        parameters.zero_gradients();
        train.run();
        train.backward();
        losses.push_back(loss.download()[0]);
        if (k == 1) {
            c.compare("out.logit", fetch(ctx, logits));
            for (auto const& e : weights_of(parameters)) {
                if (e.trainable)
                    c.compare("grad.param." + e.spec.name, parameters.download_gradient(e));
                else
                    c.compare("state_after." + e.spec.name, parameters.download(e));
            }
        }
        optimizer.apply(number.ref());
        std::string const step = "step." + std::to_string(k) + ".";
        for (auto const& e : weights_of(parameters)) {
            std::string const key = step + (e.trainable ? "param." : "state.") + e.spec.name;
            if (!c.has(key)) continue;
            c.compare(key, parameters.download(e));
            c.compare_rms(key, parameters.download(e));
        }
    }
    c.compare("loss", losses);
    score.run();
    c.compare("out.logit_inference_after", fetch(ctx, scored));
    for (std::string const& key : c.not_compared())
        EXPECT_TRUE(key == "out.embedding" || key == "out.readout") << key << " was not compared";
    RecordProperty("worst_fraction_of_tolerance", std::to_string(c.worst_fraction()));
}

INSTANTIATE_TEST_SUITE_P(files, HybridGolden, testing::ValuesIn(hybrid_files()), [](auto const& p) {
    return std::filesystem::path(p.param).stem().string();
});
}  // namespace
}  // namespace calofuse::test
