#include "io/store/store.hpp"

#include <cmath>
#include <unistd.h>

#include "io/focalh/event_quality.hpp"
#include "io/hdf5/hdf5.hpp"
#include "io/input_file.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/toy_store.hpp"

namespace calofuse::test {
namespace {
void expect_same(EventSet const& got, EventSet const& want)
{
    EXPECT_EQ(got.adc, want.adc);
    EXPECT_EQ(got.label, want.label);
    EXPECT_EQ(got.energy_gev, want.energy_gev);
    EXPECT_EQ(got.file_id, want.file_id);
    EXPECT_EQ(got.event_index, want.event_index);
    EXPECT_EQ(got.pedestals, want.pedestals);
    EXPECT_EQ(got.map.channels(), want.map.channels());
    ASSERT_EQ(got.files.size(), want.files.size());
    for (std::size_t f = 0; f < got.files.size(); ++f) {
        SourceFile const &a = got.files[f], &b = want.files[f];
        EXPECT_EQ(a.path, b.path);
        EXPECT_EQ(a.sha256, b.sha256);
        EXPECT_EQ(a.num_events, b.num_events);
        EXPECT_EQ(a.energy_gev, b.energy_gev);
        EXPECT_EQ(a.label, b.label);
        EXPECT_EQ(a.counts.read, b.counts.read);
        EXPECT_EQ(a.counts.written, b.counts.written);
        EXPECT_EQ(a.counts.dropped, b.counts.dropped);
        EXPECT_EQ(a.counts.clipped, b.counts.clipped);
        EXPECT_EQ(a.counts.empty_triggers, b.counts.empty_triggers);
    }
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
            EventSet want = toy_events_of_files(n);
            if (n == 700) {
                want.pedestals.clear();
                want.map = want.map.with_board_order({2, 0, 3, 1});
            }
            std::string const digest = write_store(want, path, {Overwrite::yes, compression},
                                                   {{std::string(64, '1'), "in.npy"}});
            EventSet const got = read_store(path);
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

TEST(Store, an_empty_set_is_a_store_too)
{
    TempFolder const folder;
    write_store(EventSet{}, folder / "a.h5");
    EXPECT_EQ(read_store(folder / "a.h5").size(), 0);
}

TEST(Store, same_input_gives_the_same_bytes_however_it_comes_in)
{
    TempFolder const folder;
    EventSet const set = toy_events_of_files(1500);
    write_store(set, folder / "a.h5");
    ::usleep(1'100'000);  // a time stamp in seconds would show
    write_store(set, folder / "b.h5");
    StoreWriter writer(folder / "c.h5");
    std::size_t const n = set.label.size();
    for (std::size_t i = 0, step = 1; i < n; i += step, step = step % 97 + 1) {
        while (i + step > n || set.file_id[i + step - 1] != set.file_id[i])
            --step;
        writer.append({.adc = std::span(set.adc).subspan(i * 256, step * 256),
                       .event_index = std::span(set.event_index).subspan(i, step),
                       .file_id = set.file_id[i],
                       .label = static_cast<Label>(set.label[i]),
                       .energy_gev = set.energy_gev[i]});
    }
    writer.finish(set.files, set.map, set.pedestals, {});
    EXPECT_TRUE(bytes_of(folder / "a.h5") == bytes_of(folder / "b.h5"));
    EXPECT_TRUE(bytes_of(folder / "a.h5") == bytes_of(folder / "c.h5"));
}

TEST(Store, nothing_is_left_without_finish_or_over_an_old_file)
{
    TempFolder const folder;
    EventSet const set = toy_events_of_files(3);
    {
        StoreWriter writer(folder / "a.h5");
        writer.append({.adc = std::span(set.adc).first(256),
                       .event_index = std::span(set.event_index).first(1)});
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
        "assert f.attrs['gain'] == b'HG' and f.attrs['format_version'] == 1;"
        "assert f['detector/channel_map'].shape == (249, 4);"
        "assert f['events/label'][:].sum() == 702";
    EXPECT_EQ(std::system(("/usr/bin/python3 -c \"" + script + "\"").c_str()), 0);
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
    EventSet set = toy_events_of_files(400);
    for (std::size_t i = 0; i < set.adc.size(); ++i) {
        double const pedestal = 30 + 0.2 * static_cast<double>(i % 256);
        double const signal = rng() % 3 == 0 ? static_cast<double>(rng() % 3000) : 0;
        set.adc[i] = static_cast<std::uint16_t>(std::lround(pedestal + noise(rng) + signal));
    }
    auto const pedestals = estimate_pedestals(set);
    for (std::size_t c = 0; c < 256; ++c)
        EXPECT_NEAR(pedestals[c], 30 + 0.2 * static_cast<double>(c), 2.5) << c;
    EXPECT_EQ(pedestals_of(set), set.pedestals);
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
