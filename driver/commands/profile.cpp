/// \file driver/commands/profile.cpp
/// Times whole training or scoring steps, and the operators inside them.
#include <algorithm>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "driver/clock.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/device.hpp"
#include "driver/scaling.hpp"
#include "driver/settings.hpp"
#include "io/simulator.hpp"
#include "io/store.hpp"
#include "models/registry.hpp"
#include "models/training_step.hpp"

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
    std::vector<double> step_ms;
    double wall_s = 0, cpu_s = 0;
    std::vector<std::pair<std::string, double>> stages;  ///< ms a step, in order of first use
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

/// Steps are timed as a whole; the stages come from as many further steps, so that the clock of the
/// stages costs the steps nothing.
template <class Step, class SetTimer>
Timing measure(ProfileArgs const& args, Step&& step, SetTimer&& set_timer)
{
    Timing timing;
    for (std::int64_t i = 0; i < args.warmup; ++i)
        step(i);
    double const cpu = cpu_time(), begin = now_s();
    for (std::int64_t i = 0; i < args.steps; ++i) {
        double const t = now_s();
        step(i);
        timing.step_ms.push_back(1e3 * (now_s() - t));
    }
    timing.wall_s = now_s() - begin;
    timing.cpu_s = cpu_time() - cpu;
    set_timer([&](std::string const& name, double seconds) { add_stage(timing, name, seconds); });
    std::int64_t const staged = std::min<std::int64_t>(args.steps, 5);
    for (std::int64_t i = 0; i < staged; ++i)
        step(i);
    for (auto& stage : timing.stages)
        stage.second /= static_cast<double>(staged);
    std::sort(timing.step_ms.begin(), timing.step_ms.end());
    return timing;
}

Json to_json(Timing const& t, Json document, std::int64_t batch)
{
    auto const events = static_cast<double>(batch) * static_cast<double>(t.step_ms.size());
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

    // Step i takes the next `batch` events, from the start again where they end.
    std::vector<std::int32_t> taken(static_cast<std::size_t>(batch));
    auto take = [&](std::int64_t step) {
        for (std::size_t i = 0; i < taken.size(); ++i)
            taken[i] = static_cast<std::int32_t>((static_cast<std::size_t>(step) * taken.size() + i)
                                                 % rows.size());
    };
    Timing timing;
    if (args.inference) {
        Scorer scorer(ctx, *model, input, batch, Mode::evaluate, 1);
        timing = measure(
            args, [&](std::int64_t i) { take(i), scorer.run(taken); },
            [&](Tape::Timer t) { scorer.set_timer(std::move(t)); });
    } else {
        Optimizer optimizer(ctx, model->parameters(), {});
        TrainingStep step(ctx, *model, input, optimizer, batch, 1);
        timing = measure(
            args, [&](std::int64_t i) { take(i), step.begin(taken), step.run(); },
            [&](Tape::Timer t) { step.set_timer(std::move(t)); });
    }
    Json const document = to_json(timing,
                                  {{"model", args.model},
                                   {"kind", args.inference ? "inference" : "training"},
                                   {"device", name_of(ctx.backend())},
                                   {"precision", precision_of(settings, ctx)},
                                   {"batch_size", batch},
                                   {"threads", ctx.threads()},
                                   {"steps", args.steps}},
                                  batch);
    session.global.json ? print_json(document) : print(document);
    return 0;
}
}  // namespace calofuse::commands
