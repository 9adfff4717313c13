#include <cmath>
#include <numeric>

#include "models/task/lists.hpp"
#include "models/task/targets.hpp"

namespace calofuse {
namespace {
/// Events with a target, and what they weigh.
struct Events {
    std::vector<std::int64_t> row;
    std::vector<double> weight;
};

Events events_of(Task const& task, Dataset const& data, std::span<std::int32_t const> rows)
{
    Events out;
    for (std::int32_t const row : rows) {
        if (!has_target(task, data, row)) continue;
        out.row.push_back(row);
        out.weight.push_back(task.weight.empty() ? 1.0 : data.at(task.weight).value(row));
    }
    double const sum = std::accumulate(out.weight.begin(), out.weight.end(), 0.0);
    if (!(sum > 0))
        throw Error(Exit::data, "CF-TSK-06",
                    fmt::format("the weights of the {} events of the training part sum to {}",
                                out.row.size(), sum),
                    "some event must have a target and a weight above 0");
    return out;
}

/// Mean and standard deviation of each value; a value that is constant is only shifted.
void fit_scaling(Head& head, Dataset const& data, Events const& events)
{
    Column const& column = data.at(head.target);
    std::int64_t const each = head.num_targets();
    auto const count = static_cast<double>(events.row.size());
    for (std::int64_t d = 0; d < each; ++d) {
        double mean = 0, squares = 0;
        for (std::int64_t const row : events.row)
            mean += column.value(row * each + d) / count;
        for (std::int64_t const row : events.row)
            squares += std::pow(column.value(row * each + d) - mean, 2);
        auto const scale = static_cast<float>(std::sqrt(squares / count));
        head.mean.push_back(static_cast<float>(mean));
        head.scale.push_back(scale > 0 ? scale : 1.0F);
    }
}

void fit_class_weights(Head& head,
                       std::string const& setting,
                       Dataset const& data,
                       Events const& events)
{
    std::size_t const classes = head.names.size();
    std::vector<double> share(classes), weight(classes, 1.0);
    for (std::size_t i = 0; i < events.row.size(); ++i)
        share[static_cast<std::size_t>(data.at(head.target).value(events.row[i]))] +=
            events.weight[i];
    if (setting == "balanced") {
        for (std::size_t c = 0; c < classes; ++c)
            if (share[c] > 0) weight[c] = 1 / share[c];
    } else {
        constexpr double kMost = 1e6;
        weight = numbers_of("task.class_weights", setting, 0, kMost);
        check_count("task.class_weights", weight.size(), classes, "class");
    }
    double const mean = std::inner_product(share.begin(), share.end(), weight.begin(), 0.0)
                        / std::accumulate(share.begin(), share.end(), 0.0);
    for (std::size_t c = 0; c < classes; ++c)
        // a class that the training part does not have: "balanced" has no weight to give it
        head.class_weight.push_back(
            share[c] == 0 && setting == "balanced" ? 1.0F : static_cast<float>(weight[c] / mean));
}
}  // namespace

void fit_task(Task& task,
              Options const& settings,
              Dataset const& data,
              std::span<std::int32_t const> rows)
{
    Events const events = events_of(task, data, rows);
    std::string const& weights = settings.get_string("task.class_weights");
    for (Head& head : task.heads) {
        head.mean.clear();
        head.scale.clear();
        head.class_weight.clear();
        if (head.kind == TaskKind::regression) {
            if (settings.get_bool("task.scale_target")) fit_scaling(head, data, events);
        } else if (weights != "none") {
            fit_class_weights(head, weights, data, events);
        }
    }
}
}  // namespace calofuse
