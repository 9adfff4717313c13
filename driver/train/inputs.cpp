#include "driver/train/inputs.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>

#include "models/task/targets.hpp"

namespace calofuse {
namespace {
std::int64_t event_of(Dataset const& data, ColumnSpec const& spec, std::int64_t row)
{
    if (spec.table().empty()) return row;
    auto const& start = data.start.at(spec.table());
    return std::upper_bound(start.begin(), start.end(), row) - start.begin() - 1;
}
}  // namespace

NotFinite not_finite_in(Column const& column)
{
    if (column.spec.dtype != DType::f32) return {};
    constexpr std::uint32_t kExponent = 0x7f800000;  // all ones: infinite or NaN
    auto const values = column.values<float>();
    auto const is_bad = [](float x) {
        return (std::bit_cast<std::uint32_t>(x) & kExponent) == kExponent;
    };
    NotFinite out;
    for (float const x : values)  // without a way out: a vector loop
        out.count += is_bad(x) ? 1 : 0;
    if (out.count > 0)
        out.first = std::find_if(values.begin(), values.end(), is_bad) - values.begin();
    return out;
}

std::string describe(NotFinite const& found, Dataset const& data, Column const& column)
{
    std::int64_t const row = found.first / column.spec.row_size();
    return fmt::format("{} of {} numbers are not finite, the first is {} in {}", found.count,
                       column.rows() * column.spec.row_size(), column.value(found.first),
                       name_of_event(data, event_of(data, column.spec, row)));
}

void check_inputs(Model const& model, Dataset const& data)
{
    for (std::string const& name : model.columns()) {
        Column const& column = data.at(name);
        NotFinite const found = not_finite_in(column);
        if (found.count > 0)
            throw Error(Exit::data, "CF-DAT-08",
                        fmt::format("column {}: {}", quoted(name), describe(found, data, column)),
                        "leave such events out: not_finite = \"drop\" in a recipe of convert "
                        "--columns counts them");
    }
}
}  // namespace calofuse
