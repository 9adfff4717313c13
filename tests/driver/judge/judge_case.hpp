/// \file tests/driver/judge/judge_case.hpp
/// Tasks of one head, data sets of a few columns, and predictions of all their events.
#pragma once

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "driver/judge/predictions.hpp"

namespace calofuse::test {
inline Head head_of(TaskKind kind, std::string const& target, std::vector<std::string> const& names)
{
    Head out;
    out.kind = kind;
    out.target = target;
    out.names = names;
    return out;
}

inline Task task_of(Head const& head)
{
    Task out;
    out.heads = {head};
    return out;
}

template <class T>
void add(Dataset& data,
         std::string const& name,
         std::vector<T> const& values,
         std::int64_t width = 0)
{
    ColumnSpec spec{.name = name};
    if (width > 0) spec.shape = {width};
    data.add(make_column<T>(spec, values));
}

inline Dataset dataset(std::size_t events)
{
    Dataset out;
    out.file_id.assign(events, 3);
    out.event_index.resize(events);
    std::iota(out.event_index.begin(), out.event_index.end(), 100U);
    return out;
}

inline Predictions all_of(Task const& task, Dataset const& data, std::vector<float> const& output)
{
    std::vector<std::int32_t> rows(data.event_index.size());
    std::iota(rows.begin(), rows.end(), 0);
    return make_predictions(task, data, rows, output);
}

inline double sigmoid(double z)
{
    return 1 / (1 + std::exp(-z));
}
}  // namespace calofuse::test
