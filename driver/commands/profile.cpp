/// \file driver/commands/profile.cpp
/// Times whole training or scoring steps, and the operators inside them.
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "driver/cli/device.hpp"
#include "driver/cli/settings.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/commands/timing.hpp"
#include "driver/kinds.hpp"
#include "driver/train/trained_model.hpp"
#include "io/store/store.hpp"
#include "models/engine/training_step.hpp"
#include "models/registry.hpp"

namespace calofuse::commands {
namespace {
Json to_json(Timing const& t, Json document, std::int64_t batch)
{
    auto const events = static_cast<double>(batch * t.steps);
    document["steps"] = t.steps;
    document["events_per_s"] = events / t.wall_s;
    document["events_per_cpu_s"] = events / t.cpu_s;
    document["ms_per_step"] = {{"median", t.step_ms[t.step_ms.size() / 2]},
                               {"min", t.step_ms.front()},
                               {"max", t.step_ms.back()}};
    document["stages"] = Json::array();
    for (auto const& [name, ms] : t.stages)
        document["stages"].push_back({{"name", name}, {"ms", ms}});
    document["gpu_busy"] = nullptr;
    return document;
}

void print(Json const& d)
{
    print_line(fmt::format(
        "{} {} on {} ({}), batch {}, {} threads: {:.0f} events/s, {:.0f} events per CPU second",
        d["model"].get<std::string>(), d["kind"].get<std::string>(), d["device"].get<std::string>(),
        d["precision"].get<std::string>(), d["batch_size"].get<int>(), d["threads"].get<int>(),
        d["events_per_s"].get<double>(), d["events_per_cpu_s"].get<double>()));
    print_line(fmt::format("  {} steps: median {:.2f} ms, min {:.2f}, max {:.2f}",
                           d["steps"].get<int>(), d["ms_per_step"]["median"].get<double>(),
                           d["ms_per_step"]["min"].get<double>(),
                           d["ms_per_step"]["max"].get<double>()));
    for (auto const& stage : d["stages"])
        print_line(fmt::format("  {:>9.3f} ms  {}", stage["ms"].get<double>(),
                               stage["name"].get<std::string>()));
}
}  // namespace

int profile(Session const& session, ProfileArgs const& args)
{
    ModelEntry const& entry = find_model(args.model);
    Options const settings = resolve_settings(session, entry.schema());
    Context ctx = make_context(settings);
    std::int64_t const batch = settings.get_int("train.batch_size");
    Dataset const data = args.data.empty() ? example_events(ctx, std::max<std::int64_t>(batch, 512))
                                           : read_store(args.data);
    std::vector<std::int32_t> rows(static_cast<std::size_t>(data.size()));
    std::iota(rows.begin(), rows.end(), 0);
    Task task = make_task(settings, data);
    fit_task(task, settings, data, rows);
    auto const seed = static_cast<std::uint64_t>(settings.get_int("general.seed"));
    std::unique_ptr<Model> const model = entry.make(ctx, data, task, settings, seed);
    check_columns(*model, args.model, data);
    model->bind(data);
    model->fit(data, rows);
    std::vector<std::string> columns = model->columns();
    for (std::string const& column : task.columns())
        columns.push_back(column);
    Placed const placed(ctx, data, columns, data_on(settings, ctx, data));

    // The events over and over, as many as are asked for.
    auto repeated = [&](std::int64_t count) {
        std::vector<std::int32_t> out(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<std::int32_t>(i % rows.size());
        return out;
    };
    std::int64_t const per_graph = settings.get_int("train.steps_per_graph");
    Timing timing;
    if (args.inference) {
        Scorer scorer(ctx, *model, placed, task.width(), batch, Mode::evaluate, per_graph);
        Calls const calls(args.warmup, args.steps, scorer.batches_per_graph());
        auto const scored = repeated(calls.steps_per_call * batch);
        timing = measure(
            calls, [&] { scorer.run(scored); },
            [&](Tape::Timer t) { scorer.set_timer(std::move(t)); });
    } else {
        Optimizer optimizer(ctx, model->parameters(), {});
        TrainingStep step(ctx, *model, placed, task, optimizer, batch, per_graph);
        Calls const calls(args.warmup, args.steps, step.steps_per_graph());
        step.begin(repeated(calls.all() * calls.steps_per_call * batch));
        timing = measure(
            calls, [&] { step.run(calls.steps_per_call); },
            [&](Tape::Timer t) { step.set_timer(std::move(t)); });
    }
    Json const document = to_json(timing,
                                  {{"model", args.model},
                                   {"kind", args.inference ? "inference" : "training"},
                                   {"device", name_of(ctx.backend())},
                                   {"precision", precision_of(settings, ctx)},
                                   {"batch_size", batch},
                                   {"threads", ctx.threads()}},
                                  batch);
    session.global.json ? print_json(document) : print(document);
    return 0;
}
}  // namespace calofuse::commands
