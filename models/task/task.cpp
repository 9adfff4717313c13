#include "models/task.hpp"

#include <algorithm>
#include <cmath>

namespace calofuse {
std::int64_t Head::width() const
{
    if (kind == TaskKind::binary) return 1;
    return std::ssize(names) * std::max<std::int64_t>(std::ssize(quantiles), 1);
}

std::int64_t Head::num_targets() const
{
    return kind == TaskKind::regression ? std::ssize(names) : 1;
}

std::int64_t Task::width() const
{
    return first_column(heads.size());
}

std::vector<std::string> Task::columns() const
{
    std::vector<std::string> out;
    for (Head const& head : heads)
        out.push_back(head.target);
    if (!weight.empty()) out.push_back(weight);
    return out;
}

std::int64_t Task::first_column(std::size_t head) const
{
    std::int64_t column = 0;
    for (std::size_t h = 0; h < head; ++h)
        column += heads[h].width();
    return column;
}

std::vector<double> to_values(Head const& head, std::span<float const> output)
{
    CALOFUSE_CHECK(std::ssize(output) == head.width(),
                   output.size() << " outputs, the head has " << head.width());
    std::vector<double> out(output.begin(), output.end());
    if (head.kind == TaskKind::binary) {
        double const small = std::exp(-std::abs(out[0])), rare = small / (1 + small);
        bool const one = out[0] > 0;
        return {one ? rare : 1 / (1 + small), one ? 1 / (1 + small) : rare};
    }
    if (head.kind == TaskKind::classes) {
        double const top = *std::max_element(out.begin(), out.end());
        double sum = 0;
        for (double& value : out)
            sum += value = std::exp(value - top);
        for (double& value : out)
            value /= sum;
        return out;
    }
    std::size_t const each = std::max<std::size_t>(head.quantiles.size(), 1);
    for (std::size_t i = 0; i < out.size() && !head.mean.empty(); ++i)
        out[i] = static_cast<double>(head.mean[i / each])
                 + static_cast<double>(head.scale[i / each]) * out[i];
    return out;
}
}  // namespace calofuse
