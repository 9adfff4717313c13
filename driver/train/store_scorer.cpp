#include "driver/train/store_scorer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "driver/cli/settings.hpp"
#include "io/focalh/pedestal_file.hpp"
#include "models/registry.hpp"

namespace calofuse {
std::int64_t scoring_batch(EventSet const& events)
{
    return std::clamp<std::int64_t>(events.size(), 1, 1024);
}

InputScaling scaling_for(Checkpoint const& checkpoint,
                         EventSet const& events,
                         std::vector<float> given)
{
    InputScaling scaling = checkpoint.scaling();
    scaling.channels = events.map.channels();
    if (!given.empty())
        scaling.pedestals = std::move(given);
    else if (!events.pedestals.empty() && !is_training_store(checkpoint, events))
        scaling.pedestals = events.pedestals;
    return scaling;
}

bool is_training_store(Checkpoint const& checkpoint, EventSet const& events)
{
    return !events.sha256.empty()
           && checkpoint.progress().value("data_sha256", std::string()) == events.sha256;
}

std::vector<float> given_pedestals(Session const& session,
                                   Checkpoint const& checkpoint,
                                   ChannelMap const& map)
{
    // Without the run's own file, what is left was said now.
    Options const said = resolve_settings(session, find_model(checkpoint.model()).schema());
    std::string const& file = said.get_string("input.pedestals");
    return file.empty() ? std::vector<float>{} : read_pedestals(file, map);
}

StoreScorer::StoreScorer(Context& ctx,
                         Checkpoint const& checkpoint,
                         EventSet const& events,
                         std::vector<float> given,
                         DataOn data_on)
    : model_(restore_model(ctx, checkpoint))
    , input_(ctx, scaling_for(checkpoint, events, std::move(given)), events.adc, {}, data_on)
    , scorer_(ctx, *model_, input_, scoring_batch(events), Mode::evaluate)
{}
}  // namespace calofuse
