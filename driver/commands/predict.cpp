/// \file driver/commands/predict.cpp
/// A score for every event of a store, labelled or not.
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "driver/cli/device.hpp"
#include "driver/cli/settings.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/judge/evaluation.hpp"
#include "driver/train/run_directory.hpp"
#include "driver/train/store_scorer.hpp"
#include "io/store/store.hpp"
#include "models/registry.hpp"

namespace calofuse::commands {
int predict(Session const& session, PredictArgs const& args)
{
    Overwrite const overwrite = args.overwrite ? Overwrite::yes : Overwrite::no;
    check_scores_path(args.out, overwrite);
    RunDirectory const run = RunDirectory::open(args.run_dir);
    Checkpoint const checkpoint = Checkpoint::read(run.checkpoint(args.checkpoint));
    Options const settings =
        resolve_settings(session, find_model(checkpoint.model()).schema(), run.file("config.toml"));
    Context ctx = make_context(settings);
    EventSet const events = read_store(args.data);
    std::vector<std::int32_t> rows(static_cast<std::size_t>(events.size()));
    std::iota(rows.begin(), rows.end(), 0);
    StoreScorer scorer(ctx, checkpoint, events, given_pedestals(session, checkpoint, events.map),
                       data_on(settings, ctx, events));
    ScoredEvents const scored = scored_events(events, rows, scorer.logits(rows));
    write_scores(args.out, scored, overwrite);

    std::int64_t electrons = 0;
    for (float const score : scored.score)
        electrons += score > kDecisionThreshold ? 1 : 0;
    if (session.global.json)
        print_json(
            {{"out", args.out},
             {"model", checkpoint.model()},
             {"events", events.size()},
             {"threshold", kDecisionThreshold},
             {"taken_for", {{"hadron", events.size() - electrons}, {"electron", electrons}}}});
    else
        print_line(fmt::format("{}: {} events, {} taken for electrons, {} for hadrons (score > {})",
                               args.out, events.size(), electrons, events.size() - electrons,
                               kDecisionThreshold));
    return 0;
}
}  // namespace calofuse::commands
