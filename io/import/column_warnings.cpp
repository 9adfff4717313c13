/// \file io/import/column_warnings.cpp
/// What a person would see at a glance: a column that never changes, an image whose axes are
/// scrambled.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "io/import/import.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kMaxFeatures = 64;
constexpr std::int64_t kMaxEvents = 200;   ///< that the correlations are made from
constexpr std::int64_t kMinExtent = 16;    ///< of the axes of an image
constexpr std::int64_t kMaxChannels = 16;  ///< of an image; at most half of its smaller extent
constexpr double kMinCorrelation = 0.1;
constexpr double kRatio = 0.8;

using Shape3 = std::array<std::int64_t, 3>;

bool is_constant(Column const& column, std::int64_t first, std::int64_t step)
{
    auto const size = static_cast<std::int64_t>(column.rows() * column.spec.row_size());
    double const value = column.value(first);
    for (std::int64_t i = first + step; i < size; i += step)
        if (column.value(i) != value) return false;
    return true;
}

/// Which features of a row (F) never change; {-1}: nothing in the column does.
std::vector<std::int64_t> constant_features(Column const& column)
{
    if (column.rows() < 2) return {};
    std::int64_t const width = column.spec.row_size();
    std::vector<std::int64_t> out;
    if (column.spec.shape.size() <= 1 && width <= kMaxFeatures) {
        for (std::int64_t f = 0; f < width; ++f)
            if (is_constant(column, f, width)) out.push_back(f);
        if (std::ssize(out) < width) return out;
    }
    if (is_constant(column, 0, 1)) return {-1};
    return out;
}

std::string constant_warning(Column const& column)
{
    std::vector<std::int64_t> const which = constant_features(column);
    if (which.empty()) return "";
    ColumnSpec const& spec = column.spec;
    if (which[0] < 0)
        return fmt::format("column {} is constant: {} in all {} rows", quoted(spec.name, 60),
                           column.value(0), column.rows());
    std::vector<std::string> features;
    for (std::int64_t const f : which) {
        bool const named = std::ssize(spec.names) == spec.row_size();
        features.push_back(fmt::format(
            "{} = {}", named ? spec.names[static_cast<std::size_t>(f)] : fmt::format("[{}]", f),
            column.value(f)));
    }
    return fmt::format("column {}: constant in all {} rows: {}", quoted(spec.name, 60),
                       column.rows(), fmt::join(features, ", "));
}

/// Correlation of neighbours along `axis`, their square roots (so that single bright pixels do not
/// decide), of rows read as `shape`.
double neighbour_correlation(std::vector<float> const& root, Shape3 const& shape, std::size_t axis)
{
    std::int64_t stride = 1;
    for (std::size_t d = axis + 1; d < 3; ++d)
        stride *= shape[d];
    std::int64_t const block = stride * shape[axis];
    double n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
    for (std::int64_t first = 0; first < std::ssize(root); first += block)
        for (std::int64_t i = first; i < first + block - stride; ++i) {
            double const x = root[static_cast<std::size_t>(i)];
            double const y = root[static_cast<std::size_t>(i + stride)];
            n += 1;
            a += x;
            b += y;
            aa += x * x;
            bb += y * y;
            ab += x * y;
        }
    double const variance = (aa - a * a / n) * (bb - b * b / n);
    return n > 0 && variance > 0 ? (ab - a * b / n) / std::sqrt(variance) : 0;
}

/// Of the two long axes, the smaller correlation: an image has it along both.
double image_likeness(std::vector<float> const& root, Shape3 const& shape)
{
    auto const channels =
        static_cast<std::size_t>(std::min_element(shape.rbegin(), shape.rend()) - shape.rbegin());
    double out = 1;
    for (std::size_t axis = 0; axis < 3; ++axis)
        if (axis != 2 - channels) out = std::min(out, neighbour_correlation(root, shape, axis));
    return out;
}

bool is_image(ColumnSpec const& spec)
{
    if (spec.shape.size() != 3) return false;
    std::vector<std::int64_t> sorted = spec.shape;
    std::sort(sorted.begin(), sorted.end());
    return sorted[0] > 1 && sorted[0] <= kMaxChannels && sorted[1] >= kMinExtent
           && sorted[0] * 2 <= sorted[1];
}

/// (height, width, channels) is what models read. If the numbers of a row, laid out in another
/// order of
/// the three extents, vary more smoothly than in the order given, that order is the true one.
std::string scramble_warning(Column const& column)
{
    if (!is_image(column.spec)) return "";
    Shape3 given{};
    std::copy(column.spec.shape.begin(), column.spec.shape.end(), given.begin());
    std::int64_t const width = column.spec.row_size();
    std::int64_t const step = (column.rows() + kMaxEvents - 1) / kMaxEvents;
    std::vector<float> root;
    for (std::int64_t row = 0; row < column.rows(); row += step)
        for (std::int64_t k = 0; k < width; ++k)
            root.push_back(std::sqrt(std::abs(static_cast<float>(column.value(row * width + k)))));
    Shape3 order = given, best = given;
    std::sort(order.begin(), order.end());
    std::int64_t const channels = order[0];
    double const here = image_likeness(root, given);
    double most = here;
    do {
        double const there = image_likeness(root, order);
        if (there > most) {
            most = there;
            best = order;
        }
    } while (std::next_permutation(order.begin(), order.end()));
    std::string const name = quoted(column.spec.name, 60);
    bool const rougher = here < kRatio * most || 1 - here > 2 * (1 - most);
    if (best != given && most > kMinCorrelation && rougher)
        return fmt::format(
            "column {} ({}): axes look scrambled: neighbouring pixels correlate to "
            "{:.2f}, read as ({}) to {:.2f}; `transpose` and `shape` of the recipe "
            "mend it",
            name, fmt::join(given, ", "), here, fmt::join(best, ", "), most);
    if (given[2] != channels)
        return fmt::format(
            "column {} ({}): the channels are not the last axis; `transpose` of the "
            "recipe brings them there",
            name, fmt::join(given, ", "));
    return "";
}
}  // namespace

std::vector<ColumnWarning> column_warnings(Dataset const& data)
{
    std::vector<ColumnWarning> out;
    for (auto const& [name, column] : data.columns) {
        if (std::string text = constant_warning(column); !text.empty())
            out.push_back({"constant", name, std::move(text)});
        if (std::string text = scramble_warning(column); !text.empty())
            out.push_back({"axes", name, std::move(text)});
    }
    return out;
}
}  // namespace calofuse
