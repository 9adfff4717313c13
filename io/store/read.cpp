/// \file io/store/read.cpp
/// The reading half of io/store/store.hpp: digest first, then the library, then every value.
#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <numeric>

#include "io/hdf5/hdf5.hpp"
#include "io/store/layout.hpp"
#include "io/store/store.hpp"

namespace calofuse {
namespace {
constexpr std::size_t kMaxFiles = 65536;

[[noreturn]] void fail(std::string const& path,
                       char const* code,
                       std::string const& what,
                       char const* hint = "io/README.md says what a store holds")
{
    throw Error(Exit::data, code, fmt::format("{}: {}", calofuse::quoted(path), what), hint);
}

std::string checked_digest(std::string const& path)
{
    std::string found = sha256_of_file(path);
    std::string const expected =
        expected_digest(manifest_path_of(path), std::filesystem::path(path).filename().string());
    if (!expected.empty() && expected != found)
        throw Error(
            Exit::data, "CF-SHA-02",
            fmt::format("{}: SHA-256 is {}..., its manifest says {}...", calofuse::quoted(path),
                        found.substr(0, 16), expected.substr(0, 16)),
            "file is damaged or was changed; copy it again (calofuse verify says where)");
    return found;
}

void check_version(h5::File const& file, std::string const& path)
{
    std::int64_t const version = h5::read_int_attribute(file.get(), "format_version", path);
    if (version == 1)
        fail(path, "CF-H5-19",
             fmt::format("store of format 1, this program reads format {}", kStoreVersion),
             "make it anew from the raw files: calofuse convert --out NEW.h5 RAW...");
    if (version != kStoreVersion)
        fail(path, "CF-H5-16",
             fmt::format("store of format {}, this program reads format {}", version,
                         kStoreVersion));
}

std::vector<std::string> split_at_commas(std::string const& text)
{
    std::vector<std::string> out;
    for (std::size_t at = 0; !text.empty() && at != std::string::npos;) {
        std::size_t const comma = text.find(',', at);
        out.push_back(text.substr(at, comma - at));
        at = comma == std::string::npos ? comma : comma + 1;
    }
    return out;
}

void check_name(std::string const& name, std::string const& group, std::string const& path)
{
    bool const good = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return c > ' ' && c != '.' && c != ',' && c != 0x7f;
    });
    if (!good)
        fail(path, "CF-H5-22",
             fmt::format("{} in {} is no name of a column or table", calofuse::quoted(name, 60),
                         group),
             "names have no blanks, dots and commas");
}

ColumnSpec spec_of(h5::Reader const& reader, std::string name, std::string const& path)
{
    std::optional<DType> const type = dtype_of(reader.kind());
    if (!type)
        fail(path, "CF-H5-05", fmt::format("{} is {}", reader.name(), h5::name_of(reader.kind())),
             "write it as i64, or as i32 where its numbers fit");
    ColumnSpec spec{.name = std::move(name), .dtype = *type, .shape = reader.row_shape()};
    hid_t const dataset = reader.dataset();
    if (h5::has_attribute(dataset, "unit"))
        spec.unit = h5::read_text_attribute(dataset, "unit", path);
    char const* const attribute = spec.shape.empty() ? "classes" : "names";
    if (!h5::has_attribute(dataset, attribute)) return spec;
    spec.names = split_at_commas(h5::read_text_attribute(dataset, attribute, path));
    if (spec.shape.empty() && spec.dtype == DType::f32)
        fail(path, "CF-H5-05",
             fmt::format("{} is {} and has classes", reader.name(), name_of(spec.dtype)),
             "write numbers of classes as u8");
    if (!spec.shape.empty() && std::ssize(spec.names) != spec.shape.back())
        fail(path, "CF-H5-18",
             fmt::format("{} has {} names, its last axis {} elements", reader.name(),
                         spec.names.size(), spec.shape.back()));
    return spec;
}

Column read_column(h5::File const& file,
                   std::string const& object,
                   std::string name,
                   std::string const& path)
{
    h5::Reader const reader(file, object, path);
    Column out{spec_of(reader, std::move(name), path), std::vector<std::byte>(reader.bytes())};
    reader.read(out.bytes.data());
    return out;
}

/// Columns of a group into the data set; `start`, `file_id` and `event_index` are none of them.
void read_table(h5::File const& file,
                std::string const& group,
                Dataset& data,
                std::string const& path)
{
    bool const of_events = group == "events";
    for (std::string const& name : h5::names_in(file, group, path)) {
        std::string const object = group + "/" + name;
        if (of_events && (name == "file_id" || name == "event_index")) continue;
        if (!of_events && name == "start") {
            data.start[group] = h5::read_rows<std::int64_t>(file, object, {}, path);
            continue;
        }
        check_name(name, group, path);
        data.add(read_column(file, object, of_events ? name : group + "." + name, path));
    }
    if (!of_events && data.start.find(group) == data.start.end())
        fail(path, "CF-H5-04", fmt::format("table {} has no dataset {}/start", group, group),
             "write start, i64, one more than there are events: hits of event e are the rows "
             "start[e] .. start[e + 1] - 1");
}

/// Tables, constants and columns, whatever their names are.
void read_groups(h5::File const& file, Dataset& data, std::string const& path)
{
    for (std::string const& name : h5::names_in(file, "/", path)) {
        if (!h5::is_group(file, name, path))
            fail(path, "CF-H5-22", fmt::format("dataset {} lies outside a table", name),
                 "write columns of the events as events/NAME");
        if (name == "files") continue;
        if (name == "constants") {
            for (std::string const& constant : h5::names_in(file, name, path))
                data.constants[constant] = read_column(file, name + "/" + constant, constant, path);
            continue;
        }
        check_name(name, "/", path);
        read_table(file, name, data, path);
    }
}

/// Events without a row anywhere but in ragged tables are counted there.
std::int64_t count_events(h5::File const& file, Dataset const& data, std::string const& path)
{
    if (h5::has_dataset(file, "events/event_index", path))
        return h5::Reader(file, "events/event_index", path).rows();
    for (auto const& [name, column] : data.columns)
        if (column.spec.table().empty()) return column.rows();
    for (auto const& [table, start] : data.start)
        return std::max<std::int64_t>(std::ssize(start) - 1, 0);
    return 0;
}

void read_identity(h5::File const& file, Dataset& data, std::string const& path)
{
    std::int64_t const n = count_events(file, data, path);
    if (n > INT32_MAX) fail(path, "CF-H5-11", fmt::format("holds {} events", n));
    if (h5::has_dataset(file, "events/event_index", path)) {
        data.event_index = h5::read_rows<std::uint32_t>(file, "events/event_index", {}, path);
    } else {
        data.event_index.resize(static_cast<std::size_t>(n));
        std::iota(data.event_index.begin(), data.event_index.end(), 0U);
    }
    if (h5::has_dataset(file, "events/file_id", path))
        data.file_id = h5::read_rows<std::uint16_t>(file, "events/file_id", {}, path);
    else
        data.file_id.assign(static_cast<std::size_t>(n), 0);
}

/// `/files`: what is missing there follows from the events.
class FileTable {
  public:
    FileTable(h5::File const& file, Dataset& data, std::string const& path)
        : file_(file), data_(data), path_(path)
    {}
    void read()
    {
        std::vector<std::int64_t> const found = events_by_file();
        auto const names = h5::names_in(file_, "files", path_);
        auto const has = [&](char const* name) {
            return std::find(names.begin(), names.end(), name) != names.end();
        };
        if (has("path")) {
            for (std::string& name : h5::read_strings(file_, "files/path", path_))
                data_.files.push_back({.path = std::move(name)});
        } else {
            for (std::size_t f = 0; f < std::max<std::size_t>(found.size(), 1); ++f)
                data_.files.push_back({.path = fmt::format("file {}", f)});
        }
        std::size_t const n = data_.files.size();
        if (n > kMaxFiles) fail(path_, "CF-H5-13", fmt::format("lists {} files", n));
        if (has("sha256")) {
            auto digests = h5::read_strings(file_, "files/sha256", path_);
            check_rows(digests.size(), "files/sha256");
            for (std::size_t f = 0; f < n; ++f)
                data_.files[f].sha256 = std::move(digests[f]);
        }
        auto const num_events = has("num_events") ? counts("num_events") : found;
        auto const clipped = has("clipped") ? counts("clipped") : std::vector<std::int64_t>(n);
        auto const dropped = has("dropped") ? counts("dropped", kNumDropReasons)
                                            : std::vector<std::int64_t>(n * kNumDropReasons);
        auto const num_read = has("num_read") ? counts("num_read") : std::vector<std::int64_t>();
        for (std::size_t f = 0; f < n; ++f) {
            SourceFile& source = data_.files[f];
            source.num_events = f < num_events.size() ? num_events[f] : 0;
            source.counts = {.written = source.num_events, .clipped = clipped[f]};
            std::copy_n(&dropped[f * kNumDropReasons], kNumDropReasons,
                        source.counts.dropped.begin());
            std::int64_t const sum = source.counts.written + source.counts.num_dropped();
            source.counts.read = num_read.empty() ? sum : num_read[f];
            check_counts(f, f < found.size() ? found[f] : 0);
        }
        for (std::string const& name : names)
            if (!is_known(name))
                data_.file_columns[name] = read_column(file_, "files/" + name, name, path_);
    }

  private:
    static bool is_known(std::string const& name)
    {
        constexpr char const* kKnown[] = {"path",     "sha256",  "num_events",
                                          "num_read", "clipped", "dropped"};
        return std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
    }
    std::vector<std::int64_t> events_by_file() const
    {
        std::vector<std::int64_t> out;
        for (std::uint16_t const f : data_.file_id) {
            if (f >= out.size()) out.resize(f + std::size_t{1}, 0);
            ++out[f];
        }
        return out;
    }
    void check_rows(std::size_t rows, std::string const& name) const
    {
        if (rows != data_.files.size())
            fail(path_, "CF-H5-06",
                 fmt::format("{} has {} rows, expected {}", name, rows, data_.files.size()));
    }
    std::vector<std::int64_t> counts(std::string const& name, std::int64_t columns = 0) const
    {
        std::vector<std::int64_t> shape;
        if (columns > 0) shape.push_back(columns);
        auto out = h5::read_rows<std::int64_t>(file_, "files/" + name, shape, path_);
        check_rows(out.size() / static_cast<std::size_t>(std::max<std::int64_t>(columns, 1)),
                   "files/" + name);
        return out;
    }
    void check_counts(std::size_t f, std::int64_t found) const
    {
        EventCounts const& c = data_.files[f].counts;
        if (c.read != c.written + c.num_dropped() || c.written < 0)
            fail(path_, "CF-H5-18",
                 fmt::format("file {}: {} events read, {} written, {} dropped", f, c.read,
                             c.written, c.num_dropped()));
        if (c.written != found)
            fail(path_, "CF-H5-18",
                 fmt::format("file {}: {} events, its table says {}", f, found, c.written));
    }

    h5::File const& file_;
    Dataset& data_;
    std::string const& path_;
};
}  // namespace

Dataset read_store(std::string const& path, StoreReadOptions options)
{
    Dataset data;
    h5::check_superblock(path);
    if (options.digest == DigestCheck::if_manifest) data.sha256 = checked_digest(path);
    h5::File const file = h5::open_file(path);
    check_version(file, path);
    if (h5::has_attribute(file.get(), "kind"))
        data.kind = h5::read_text_attribute(file.get(), "kind", path);
    read_groups(file, data, path);
    read_identity(file, data, path);
    FileTable(file, data, path).read();
    std::string const source = calofuse::quoted(path);
    check_dataset(data, source);
    check_kind(data, source);
    return data;
}
}  // namespace calofuse
