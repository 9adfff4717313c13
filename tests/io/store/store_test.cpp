#include "io/store/store.hpp"

#include <cmath>
#include <fstream>
#include <unistd.h>

#include "io/focalh/event_quality.hpp"
#include "io/hdf5/hdf5.hpp"
#include "io/input_file.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/toy_store.hpp"

namespace calofuse::test {
namespace {
void expect_same(std::map<std::string, Column, std::less<>> const& got,
                 std::map<std::string, Column, std::less<>> const& want)
{
    ASSERT_EQ(got.size(), want.size());
    for (auto const& [name, column] : want) {
        SCOPED_TRACE(name);
        ASSERT_TRUE(got.find(name) != got.end());
        Column const& read = got.find(name)->second;
        EXPECT_EQ(read.spec.describe(), column.spec.describe());
        EXPECT_EQ(read.spec.unit, column.spec.unit);
        EXPECT_EQ(read.spec.names, column.spec.names);
        EXPECT_TRUE(read.bytes == column.bytes);
    }
}
void expect_same(Dataset const& got, Dataset const& want)
{
    EXPECT_EQ(got.kind, want.kind);
    expect_same(got.columns, want.columns);
    expect_same(got.constants, want.constants);
    expect_same(got.file_columns, want.file_columns);
    EXPECT_EQ(got.start, want.start);
    EXPECT_EQ(got.file_id, want.file_id);
    EXPECT_EQ(got.event_index, want.event_index);
    ASSERT_EQ(got.files.size(), want.files.size());
    for (std::size_t f = 0; f < got.files.size(); ++f) {
        SourceFile const &a = got.files[f], &b = want.files[f];
        EXPECT_EQ(a.path, b.path);
        EXPECT_EQ(a.sha256, b.sha256);
        EXPECT_EQ(a.num_events, b.num_events);
        EXPECT_EQ(a.counts.read, b.counts.read);
        EXPECT_EQ(a.counts.written, b.counts.written);
        EXPECT_EQ(a.counts.dropped, b.counts.dropped);
        EXPECT_EQ(a.counts.clipped, b.counts.clipped);
    }
}
/// Images, jets and traces: every type, ragged tables, events without rows.
Dataset any_columns(std::int64_t n)
{
    Dataset data;
    std::mt19937 rng(2);
    std::vector<float> image, x;
    std::vector<std::int64_t> big, start = {0}, none = {0};
    std::vector<std::int32_t> instance;
    std::vector<std::uint8_t> label;
    for (std::int64_t e = 0; e < n; ++e) {
        for (int i = 0; i < 5 * 4 * 3; ++i)
            image.push_back(static_cast<float>(rng() % 100) - 50.5F);
        big.push_back((std::int64_t{1} << 40) - e);
        label.push_back(static_cast<std::uint8_t>(e % 3));
        for (unsigned hits = rng() % 4; hits > 0; --hits) {
            for (int i = 0; i < 7; ++i)
                x.push_back(static_cast<float>(rng() % 9));
            instance.push_back(static_cast<std::int32_t>(rng() % 5) - 1);
        }
        start.push_back(std::ssize(instance));
        none.push_back(0);
        data.file_id.push_back(0);
        data.event_index.push_back(static_cast<std::uint32_t>(e));
    }
    data.files.push_back({.path = "any.npz", .num_events = n});
    data.files[0].counts = {.read = n, .written = n};
    data.start = {{"hits", start}, {"tracks", none}};
    data.add(make_column<float>({.name = "image", .shape = {5, 4, 3}, .unit = "GeV"},
                                std::span<float const>(image)));
    data.add(make_column<std::int64_t>({.name = "big"}, std::span<std::int64_t const>(big)));
    data.add(make_column<std::uint8_t>({.name = "label", .names = {"a", "b", "c"}},
                                       std::span<std::uint8_t const>(label)));
    data.add(make_column<float>(
        {.name = "hits.x", .shape = {7}, .names = {"a", "b", "c", "d", "e", "f", "g"}},
        std::span<float const>(x)));
    data.add(make_column<std::int32_t>({.name = "hits.instance"},
                                       std::span<std::int32_t const>(instance)));
    data.add(make_column<float>({.name = "tracks.p", .unit = "GeV"}, std::span<float const>()));
    return data;
}
std::string bytes_of(std::string const& path)
{
    return read_file(path, 1 << 30);
}
}  // namespace

TEST(Store, reads_back_what_was_written)
{
    TempFolder const folder;
    std::string const path = folder / "a.h5";
    for (std::int64_t const n : {1, 700, 1900, 2046})
        for (auto const compression : {Compression::none, Compression::deflate}) {
            Dataset want = toy_events_of_files(n);
            if (n == 700)
                set_focalh_constants(want, FocalhEvents(want).map.with_board_order({2, 0, 3, 1}),
                                     {});
            std::string const digest = write_store(want, path, {Overwrite::yes, compression},
                                                   {{std::string(64, '1'), "in.npy"}});
            Dataset const got = read_store(path);
            expect_same(got, want);
            EXPECT_EQ(got.sha256, digest);
            EXPECT_EQ(digest, sha256_of_file(path));
            Manifest const manifest = read_manifest(manifest_path_of(path));
            ASSERT_EQ(manifest.size(), 2U);
            EXPECT_EQ(manifest[0].name, "a.h5");
            EXPECT_EQ(manifest[0].sha256, digest);
            EXPECT_EQ(manifest[1].name, "in.npy");
        }
    EXPECT_EQ(folder.num_entries(), 2U);
}

TEST(Store, holds_any_columns)
{
    TempFolder const folder;
    for (std::int64_t const n : {0, 1, 3000, 40000}) {
        Dataset const want = any_columns(n);
        write_store(want, folder / "a.h5", {.overwrite = Overwrite::yes});
        expect_same(read_store(folder / "a.h5"), want);
    }
}

TEST(Store, an_empty_set_is_a_store_too)
{
    TempFolder const folder;
    write_store(Dataset{}, folder / "a.h5");
    EXPECT_EQ(read_store(folder / "a.h5").size(), 0);
}

TEST(Store, same_input_gives_the_same_bytes_however_it_comes_in)
{
    TempFolder const folder;
    Dataset const set = toy_events_of_files(11000);
    write_store(set, folder / "a.h5");
    ::usleep(1'100'000);  // a time stamp in seconds would show
    write_store(set, folder / "b.h5");
    FocalhEvents const events(set);
    StoreWriter writer(folder / "c.h5", focalh_columns());
    std::size_t const n = events.label.size();
    for (std::size_t i = 0, step = 1; i < n; i += step, step = step % 97 + 1) {
        step = std::min(step, n - i);
        writer.append({.file_id = events.file_id.subspan(i, step),
                       .event_index = events.event_index.subspan(i, step),
                       .columns = {std::as_bytes(events.adc.subspan(i * 256, step * 256)),
                                   std::as_bytes(events.energy_gev.subspan(i, step)),
                                   std::as_bytes(events.label.subspan(i, step))}});
    }
    writer.finish(set, {});
    EXPECT_TRUE(bytes_of(folder / "a.h5") == bytes_of(folder / "b.h5"));
    EXPECT_TRUE(bytes_of(folder / "a.h5") == bytes_of(folder / "c.h5"));
}

TEST(Store, nothing_is_left_without_finish_or_over_an_old_file)
{
    TempFolder const folder;
    Dataset const set = toy_events_of_files(3);
    {
        FocalhEvents const events(set);
        StoreWriter writer(folder / "a.h5", focalh_columns());
        writer.append({.file_id = events.file_id.first(1),
                       .event_index = events.event_index.first(1),
                       .columns = {std::as_bytes(events.adc.first(256)),
                                   std::as_bytes(events.energy_gev.first(1)),
                                   std::as_bytes(events.label.first(1))}});
    }
    EXPECT_EQ(folder.num_entries(), 0U);
    write_store(set, folder / "a.h5");
    std::string const before = bytes_of(folder / "a.h5");
    expect_error([&] { write_store(set, folder / "a.h5"); }, Exit::cannot_create, "CF-IO-03");
    expect_error([&] { write_store(set, folder / "no/a.h5"); }, Exit::cannot_create, "CF-IO-02");
    EXPECT_TRUE(bytes_of(folder / "a.h5") == before);
    EXPECT_EQ(folder.num_entries(), 2U);
}

TEST(Store, a_changed_byte_is_found_by_the_digest)
{
    TempFolder const folder;
    write_store(toy_events_of_files(3), folder / "a.h5");
    std::string bytes = bytes_of(folder / "a.h5");
    bytes[bytes.size() / 2] ^= 4;
    write_file_atomically(folder / "a.h5", bytes, Overwrite::yes);
    expect_error([&] { read_store(folder / "a.h5"); }, Exit::data, "CF-SHA-02");
    auto const damaged = damaged_datasets(folder / "a.h5");
    ASSERT_EQ(damaged.size(), 1U);
    EXPECT_EQ(damaged[0].name, "events/adc");
}

TEST(Store, h5py_reads_it)
{
    if (std::system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0)
        GTEST_SKIP() << "no h5py";
    TempFolder const folder;
    write_store(toy_events_of_files(700), folder / "a.h5");
    std::string const script =
        "import h5py; f = h5py.File('" + (folder / "a.h5") + "', 'r');"
        "assert f['events/adc'].shape == (2103, 256) and f['events/adc'].dtype == '<u2';"
        "assert f['events/adc'].chunks == (2048, 256) and f['events/adc'].fletcher32;"
        "assert f['files/path'][1] == b'run/file1.npy' and f['files/dropped'].shape == (3, 3);"
        "assert f.attrs['kind'] == b'focalh' and f.attrs['format_version'] == 2;"
        "assert f['constants/channel_map'].shape == (249, 4);"
        "assert f['events/label'].attrs['classes'] == b'hadron,electron';"
        "assert f['events/label'][:].sum() == 702";
    EXPECT_EQ(std::system(("/usr/bin/python3 -c \"" + script + "\"").c_str()), 0);
}

/// What io/README.md shows: ten lines of h5py, no manifest, no files, no checksums, f64.
TEST(Store, ten_lines_of_h5py_are_a_store)
{
    if (std::system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0)
        GTEST_SKIP() << "no h5py";
    TempFolder const folder;
    std::ofstream(folder / "w.py")
        << "import h5py, numpy as np, sys\n"
           "with h5py.File(sys.argv[1], 'w') as f:\n"
           "    f.attrs['format_version'] = 2\n"
           "    f.attrs['kind'] = 'columns'\n"
           "    f['events/image'] = np.arange(3 * 4 * 5.).reshape(3, 4, 5)\n"
           "    f['events/image'].attrs['unit'] = 'GeV'\n"
           "    f['events/label'] = np.array([0, 1, 1], 'u1')\n"
           "    f['events/label'].attrs['classes'] = 'qcd,top'\n"
           "    f['hits/start'] = np.array([0, 2, 2, 3])\n"
           "    f.create_dataset('hits/x', data=np.ones((3, 2), 'f4'), compression='gzip')\n";
    std::string const run = "/usr/bin/python3 " + (folder / "w.py") + " " + (folder / "a.h5");
    ASSERT_EQ(std::system(run.c_str()), 0);
    Dataset const data = read_store(folder / "a.h5");
    EXPECT_EQ(data.kind, "columns");
    EXPECT_EQ(data.describe_columns(), "hits.x (2) f32, image (4, 5) f32, label u8");
    EXPECT_EQ(data.at("image").spec.unit, "GeV");
    EXPECT_EQ(data.at("image").value(59), 59.0);
    EXPECT_EQ(data.at("label").spec.names, (std::vector<std::string>{"qcd", "top"}));
    EXPECT_EQ(data.start.at("hits"), (std::vector<std::int64_t>{0, 2, 2, 3}));
    EXPECT_EQ(data.event_index, (std::vector<std::uint32_t>{0, 1, 2}));
    EXPECT_EQ(data.file_id, (std::vector<std::uint16_t>{0, 0, 0}));
    ASSERT_EQ(data.files.size(), 1U);
    EXPECT_EQ(data.files[0].num_events, 3);
}

TEST(Store, checksum_is_the_one_of_the_library)
{
    // The definition: 16-bit big-endian words, end-around folds to 16 bits after each word.
    auto const fold = [](std::uint32_t x) {
        return (x & 0xffffU) + (x >> 16U);
    };
    std::mt19937 rng(5);
    for (std::size_t const n : {1, 2, 255, 256, 257, 5000, 70000})
        for (unsigned const kind : {0U, 1U, 2U, 3U}) {
            std::vector<std::uint16_t> words(n);
            for (auto& w : words)
                w = static_cast<std::uint16_t>(kind == 0   ? 0
                                               : kind == 1 ? 0xffff
                                               : kind == 2 ? rng()
                                                           : rng() % 2);
            std::uint32_t sum = 0, weighted = 0;
            for (auto const w : words) {
                sum = fold(sum + static_cast<std::uint16_t>(w << 8U | w >> 8U));
                weighted = fold(weighted + sum);
            }
            EXPECT_EQ(h5::fletcher32(words), fold(weighted) << 16U | fold(sum)) << n << " " << kind;
        }
}

TEST(EventQuality, pedestals_are_found_among_signals)
{
    std::mt19937 rng(3);
    std::normal_distribution<double> noise(0, 4.5);
    Dataset set = toy_events_of_files(400);
    auto const adc = set.columns.at("adc").values<std::uint16_t>();
    for (std::size_t i = 0; i < adc.size(); ++i) {
        double const pedestal = 30 + 0.2 * static_cast<double>(i % 256);
        double const signal = rng() % 3 == 0 ? static_cast<double>(rng() % 3000) : 0;
        adc[i] = static_cast<std::uint16_t>(std::lround(pedestal + noise(rng) + signal));
    }
    auto const pedestals = estimate_pedestals(set);
    for (std::size_t c = 0; c < 256; ++c)
        EXPECT_NEAR(pedestals[c], 30 + 0.2 * static_cast<double>(c), 2.5) << c;
    EXPECT_EQ(pedestals_of(set), std::vector<float>(kNumChannels, 40.25F));
}

TEST(EventQuality, empty_triggers_have_no_cell_above_the_limit)
{
    auto const map = ChannelMap::focalh_prototype2();
    std::vector<float> const pedestals(256, 40.0F);
    auto const limits = hit_limits(map, pedestals);
    std::vector<std::uint16_t> event(256, 90);
    EXPECT_TRUE(is_empty_trigger(event.data(), limits));
    event[39] = 8000;  // no cell
    EXPECT_TRUE(is_empty_trigger(event.data(), limits));
    event[40] = 91;
    EXPECT_FALSE(is_empty_trigger(event.data(), limits));
}
}  // namespace calofuse::test
