/// \file io/store/read.cpp
/// The reading half of io/store/store.hpp: digest first, then the library, then every value.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/core.h>

#include "io/focalh/channel_map_file.hpp"
#include "io/focalh/event_quality.hpp"
#include "io/hdf5/hdf5.hpp"
#include "io/store/store.hpp"

namespace calofuse {
namespace {
[[noreturn]] void fail(std::string const& path, char const* code, std::string const& what)
{
    throw Error(Exit::data, code, fmt::format("{}: {}", calofuse::quoted(path), what),
                "run calofuse convert again");
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

void check_attributes(h5::File const& file, std::string const& path)
{
    std::int64_t const version = h5::read_int_attribute(file, "format_version", path);
    if (version != kStoreVersion)
        fail(path, "CF-H5-16",
             fmt::format("store of format version {}, this program reads version {}", version,
                         kStoreVersion));
    std::string const gain = h5::read_text_attribute(file, "gain", path);
    if (gain != "HG") fail(path, "CF-H5-05", "holds gain " + calofuse::quoted(gain, 20));
}

void check_rows(std::int64_t rows, std::int64_t want, char const* name, std::string const& path)
{
    if (rows != want)
        fail(path, "CF-H5-06", fmt::format("{} has {} rows, expected {}", name, rows, want));
}

template <class T>
std::vector<T> read_column(h5::File const& file,
                           char const* name,
                           std::int64_t rows,
                           std::string const& path,
                           std::int64_t columns = 0)
{
    h5::Reader const reader(file, name, h5::kind_of<T>(), columns, path);
    check_rows(reader.rows(), rows, name, path);
    std::vector<T> out(static_cast<std::size_t>(rows * std::max<std::int64_t>(columns, 1)));
    reader.read(out.data());
    return out;
}

bool is_label(std::uint8_t label)
{
    return label <= 1 || label == static_cast<std::uint8_t>(Label::unknown);
}
bool is_energy(float energy_gev)
{
    return std::isfinite(energy_gev) && energy_gev >= 0;
}

std::vector<SourceFile> read_files(h5::File const& file, std::string const& path)
{
    auto const paths = h5::read_strings(file, "files/path", path);
    auto const num_files = std::ssize(paths);
    if (num_files > 65536) fail(path, "CF-H5-13", fmt::format("lists {} files", num_files));
    auto const digests = h5::read_strings(file, "files/sha256", path);
    check_rows(std::ssize(digests), num_files, "files/sha256", path);
    auto const counts = [&](char const* name, std::int64_t columns = 0) {
        return read_column<std::int64_t>(file, name, num_files, path, columns);
    };
    auto const num_events = counts("files/num_events"), num_read = counts("files/num_read");
    auto const clipped = counts("files/clipped"), empty = counts("files/empty_triggers");
    auto const dropped = counts("files/dropped", kNumDropReasons);
    auto const energies = read_column<float>(file, "files/energy_gev", num_files, path);
    auto const labels = read_column<std::uint8_t>(file, "files/label", num_files, path);
    std::vector<SourceFile> out;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        SourceFile f{.path = paths[i],
                     .sha256 = digests[i],
                     .num_events = num_events[i],
                     .energy_gev = energies[i],
                     .label = static_cast<Label>(labels[i])};
        if (!is_label(labels[i]))
            fail(path, "CF-H5-07", fmt::format("file {}: label {}", i, labels[i]));
        if (!is_energy(energies[i]))
            fail(path, "CF-H5-08", fmt::format("file {}: energy {} GeV", i, energies[i]));
        f.counts = {.read = num_read[i],
                    .written = num_events[i],
                    .clipped = clipped[i],
                    .empty_triggers = empty[i]};
        std::copy_n(dropped.begin() + static_cast<std::ptrdiff_t>(i) * kNumDropReasons,
                    kNumDropReasons, f.counts.dropped.begin());
        if (f.counts.read != f.counts.written + f.counts.num_dropped() || f.num_events < 0)
            fail(path, "CF-H5-18",
                 fmt::format("file {}: {} events read, {} written, {} dropped", i, f.counts.read,
                             f.counts.written, f.counts.num_dropped()));
        out.push_back(std::move(f));
    }
    return out;
}

ChannelMap read_map(h5::File const& file, std::string const& path)
{
    auto const rows = read_column<std::int32_t>(file, "detector/channel_map", kNumCells, path, 4);
    ChannelMap map = ChannelMap::focalh_prototype2();
    std::array<bool, kNumChannels> seen{};
    for (std::size_t i = 0; i < kNumCells; ++i) {
        std::int32_t const* row = &rows[4 * i];
        Cell& cell = map.cells[i];
        bool const fits = row[0] >= 0 && row[0] < kNumChannels && row[1] == cell.module
                          && row[2] == cell.row && row[3] == cell.col;
        if (!fits || std::exchange(seen[static_cast<std::size_t>(row[0])], true))
            fail(path, "CF-H5-20", fmt::format("row {} of its channel map is wrong", i));
        cell.channel = row[0];
    }
    if (h5::read_text_attribute(file, "channel_map_sha256", path) != digest_of(map))
        fail(path, "CF-H5-20", "its channel map does not have the digest that it states");
    return map;
}

void check_events(EventSet const& set, std::string const& path)
{
    std::vector<std::int64_t> count(set.files.size(), 0);
    for (std::size_t i = 0; i < set.label.size(); ++i) {
        if (!is_label(set.label[i]))
            fail(path, "CF-H5-07", fmt::format("event {}: label {}", i, set.label[i]));
        if (!is_energy(set.energy_gev[i]))
            fail(path, "CF-H5-08", fmt::format("event {}: energy {} GeV", i, set.energy_gev[i]));
        if (set.file_id[i] >= count.size())
            fail(path, "CF-H5-18",
                 fmt::format("event {}: file {} of {}", i, set.file_id[i], count.size()));
        ++count[set.file_id[i]];
    }
    for (std::size_t f = 0; f < count.size(); ++f)
        if (count[f] != set.files[f].num_events)
            fail(path, "CF-H5-18",
                 fmt::format("file {}: {} events, its table says {}", f, count[f],
                             set.files[f].num_events));
    std::uint16_t largest = 0;
    for (std::uint16_t const adc : set.adc)
        largest = std::max(largest, adc);
    if (largest > kMaxAdc)
        fail(path, "CF-H5-18", fmt::format("holds an ADC value of {} (13 bits)", largest));
}
}  // namespace

EventSet read_store(std::string const& path, StoreReadOptions options)
{
    EventSet set;
    h5::check_superblock(path);
    if (options.digest == DigestCheck::if_manifest) set.sha256 = checked_digest(path);
    h5::File const file = h5::open_file(path);
    check_attributes(file, path);
    set.files = read_files(file, path);
    set.map = read_map(file, path);
    h5::Reader const adc(file, "events/adc", h5::Kind::u16, kNumChannels, path);
    std::int64_t const n = adc.rows();
    set.label = read_column<std::uint8_t>(file, "events/label", n, path);
    set.energy_gev = read_column<float>(file, "events/energy_gev", n, path);
    set.file_id = read_column<std::uint16_t>(file, "events/file_id", n, path);
    set.event_index = read_column<std::uint32_t>(file, "events/event_index", n, path);
    set.adc.resize(static_cast<std::size_t>(n * kNumChannels));
    adc.read(set.adc.data());
    if (h5::has_dataset(file, "detector/pedestals", path)) {
        set.pedestals = read_column<float>(file, "detector/pedestals", kNumChannels, path);
        for (float const p : set.pedestals)
            if (!(p >= 0 && p <= kMaxAdc))
                fail(path, "CF-H5-18", fmt::format("holds a pedestal of {}", p));
    }
    check_events(set, path);
    return set;
}
}  // namespace calofuse
