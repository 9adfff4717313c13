/// \file driver/commands/predict.cpp
/// What a trained model says about every event of a store, with a target or without.
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "driver/cli/arguments.hpp"
#include "driver/cli/device.hpp"
#include "driver/cli/settings.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/judge/predictions.hpp"
#include "driver/train/run_directory.hpp"
#include "driver/train/trained_model.hpp"
#include "io/store/store.hpp"
#include "models/registry.hpp"

namespace calofuse::commands {
namespace {
/// How many events are taken for each class of a head: the likeliest one.
Json taken_for(Predictions const& predictions, Task const& task, std::size_t h)
{
    Head const& head = task.heads[h];
    std::vector<std::int64_t> counts(head.names.size());
    auto const outputs = predictions.output.values<float>();
    auto const all = static_cast<std::size_t>(task.width());
    for (std::size_t i = 0; i < outputs.size(); i += all) {
        auto const p =
            to_values(head, outputs.subspan(i + static_cast<std::size_t>(task.first_column(h)),
                                            static_cast<std::size_t>(head.width())));
        ++counts[static_cast<std::size_t>(std::ranges::max_element(p) - p.begin())];
    }
    Json out = Json::object();
    for (std::size_t c = 0; c < counts.size(); ++c)
        out[head.names[c]] = counts[c];
    return out;
}

Json document_of(Predictions const& predictions,
                 Task const& task,
                 std::string const& path,
                 std::string const& model)
{
    Json out = {{"out", path}, {"model", model}, {"events", predictions.size()}};
    for (std::size_t h = 0; h < task.heads.size(); ++h) {
        if (task.heads[h].kind == TaskKind::regression) continue;
        if (task.heads[h].kind == TaskKind::binary) out["threshold"] = 0.5;
        Json const counts = taken_for(predictions, task, h);
        if (task.heads.size() == 1)
            out["taken_for"] = counts;
        else
            out["taken_for"][task.heads[h].target] = counts;
    }
    return out;
}
}  // namespace

int predict(Session const& session, PredictArgs const& args)
{
    Overwrite const overwrite = args.overwrite ? Overwrite::yes : Overwrite::no;
    check_predictions_path(args.out, overwrite);
    RunDirectory const run = RunDirectory::open(args.run_dir);
    Checkpoint const checkpoint = Checkpoint::read(run.checkpoint(args.checkpoint));
    Options const settings =
        resolve_settings(session, find_model(checkpoint.model()).schema(), run.file("config.toml"));
    Context ctx = make_context(settings);
    Dataset const data = read_store(args.data);
    std::vector<std::int32_t> rows(static_cast<std::size_t>(data.size()));
    std::iota(rows.begin(), rows.end(), 0);
    TrainedModel model(ctx, checkpoint, data, &session, data_on(settings, ctx, data));
    Predictions predictions = model.predict(rows);
    Json const document = document_of(predictions, checkpoint.task(), args.out, checkpoint.model());
    add_probabilities(predictions, checkpoint.task());
    write_predictions(predictions, args.out, overwrite);
    if (session.global.json)
        print_json(document);
    else
        print_line(fmt::format(
            "{}: {} events{}", args.out, predictions.size(),
            document.contains("taken_for") ? ", taken for " + document["taken_for"].dump() : ""));
    return 0;
}
}  // namespace calofuse::commands
