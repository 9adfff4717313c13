#include "io/store/summary.hpp"

#include <algorithm>
#include <cmath>

namespace calofuse {
namespace {
constexpr std::int64_t kBins = 20;

/// Steps of the histogram: of whole numbers, so many values in each bin.
void set_bins(ColumnSummary& s, bool whole)
{
    s.low = s.min;
    if (whole) {
        double const values = s.max - s.min + 1;
        s.step = std::max(1.0, std::ceil(values / static_cast<double>(kBins)));
        s.histogram.resize(static_cast<std::size_t>(std::ceil(values / s.step)));
    } else {
        s.step = s.max > s.min ? (s.max - s.min) / static_cast<double>(kBins) : 1;
        s.histogram.resize(s.max > s.min ? static_cast<std::size_t>(kBins) : 1);
    }
}

void count_classes(ColumnSummary& s, Column const& column)
{
    s.class_events.assign(s.spec.names.size(), 0);
    for (std::int64_t i = 0; i < s.rows; ++i) {
        double const value = column.value(i);
        if (value >= 0 && value < static_cast<double>(s.class_events.size()))
            ++s.class_events[static_cast<std::size_t>(value)];
        else
            ++s.no_class;
    }
}
}  // namespace

double ColumnSummary::share_of_zeros() const
{
    std::int64_t const elements = rows * spec.row_size();
    return elements == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(elements);
}

ColumnSummary summary_of(Column const& column)
{
    ColumnSummary s{.spec = column.spec, .rows = column.rows()};
    std::int64_t const n = s.rows * s.spec.row_size();
    std::int64_t finite = 0;
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        double const value = column.value(i);
        if (!std::isfinite(value)) {
            ++(std::isnan(value) ? s.not_a_number : s.infinite);
            continue;
        }
        s.min = finite == 0 ? value : std::min(s.min, value);
        s.max = finite == 0 ? value : std::max(s.max, value);
        s.zeros += value == 0 ? 1 : 0;
        sum += value;
        ++finite;
    }
    if (finite == 0) return s;
    s.mean = sum / static_cast<double>(finite);
    set_bins(s, s.spec.dtype != DType::f32);
    for (std::int64_t i = 0; i < n; ++i) {
        double const value = column.value(i);
        if (!std::isfinite(value)) continue;
        auto const bin = static_cast<std::size_t>(std::max(0.0, (value - s.low) / s.step));
        ++s.histogram[std::min(bin, s.histogram.size() - 1)];
    }
    if (s.spec.shape.empty() && !s.spec.names.empty()) count_classes(s, column);
    return s;
}

TableSummary summary_of_table(std::string const& name, std::vector<std::int64_t> const& start)
{
    TableSummary t{.name = name};
    std::vector<std::int64_t> counts;
    for (std::size_t e = 0; e + 1 < start.size(); ++e)
        counts.push_back(start[e + 1] - start[e]);
    if (counts.empty()) return t;
    t.rows = start.back();
    t.without = std::count(counts.begin(), counts.end(), 0);
    std::sort(counts.begin(), counts.end());
    t.min = counts.front();
    t.max = counts.back();
    t.median = counts[(counts.size() - 1) / 2];
    return t;
}
}  // namespace calofuse
