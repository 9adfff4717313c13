/// \file driver/commands/evaluate.cpp
/// Metrics of a trained model on a part of a store.
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "driver/cli/device.hpp"
#include "driver/cli/settings.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/judge/evaluation.hpp"
#include "driver/train/run_directory.hpp"
#include "driver/train/split.hpp"
#include "driver/train/store_scorer.hpp"
#include "io/store/store.hpp"
#include "models/registry.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
/// Labelled rows of a part, divided as the training was.
std::vector<std::int32_t> rows_of(EventSet const& events, Options const& s, std::string const& part)
{
    SplitConfig config{.train = s.get_double("split.train"),
                       .valid = s.get_double("split.valid"),
                       .test = s.get_double("split.test"),
                       .fraction = s.get_double("split.fraction"),
                       .seed = static_cast<std::uint64_t>(s.get_int("split.seed"))};
    if (part == "all") config = {.train = 1, .valid = 0, .test = 0};
    Split split = split_events(events, config);
    return part == "valid" ? split.valid : part == "test" ? split.test : split.train;
}

void print(Evaluation const& e, std::string const& model, std::string const& part)
{
    auto const figure = [](double v) {
        return std::isfinite(v) ? fmt::format("{:.4f}", v) : "undefined";
    };
    print_line(fmt::format("{} on {} ({} events): accuracy {}, AUC {}, loss {}", model, part,
                           e.events, figure(e.accuracy), figure(e.auc), figure(e.loss)));
    print_line("                  taken for hadron  taken for electron");
    for (int label = 0; label < 2; ++label)
        print_line(fmt::format("  {:<14} {:>17}  {:>18}", name_of(static_cast<Label>(label)),
                               e.confusion[label][0], e.confusion[label][1]));
    print_line("  label     GeV   events  accuracy  68 % interval    mean score");
    for (EnergyFigures const& g : e.per_energy)
        print_line(fmt::format("  {:<8} {:>4g} {:>8}  {:>8.4f}  {:.4f} - {:.4f}  {:>8.4f}",
                               name_of(g.label), g.energy_gev, g.events, g.accuracy, g.accuracy_low,
                               g.accuracy_high, g.mean_score));
}
}  // namespace

int evaluate(Session const& session, EvaluateArgs const& args)
{
    RunDirectory const run = RunDirectory::open(args.run_dir);
    Checkpoint const checkpoint = Checkpoint::read(run.checkpoint(args.checkpoint));
    Options const settings =
        resolve_settings(session, find_model(checkpoint.model()).schema(), run.file("config.toml"));
    Context ctx = make_context(settings);
    EventSet const events = read_store(args.data);
    std::string const trained_on = checkpoint.progress().value("data_sha256", std::string());
    if (args.split != "all" && !trained_on.empty() && trained_on != events.sha256)
        log::warning("{} is not the store of the training: --split all uses every event",
                     args.data);
    auto const rows = rows_of(events, settings, args.split);
    if (rows.empty())
        throw Error(Exit::data, "CF-EVL-01",
                    quoted(args.data) + " has no labelled event in part " + args.split,
                    "convert folders named electron and hadron, or use predict");
    StoreScorer scorer(ctx, checkpoint, events, given_pedestals(session, checkpoint, events.map),
                       data_on(settings, ctx, events));
    Evaluation const result = evaluate_logits(events, rows, scorer.logits(rows));
    if (session.global.json)
        print_json(to_json(result, checkpoint.model(), args.split));
    else
        print(result, checkpoint.model(), args.split);
    return 0;
}
}  // namespace calofuse::commands
