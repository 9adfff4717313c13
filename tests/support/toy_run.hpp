/// \file tests/support/toy_run.hpp
/// A training small enough for a test: simulated events, a narrow hybrid, a folder of its own.
#pragma once

#include <string>

#include "driver/cli/settings.hpp"
#include "driver/train/trainer.hpp"
#include "io/focalh/simulator/simulator.hpp"
#include "models/registry.hpp"
#include "models/task.hpp"
#include "runtime/focalh/events.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
/// `per_file` events each of two electron and two hadron files.
inline Dataset simulated_events(std::int64_t per_file)
{
    FocalhColumns set;
    Context ctx = Context::cpu();
    Simulator const simulator({}, set.map);
    std::vector<std::int16_t> adc(static_cast<std::size_t>(per_file) * kNumChannels);
    for (BeamFile const file : {BeamFile{Label::hadron, 80}, BeamFile{Label::hadron, 200},
                                BeamFile{Label::electron, 60}, BeamFile{Label::electron, 150}}) {
        simulator.generate(ctx, file, 0, per_file, Planes::high_gain, adc, {});
        set.adc.insert(set.adc.end(), adc.begin(), adc.end());
        auto const file_id = static_cast<std::uint16_t>(set.files.size());
        for (std::int64_t i = 0; i < per_file; ++i) {
            set.label.push_back(static_cast<std::uint8_t>(file.label));
            set.energy_gev.push_back(static_cast<float>(file.energy_gev));
            set.file_id.push_back(file_id);
            set.event_index.push_back(static_cast<std::uint32_t>(i));
        }
        FocalhFile& source = set.files.emplace_back();
        source.path = std::string(name_of(file.label)) + std::to_string(file.energy_gev);
        source.num_events = per_file;
        source.energy_gev = static_cast<float>(file.energy_gev);
        source.label = file.label;
    }
    Dataset out = make_focalh(set);
    out.sha256 = std::string(64, 'a');
    return out;
}

/// Settings of a hybrid of a few thousand weights.
inline Options toy_settings(std::int64_t epochs)
{
    Options s(with_extra(find_model("hybrid").schema()));
    for (char const* width : {"model.filters", "model.dense"})
        s.set(width, std::int64_t{16});
    for (char const* width : {"model.embedding", "model.gnn_units", "model.head"})
        s.set(width, std::int64_t{8});
    s.set("train.epochs", epochs);
    s.set("train.batch_size", std::int64_t{64});
    s.set("train.bn_events", std::int64_t{512});
    return s;
}

/// Electron or hadron, as read off the events.
inline Task toy_task(Dataset const& events)
{
    return make_task(Options(task_schema()), events);
}

/// A run directory with its marker, as the train command makes it.
inline RunDirectory new_run(std::string const& path)
{
    RunDirectory const run = RunDirectory::unused(path);
    run.make_folders();
    run.write_text("config.toml", "");
    return run;
}
}  // namespace calofuse::test
