/// \file driver/commands/evaluate.cpp
/// Figures of merit of a trained model on a part of a store.
#include <nlohmann/json.hpp>

#include "driver/cli/device.hpp"
#include "driver/cli/settings.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/judge/document.hpp"
#include "driver/train/run_directory.hpp"
#include "driver/train/split.hpp"
#include "driver/train/trained_model.hpp"
#include "io/store/store.hpp"
#include "models/registry.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
/// Rows of a part that have a target, divided as the training was.
std::vector<std::int32_t> rows_of(Dataset const& data,
                                  Task const& task,
                                  Options const& settings,
                                  std::string const& part)
{
    SplitConfig config = split_config(settings);
    if (part == "all") config = {.train = 1, .valid = 0, .test = 0};
    Split const split = split_events(data, task, config);
    return part == "valid" ? split.valid : part == "test" ? split.test : split.train;
}
}  // namespace

int evaluate(Session const& session, EvaluateArgs const& args)
{
    RunDirectory const run = RunDirectory::open(args.run_dir);
    Checkpoint const checkpoint = Checkpoint::read(run.checkpoint(args.checkpoint));
    Task const& task = checkpoint.task();
    Options const settings =
        resolve_settings(session, find_model(checkpoint.model()).schema(), run.file("config.toml"));
    Context ctx = make_context(settings);
    Dataset const data = read_store(args.data);
    std::string const trained_on = checkpoint.progress().value("data_sha256", std::string());
    if (args.split != "all" && !trained_on.empty() && trained_on != data.sha256)
        log::warning("{} is not the store of the training: --split all uses every event",
                     args.data);
    for (std::string const& column : task.columns())
        if (!data.has(column))
            throw Error(
                Exit::data, "CF-EVL-02",
                quoted(args.data) + " has no column " + quoted(column) + " to judge the model by",
                "it has " + data.describe_columns() + "; predict needs no target");
    auto const rows = rows_of(data, task, settings, args.split);
    if (rows.empty())
        throw Error(Exit::data, "CF-EVL-01",
                    quoted(args.data) + " has no event with a target in part " + args.split,
                    "use predict for events without one");
    TrainedModel model(ctx, checkpoint, data, &session, data_on(settings, ctx, data));
    Judgement const result = judge(model.predict(rows), task);
    if (session.global.json) {
        print_json(to_json(result, checkpoint.model(), args.split));
    } else {
        for (std::string const& line : to_lines(result, checkpoint.model(), args.split))
            print_line(line);
    }
    return 0;
}
}  // namespace calofuse::commands
