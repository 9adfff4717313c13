/// \file runtime/dataset.hpp
/// Events in host memory, of any detector and of none: named columns. A column belongs to the table of
/// the events, one row per event, or to a ragged table (hits, particles), whose rows belong to events.
/// No column has a role here; a model names its inputs, a task its target (models/task.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tensor.hpp"

namespace calofuse {
struct ColumnSpec {
    std::string name = {};                 ///< "adc", "label"; of a ragged table "hits.x"
    DType dtype = DType::f32;              ///< u8, u16, i32, i64 or f32
    std::vector<std::int64_t> shape = {};  ///< of one row: (256), (125, 125, 3); (): a number
    std::string unit = {};                 ///< "GeV", or empty
    std::vector<std::string> names = {};  ///< of the classes 0, 1, .. or of the last axis; or empty

    std::int64_t row_size() const;  ///< elements of one row
    std::size_t row_bytes() const;
    std::string table() const;     ///< "hits" of "hits.x"; "" of a column of the events
    std::string describe() const;  ///< "image (125, 125, 3) f32"
};

struct Column {
    ColumnSpec spec;
    std::vector<std::byte> bytes;  ///< (rows, shape...), row-major

    std::int64_t rows() const;
    TensorRef ref() const;  ///< (rows, shape...)
    /// All elements, row after row; T must be the column's type.
    template <class T>
    std::span<T const> values() const
    {
        CALOFUSE_CHECK(spec.dtype == kDTypeOf<T>, "column " << spec.describe());
        return {reinterpret_cast<T const*>(bytes.data()), bytes.size() / sizeof(T)};
    }
    template <class T>
    std::span<T> values()
    {
        CALOFUSE_CHECK(spec.dtype == kDTypeOf<T>, "column " << spec.describe());
        return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
    }
    /// Element i of all, whatever the type.
    double value(std::int64_t i) const;
};

/// A column of type T from its elements.
template <class T>
Column make_column(ColumnSpec spec, std::span<T const> values)
{
    spec.dtype = kDTypeOf<T>;
    auto const raw = std::as_bytes(values);
    return {std::move(spec), {raw.begin(), raw.end()}};
}

/// Why a row of a source did not make it into the store.
enum class DropReason : std::uint8_t { out_of_range, not_finite, not_integer };
inline constexpr int kNumDropReasons = 3;
inline constexpr char const* kDropReasonNames[kNumDropReasons] = {"out_of_range", "not_finite",
                                                                  "not_integer"};
constexpr char const* name_of(DropReason reason)
{
    return kDropReasonNames[static_cast<int>(reason)];
}

/// What became of the rows of a source: read = written + sum of dropped, always.
struct EventCounts {
    std::int64_t read = 0;
    std::int64_t written = 0;
    std::array<std::int64_t, kNumDropReasons> dropped = {};  ///< by DropReason
    std::int64_t clipped = 0;  ///< written with a value moved into the range

    std::int64_t num_dropped() const { return dropped[0] + dropped[1] + dropped[2]; }
    EventCounts& operator+=(EventCounts const& other);
};

/// One source file of a store.
struct SourceFile {
    std::string path = {};        ///< as given to convert, relative to the input folder
    std::string sha256 = {};      ///< of the whole file, 64 hex digits, or empty
    std::int64_t num_events = 0;  ///< in the store
    EventCounts counts = {};
};

/// N events. Columns of the events are named "adc", those of a ragged table "hits.x".
struct Dataset {
    std::string kind = "columns";  ///< what a detector adds: "focalh", or "columns": nothing
    std::string sha256;            ///< digest of the store these events came from, or empty
    std::map<std::string, Column, std::less<>> columns;  ///< by name, ragged ones too
    std::map<std::string, Column, std::less<>>
        constants;  ///< without rows: the channel map, pedestals
    std::map<std::string, std::vector<std::int64_t>, std::less<>>
        start;                               ///< (N + 1) of each ragged table
    std::vector<std::uint16_t> file_id;      ///< (N) index into `files`
    std::vector<std::uint32_t> event_index;  ///< (N) row in its source
    std::vector<SourceFile> files;
    std::map<std::string, Column, std::less<>> file_columns;  ///< a row per file: energy_gev, label

    std::int64_t size() const { return static_cast<std::int64_t>(event_index.size()); }
    bool has(std::string_view name) const { return columns.find(name) != columns.end(); }
    /// Throws CF-DAT-01, with what there is.
    Column const& at(std::string_view name) const;
    /// "label u8, adc (256) u16, hits.x (7) f32": what a message lists.
    std::string describe_columns() const;
    /// Adds or replaces a column of the events or of a ragged table.
    Column& add(Column column);
    /// Names of the ragged tables, and how many rows each has.
    std::vector<std::string> tables() const;
    std::int64_t rows_of(std::string_view table) const;
};

/// Throws unless all columns fit together: CF-DAT-02 a column whose length is not that of its table,
/// -03 starts of a table that are missing, do not begin at 0, fall, or do not end at its length, -04
/// bytes that are no whole rows, -05 file_id beyond the files. `source` stands in front of the message.
void check_dataset(Dataset const& data, std::string const& source);
}  // namespace calofuse
