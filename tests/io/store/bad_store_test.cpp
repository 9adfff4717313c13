/// \file tests/io/store/bad_store_test.cpp
/// The catalogue of bad stores that were changed through HDF5 itself. No digest helps here: it is left
/// out. damaged_store_test.cpp has those whose bytes were changed.
#include "tests/io/store/changed_store.hpp"

namespace calofuse::test {
namespace {
auto const kU8 = H5T_STD_U8LE, kU16 = H5T_STD_U16LE;

std::function<void(hid_t file)> remove(char const* name)
{
    return [name](hid_t f) {
        H5Ldelete(f, name, H5P_DEFAULT);
    };
}
std::vector<Case> missing_objects()
{
    return {
        {"no adc", "CF-H5-04", remove("events/adc")},
        {"no label", "CF-H5-04", remove("events/label")},
        {"no energy", "CF-H5-04", remove("events/energy_gev")},
        {"no events", "CF-H5-18", remove("events")},
        {"no map", "CF-H5-20", remove("constants/channel_map")},
        {"no version", "CF-H5-04",
         [](hid_t f) {
             H5Adelete(f, "format_version");
         }},
        {"table without starts", "CF-H5-04",
         [](hid_t f) {
             H5Gclose(H5Gcreate2(f, "hits", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
             replace(f, "hits/x", H5T_IEEE_F32LE, std::vector<float>(3));
         }},
    };
}

std::vector<Case> shapes_and_types()
{
    std::vector<std::uint8_t> const labels(kEvents, 0);
    return {
        {"adc of i32", "CF-H5-05", adc_as(H5T_STD_I32LE, {.dims = {kEvents, 128}})},
        {"adc of i16", "CF-H5-05", adc_as(H5T_STD_I16LE, {.dims = {kEvents, 256}})},
        {"adc big endian", "CF-H5-05", adc_as(H5T_STD_U16BE, {.dims = {kEvents, 256}})},
        {"adc of 255 columns", "CF-H5-05", adc_as(kU16, {.dims = {kEvents, 255}})},
        {"adc flat", "CF-DAT-02", adc_as(kU16, {.dims = {kEvents * 256}})},
        {"adc with three axes", "CF-H5-05", adc_as(kU16, {.dims = {kEvents, 16, 16}})},
        {"a row of adc missing", "CF-DAT-02", adc_as(kU16, {.dims = {kEvents - 1, 256}})},
        {"a label too many", "CF-DAT-02",
         [](hid_t f) {
             replace(f, "events/label", kU8, std::vector<std::uint8_t>(kEvents + 1));
         }},
        {"an energy missing", "CF-DAT-02",
         [](hid_t f) {
             replace(f, "events/energy_gev", H5T_IEEE_F32LE, std::vector<float>(kEvents - 1));
         }},
        {"label is a group", "CF-H5-05",
         [](hid_t f) {
             H5Ldelete(f, "events/label", H5P_DEFAULT);
             H5Gclose(H5Gcreate2(f, "events/label", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
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
    };
}

std::vector<Case> links_and_foreign_data()
{
    return {
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
             H5Ldelete(f, "constants", H5P_DEFAULT);
             H5Lcreate_external("other.h5", "/constants", f, "constants", H5P_DEFAULT, H5P_DEFAULT);
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
    };
}

std::vector<Case> filters_and_sizes()
{
    return {
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

std::vector<Case> values_of_events()
{
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    constexpr float kInf = std::numeric_limits<float>::infinity();
    hid_t const f32 = H5T_NATIVE_FLOAT;
    return {
        {"label 7", "CF-H5-07", poked<std::uint8_t>("events/label", H5T_NATIVE_UINT8, 3, 7)},
        {"label 2 in the file table", "CF-H5-07",
         poked<std::uint8_t>("files/label", H5T_NATIVE_UINT8, 0, 2)},
        {"energy NaN", "CF-H5-08", poked("events/energy_gev", f32, 5, kNan)},
        {"energy infinite", "CF-H5-08", poked("events/energy_gev", f32, 5, kInf)},
        {"energy negative", "CF-H5-08", poked("events/energy_gev", f32, 5, -1.0F)},
        {"energy of a file NaN", "CF-H5-08", poked("files/energy_gev", f32, 1, kNan)},
        {"file 3 of 3", "CF-H5-18",
         poked<std::uint16_t>("events/file_id", H5T_NATIVE_UINT16, 11, 3)},
        {"event of another file", "CF-H5-18",
         poked<std::uint16_t>("events/file_id", H5T_NATIVE_UINT16, 11, 0)},
        {"adc above 13 bits", "CF-H5-18",
         [](hid_t f) {
             replace(f, "events/adc", kU16, {.dims = {kEvents, 256}},
                     std::vector<std::uint16_t>(kEvents * 256, 8192).data());
         }},
    };
}

std::vector<Case> tables_and_attributes()
{
    hid_t const i64 = H5T_NATIVE_INT64;
    auto const version = [i64](std::int64_t value) {
        return [=](hid_t f) {
            set_attribute(f, "format_version", i64, &value);
        };
    };
    return {
        {"version 1", "CF-H5-19", version(1)},
        {"version 3", "CF-H5-16", version(3)},
        {"version 0", "CF-H5-16", version(0)},
        {"version is text", "CF-H5-05",
         [](hid_t f) {
             set_attribute(f, "format_version", H5T_C_S1, "1");
         }},
        {"unknown kind", "CF-H5-24",
         [](hid_t f) {
             set_attribute(f, "kind", H5T_C_S1, "x");
         }},
        {"kind is a number", "CF-H5-05",
         [i64](hid_t f) {
             std::int64_t const two = 2;
             set_attribute(f, "kind", i64, &two);
         }},
        {"counts do not add up", "CF-H5-18", poked<std::int64_t>("files/num_read", i64, 1, 99)},
        {"fewer events than the table says", "CF-H5-18",
         [i64](hid_t f) {
             poke<std::int64_t>(f, "files/num_events", i64, 0, 4);
             poke<std::int64_t>(f, "files/num_read", i64, 0, 4);
         }},
        {"pedestal NaN", "CF-H5-18",
         poked("constants/pedestals", H5T_NATIVE_FLOAT, 7,
               std::numeric_limits<float>::quiet_NaN())},
        {"pedestal 9000", "CF-H5-18", poked("constants/pedestals", H5T_NATIVE_FLOAT, 7, 9000.0F)},
        {"map of zeros", "CF-H5-20",
         [](hid_t f) {
             replace(f, "constants/channel_map", H5T_STD_I32LE, {.dims = {249, 4}},
                     std::vector<std::int32_t>(249 * 4).data());
         }},
        {"map of 248 cells", "CF-H5-20",
         [](hid_t f) {
             replace(f, "constants/channel_map", H5T_STD_I32LE, {.dims = {248, 4}},
                     std::vector<std::int32_t>(248 * 4).data());
         }},
    };
}

}  // namespace

TEST(BadStore, missing_objects)
{
    expect_codes(missing_objects());
}
TEST(BadStore, shapes_and_types)
{
    expect_codes(shapes_and_types());
}
TEST(BadStore, links_and_foreign_data)
{
    expect_codes(links_and_foreign_data());
}
TEST(BadStore, filters_and_sizes)
{
    expect_codes(filters_and_sizes());
}
TEST(BadStore, values_of_events)
{
    expect_codes(values_of_events());
}
TEST(BadStore, tables_and_attributes)
{
    expect_codes(tables_and_attributes());
}
}  // namespace calofuse::test
