#include "driver/train/checkpoint.hpp"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "driver/judge/evaluation.hpp"
#include "tests/support/toy_run.hpp"

namespace calofuse::test {
namespace {
InputScaling some_scaling()
{
    InputScaling s;
    s.scale = InputScale::log1p;
    s.asinh_scale = 17.5F;
    s.pedestals.assign(kNumChannels, 31.25F);
    s.energy_mean = 12345.678901234567;
    s.energy_std = 0.1;
    s.channels[3] = 200;
    return s;
}
}  // namespace

TEST(Checkpoint, gives_back_what_it_was_given)
{
    TempFolder const folder;
    Context ctx = Context::cpu();
    Options const settings = toy_settings(3);
    std::unique_ptr<Model> const model = find_model("hybrid").make(ctx, settings, 7);
    Checkpoint saved("hybrid", settings, some_scaling());
    saved.store(model->parameters());
    saved.set_progress({{"epoch", 5}, {"note", "x"}});
    saved.write(folder / "a.safetensors");

    Checkpoint const read = Checkpoint::read(folder / "a.safetensors");
    EXPECT_EQ(read.model(), "hybrid");
    EXPECT_EQ(read.settings().all(), settings.all());
    EXPECT_EQ(read.progress().at("epoch"), 5);
    InputScaling const want = some_scaling();
    EXPECT_EQ(read.scaling().scale, want.scale);
    EXPECT_EQ(read.scaling().asinh_scale, want.asinh_scale);
    EXPECT_EQ(read.scaling().pedestals, want.pedestals);
    EXPECT_EQ(read.scaling().energy_mean, want.energy_mean);
    EXPECT_EQ(read.scaling().energy_std, want.energy_std);
    EXPECT_EQ(read.scaling().channels, want.channels);
    std::unique_ptr<Model> const restored = restore_model(ctx, read);
    for (auto const& e : model->parameters().entries())
        EXPECT_EQ(restored->parameters().download(e), model->parameters().download(e))
            << e.spec.name;
}

TEST(Checkpoint, every_flipped_bit_is_noticed)
{
    TempFolder const folder;
    Options const settings = toy_settings(3);
    Context ctx = Context::cpu();
    Checkpoint saved("hybrid", settings, some_scaling());
    saved.store(find_model("hybrid").make(ctx, settings, 1)->parameters());
    std::string const path = folder / "a.safetensors";
    saved.write(path);
    std::ifstream in(path, std::ios::binary);
    std::string const good{std::istreambuf_iterator<char>(in), {}};
    for (std::size_t i = 0; i < 300; ++i) {
        std::string bad = good;
        // The header is dense with meaning, the data are not: half of the flips go to each.
        std::size_t const at = i % 2 == 0 ? i * 37 % 12000 : i * 7919 % bad.size();
        bad[at] = static_cast<char>(bad[at] ^ (1 << (i % 8)));
        std::ofstream(path, std::ios::binary) << bad;
        EXPECT_THROW(Checkpoint::read(path), Error) << "byte " << at;
    }
    std::ofstream(path, std::ios::binary) << good.substr(0, good.size() - 1);
    EXPECT_THROW(Checkpoint::read(path), Error);
    std::ofstream(path, std::ios::binary) << good;
    EXPECT_NO_THROW(Checkpoint::read(path));
}

TEST(Checkpoint, another_models_weights_are_refused)
{
    TempFolder const folder;
    Context ctx = Context::cpu();
    Options settings = toy_settings(1);
    Checkpoint saved("hybrid", settings, some_scaling());
    saved.store(find_model("hybrid").make(ctx, settings, 1)->parameters());
    saved.write(folder / "a.safetensors");
    settings.set("model.filters", std::int64_t{32});
    auto const wider = find_model("hybrid").make(ctx, settings, 1);
    EXPECT_THROW(Checkpoint::read(folder / "a.safetensors").restore(wider->parameters()), Error);
    EXPECT_THROW(Checkpoint::read(folder / "missing.safetensors"), Error);
}

TEST(Evaluation, counts_what_the_definitions_say)
{
    EventSet const events = simulated_events(3);  // rows 0..5 hadrons, 6..11 electrons
    std::vector<std::int32_t> const rows = {0, 1, 3, 6, 7, 9};
    std::vector<float> const logits = {-2.0F, 1.0F, 0.0F, 3.0F, -1.0F, 0.5F};
    Evaluation const e = evaluate_logits(events, rows, logits);
    EXPECT_EQ(e.events, 6);
    EXPECT_EQ(e.confusion[0][0], 2);  // a score of exactly one half is a hadron
    EXPECT_EQ(e.confusion[0][1], 1);
    EXPECT_EQ(e.confusion[1][0], 1);
    EXPECT_EQ(e.confusion[1][1], 2);
    EXPECT_DOUBLE_EQ(e.accuracy, 4.0 / 6.0);
    // Electrons 3, -1, 0.5 against hadrons -2, 1, 0: 3 + 1 + 2 of 9 pairs are in order.
    EXPECT_DOUBLE_EQ(e.auc, 6.0 / 9.0);
    double want = 0;
    for (std::size_t i = 0; i < 6; ++i)
        want += std::log1p(std::exp((i < 3 ? 1.0 : -1.0) * static_cast<double>(logits[i]))) / 6.0;
    EXPECT_NEAR(e.loss, want, 1e-12);
    ASSERT_EQ(e.per_energy.size(), 4U);
    EXPECT_EQ(e.per_energy[0].energy_gev, 80.0F);
    EXPECT_EQ(e.per_energy[0].events, 2);
    EXPECT_DOUBLE_EQ(e.per_energy[0].accuracy, 0.5);
    EXPECT_LT(e.per_energy[0].accuracy_low, 0.5);
    EXPECT_GT(e.per_energy[0].accuracy_high, 0.5);
    auto const document = to_json(e, "hybrid", "test");
    EXPECT_EQ(document.at("confusion").at("hadron").at("electron"), 1);
    EXPECT_EQ(
        headline(evaluate_logits(events, std::vector<std::int32_t>{0}, std::vector<float>{1.0F}))
            .at("auc"),
        nullptr);
}
}  // namespace calofuse::test
