/// \file io/store/write.cpp
/// The writing half of io/store/store.hpp.
#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <optional>

#include "io/focalh/channel_map_file.hpp"
#include "io/hdf5/column.hpp"
#include "io/store/store.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kAdcChunkRows = 2048;  ///< 1 MiB, the library's chunk cache
constexpr std::int64_t kColumnChunkRows = 16384;
/// 16 MiB. Without it all is written when the file is closed (ext4 does so with a truncated file) or
/// synced, and the digest waits: HDF5 fills in the first bytes last, so it cannot start before.
constexpr std::int64_t kWritebackEvents = 32768;

template <class T>
void write_table(h5::File const& file,
                 char const* name,
                 std::vector<T> const& values,
                 std::int64_t columns,
                 std::string const& path)
{
    std::int64_t const rows = std::ssize(values) / std::max<std::int64_t>(columns, 1);
    h5::Column<T> column(file, name,
                         {.columns = columns, .chunk_rows = std::max<std::int64_t>(rows, 1)}, path);
    column.add(values);
    column.flush();
}

void write_files(h5::File const& file,
                 std::vector<SourceFile> const& files,
                 std::string const& path)
{
    std::vector<std::string> paths, digests;
    std::vector<std::int64_t> num_events, num_read, dropped, clipped, empty;
    std::vector<float> energies;
    std::vector<std::uint8_t> labels;
    for (SourceFile const& f : files) {
        paths.push_back(f.path);
        digests.push_back(f.sha256);
        num_events.push_back(f.num_events);
        num_read.push_back(f.num_events + f.counts.num_dropped());
        dropped.insert(dropped.end(), f.counts.dropped.begin(), f.counts.dropped.end());
        clipped.push_back(f.counts.clipped);
        empty.push_back(f.counts.empty_triggers);
        energies.push_back(f.energy_gev);
        labels.push_back(static_cast<std::uint8_t>(f.label));
    }
    h5::create_group(file, "files", path);
    h5::write_strings(file, "files/path", paths, path);
    h5::write_strings(file, "files/sha256", digests, path);
    write_table(file, "files/num_events", num_events, 0, path);
    write_table(file, "files/energy_gev", energies, 0, path);
    write_table(file, "files/label", labels, 0, path);
    write_table(file, "files/num_read", num_read, 0, path);
    write_table(file, "files/dropped", dropped, kNumDropReasons, path);
    write_table(file, "files/clipped", clipped, 0, path);
    write_table(file, "files/empty_triggers", empty, 0, path);
}

void write_detector(h5::File const& file,
                    ChannelMap const& map,
                    std::span<float const> pedestals,
                    std::string const& path)
{
    std::vector<std::int32_t> cells;
    for (Cell const& c : map.cells)
        cells.insert(cells.end(), {c.channel, c.module, c.row, c.col});
    h5::create_group(file, "detector", path);
    write_table(file, "detector/channel_map", cells, 4, path);
    if (!pedestals.empty())
        write_table(file, "detector/pedestals",
                    std::vector<float>(pedestals.begin(), pedestals.end()), 0, path);
}

void write_attributes(h5::File const& file, ChannelMap const& map, std::string const& path)
{
    std::string reasons;
    for (int r = 0; r < kNumDropReasons; ++r)
        reasons += (r > 0 ? "," : "") + std::string(name_of(static_cast<DropReason>(r)));
    h5::write_attribute(file, "format_version", kStoreVersion, path);
    h5::write_attribute(file, "gain", std::string("HG"), path);
    h5::write_attribute(file, "creator", std::string("CaloFuse " CALOFUSE_VERSION), path);
    h5::write_attribute(file, "channel_map_sha256", digest_of(map), path);
    h5::write_attribute(file, "drop_reasons", reasons, path);
}

struct EventColumns {
    h5::Group group;
    h5::Column<std::uint16_t> adc;
    h5::Column<std::uint8_t> label;
    h5::Column<float> energy_gev;
    h5::Column<std::uint16_t> file_id;
    h5::Column<std::uint32_t> event_index;

    EventColumns(h5::File const& file, bool deflate, std::string const& path)
        : group(h5::create_group(file, "events", path))
        , adc(file, "events/adc", {kNumChannels, kAdcChunkRows, deflate}, path)
        , label(file, "events/label", {0, kColumnChunkRows, deflate}, path)
        , energy_gev(file, "events/energy_gev", {0, kColumnChunkRows, deflate}, path)
        , file_id(file, "events/file_id", {0, kColumnChunkRows, deflate}, path)
        , event_index(file, "events/event_index", {0, kColumnChunkRows, deflate}, path)
    {}
    void flush()
    {
        adc.flush();
        label.flush();
        energy_gev.flush();
        file_id.flush();
        event_index.flush();
    }
};
}  // namespace

struct StoreWriter::State {
    AtomicFile output;
    AtomicFile manifest;
    h5::File file;
    std::optional<EventColumns> events;  ///< gone before the file is closed
    std::int64_t num_events = 0;
    std::int64_t writeback_at = kWritebackEvents;  ///< when to start the next one

    State(std::string const& path, StoreWriteOptions const& o)
        : output(path, o.overwrite)
        , manifest(manifest_path_of(path), o.overwrite)
        , file(h5::create_file(output.temp_path(), path))
        , events(std::in_place, file, o.compression == Compression::deflate, path)
    {}
};

StoreWriter::StoreWriter(std::string path, StoreWriteOptions options)
    : state_(std::make_unique<State>(path, options))
{}
StoreWriter::~StoreWriter() = default;

std::int64_t StoreWriter::num_events() const
{
    return state_->num_events;
}

void StoreWriter::append(EventBlock const& block)
{
    auto const n = std::ssize(block.event_index);
    CALOFUSE_CHECK(std::ssize(block.adc) == n * kNumChannels, "block of unequal columns");
    State& s = *state_;
    EventColumns& columns = *s.events;
    auto const repeated = [n](auto value) {
        return std::vector(static_cast<std::size_t>(n), value);
    };
    columns.adc.add(block.adc);
    columns.label.add(repeated(static_cast<std::uint8_t>(block.label)));
    columns.energy_gev.add(repeated(block.energy_gev));
    columns.file_id.add(repeated(block.file_id));
    columns.event_index.add(block.event_index);
    s.num_events += n;
    if (s.num_events < s.writeback_at) return;
    s.output.start_writeback();
    s.writeback_at = s.num_events + kWritebackEvents;
}

std::string StoreWriter::finish(std::vector<SourceFile> const& files,
                                ChannelMap const& map,
                                std::span<float const> pedestals,
                                Manifest const& inputs)
{
    State& s = *state_;
    std::int64_t listed = 0;
    for (SourceFile const& f : files)
        listed += f.num_events;
    CALOFUSE_CHECK(listed == s.num_events,
                   listed << " events listed, " << s.num_events << " written");
    CALOFUSE_CHECK(pedestals.empty() || pedestals.size() == kNumChannels, "pedestals");
    std::string const& path = s.output.path();
    s.events->flush();
    s.events.reset();
    write_files(s.file, files, path);
    write_detector(s.file, map, pedestals, path);
    write_attributes(s.file, map, path);
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

std::string write_store(EventSet const& events,
                        std::string const& path,
                        StoreWriteOptions options,
                        Manifest const& inputs)
{
    StoreWriter writer(path, options);
    auto const n = static_cast<std::size_t>(events.size());
    for (std::size_t first = 0, last = 0; first < n; first = last) {
        auto const same = [&](std::size_t i) {
            return events.file_id[i] == events.file_id[first]
                   && events.label[i] == events.label[first]
                   && events.energy_gev[i] == events.energy_gev[first];
        };
        for (last = first + 1; last < n && same(last);)
            ++last;
        writer.append(
            {.adc =
                 std::span(events.adc).subspan(first * kNumChannels, (last - first) * kNumChannels),
             .event_index = std::span(events.event_index).subspan(first, last - first),
             .file_id = events.file_id[first],
             .label = static_cast<Label>(events.label[first]),
             .energy_gev = events.energy_gev[first]});
    }
    return writer.finish(events.files, events.map, events.pedestals, inputs);
}
}  // namespace calofuse
