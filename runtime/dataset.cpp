#include "runtime/dataset.hpp"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace calofuse {
namespace {
template <class T>
double value_at(std::vector<std::byte> const& bytes, std::int64_t i)
{
    T value;
    std::memcpy(&value, bytes.data() + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    return static_cast<double>(value);
}

[[noreturn]] void fail(char const* code, std::string const& source, std::string const& what)
{
    throw Error(Exit::data, code, fmt::format("{}: {}", source, what),
                "every column of a table has one row per event, or per row of `start`");
}

void check_start(std::string const& table,
                 std::vector<std::int64_t> const& start,
                 std::int64_t events,
                 std::string const& source)
{
    if (std::ssize(start) != events + 1)
        fail("CF-DAT-03", source,
             fmt::format("{}/start has {} numbers, {} events need {}", table, start.size(), events,
                         events + 1));
    if (start.front() != 0)
        fail("CF-DAT-03", source,
             fmt::format("{}/start begins at {}, not at 0", table, start.front()));
    for (std::size_t i = 1; i < start.size(); ++i)
        if (start[i] < start[i - 1])
            fail("CF-DAT-03", source,
                 fmt::format("{}/start falls at event {}: from {} to {}", table, i - 1,
                             start[i - 1], start[i]));
}

void check_column(Dataset const& data, Column const& column, std::string const& source)
{
    ColumnSpec const& spec = column.spec;
    std::string const table = spec.table();
    std::size_t const row = spec.row_bytes();
    if (row == 0 || column.bytes.size() % row != 0)
        fail("CF-DAT-04", source,
             fmt::format("{} has {} bytes, a row has {}", spec.describe(), column.bytes.size(),
                         row));
    if (table.empty() && column.rows() != data.size())
        fail("CF-DAT-02", source,
             fmt::format("{} has {} rows, there are {} events", spec.name, column.rows(),
                         data.size()));
    if (table.empty()) return;
    auto const start = data.start.find(table);
    if (start == data.start.end())
        fail("CF-DAT-03", source, fmt::format("{} has no {}/start", spec.name, table));
    if (column.rows() == start->second.back()) return;
    // With another column of that length it is this one that is wrong, else the starts are.
    bool const others_fit =
        std::any_of(data.columns.begin(), data.columns.end(), [&](auto const& entry) {
            return entry.second.spec.table() == table
                   && entry.second.rows() == start->second.back();
        });
    fail(others_fit ? "CF-DAT-02" : "CF-DAT-03", source,
         fmt::format("{} has {} rows, {}/start ends at {}", spec.name, column.rows(), table,
                     start->second.back()));
}
}  // namespace

std::int64_t ColumnSpec::row_size() const
{
    std::int64_t size = 1;
    for (std::int64_t const extent : shape)
        size *= extent;
    return size;
}

std::size_t ColumnSpec::row_bytes() const
{
    return static_cast<std::size_t>(row_size() * size_of(dtype));
}

std::string ColumnSpec::table() const
{
    std::size_t const dot = name.find('.');
    return dot == std::string::npos ? std::string() : name.substr(0, dot);
}

std::string ColumnSpec::describe() const
{
    return shape.empty() ? fmt::format("{} {}", name, name_of(dtype))
                         : fmt::format("{} ({}) {}", name, fmt::join(shape, ", "), name_of(dtype));
}

std::int64_t Column::rows() const
{
    std::size_t const row = spec.row_bytes();
    return row == 0 ? 0 : static_cast<std::int64_t>(bytes.size() / row);
}

TensorRef Column::ref() const
{
    CALOFUSE_CHECK(spec.shape.size() < kMaxRank, "column " << spec.describe());
    // like every reference to tensors: what may be written through it is its holder's affair
    TensorRef out{const_cast<std::byte*>(bytes.data()),
                  spec.dtype,
                  static_cast<int>(spec.shape.size()) + 1,
                  {rows()}};
    std::copy(spec.shape.begin(), spec.shape.end(), out.shape.begin() + 1);
    return out;
}

double Column::value(std::int64_t i) const
{
    switch (spec.dtype) {
        case DType::u8:
            return value_at<std::uint8_t>(bytes, i);
        case DType::u16:
            return value_at<std::uint16_t>(bytes, i);
        case DType::i32:
            return value_at<std::int32_t>(bytes, i);
        case DType::i64:
            return value_at<std::int64_t>(bytes, i);
        default:
            CALOFUSE_CHECK(spec.dtype == DType::f32, "column " << spec.describe());
            return value_at<float>(bytes, i);
    }
}

EventCounts& EventCounts::operator+=(EventCounts const& other)
{
    read += other.read;
    written += other.written;
    for (std::size_t r = 0; r < dropped.size(); ++r)
        dropped[r] += other.dropped[r];
    clipped += other.clipped;
    return *this;
}

Column const& Dataset::at(std::string_view name) const
{
    auto const found = columns.find(name);
    if (found == columns.end())
        throw Error(
            Exit::data, "CF-DAT-01",
            fmt::format("the data have no column {}", quoted(std::string(name))),
            columns.empty() ? "they have no columns at all" : "they have " + describe_columns());
    return found->second;
}

std::string Dataset::describe_columns() const
{
    std::string text;
    for (auto const& [name, column] : columns)
        text += (text.empty() ? "" : ", ") + column.spec.describe();
    return text;
}

Column& Dataset::add(Column column)
{
    std::string const name = column.spec.name;
    return columns.insert_or_assign(name, std::move(column)).first->second;
}

std::vector<std::string> Dataset::tables() const
{
    std::vector<std::string> out;
    for (auto const& [name, unused] : start)
        out.push_back(name);
    return out;
}

std::int64_t Dataset::rows_of(std::string_view table) const
{
    if (table.empty()) return size();
    auto const found = start.find(table);
    return found == start.end() || found->second.empty() ? 0 : found->second.back();
}

void check_dataset(Dataset const& data, std::string const& source)
{
    if (data.file_id.size() != data.event_index.size())
        fail("CF-DAT-02", source,
             fmt::format("file_id has {} rows, there are {} events", data.file_id.size(),
                         data.size()));
    for (auto const& [table, start] : data.start)
        check_start(table, start, data.size(), source);
    for (auto const& [name, column] : data.columns) {
        CALOFUSE_CHECK(column.spec.name == name, name << " is called " << column.spec.name);
        check_column(data, column, source);
    }
    for (auto const& [name, column] : data.file_columns)
        if (column.rows() != std::ssize(data.files))
            fail("CF-DAT-02", source,
                 fmt::format("files/{} has {} rows, there are {} files", name, column.rows(),
                             data.files.size()));
    for (std::size_t i = 0; i < data.file_id.size(); ++i)
        if (data.file_id[i] >= data.files.size())
            fail("CF-DAT-05", source,
                 fmt::format("event {} is of file {}, there are {} files", i, data.file_id[i],
                             data.files.size()));
}
}  // namespace calofuse
