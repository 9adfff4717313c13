#include "driver/focalh/run_conditions.hpp"

#include <algorithm>

#include "driver/cli/settings.hpp"
#include "driver/train/trained_model.hpp"
#include "io/focalh/pedestal_file.hpp"
#include "models/focalh/adc_input.hpp"
#include "models/registry.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse::focalh {
void prepare(Dataset& data, Options const& settings)
{
    std::string const& file = settings.get_string("input.pedestals");
    if (file.empty()) return;
    ChannelMap const map = FocalhEvents(data).map;
    set_focalh_constants(data, map, read_pedestals(file, map));
}

std::vector<float> given_pedestals(Session const& session,
                                   std::string const& model,
                                   ChannelMap const& map)
{
    // Without the run's own file, what is left was said now.
    Options const said = resolve_settings(session, find_model(model).schema());
    std::string const& file = said.get_string("input.pedestals");
    return file.empty() ? std::vector<float>{} : read_pedestals(file, map);
}

void adopt(Session const& session,
           Checkpoint const& checkpoint,
           Dataset const& data,
           Parameters& parameters)
{
    auto const& entries = parameters.entries();
    auto const state = std::find_if(entries.begin(), entries.end(),
                                    [](auto const& e) { return e.spec.name == kPedestalState; });
    if (state == entries.end()) return;
    FocalhEvents const events(data);
    auto const given = given_pedestals(session, checkpoint.model(), events.map);
    if (!given.empty())
        parameters.upload(*state, given);
    else if (!events.pedestals.empty() && !is_training_store(checkpoint, data))
        parameters.upload(*state, events.pedestals);
}
}  // namespace calofuse::focalh
