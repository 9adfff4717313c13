#include "models/engine/placed.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <limits>
#include <numeric>

namespace calofuse {
namespace {
constexpr std::int64_t kMostRows = std::numeric_limits<std::int32_t>::max();

std::vector<std::int64_t> counts_of(std::span<std::int64_t const> start)
{
    std::vector<std::int64_t> out(start.size() - 1);
    for (std::size_t e = 0; e < out.size(); ++e)
        out[e] = start[e + 1] - start[e];
    return out;
}
}  // namespace

Placed::Placed(Context& ctx,
               Dataset const& data,
               std::vector<std::string> const& columns,
               DataOn data_on)
    : num_events_(data.size())
    , streamed_(ctx.backend() != Backend::cpu && data_on == DataOn::host)
    , resident_copies_(ctx.backend() != Backend::cpu && !streamed_)
{
    for (std::string const& name : columns) {
        Column const& column = data.at(name);
        if (!host_.emplace(name, &column).second) continue;
        std::string const table = column.spec.table();
        if (!table.empty() && !starts_.contains(table)) {
            auto const start = data.start.find(table);
            CALOFUSE_CHECK(start != data.start.end(), "no starts of table " << table);
            starts_.emplace(table, start->second);
            place_table(ctx, table);
        }
        if (!streamed_) columns_.emplace(name, place(ctx, column));
    }
}

ColumnRef Placed::place(Context& ctx, Column const& column)
{
    std::string const table = column.spec.table();
    ColumnRef out = table.empty() ? ColumnRef{} : tables_.at(table);
    out.data = column.ref();
    if (!resident_copies_) return out;
    bytes_.push_back(std::make_unique<Buffer<std::byte>>(ctx, std::span(column.bytes)));
    out.data.data = bytes_.back()->data();
    return out;
}

void Placed::place_table(Context& ctx, std::string const& name)
{
    auto const start = starts_.at(name);
    capacity(name, 1);  // or a count does not fit its type
    if (streamed_) return;
    auto const counts = counts_of(start);
    std::vector<std::int32_t> const count(counts.begin(), counts.end());
    counts_.push_back(std::make_unique<Buffer<std::int32_t>>(ctx, std::span(count)));
    ColumnRef out{.first = tensor_ref(start.data(), {num_events_}), .count = counts_.back()->ref()};
    if (resident_copies_) {
        firsts_.push_back(std::make_unique<Buffer<std::int64_t>>(ctx, start));
        out.first = firsts_.back()->ref({num_events_});
    }
    tables_.emplace(name, out);
}

std::int64_t Placed::capacity(std::string const& table, std::int64_t events) const
{
    auto counts = counts_of(starts_.at(table));
    auto const most = static_cast<std::ptrdiff_t>(std::min(events, std::ssize(counts)));
    std::nth_element(counts.begin(), counts.begin() + most, counts.end(), std::greater<>());
    std::int64_t const rows =
        std::accumulate(counts.begin(), counts.begin() + most, std::int64_t{0});
    if (rows > kMostRows)
        throw Error(Exit::data, "CF-FED-01",
                    fmt::format("the {} longest events of table {} have {} rows together; at most "
                                "{} fit a batch",
                                most, table, rows, kMostRows),
                    "lower train.batch_size");
    return std::max<std::int64_t>(1, rows);
}
}  // namespace calofuse
