#include "driver/cli/settings.hpp"

#include <algorithm>

#include "io/config_file.hpp"
#include "io/focalh/simulator/parameters.hpp"
#include "models/focalh/hit_options.hpp"
#include "models/registry.hpp"
#include "models/task.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr double kAnyCount = 9e15;  // below 2^53: exact as a double and as a 64-bit integer

OptionSpec flag(char const* key, bool fallback, char const* help)
{
    return {key, fallback, help};
}
OptionSpec count(char const* key, std::int64_t fallback, double min, double max, char const* help)
{
    return {key, fallback, help, min, max};
}
OptionSpec real(char const* key, double fallback, double min, double max, char const* help)
{
    return {key, fallback, help, min, max};
}
OptionSpec text(char const* key,
                char const* fallback,
                char const* help,
                std::vector<std::string> choices = {})
{
    OptionSpec spec{key, std::string(fallback), help};
    spec.choices = std::move(choices);
    return spec;
}

OptionSchema make_schema()
{
    return {
        count("general.seed", 1, 0, kAnyCount, "seed of every random number"),
        count("general.threads", 0, 0, 4096, "threads; 0 = all cores; never changes a result"),
        text("general.device", "auto", "auto, cpu, cuda or cuda:N"),
        text("general.data_on", "auto",
             "where raw events lie while a GPU computes: copied to it once, or streamed batch by "
             "batch; auto = on the GPU if they take at most half of its free memory",
             {"auto", "device", "host"}),
        text("general.precision", "auto", "of the arithmetic; auto = fp32",
             {"auto", "fp32", "tf32", "3xtf32", "bf16"}),

        text("input.pedestals", "",
             "CSV file of pedestals; empty = the store's own, else a quantile of the training "
             "events"),

        real("split.train", 0.7, 0, 1, "fraction of the events to train on"),
        real("split.valid", 0.1, 0, 1, "fraction to stop and to schedule by"),
        real("split.test", 0.2, 0, 1, "fraction that training never sees"),
        real("split.fraction", 1.0, 1e-6, 1, "fraction of the train and valid parts to use"),
        count("split.seed", 1, 0, kAnyCount, "decides which event is in which part"),

        count("train.epochs", 75, 1, 1e6, "passes over the training events, at most"),
        count("train.batch_size", 256, 1, 1 << 20, "events a step"),
        real("train.learning_rate", 1e-3, 1e-12, 1e3, "of the first step"),
        text("train.optimizer", "adam", "how weights are updated", {"adam", "sgd"}),
        text("train.dialect", "keras", "whose defaults and formulas to follow", {"keras", "torch"}),
        real("train.weight_decay", 0, 0, 1e3, "L2 penalty on the weights"),
        real("train.momentum", 0.9, 0, 1, "of sgd"),
        count("train.patience", 15, 0, 1e6, "epochs without progress before stopping; 0 = never"),
        real("train.min_delta", 1e-4, 0, 1e3,
             "fall of the validation loss that counts as progress"),
        real("train.lr_factor", 0.5, 1e-3, 1, "learning rate *= this on a plateau"),
        count("train.lr_patience", 5, 0, 1e6, "epochs that make a plateau; 0 = no schedule"),
        real("train.min_learning_rate", 1e-6, 0, 1e3, "floor of the schedule"),
        text("train.bn_statistics", "recomputed",
             "batch-norm statistics of evaluation: from train.bn_events, or the running ones",
             {"recomputed", "running"}),
        count("train.bn_events", 8192, 1, 1e9, "training events that recompute the statistics"),
        flag("train.retrain_on_all", false, "after the search, train on train + valid + test"),
        count("train.steps_per_graph", 8, 1, 1024, "training steps in one launch of a GPU"),
        count("train.checkpoint_every", 1, 1, 1e6, "epochs between checkpoints"),
    };
}
}  // namespace

OptionSchema const& program_schema()
{
    static OptionSchema const schema = [] {
        OptionSchema all = make_schema();
        for (OptionSpec& spec : task_schema())
            all.push_back(std::move(spec));
        return all;
    }();
    return schema;
}

OptionSpec const& setting(std::string const& key)
{
    static OptionSchema const schema = with_extra(hit_schema());
    auto const found =
        std::find_if(schema.begin(), schema.end(), [&](auto const& s) { return s.key == key; });
    CALOFUSE_CHECK(found != schema.end(), "no setting " << key);
    return *found;
}
OptionSchema with_extra(OptionSchema const& extra)
{
    OptionSchema schema = program_schema();
    schema.insert(schema.end(), extra.begin(), extra.end());
    return schema;
}

namespace {
/// Keys that other commands than the one with `schema` understand.
std::vector<std::string> keys_of_others(OptionSchema const& schema)
{
    auto const has = [&](std::string const& start) {
        return std::any_of(schema.begin(), schema.end(),
                           [&](OptionSpec const& s) { return s.key.rfind(start, 0) == 0; });
    };
    std::vector<std::string> keys;
    auto const add = [&](OptionSchema const& others) {
        for (OptionSpec const& spec : others)  // models have sections of `schema` too
            if (!has(spec.key)) keys.push_back(spec.key);
    };
    if (!has("simulate.")) add(simulator_schema());
    if (!has("hits.")) add(hit_schema());
    if (!has("model."))
        for (ModelEntry const& model : all_models())
            add(model.schema());
    return keys;
}
}  // namespace

Options resolve_settings(Session const& session,
                         OptionSchema const& extra,
                         std::string const& fallback_file)
{
    GlobalOptions const& global = session.global;
    ConfigSources sources;
    sources.file = global.config.empty() ? fallback_file : global.config;
    sources.sets = global.sets;
    OptionSchema const schema = with_extra(extra);
    sources.ignored = keys_of_others(schema);
    for (FlagSetting const& given : global.flags)
        sources.command_line[given.key] = given.value;
    return resolve_options(schema, sources);
}
}  // namespace calofuse
