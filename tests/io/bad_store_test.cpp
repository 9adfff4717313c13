/// \file tests/io/bad_store_test.cpp
/// The catalogue of bad stores: good ones that were changed through HDF5 itself, cut off, or hit by
/// bit flips. No digest helps here: it is left out.
#include <algorithm>
#include <fstream>
#include <functional>
#include <hdf5.h>
#include <limits>
#include <sys/resource.h>
#include <sys/wait.h>

#include "io/input_file.hpp"
#include "io/store.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/toy_store.hpp"

namespace calofuse::test {
namespace {
EventSet read_unchecked(std::string const& path)
{
    return read_store(path, {DigestCheck::skip});
}

/// How a replaced data set is laid out.
struct Layout {
    std::vector<hsize_t> dims;
    bool chunked = true, checksum = true;
    std::function<void(hid_t creation)> more = {};
};

void replace(hid_t file, char const* name, hid_t type, Layout const& layout, void const* data)
{
    H5Ldelete(file, name, H5P_DEFAULT);
    auto const rank = static_cast<int>(layout.dims.size());
    hid_t const space = H5Screate_simple(rank, layout.dims.data(), nullptr);
    hid_t const creation = H5Pcreate(H5P_DATASET_CREATE);
    if (layout.chunked) {
        std::vector<hsize_t> chunk(layout.dims);
        for (auto& extent : chunk)
            extent = std::clamp<hsize_t>(extent, 1, 512);
        H5Pset_chunk(creation, rank, chunk.data());
        if (layout.checksum) H5Pset_fletcher32(creation);
    }
    if (layout.more) layout.more(creation);
    hid_t const dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    EXPECT_GE(dataset, 0) << name;
    if (data != nullptr) H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
}
template <class T>
void replace(hid_t file, char const* name, hid_t type, std::vector<T> const& data)
{
    replace(file, name, type, {.dims = {data.size()}}, data.data());
}
/// Replaces one element of a one-dimensional data set.
template <class T>
void poke(hid_t file, char const* name, hid_t type, hsize_t at, T value)
{
    hid_t const dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t const space = H5Dget_space(dataset);
    H5Sselect_elements(space, H5S_SELECT_SET, 1, &at);
    hsize_t const one = 1;
    hid_t const memory = H5Screate_simple(1, &one, nullptr);
    EXPECT_GE(H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, &value), 0) << name;
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(dataset);
}
void set_attribute(hid_t file, char const* name, hid_t type, void const* value)
{
    H5Adelete(file, name);
    hid_t const space = H5Screate(H5S_SCALAR);
    hid_t const attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, value);
    H5Aclose(attribute);
    H5Sclose(space);
}

struct Case {
    std::string what, code;
    std::function<void(hid_t file)> change;
};
auto const kU8 = H5T_STD_U8LE, kU16 = H5T_STD_U16LE;
constexpr hsize_t kEvents = 12;  // 3 + 4 + 5

std::vector<Case> structure_cases()
{
    std::vector<std::uint16_t> const adc(kEvents * 256, 1);
    std::vector<std::uint8_t> const labels(kEvents, 0);
    auto const remove = [](char const* name) {
        return [name](hid_t f) {
            H5Ldelete(f, name, H5P_DEFAULT);
        };
    };
    auto const adc_as = [adc](hid_t type, Layout const& layout) {
        return [=](hid_t f) {
            replace(f, "events/adc", type, layout, adc.data());
        };
    };
    return {
        {"no adc", "CF-H5-04", remove("events/adc")},
        {"no label", "CF-H5-04", remove("events/label")},
        {"no energy", "CF-H5-04", remove("events/energy_gev")},
        {"no events", "CF-H5-04", remove("events")},
        {"no file table", "CF-H5-04", remove("files/path")},
        {"no counts", "CF-H5-04", remove("files/dropped")},
        {"no map", "CF-H5-04", remove("detector/channel_map")},
        {"no version", "CF-H5-04",
         [](hid_t f) {
             H5Adelete(f, "format_version");
         }},
        {"no gain", "CF-H5-04",
         [](hid_t f) {
             H5Adelete(f, "gain");
         }},
        {"adc of i32", "CF-H5-05", adc_as(H5T_STD_I32LE, {.dims = {kEvents, 128}})},
        {"adc of i16", "CF-H5-05", adc_as(H5T_STD_I16LE, {.dims = {kEvents, 256}})},
        {"adc big endian", "CF-H5-05", adc_as(H5T_STD_U16BE, {.dims = {kEvents, 256}})},
        {"adc of 255 columns", "CF-H5-05", adc_as(kU16, {.dims = {kEvents, 255}})},
        {"adc flat", "CF-H5-05", adc_as(kU16, {.dims = {kEvents * 256}})},
        {"adc with three axes", "CF-H5-05", adc_as(kU16, {.dims = {kEvents, 16, 16}})},
        {"adc contiguous", "CF-H5-05", adc_as(kU16, {.dims = {kEvents, 256}, .chunked = false})},
        {"adc without checksum", "CF-H5-05",
         adc_as(kU16, {.dims = {kEvents, 256}, .checksum = false})},
        {"a row of adc missing", "CF-H5-06", adc_as(kU16, {.dims = {kEvents - 1, 256}})},
        {"a label too many", "CF-H5-06",
         [](hid_t f) {
             replace(f, "events/label", kU8, std::vector<std::uint8_t>(kEvents + 1));
         }},
        {"an energy missing", "CF-H5-06",
         [](hid_t f) {
             replace(f, "events/energy_gev", H5T_IEEE_F32LE, std::vector<float>(kEvents - 1));
         }},
        {"label is a group", "CF-H5-05",
         [](hid_t f) {
             H5Ldelete(f, "events/label", H5P_DEFAULT);
             H5Gclose(H5Gcreate2(f, "events/label", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
         }},
        {"soft link", "CF-H5-09",
         [](hid_t f) {
             H5Lmove(f, "events/label", f, "hidden", H5P_DEFAULT, H5P_DEFAULT);
             H5Lcreate_soft("/hidden", f, "events/label", H5P_DEFAULT, H5P_DEFAULT);
         }},
        {"external link", "CF-H5-09",
         [](hid_t f) {
             H5Ldelete(f, "events/label", H5P_DEFAULT);
             H5Lcreate_external("/etc/passwd", "/x", f, "events/label", H5P_DEFAULT, H5P_DEFAULT);
         }},
        {"external link for a group", "CF-H5-09",
         [](hid_t f) {
             H5Ldelete(f, "detector", H5P_DEFAULT);
             H5Lcreate_external("other.h5", "/detector", f, "detector", H5P_DEFAULT, H5P_DEFAULT);
         }},
        {"external data", "CF-H5-09",
         adc_as(kU16, {.dims = {kEvents, 256},
                       .chunked = false,
                       .more =
                           [](hid_t p) {
                               H5Pset_external(p, "/dev/null", 0, 6144);
                           }})},
        {"virtual data", "CF-H5-09",
         [](hid_t f) {
             hsize_t const n = kEvents;
             hid_t const space = H5Screate_simple(1, &n, nullptr);
             replace(f, "events/label", kU8,
                     {.dims = {n},
                      .chunked = false,
                      .more =
                          [space](hid_t p) {
                              H5Pset_virtual(p, space, "other.h5", "/events/label", space);
                          }},
                     nullptr);
             H5Sclose(space);
         }},
        {"strings of any length", "CF-H5-09",
         [](hid_t f) {
             hid_t const type = H5Tcopy(H5T_C_S1);
             H5Tset_size(type, H5T_VARIABLE);
             std::vector<char const*> const names = {"a", "b", "c"};
             replace(f, "files/path", type, {.dims = {3}, .checksum = false}, names.data());
             H5Tclose(type);
         }},
        {"committed type", "CF-H5-05",
         [labels](hid_t f) {
             hid_t const type = H5Tcopy(H5T_STD_U8LE);
             H5Tcommit2(f, "mytype", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
             replace(f, "events/label", type, labels);
             H5Tclose(type);
         }},
        {"an enum", "CF-H5-05",
         [labels](hid_t f) {
             hid_t const type = H5Tenum_create(H5T_STD_U8LE);
             std::uint8_t const zero = 0;
             H5Tenum_insert(type, "hadron", &zero);
             replace(f, "events/label", type, labels);
             H5Tclose(type);
         }},
        {"scale-offset filter", "CF-H5-10",
         adc_as(kU16, {.dims = {kEvents, 256},
                       .more =
                           [](hid_t p) {
                               H5Pset_scaleoffset(p, H5Z_SO_INT, 0);
                           }})},
        {"n-bit filter", "CF-H5-10",
         adc_as(kU16, {.dims = {kEvents, 256},
                       .more =
                           [](hid_t p) {
                               H5Pset_nbit(p);
                           }})},
        {"unknown filter", "CF-H5-10",
         adc_as(kU16, {.dims = {kEvents, 256},
                       .more =
                           [](hid_t p) {
                               H5Pset_filter(p, 32015, H5Z_FLAG_OPTIONAL, 0, nullptr);
                           }})},
        {"2^36 rows declared", "CF-H5-11",
         [](hid_t f) {
             replace(f, "events/adc", kU16, {.dims = {hsize_t{1} << 36U, 256}}, nullptr);
         }},
        {"2^50 rows declared", "CF-H5-11",
         [](hid_t f) {
             replace(f, "events/adc", kU16, {.dims = {hsize_t{1} << 50U, 256}}, nullptr);
         }},
        {"2000 groups", "CF-H5-13",
         [](hid_t f) {
             for (int i = 0; i < 2000; ++i)
                 H5Gclose(H5Gcreate2(f, ("g" + std::to_string(i)).c_str(), H5P_DEFAULT, H5P_DEFAULT,
                                     H5P_DEFAULT));
         }},
        {"chunks of 128 MiB", "CF-H5-14",
         [](hid_t f) {
             hsize_t const rows = 1 << 18;
             replace(f, "events/adc", kU16,
                     {.dims = {rows, 256},
                      .more =
                          [rows](hid_t p) {
                              hsize_t const chunk[2] = {rows, 256};
                              H5Pset_chunk(p, 2, chunk);
                          }},
                     nullptr);
         }},
    };
}

std::vector<Case> content_cases()
{
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    constexpr float kInf = std::numeric_limits<float>::infinity();
    hid_t const f32 = H5T_NATIVE_FLOAT, i64 = H5T_NATIVE_INT64;
    auto const energy = [f32](float value) {
        return [=](hid_t f) {
            poke(f, "events/energy_gev", f32, 5, value);
        };
    };
    auto const version = [i64](std::int64_t value) {
        return [=](hid_t f) {
            set_attribute(f, "format_version", i64, &value);
        };
    };
    auto const pedestal = [f32](float value) {
        return [=](hid_t f) {
            poke(f, "detector/pedestals", f32, 7, value);
        };
    };
    return {
        {"label 7", "CF-H5-07",
         [](hid_t f) {
             poke<std::uint8_t>(f, "events/label", H5T_NATIVE_UINT8, 3, 7);
         }},
        {"label 2 in the file table", "CF-H5-07",
         [](hid_t f) {
             poke<std::uint8_t>(f, "files/label", H5T_NATIVE_UINT8, 0, 2);
         }},
        {"energy NaN", "CF-H5-08", energy(kNan)},
        {"energy infinite", "CF-H5-08", energy(kInf)},
        {"energy negative", "CF-H5-08", energy(-1)},
        {"energy of a file NaN", "CF-H5-08",
         [f32](hid_t f) {
             poke(f, "files/energy_gev", f32, 1, kNan);
         }},
        {"version 2", "CF-H5-16", version(2)},
        {"version 0", "CF-H5-16", version(0)},
        {"version is text", "CF-H5-05",
         [](hid_t f) {
             set_attribute(f, "format_version", H5T_C_S1, "1");
         }},
        {"low gain", "CF-H5-05",
         [](hid_t f) {
             set_attribute(f, "gain", H5T_C_S1, "L");
         }},
        {"file 3 of 3", "CF-H5-18",
         [](hid_t f) {
             poke<std::uint16_t>(f, "events/file_id", H5T_NATIVE_UINT16, 11, 3);
         }},
        {"event of another file", "CF-H5-18",
         [](hid_t f) {
             poke<std::uint16_t>(f, "events/file_id", H5T_NATIVE_UINT16, 11, 0);
         }},
        {"counts do not add up", "CF-H5-18",
         [i64](hid_t f) {
             poke<std::int64_t>(f, "files/num_read", i64, 1, 99);
         }},
        {"fewer events than the table says", "CF-H5-18",
         [i64](hid_t f) {
             poke<std::int64_t>(f, "files/num_events", i64, 0, 4);
             poke<std::int64_t>(f, "files/num_read", i64, 0, 4);
         }},
        {"pedestal NaN", "CF-H5-18", pedestal(kNan)},
        {"pedestal 9000", "CF-H5-18", pedestal(9000)},
        {"adc above 13 bits", "CF-H5-18",
         [](hid_t f) {
             replace(f, "events/adc", kU16, {.dims = {kEvents, 256}},
                     std::vector<std::uint16_t>(kEvents * 256, 8192).data());
         }},
        {"map digest differs", "CF-H5-20",
         [](hid_t f) {
             set_attribute(f, "channel_map_sha256", H5T_C_S1, "0");
         }},
        {"map of zeros", "CF-H5-20",
         [](hid_t f) {
             replace(f, "detector/channel_map", H5T_STD_I32LE, {.dims = {249, 4}},
                     std::vector<std::int32_t>(249 * 4).data());
         }},
        {"map of 248 cells", "CF-H5-06",
         [](hid_t f) {
             replace(f, "detector/channel_map", H5T_STD_I32LE, {.dims = {248, 4}},
                     std::vector<std::int32_t>(248 * 4).data());
         }},
    };
}

/// Overwrites bytes of a good store.
std::string patched(std::string bytes, std::size_t at, std::string const& with)
{
    return bytes.replace(at, with.size(), with);
}

/// Runs `f` in a process of its own, which a bad file may end; true if it ended by itself.
bool survives(std::function<int()> const& f, int& result)
{
    pid_t const child = ::fork();
    if (child == 0) {
        rlimit const none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::_exit(f());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    result = WEXITSTATUS(status);
    return WIFEXITED(status);
}
}  // namespace

TEST(BadStore, each_change_gives_its_code)
{
    TempFolder const folder;
    std::string const good = folder / "good.h5", bad = folder / "bad.h5";
    write_store(toy_events_of_files(3), good);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    std::vector<Case> cases = structure_cases();
    auto const more = content_cases();
    cases.insert(cases.end(), more.begin(), more.end());
    for (Case const& c : cases) {
        SCOPED_TRACE(c.what);
        std::filesystem::copy_file(good, bad, std::filesystem::copy_options::overwrite_existing);
        hid_t const access = H5Pcreate(H5P_FILE_ACCESS);
        H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
        hid_t const file = H5Fopen(bad.c_str(), H5F_ACC_RDWR, access);
        ASSERT_GE(file, 0);
        c.change(file);
        H5Fclose(file);
        H5Pclose(access);
        expect_error([&] { read_unchecked(bad); }, Exit::data, c.code);
    }
}

TEST(BadStore, damaged_heads)
{
    TempFolder const folder;
    write_store(toy_events_of_files(3), folder / "good.h5", {.compression = Compression::deflate});
    std::string const good = read_file(folder / "good.h5", 1 << 24);
    struct Head {
        std::string what, bytes, code;
    };
    for (Head const& c :
         {Head{"empty", "", "CF-H5-01"}, Head{"text", "hello", "CF-H5-01"},
          Head{"npy", std::string("\x93NUMPY\1\0", 8) + std::string(200, ' '), "CF-H5-01"},
          Head{"zeros", std::string(4096, '\0'), "CF-H5-01"},
          Head{"signature alone", good.substr(0, 8), "CF-H5-02"},
          Head{"half a superblock", good.substr(0, 40), "CF-H5-02"},
          Head{"trailing bytes", good + "x", "CF-H5-02"},
          Head{"still open for writing", patched(good, 11, "\1"), "CF-H5-03"},
          Head{"open for SWMR", patched(good, 11, "\5"), "CF-H5-03"},
          Head{"user block", std::string(512, '\0') + good, "CF-H5-15"},
          Head{"base address", patched(good, 12, "\1"), "CF-H5-15"},
          Head{"superblock 0", patched(good, 8, std::string(1, '\0')), "CF-H5-16"},
          Head{"superblock 9", patched(good, 8, "\x09"), "CF-H5-16"},
          Head{"root address", patched(good, 36, "\xff\xff"), "CF-H5-12"},
          Head{"superblock checksum", patched(good, 44, "\xff\xff"), "CF-H5-12"}}) {
        SCOPED_TRACE(c.what);
        std::ofstream(folder / "bad.h5", std::ios::binary) << c.bytes;
        expect_error([&] { read_unchecked(folder / "bad.h5"); }, Exit::data, c.code);
    }
    for (std::size_t i = 1; i < 200; ++i) {
        std::size_t const n = good.size() * i / 200;
        std::ofstream(folder / "bad.h5", std::ios::binary) << good.substr(0, n);
        auto const e = error_of([&] { read_unchecked(folder / "bad.h5"); });
        ASSERT_TRUE(e) << n;
        EXPECT_EQ(e->code(), n < 8 ? "CF-H5-01" : "CF-H5-02") << n;
    }
}

/// Without any digest, the checksums inside the file must catch each flip that would change a value.
TEST(BadStore, bit_flips_never_change_a_value)
{
    TempFolder const folder;
    std::string const path = folder / "a.h5";
    EventSet const want = toy_events_of_files(3);
    write_store(want, path, {.compression = Compression::deflate});
    std::string const good = read_file(path, 1 << 24);
    int caught = 0, harmless = 0, died = 0;
    std::size_t const step = std::max<std::size_t>(good.size() / 2000, 1), batch = 100 * step;
    for (std::size_t begin = 0; begin < good.size(); begin += batch) {
        // exit code: number of flips that were caught; 200: a wrong value came out
        auto const flip_all = [&](std::size_t first, std::size_t last) {
            int found = 0;
            for (std::size_t at = first; at < std::min(last, good.size()); at += step) {
                std::string bytes = good;
                bytes[at] = static_cast<char>(bytes[at] ^ 1 << at / step % 8);
                std::ofstream(path, std::ios::binary) << bytes;
                try {
                    EventSet const got = read_unchecked(path);
                    bool const same =
                        got.adc == want.adc && got.label == want.label
                        && got.energy_gev == want.energy_gev && got.file_id == want.file_id
                        && got.event_index == want.event_index && got.pedestals == want.pedestals;
                    if (!same) return 200;
                } catch (Error const& e) {
                    if (e.exit() == Exit::data) ++found;
                } catch (std::exception const&) {
                    return 201;
                }
            }
            return found;
        };
        int result = 0;
        std::size_t const end = std::min(begin + batch, good.size());
        auto const tried = static_cast<int>((end - begin + step - 1) / step);
        if (survives([&] { return flip_all(begin, end); }, result)) {
            ASSERT_LT(result, 200) << "flips from byte " << begin;
            caught += result;
            harmless += tried - result;
        } else {
            ++died;
        }
    }
    RecordProperty("caught", caught);
    RecordProperty("harmless", harmless);
    EXPECT_GT(caught, 1800);
    EXPECT_LT(harmless, caught / 10);  // in bytes that the library leaves unused
    EXPECT_EQ(died, 0);
}
}  // namespace calofuse::test
