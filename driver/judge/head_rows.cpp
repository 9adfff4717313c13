#include "driver/judge/head_rows.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
Column const& beside(Predictions const& predictions, std::string const& name, std::int64_t width)
{
    Column const* const column = predictions.find(name);
    if (column == nullptr)
        throw Error(Exit::data, "CF-JDG-01",
                    fmt::format("the predictions have no column {}", quoted(name, 40)),
                    "they are of another task, or of a store without it");
    std::int64_t const have = column->spec.row_size();
    if (have != width)
        throw Error(Exit::data, "CF-JDG-02",
                    fmt::format("column {} holds {} numbers per event, the task predicts {}",
                                quoted(name, 40), have, width),
                    "they are of another task");
    return *column;
}

void check_finite(HeadRows const& rows)
{
    for (std::size_t i = 0; i < rows.output.size(); ++i)
        if (!std::isfinite(rows.output[i]))
            throw Error(Exit::numerical, "CF-NUM-01",
                        fmt::format("output {} of event {} of {} is not finite",
                                    i % static_cast<std::size_t>(rows.width),
                                    i / static_cast<std::size_t>(rows.width), rows.size()),
                        "the model diverged or its weights are damaged; lower the learning rate or "
                        "use another checkpoint");
}

bool is_known(double value, Head const& head)
{
    return std::isfinite(value) && value != head.missing;
}
}  // namespace

HeadRows head_rows(Predictions const& predictions, Task const& task, std::size_t h)
{
    Head const& head = task.heads[h];
    bool const values = head.kind == TaskKind::regression;
    auto const num_targets = values ? static_cast<std::int64_t>(head.names.size()) : 1;
    Column const& target = beside(predictions, head.target, num_targets);
    Column const* const weight =
        task.weight.empty() ? nullptr : &beside(predictions, task.weight, 1);
    std::span<float const> const output = predictions.output.values<float>();
    std::int64_t const all = task.width(), first = task.first_column(h);
    CALOFUSE_CHECK(std::ssize(output) == predictions.size() * all,
                   output.size() << " outputs, " << predictions.size() << " events of " << all);
    HeadRows out;
    out.width = head.width();
    for (std::int64_t row = 0; row < predictions.size(); ++row) {
        if (values) {
            bool known = true;
            for (std::int64_t d = 0; d < num_targets; ++d)
                known = known && is_known(target.value(row * num_targets + d), head);
            if (!known) continue;
            for (std::int64_t d = 0; d < num_targets; ++d)
                out.truth.push_back(static_cast<float>(target.value(row * num_targets + d)));
        } else {
            double const label = target.value(row);
            if (!(label >= 0
                  && label < static_cast<double>(std::max<std::size_t>(head.names.size(), 2))))
                continue;
            out.label.push_back(static_cast<std::int32_t>(label));
        }
        out.row.push_back(row);
        auto const from = output.begin() + row * all + first;
        out.output.insert(out.output.end(), from, from + out.width);
        if (weight != nullptr) out.weight.push_back(static_cast<float>(weight->value(row)));
    }
    check_finite(out);
    return out;
}

double probability(double score)
{
    return score >= 0 ? 1 / (1 + std::exp(-score)) : std::exp(score) / (1 + std::exp(score));
}

double log_sum_exp(std::span<float const> z)
{
    double const top = static_cast<double>(*std::max_element(z.begin(), z.end()));
    double sum = 0;
    for (float const value : z)
        sum += std::exp(static_cast<double>(value) - top);
    return top + std::log(sum);
}

OneAgainstRest one_against_rest(HeadRows const& rows, std::int32_t of_class)
{
    OneAgainstRest out;
    std::vector<float> others;
    for (std::int64_t i = 0; i < rows.size(); ++i) {
        std::span<float const> const z = rows.of(i);
        out.label.push_back(rows.label[static_cast<std::size_t>(i)] == of_class ? 1 : 0);
        if (rows.width == 1) {  // binary: its logit is that of class 1
            out.score.push_back(of_class == 1 ? z[0] : -z[0]);
            continue;
        }
        others.assign(z.begin(), z.end());
        others.erase(others.begin() + of_class);
        double const own = static_cast<double>(z[static_cast<std::size_t>(of_class)]);
        out.score.push_back(static_cast<float>(own - log_sum_exp(others)));
    }
    return out;
}
}  // namespace calofuse
