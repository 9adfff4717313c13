/// \file driver/commands/profile.cpp
/// Times whole training or scoring steps, and the operators inside them.
#include <algorithm>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "driver/cli/device.hpp"
#include "driver/cli/settings.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/train/clock.hpp"
#include "driver/train/scaling.hpp"
#include "io/focalh/simulator/simulator.hpp"
#include "io/store/store.hpp"
#include "models/engine/training_step.hpp"
#include "models/registry.hpp"

namespace calofuse::commands {
namespace {
/// Processor time of all threads of this process.
double cpu_time()
{
    std::timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Simulated 100 GeV events, half hadrons and half electrons.
EventSet synthetic_events(Context const& ctx, std::int64_t count)
{
    EventSet set;
    set.files.resize(1);
    Simulator const simulator({}, set.map);
    std::int64_t const half = (count + 1) / 2;
    std::vector<std::int16_t> adc(static_cast<std::size_t>(half * kNumChannels));
    for (Label const label : {Label::hadron, Label::electron}) {
        simulator.generate(ctx, {label, 100}, 0, half, Planes::high_gain, adc, {});
        set.adc.insert(set.adc.end(), adc.begin(), adc.end());
        set.label.insert(set.label.end(), static_cast<std::size_t>(half),
                         static_cast<std::uint8_t>(label));
    }
    return set;
}

struct Timing {
    std::vector<double> step_ms;  ///< of each call, per step
    std::int64_t steps = 0;
    double wall_s = 0, cpu_s = 0;
    std::vector<std::pair<std::string, double>> stages;  ///< ms a step, in order of first use
};

/// Steps that are taken by one call: on a GPU they are one launch, as in `train`.
struct Calls {
    std::int64_t steps_per_call, warmup, timed, staged;

    Calls(ProfileArgs const& args, std::int64_t per_call) : steps_per_call(per_call)
    {
        // On a GPU the first call runs without a graph, the second captures it.
        warmup = std::max<std::int64_t>(rounded_up(args.warmup), per_call > 1 ? 2 : 0);
        timed = rounded_up(args.steps);
        staged = rounded_up(std::min<std::int64_t>(args.steps, 5));
    }
    std::int64_t all() const { return warmup + timed + staged; }

  private:
    std::int64_t rounded_up(std::int64_t steps) const
    {
        return (steps + steps_per_call - 1) / steps_per_call;
    }
};

void add_stage(Timing& timing, std::string const& name, double seconds)
{
    auto const found = std::find_if(timing.stages.begin(), timing.stages.end(),
                                    [&](auto const& s) { return s.first == name; });
    if (found == timing.stages.end())
        timing.stages.emplace_back(name, 1e3 * seconds);
    else
        found->second += 1e3 * seconds;
}

/// Steps are timed as a whole; the stages come from further ones, so that the clock of the stages costs
/// the steps nothing.
template <class Call, class SetTimer>
Timing measure(Calls const& calls, Call&& call, SetTimer&& set_timer)
{
    Timing timing;
    for (std::int64_t i = 0; i < calls.warmup; ++i)
        call();
    double const cpu = cpu_time(), begin = now_s();
    for (std::int64_t i = 0; i < calls.timed; ++i) {
        double const t = now_s();
        call();
        timing.step_ms.push_back(1e3 * (now_s() - t) / static_cast<double>(calls.steps_per_call));
    }
    timing.steps = calls.timed * calls.steps_per_call;
    timing.wall_s = now_s() - begin;
    timing.cpu_s = cpu_time() - cpu;
    set_timer([&](std::string const& name, double seconds) { add_stage(timing, name, seconds); });
    for (std::int64_t i = 0; i < calls.staged; ++i)
        call();
    for (auto& stage : timing.stages)
        stage.second /= static_cast<double>(calls.staged * calls.steps_per_call);
    std::sort(timing.step_ms.begin(), timing.step_ms.end());
    return timing;
}

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
    EventSet const events = args.data.empty()
                                ? synthetic_events(ctx, std::max<std::int64_t>(batch, 512))
                                : read_store(args.data);
    std::vector<std::int32_t> rows(events.label.size());
    std::iota(rows.begin(), rows.end(), 0);
    EventInput const input(ctx, fit_scaling(events, rows, InputScale::asinh, 20.0F, {}), events.adc,
                           events.label, data_on(settings, ctx, events));
    auto const seed = static_cast<std::uint64_t>(settings.get_int("general.seed"));
    std::unique_ptr<Model> const model = entry.make(ctx, settings, seed);

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
        Scorer scorer(ctx, *model, input, batch, Mode::evaluate, per_graph);
        Calls const calls(args, scorer.batches_per_graph());
        auto const scored = repeated(calls.steps_per_call * batch);
        timing = measure(
            calls, [&] { scorer.run(scored); },
            [&](Tape::Timer t) { scorer.set_timer(std::move(t)); });
    } else {
        Optimizer optimizer(ctx, model->parameters(), {});
        TrainingStep step(ctx, *model, input, optimizer, batch, per_graph);
        Calls const calls(args, step.steps_per_graph());
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
