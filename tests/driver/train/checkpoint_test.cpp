#include "driver/train/checkpoint.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "tests/support/toy_run.hpp"

namespace calofuse::test {
namespace {
Task some_task()
{
    Task task;
    task.heads.resize(1);
    Head& head = task.heads[0];
    head.target = "label";
    head.names = {"hadron", "electron"};
    head.label_smoothing = 0.125F;
    head.class_weight = {0.75F, 1.25F};
    return task;
}
}  // namespace

TEST(Checkpoint, gives_back_what_it_was_given)
{
    TempFolder const folder;
    Context ctx = Context::cpu();
    Options const settings = toy_settings(3);
    Dataset const events = simulated_events(1);
    std::unique_ptr<Model> const model =
        find_model("hybrid").make(ctx, events, some_task(), settings, 7);
    Checkpoint saved("hybrid", settings, some_task());
    saved.store(model->parameters());
    saved.set_progress({{"epoch", 5}, {"note", "x"}});
    saved.write(folder / "a.safetensors");

    Checkpoint const read = Checkpoint::read(folder / "a.safetensors");
    EXPECT_EQ(read.model(), "hybrid");
    EXPECT_EQ(read.settings().all(), settings.all());
    EXPECT_EQ(read.progress().at("epoch"), 5);
    EXPECT_EQ(to_text(read.task()), to_text(some_task()));
    std::unique_ptr<Model> const restored = restore_model(ctx, read, events);
    for (auto const& e : model->parameters().entries())
        EXPECT_EQ(restored->parameters().download(e), model->parameters().download(e))
            << e.spec.name;
}

TEST(Checkpoint, every_flipped_bit_is_noticed)
{
    TempFolder const folder;
    Options const settings = toy_settings(3);
    Dataset const events = simulated_events(1);
    Context ctx = Context::cpu();
    Checkpoint saved("hybrid", settings, some_task());
    saved.store(find_model("hybrid").make(ctx, events, some_task(), settings, 1)->parameters());
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
    Dataset const events = simulated_events(1);
    Checkpoint saved("hybrid", settings, some_task());
    saved.store(find_model("hybrid").make(ctx, events, some_task(), settings, 1)->parameters());
    saved.write(folder / "a.safetensors");
    settings.set("model.filters", std::int64_t{32});
    auto const wider = find_model("hybrid").make(ctx, events, some_task(), settings, 1);
    EXPECT_THROW(Checkpoint::read(folder / "a.safetensors").restore(wider->parameters()), Error);
    EXPECT_THROW(Checkpoint::read(folder / "missing.safetensors"), Error);
}
}  // namespace calofuse::test
