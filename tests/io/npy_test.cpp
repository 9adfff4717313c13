#include <cmath>
#include <fstream>

#include "io/focalh/npy_events.hpp"
#include "io/sha256.hpp"
#include "tests/support/raw_npy.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
std::string put(TempFolder const& folder, std::string const& bytes)
{
    std::string const path = folder / "e.npy";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
}

struct Events {
    std::vector<std::uint16_t> adc;
    std::vector<std::uint32_t> index;
    EventCounts counts;
    std::string digest;
};
Events read_all(std::string const& path, NpyEventOptions options = {}, std::int64_t block = 7)
{
    NpyEventReader reader(path, options);
    Events out;
    std::vector<char> raw;
    std::vector<std::uint16_t> adc;
    std::vector<std::uint32_t> index;
    for (std::int64_t at = 0; at < reader.num_events(); at += block) {
        std::int64_t const n = std::min(block, reader.num_events() - at);
        reader.read_raw(at, n, raw);
        reader.decode(at, n, raw, adc, index, out.counts);
        out.adc.insert(out.adc.end(), adc.begin(), adc.end());
        out.index.insert(out.index.end(), index.begin(), index.end());
    }
    out.digest = reader.finish_digest();
    return out;
}
}  // namespace

TEST(Npy, every_type_order_and_layout)
{
    TempFolder const folder;
    for (std::string const axes : {"nc", "ntc", "tnc", "nct"})
        for (std::string const type : {"u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"})
            for (bool const fortran : {false, true})
                for (char const order : {'<', '>'}) {
                    std::string const descr = order + type;
                    std::int64_t const planes = axes == "nc" ? 1 : 4, events = 17, hg = planes > 1;
                    double const max = type == "i1" ? 127 : type == "u1" ? 255 : 8191;
                    auto const values = toy_planes(events, planes, hg, max);
                    int const major = fortran ? 3 : order == '>' ? 2 : 1;
                    std::string const bytes =
                        npy_of_events(values, events, planes, axes, descr, fortran, major);
                    Events const got = read_all(put(folder, bytes));
                    SCOPED_TRACE(axes + " " + descr + (fortran ? " F" : " C"));
                    ASSERT_EQ(got.adc.size(), 256U * events);
                    for (std::size_t i = 0; i < got.adc.size(); ++i) {
                        std::size_t const e = i / 256, c = i % 256;
                        ASSERT_EQ(got.adc[i], values[(e * planes + hg) * 256 + c]) << i;
                    }
                    EXPECT_EQ(got.index.back(), 16U);
                    EXPECT_EQ(got.counts.read, events);
                    EXPECT_EQ(got.counts.written, events);
                    EXPECT_EQ(got.digest, sha256_of(bytes));
                }
}

TEST(Npy, one_event_and_one_plane)
{
    TempFolder const folder;
    for (std::string const axes : {"nc", "ntc", "nct"})
        for (bool const fortran : {false, true}) {
            auto const values = toy_planes(1, 1, 0);
            auto const got = read_all(
                put(folder, npy_of_events(values, 1, 1, axes, "<i2", fortran)),
                {.layout = axes == "ntc" ? NpyLayout::events_types : NpyLayout::automatic});
            ASSERT_EQ(got.adc.size(), 256U);
            for (std::size_t i = 0; i < 256; ++i)
                EXPECT_EQ(got.adc[i], values[i]);
        }
}

TEST(Npy, high_gain_is_the_larger_plane_unless_named)
{
    TempFolder const folder;
    for (std::int64_t const hg : {0, 1}) {
        auto const path =
            put(folder, npy_of_events(toy_planes(30, 4, hg), 30, 4, "ntc", "<u2", false));
        NpyEventReader const reader(path);
        EXPECT_EQ(reader.hg_index(), hg);
        EXPECT_EQ(reader.num_planes(), 4);
        EXPECT_TRUE(reader.high_gain_is_larger());
        NpyEventReader const other(path, {.hg_index = static_cast<int>(1 - hg)});
        EXPECT_EQ(other.hg_index(), 1 - hg);
        EXPECT_FALSE(other.high_gain_is_larger());
    }
    auto const same = put(folder, npy_of_events(toy_planes(30, 2, 5), 30, 2, "ntc", "<u2", false));
    expect_error([&] { NpyEventReader reader(same); }, Exit::data, "CF-NPY-27");
    expect_error([&] { NpyEventReader reader(same, {.hg_index = 2}); }, Exit::data, "CF-NPY-28");
}

TEST(Npy, ambiguous_shapes_ask_for_the_layout)
{
    TempFolder const folder;
    auto const path = put(folder, npy_of_events(toy_planes(4, 3, 1), 4, 3, "ntc", "<u2", false));
    expect_error([&] { NpyEventReader reader(path); }, Exit::data, "CF-NPY-26");
    EXPECT_EQ(NpyEventReader(path, {.layout = NpyLayout::events_types}).num_events(), 4);
    EXPECT_EQ(NpyEventReader(path, {.layout = NpyLayout::types_events, .hg_index = 0}).num_events(),
              3);
    expect_error([&] { NpyEventReader reader(path, {.layout = NpyLayout::events}); }, Exit::data,
                 "CF-NPY-18");
    for (auto const layout : {NpyLayout::automatic, NpyLayout::events, NpyLayout::events_types,
                              NpyLayout::types_events, NpyLayout::events_channels_types})
        EXPECT_EQ(parse_npy_layout(name_of(layout)), layout);
    expect_error([] { parse_npy_layout("tnc"); }, Exit::usage, "CF-CLI-20");
    expect_error([] { parse_out_of_range("ignore"); }, Exit::usage, "CF-CLI-21");
}

TEST(Npy, bad_values_are_named_clipped_or_dropped)
{
    TempFolder const folder;
    double const inf = std::numeric_limits<double>::infinity();
    struct Case {
        std::string descr;
        double value;
        std::string code;
        DropReason reason;
        int clipped_to;  ///< -1: dropped under clip, too
    };
    for (Case const& c : {Case{"<u2", 8192, "CF-NPY-19", DropReason::out_of_range, 8191},
                          Case{">i2", -1, "CF-NPY-19", DropReason::out_of_range, 0},
                          Case{"<i1", -7, "CF-NPY-19", DropReason::out_of_range, 0},
                          Case{"<i8", 1e15, "CF-NPY-12", DropReason::out_of_range, 8191},
                          Case{"<f4", 1e9, "CF-NPY-19", DropReason::out_of_range, 8191},
                          Case{"<f8", -0.25, "CF-NPY-19", DropReason::out_of_range, 0},
                          Case{"<f4", 17.75, "CF-NPY-29", DropReason::not_integer, 18},
                          Case{">f8", NAN, "CF-NPY-20", DropReason::not_finite, -1},
                          Case{"<f4", inf, "CF-NPY-20", DropReason::not_finite, 8191}}) {
        SCOPED_TRACE(c.descr + " " + std::to_string(c.value));
        auto values = toy_planes(20, 1, 0, 100);
        values[13 * 256 + 77] = c.value;
        auto const path = put(folder, npy_of_events(values, 20, 1, "nc", c.descr, false));
        auto const e = error_of([&] { read_all(path); });
        ASSERT_TRUE(e);
        EXPECT_EQ(e->code(), c.code);
        EXPECT_NE(std::string(e->what()).find("event 13, channel 77"), std::string::npos)
            << e->what();
        auto const dropped = read_all(path, {.out_of_range = OutOfRange::drop});
        EXPECT_EQ(dropped.counts.read, 20);
        EXPECT_EQ(dropped.counts.written, 19);
        EXPECT_EQ(dropped.counts.dropped[static_cast<std::size_t>(c.reason)], 1);
        EXPECT_EQ(dropped.index[13], 14U);
        EXPECT_EQ(dropped.adc[13 * 256], values[14 * 256]);
        auto const clipped = read_all(path, {.out_of_range = OutOfRange::clip});
        EXPECT_EQ(clipped.counts.written + clipped.counts.num_dropped(), 20);
        EXPECT_EQ(clipped.counts.clipped, c.clipped_to >= 0);
        if (c.clipped_to >= 0) {
            EXPECT_EQ(clipped.adc[13 * 256 + 77], c.clipped_to);
        }
    }
}

TEST(Npy, writer_is_read_back)
{
    TempFolder const folder;
    std::vector<float> const data = {1.5F, -2, 3, 1e30F, 0, 7};
    write_npy(folder / "a.npy", data, {2, 3});
    NpyHeader header;
    auto const back = read_npy_numbers(folder / "a.npy", &header);
    EXPECT_EQ(header.describe(), "(2, 3) <f4");
    EXPECT_EQ(header.data_offset % 64, 0);
    EXPECT_EQ(std::vector<float>(back.begin(), back.end()), data);
    write_npy(folder / "b.npy", std::vector<std::int16_t>{-3, 4}, {2});
    EXPECT_EQ(read_npy_numbers(folder / "b.npy", &header), (std::vector<double>{-3, 4}));
    EXPECT_EQ(header.describe(), "(2,) <i2");
    write_npy(folder / "c.npy", std::vector<double>{2.5}, {});
    EXPECT_EQ(read_npy_numbers(folder / "c.npy"), std::vector<double>{2.5});
}

/// Mutated headers give a header or an `Error` of this family, nothing else.
TEST(Npy, mutated_headers_are_read_or_refused)
{
    std::string const dict = npy_dict("<u2", "(3, 256)");
    std::string const good = npy_bytes(dict, std::string(3 * 512, '\1'));
    std::vector<std::string> const pieces = {
        "(", ")",          "'",    "\"",   "{",   "}", ",",
        ":", "9999999999", "-1",   "True", "\\",  "[", std::string(1, '\0'),
        "O", "'shape'",    "256L", "\xff", "1e5", " "};
    std::mt19937 rng(1);
    int refused = 0;
    for (int trial = 0; trial < 20000; ++trial) {
        std::string bytes = good;
        for (int edits = static_cast<int>(rng() % 4) + 1; edits > 0; --edits) {
            std::size_t const at = rng() % 130;
            if (rng() % 3 == 0) bytes.resize(rng() % bytes.size() + 1);
            if (at >= bytes.size()) continue;
            if (rng() % 2 == 0)
                bytes[at] = static_cast<char>(rng());
            else
                bytes.replace(at, rng() % 5, pieces[rng() % pieces.size()]);
        }
        try {
            auto const header = parse_npy_header(std::string_view(bytes).substr(0, kMaxNpyHead),
                                                 static_cast<std::int64_t>(bytes.size()), "m");
            ASSERT_EQ(header.num_elements() * header.item_bytes + header.data_offset,
                      static_cast<std::int64_t>(bytes.size()));
        } catch (Error const& e) {
            ++refused;
            ASSERT_EQ(e.code().substr(0, 7), "CF-NPY-") << e.what();
            ASSERT_EQ(e.exit(), Exit::data);
        }
    }
    EXPECT_GT(refused, 10000);
    EXPECT_LT(refused, 20000);
}
}  // namespace calofuse::test
