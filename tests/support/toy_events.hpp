/// \file tests/support/toy_events.hpp
/// Raw events that a network can learn in a few steps.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/focalh/unpack.hpp"
#include "models/engine/placed.hpp"
#include "models/model.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse::test {
/// Raw events: pedestal noise and a blob whose width depends on the label.
struct ToyEvents {
    std::vector<std::uint16_t> adc;
    std::vector<std::uint8_t> label;
    std::vector<std::int32_t> rows;

    explicit ToyEvents(std::size_t n) : adc(n * kNumChannels), label(n), rows(n)
    {
        std::mt19937 rng(3);
        std::normal_distribution<double> normal;
        auto const map = ChannelMap::focalh_prototype2();
        for (std::size_t e = 0; e < n; ++e) {
            rows[e] = static_cast<std::int32_t>(e);
            label[e] = static_cast<std::uint8_t>(e % 2);
            double const width = e % 2 == 1 ? 1.0 : 3.0;
            double const x0 = normal(rng), y0 = normal(rng);
            for (Cell const& c : map.cells) {
                double const r2 = std::pow(c.x_cm - x0, 2) + std::pow(c.y_cm - y0, 2);
                double const value = 30 + 3 * normal(rng)
                                     + 8000 / (width * width) * std::exp(-r2 / (2 * width * width));
                adc[e * kNumChannels + static_cast<std::size_t>(c.channel)] =
                    static_cast<std::uint16_t>(std::clamp(value, 0.0, 8191.0));
            }
        }
    }
};

/// These events, placed for a model that is bound to them and scales them by hand-made numbers.
struct ToyInput {
    Dataset data;
    Task task;
    Placed placed;

    ToyInput(Context& ctx,
             Model& model,
             ToyEvents const& events,
             DataOn data_on = DataOn::device,
             ChannelMap const& map = ChannelMap::focalh_prototype2())
        : data(dataset_of(events, map))
        , task(make_task(Options(task_schema()), data))
        , placed(ctx, data, {"adc", "label"}, data_on)
    {
        model.bind(data);
        Parameters& parameters = model.parameters();
        parameters.upload(parameters.find("input.pedestals"),
                          std::vector<float>(kNumChannels, 30.0F));
        std::vector<float> energy;
        for (double const value : {50000.0, 1.0 / 20000.0})
            for (float const part : split_double(value))
                energy.push_back(part);
        parameters.upload(parameters.find("input.energy"), energy);
    }
    ToyInput(ToyInput const&) = delete;  // `placed` refers to `data`
    ToyInput& operator=(ToyInput const&) = delete;

    /// Some of the events, resident; `row` (B) i32, `position` (2) i64.
    Batch batch(TensorRef row, TensorRef position) const
    {
        Batch out;
        out.row = row;
        out.position = position;
        out.columns = placed.columns();
        return out;
    }

  private:
    static Dataset dataset_of(ToyEvents const& events, ChannelMap const& map)
    {
        std::size_t const n = events.label.size();
        FocalhColumns columns{.adc = events.adc, .label = events.label, .map = map};
        columns.energy_gev.assign(n, 100.0F);
        columns.file_id.assign(n, 0);
        for (std::size_t i = 0; i < n; ++i)
            columns.event_index.push_back(static_cast<std::uint32_t>(i));
        columns.files.resize(1);
        columns.files[0].num_events = static_cast<std::int64_t>(n);
        return make_focalh(columns);
    }
};
}  // namespace calofuse::test
