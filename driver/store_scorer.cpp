#include "driver/store_scorer.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kBatch = 1024;  // does not change a score

InputScaling scaling_for(InputScaling scaling, EventSet const& events)
{
    scaling.channels = events.map.channels();
    if (!events.pedestals.empty()) scaling.pedestals = events.pedestals;
    return scaling;
}
}  // namespace

StoreScorer::StoreScorer(Context& ctx, Checkpoint const& checkpoint, EventSet const& events)
    : model_(restore_model(ctx, checkpoint))
    , input_(ctx, scaling_for(checkpoint.scaling(), events), events.adc)
    , scorer_(ctx, *model_, input_, kBatch, Mode::evaluate)
{}
}  // namespace calofuse
