/// \file tests/models/task_data.hpp
/// A small data set with a column of each kind of target, and settings for tasks on it.
#pragma once

#include <limits>

#include "models/task.hpp"

namespace calofuse::test {
/// Twelve events of two files: label (u8, two classes, events 5 and 9 unknown), flavour (i32, three
/// classes), energy_gev, position (two values), weight.
inline Dataset task_data()
{
    constexpr std::size_t kEvents = 12;
    std::vector<std::uint8_t> label{0, 1, 1, 0, 1, 255, 0, 0, 1, 255, 0, 1};
    std::vector<std::int32_t> flavour{2, 0, 1, 0, 0, 1, 2, 0, 1, 0, 0, 2};
    std::vector<float> energy, position, weight;
    for (std::size_t i = 0; i < kEvents; ++i) {
        energy.push_back(static_cast<float>(20 + 17 * (i % 5)));
        position.push_back(static_cast<float>(i) - 4.5F);
        position.push_back(0.25F * static_cast<float>(i % 4));
        weight.push_back(0.5F * static_cast<float>(i % 4));
    }
    Dataset data;
    for (std::size_t i = 0; i < kEvents; ++i) {
        data.file_id.push_back(i < 6 ? 0 : 1);
        data.event_index.push_back(static_cast<std::uint32_t>(i % 6));
    }
    data.files = {{.path = "a.npy"}, {.path = "b.npy"}};
    data.add(make_column<std::uint8_t>({.name = "label", .names = {"cat", "dog"}}, label));
    data.add(make_column<std::int32_t>({.name = "flavour"}, flavour));
    data.add(make_column<float>({.name = "energy_gev", .unit = "GeV"}, energy));
    data.add(make_column<float>({.name = "position", .shape = {2}, .names = {"x", "y"}}, position));
    data.add(make_column<float>({.name = "weight"}, weight));
    return data;
}

/// Defaults, but for these.
inline Options task_settings(std::map<std::string, OptionValue> const& changes = {})
{
    Options out(task_schema());
    for (auto const& [key, value] : changes)
        out.set("task." + key, value);
    return out;
}
using Changes = std::map<std::string, OptionValue>;

inline std::vector<std::int32_t> all_rows(Dataset const& data)
{
    std::vector<std::int32_t> out;
    for (std::int32_t i = 0; i < data.size(); ++i)
        out.push_back(i);
    return out;
}
}  // namespace calofuse::test
