/// \file tests/support/toy_store.hpp
/// A small event set with everything that a store can hold.
#pragma once

#include <random>

#include "runtime/focalh/events.hpp"

namespace calofuse::test {
/// Three files (electron 100 GeV, hadron 60 GeV, hadron 150 GeV) of n, n + 1 and n + 2 events.
inline Dataset toy_events_of_files(std::int64_t n, unsigned seed = 1)
{
    FocalhColumns set;
    std::mt19937 rng(seed);
    Label const labels[] = {Label::hadron, Label::hadron, Label::electron};
    float const energies[] = {60, 150, 100};
    auto const unused = set.map.unused_channels();
    for (std::uint16_t f = 0; f < 3; ++f) {
        FocalhFile file;
        file.path = "run/file" + std::to_string(f) + ".npy";
        file.sha256 = std::string(64, static_cast<char>('a' + f));
        file.num_events = n + f;
        file.energy_gev = energies[f];
        file.label = labels[f];
        file.counts = {.read = n + f + 3 * f, .written = n + f, .dropped = {f, f, f}, .clipped = f};
        file.empty_triggers = 2;
        set.files.push_back(file);
        for (std::int64_t e = 0; e < n + f; ++e) {
            for (int c = 0; c < kNumChannels; ++c)
                set.adc.push_back(static_cast<std::uint16_t>(rng() % 8192));
            for (auto const c : unused)
                set.adc[set.adc.size() - kNumChannels + static_cast<std::size_t>(c)] = 0;
            set.label.push_back(static_cast<std::uint8_t>(labels[f]));
            set.energy_gev.push_back(energies[f]);
            set.file_id.push_back(f);
            set.event_index.push_back(static_cast<std::uint32_t>(e + (e > 2 ? 3 * f : 0)));
        }
    }
    set.pedestals.assign(kNumChannels, 40.25F);
    return make_focalh(set);
}
}  // namespace calofuse::test
