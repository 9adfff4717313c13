#include "models/engine/column_ring.hpp"

#include <algorithm>
#include <cstring>

namespace calofuse {
namespace {
constexpr std::size_t kAlignment = 256;

/// Copies `rows` rows of a column that begin with row `from`.
std::byte* copy_rows(Column const& column,
                     std::size_t row_bytes,
                     std::int64_t from,
                     std::int64_t rows,
                     std::byte* to)
{
    std::size_t const bytes = row_bytes * static_cast<std::size_t>(rows);
    if (bytes > 0)
        std::memcpy(to, column.bytes.data() + row_bytes * static_cast<std::size_t>(from), bytes);
    return to + bytes;
}
}  // namespace

ColumnRing::Layout::Layout(Placed const& data, std::int64_t events)
{
    for (auto const& [name, start] : data.starts())
        tables.emplace(name, Table{start,
                                   add(nullptr, sizeof(std::int64_t), events),
                                   add(nullptr, sizeof(std::int32_t), events),
                                   {}});
    for (auto const& [name, column] : data.host_columns()) {
        std::string const table = column->spec.table();
        std::size_t const row_bytes = column->spec.row_bytes();
        if (table.empty())
            columns.emplace_back(name, add(column, row_bytes, events));
        else
            tables.at(table).columns.emplace_back(
                name, add(column, row_bytes, data.capacity(table, events)));
    }
}

ColumnRing::Region ColumnRing::Layout::add(Column const* column,
                                           std::size_t row_bytes,
                                           std::int64_t rows)
{
    Region const region{column, row_bytes, stride(rows), slot_bytes};
    slot_bytes += (region.slot_bytes() + kAlignment - 1) / kAlignment * kAlignment;
    return region;
}

std::int64_t ColumnRing::bytes(Placed const& data, std::int64_t events_per_chunk)
{
    return kSlots * static_cast<std::int64_t>(Layout(data, events_per_chunk).slot_bytes);
}

ColumnRing::ColumnRing(Context& ctx, Placed const& data, std::int64_t events_per_chunk)
    : events_(events_per_chunk)
    , layout_(data, events_per_chunk)
    , ring_(ctx, kSlots, layout_.slot_bytes)
{}

void* ColumnRing::on_device(Region const& region) const
{
    return ring_.device_data() + kSlots * region.offset;
}

TensorRef ColumnRing::tensor_of(Region const& region) const
{
    TensorRef out = region.column->ref();
    out.data = on_device(region);
    out.shape[0] = kSlots * region.rows;
    return out;
}

std::map<std::string, ColumnRef, std::less<>> ColumnRing::columns() const
{
    std::map<std::string, ColumnRef, std::less<>> out;
    for (auto const& [name, region] : layout_.columns)
        out.emplace(name, ColumnRef{.data = tensor_of(region)});
    for (auto const& [_, table] : layout_.tables) {
        auto* const first = static_cast<std::int64_t*>(on_device(table.first));
        auto* const count = static_cast<std::int32_t*>(on_device(table.count));
        for (auto const& [name, region] : table.columns)
            out.emplace(name, ColumnRef{.data = tensor_of(region),
                                        .first = tensor_ref(first, {kSlots * table.first.rows}),
                                        .count = tensor_ref(count, {kSlots * table.count.rows})});
    }
    return out;
}

void ColumnRing::begin(std::vector<std::int32_t> order, std::int64_t first_chunk)
{
    if (used_ >= 0) ring_.release(static_cast<int>(used_ % kSlots));
    used_ = -1;
    order_ = std::move(order);
    sent_ = first_chunk;
}

/// The first `rows` rows of a region's slot are to be uploaded.
void ColumnRing::note(Region const& region, int slot, std::int64_t rows)
{
    auto const bytes = region.row_bytes * static_cast<std::size_t>(rows);
    if (bytes == 0) return;
    auto const to = kSlots * region.offset + static_cast<std::size_t>(slot) * region.slot_bytes();
    pieces_.push_back({.from = region.offset, .to = to, .bytes = bytes});
}

void ColumnRing::fill(Table const& table,
                      std::span<std::int32_t const> events,
                      int slot,
                      std::byte* stage)
{
    auto* const first = reinterpret_cast<std::int64_t*>(stage + table.first.offset);
    auto* const count = reinterpret_cast<std::int32_t*>(stage + table.count.offset);
    std::int64_t rows = 0;
    std::int64_t const capacity = table.columns.front().second.rows;
    for (std::size_t i = 0; i < events.size(); ++i) {
        auto const e = static_cast<std::size_t>(events[i]);
        first[i] = slot * capacity + rows;
        count[i] = static_cast<std::int32_t>(table.start[e + 1] - table.start[e]);
        rows += count[i];
    }
    note(table.first, slot, std::ssize(events));
    note(table.count, slot, std::ssize(events));
    for (auto const& [_, region] : table.columns) {
        std::byte* to = stage + region.offset;
        for (std::int32_t const event : events) {
            auto const e = static_cast<std::size_t>(event);
            to = copy_rows(*region.column, region.row_bytes, table.start[e],
                           table.start[e + 1] - table.start[e], to);
        }
        note(region, slot, rows);
    }
}

void ColumnRing::send(std::int64_t chunk)
{
    std::int64_t const begin = chunk * events_;
    if (chunk < sent_ || begin >= std::ssize(order_)) return;
    auto const slot = static_cast<int>(chunk % kSlots);
    auto const events = std::span(order_).subspan(
        static_cast<std::size_t>(begin),
        static_cast<std::size_t>(std::min(events_, std::ssize(order_) - begin)));
    std::byte* const stage = ring_.stage(slot);
    pieces_.clear();
    for (auto const& [_, region] : layout_.columns) {
        std::byte* to = stage + region.offset;
        for (std::int32_t const event : events)
            to = copy_rows(*region.column, region.row_bytes, event, 1, to);
        note(region, slot, std::ssize(events));
    }
    for (auto const& [_, table] : layout_.tables)
        fill(table, events, slot, stage);
    ring_.upload(slot, pieces_);
    sent_ = chunk + 1;
}

void ColumnRing::use(std::int64_t chunk)
{
    if (chunk == used_) return;
    if (used_ >= 0) ring_.release(static_cast<int>(used_ % kSlots));
    send(chunk);
    ring_.acquire(static_cast<int>(chunk % kSlots));
    used_ = chunk;
}
}  // namespace calofuse
