/// \file io/store/write.cpp
/// The writing half of io/store/store.hpp.
#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <set>

#include "io/hdf5/column.hpp"
#include "io/store/layout.hpp"
#include "io/store/store.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kChunkBytes = 1 << 20;  ///< the library's chunk cache
constexpr std::int64_t kMaxChunkRows = 16384;
/// Without it all is written when the file is closed (ext4 does so with a truncated file) or synced,
/// and the digest waits: HDF5 fills in the first bytes last, so it cannot start before.
constexpr std::int64_t kWritebackBytes = 16 << 20;

/// A power of two, so that chunks of all columns of a table end together now and then.
std::int64_t chunk_rows_of(std::int64_t row_bytes)
{
    std::int64_t rows = kMaxChunkRows;
    while (rows > 1 && rows * row_bytes > kChunkBytes)
        rows /= 2;
    return rows;
}

void write_spec(hid_t dataset, ColumnSpec const& spec, std::string const& path)
{
    if (!spec.unit.empty()) h5::write_attribute(dataset, "unit", spec.unit, path);
    if (spec.names.empty()) return;
    for (std::string const& name : spec.names)
        CALOFUSE_CHECK(name.find(',') == std::string::npos, "name " << name);
    h5::write_attribute(dataset, spec.shape.empty() ? "classes" : "names",
                        fmt::format("{}", fmt::join(spec.names, ",")), path);
}

/// A small data set in one chunk.
void write_column(h5::File const& file,
                  std::string const& group,
                  Column const& values,
                  std::string const& path)
{
    ColumnSpec const& spec = values.spec;
    h5::Column column(file, group + "/" + spec.name, kind_of(spec.dtype),
                      {spec.shape, std::max<std::int64_t>(values.rows(), 1)}, path);
    column.add(values.bytes);
    column.flush();
    write_spec(column.dataset(), spec, path);
}

void write_files(h5::File const& file, Dataset const& data, std::string const& path)
{
    std::vector<std::string> paths, digests;
    std::vector<std::int64_t> num_events, num_read, dropped, clipped;
    for (SourceFile const& f : data.files) {
        paths.push_back(f.path);
        digests.push_back(f.sha256);
        num_events.push_back(f.num_events);
        num_read.push_back(f.num_events + f.counts.num_dropped());
        dropped.insert(dropped.end(), f.counts.dropped.begin(), f.counts.dropped.end());
        clipped.push_back(f.counts.clipped);
    }
    h5::create_group(file, "files", path);
    h5::write_strings(file, "files/path", paths, path);
    h5::write_strings(file, "files/sha256", digests, path);
    auto const counts = [&](char const* name, std::vector<std::int64_t> const& values) {
        write_column(file, "files", make_column<std::int64_t>({.name = name}, values), path);
    };
    counts("num_events", num_events);
    counts("num_read", num_read);
    counts("clipped", clipped);
    ColumnSpec const reasons{.name = "dropped",
                             .shape = {kNumDropReasons},
                             .names = {std::begin(kDropReasonNames), std::end(kDropReasonNames)}};
    write_column(file, "files", make_column<std::int64_t>(reasons, dropped), path);
    for (auto const& [name, column] : data.file_columns)
        write_column(file, "files", column, path);
}
}  // namespace

struct StoreWriter::State {
    /// A column, its table ("" of the events) and the bytes of a row.
    struct Growing {
        std::string table;
        std::size_t row_bytes;
        h5::Column column;
    };
    AtomicFile output;
    AtomicFile manifest;
    StoreWriteOptions options;
    h5::File file;
    std::vector<Growing> columns;      ///< as given; gone before the file is closed
    std::vector<h5::Column> identity;  ///< file_id, event_index
    std::map<std::string, h5::Column> start;
    std::map<std::string, std::int64_t> rows;  ///< written so far, by table
    std::int64_t num_events = 0;
    std::int64_t step = kMaxChunkRows;  ///< events at whose multiples every chunk may end
    std::size_t since_writeback = 0;

    State(std::string const& path, StoreWriteOptions const& o)
        : output(path, o.overwrite)
        , manifest(manifest_path_of(path), o.overwrite)
        , options(o)
        , file(h5::create_file(output.temp_path(), path))
    {}
    h5::Column grow(std::string const& name, h5::Kind kind, std::vector<std::int64_t> shape)
    {
        std::int64_t row = h5::size_of(kind);
        for (std::int64_t const extent : shape)
            row *= extent;
        return {file,
                name,
                kind,
                {std::move(shape), chunk_rows_of(row), options.compression == Compression::deflate},
                output.path()};
    }
    void add(ColumnSpec const& spec)
    {
        std::string const table = spec.table();
        std::string const group = table.empty() ? "events" : table;
        if (!table.empty() && start.find(table) == start.end()) {
            h5::create_group(file, table.c_str(), output.path());
            h5::Column& first =
                start.emplace(table, grow(table + "/start", h5::Kind::i64, {})).first->second;
            first.add(std::vector<std::int64_t>{0});
        }
        columns.push_back({table, spec.row_bytes(),
                           grow(group + "/" + column_name(spec), kind_of(spec.dtype), spec.shape)});
        write_spec(columns.back().column.dataset(), spec, output.path());
        if (table.empty())
            step = std::min(step, chunk_rows_of(static_cast<std::int64_t>(spec.row_bytes())));
    }
    void append(EventBlock const& block, std::size_t first, std::size_t count);
    void flush();
};

StoreWriter::StoreWriter(std::string path,
                         std::vector<ColumnSpec> const& columns,
                         StoreWriteOptions options)
    : state_(std::make_unique<State>(path, options))
{
    State& s = *state_;
    h5::create_group(s.file, "events", path);
    for (ColumnSpec const& spec : columns)
        s.add(spec);
    s.identity.push_back(s.grow("events/file_id", h5::Kind::u16, {}));
    s.identity.push_back(s.grow("events/event_index", h5::Kind::u32, {}));
}
StoreWriter::~StoreWriter() = default;

std::int64_t StoreWriter::num_events() const
{
    return state_->num_events;
}

void StoreWriter::append(EventBlock const& block)
{
    State& s = *state_;
    std::size_t const n = block.event_index.size();
    CALOFUSE_CHECK(block.file_id.size() == n && block.columns.size() == s.columns.size()
                       && block.start.size() == s.start.size(),
                   "block of other columns");
    for (std::size_t c = 0; c < s.columns.size(); ++c) {
        std::string const& table = s.columns[c].table;
        std::size_t rows = n;
        if (!table.empty()) {
            auto const& start = block.start.at(table);
            CALOFUSE_CHECK(start.size() == n + 1, table << ": " << start.size() << " starts");
            rows = static_cast<std::size_t>(start.back() - start.front());
        }
        CALOFUSE_CHECK(block.columns[c].size() == rows * s.columns[c].row_bytes,
                       "column " << c << " of a block: " << block.columns[c].size() << " bytes");
    }
    // Piece by piece, so that the order of chunks does not depend on the blocks.
    for (std::size_t first = 0; first < n;) {
        std::int64_t const room = s.step - s.num_events % s.step;
        std::size_t const count = std::min(n - first, static_cast<std::size_t>(room));
        s.append(block, first, count);
        first += count;
    }
}

void StoreWriter::State::append(EventBlock const& block, std::size_t first, std::size_t count)
{
    for (std::size_t c = 0; c < columns.size(); ++c) {
        Growing& g = columns[c];
        std::size_t begin = first, end = first + count;
        if (!g.table.empty()) {
            auto const& from = block.start.at(g.table);
            end = static_cast<std::size_t>(from[end] - from.front());
            begin = static_cast<std::size_t>(from[begin] - from.front());
        }
        auto const part =
            block.columns[c].subspan(begin * g.row_bytes, (end - begin) * g.row_bytes);
        g.column.add(part);
        since_writeback += part.size();
    }
    for (auto& [table, column] : start) {
        auto const& from = block.start.at(table);
        std::vector<std::int64_t> ends;
        for (std::size_t i = first; i < first + count; ++i)
            ends.push_back(rows[table] += from[i + 1] - from[i]);
        column.add(ends);
    }
    identity[0].add(std::as_bytes(block.file_id.subspan(first, count)));
    identity[1].add(std::as_bytes(block.event_index.subspan(first, count)));
    num_events += static_cast<std::int64_t>(count);
    if (since_writeback < static_cast<std::size_t>(kWritebackBytes)) return;
    output.start_writeback();
    since_writeback = 0;
}

void StoreWriter::State::flush()
{
    for (Growing& g : columns)
        g.column.flush();
    for (auto& [table, column] : start)
        column.flush();
    for (h5::Column& column : identity)
        column.flush();
    columns.clear();
    start.clear();
    identity.clear();
}

std::string StoreWriter::finish(Dataset const& rest, Manifest const& inputs)
{
    State& s = *state_;
    std::int64_t listed = 0;
    for (SourceFile const& f : rest.files)
        listed += f.num_events;
    CALOFUSE_CHECK(listed == s.num_events,
                   listed << " events listed, " << s.num_events << " written");
    std::string const& path = s.output.path();
    s.flush();
    write_files(s.file, rest, path);
    if (!rest.constants.empty()) h5::create_group(s.file, "constants", path);
    for (auto const& [name, column] : rest.constants)
        write_column(s.file, "constants", column, path);
    h5::write_attribute(s.file.get(), "format_version", kStoreVersion, path);
    h5::write_attribute(s.file.get(), "kind", rest.kind, path);
    h5::write_attribute(s.file.get(), "creator", std::string("CaloFuse " CALOFUSE_VERSION), path);
    h5::close_file(s.file, path);
    s.output.start_writeback();
    std::string digest = sha256_of_file(s.output.temp_path());
    Manifest manifest = {{digest, std::filesystem::path(path).filename().string()}};
    manifest.insert(manifest.end(), inputs.begin(), inputs.end());
    s.manifest.write(manifest_text(manifest));
    s.output.commit();
    s.manifest.commit();
    return digest;
}

std::string write_store(Dataset const& data,
                        std::string const& path,
                        StoreWriteOptions options,
                        Manifest const& inputs)
{
    check_dataset(data, calofuse::quoted(path));
    std::vector<ColumnSpec> specs;
    EventBlock block{.file_id = data.file_id, .event_index = data.event_index};
    std::set<std::string> used;
    for (auto const& [name, column] : data.columns) {
        specs.push_back(column.spec);
        block.columns.emplace_back(column.bytes);
        used.insert(column.spec.table());
    }
    for (auto const& [table, start] : data.start) {
        CALOFUSE_CHECK(used.count(table) > 0, "table " << table << " has no columns");
        block.start[table] = start;
    }
    StoreWriter writer(path, specs, options);
    writer.append(block);
    return writer.finish(data, inputs);
}
}  // namespace calofuse
