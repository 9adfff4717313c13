/// \file tests/io/store/foreign_store_test.cpp
/// Stores that other programs wrote, good and bad.
#include "tests/io/store/changed_store.hpp"

namespace calofuse::test {
namespace {
/// What other programs may get wrong.
std::vector<Case> columns_of_others()
{
    auto const with_hits = [](std::vector<std::int64_t> const& start, std::size_t rows) {
        return [=](hid_t f) {
            H5Gclose(H5Gcreate2(f, "hits", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
            replace(f, "hits/start", H5T_STD_I64LE, start);
            replace(f, "hits/x", H5T_IEEE_F32LE, std::vector<float>(rows));
        };
    };
    std::vector<std::int64_t> good(kEvents + 1, 0), falling = good, late = good, huge = good;
    good.back() = 5;
    falling[3] = 2;
    late.assign(late.size(), 1);
    huge.back() = std::numeric_limits<std::int64_t>::max();
    auto const doubles = [](double value) {
        return [=](hid_t f) {
            replace(f, "events/d", H5T_IEEE_F64LE, std::vector<double>(kEvents, value));
        };
    };
    return {
        {"good hits", "none", with_hits(good, 5)},
        {"a hit missing", "CF-DAT-03", with_hits(good, 4)},
        {"starts too short", "CF-DAT-03", with_hits({0, 5}, 5)},
        {"starts that fall", "CF-DAT-03", with_hits(falling, 0)},
        {"starts at 1", "CF-DAT-03", with_hits(late, 1)},
        {"starts overflow", "CF-DAT-03", with_hits(huge, 5)},
        {"f64", "none", doubles(1.5)},
        {"f64 too large for f32", "CF-H5-23", doubles(1e300)},
        {"i8", "CF-H5-05",
         [](hid_t f) {
             replace(f, "events/d", H5T_STD_I8LE, std::vector<std::int8_t>(kEvents));
         }},
        {"u32", "CF-H5-05",
         [](hid_t f) {
             replace(f, "events/d", H5T_STD_U32LE, std::vector<std::uint32_t>(kEvents));
         }},
        {"rank 6", "CF-H5-05",
         [](hid_t f) {
             replace(f, "events/d", H5T_IEEE_F32LE, {.dims = {kEvents, 1, 1, 1, 1, 1}},
                     std::vector<float>(kEvents).data());
         }},
        {"rank 0", "CF-H5-05",
         [](hid_t f) {
             hid_t const space = H5Screate(H5S_SCALAR);
             H5Dclose(H5Dcreate2(f, "events/d", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                                 H5P_DEFAULT));
             H5Sclose(space);
         }},
        {"a point in a name", "CF-H5-22",
         [](hid_t f) {
             replace(f, "events/a.b", H5T_IEEE_F32LE, std::vector<float>(kEvents));
         }},
        {"outside a table", "CF-H5-22",
         [](hid_t f) {
             replace(f, "image", H5T_IEEE_F32LE, std::vector<float>(kEvents));
         }},
        {"contiguous", "none", adc_as(H5T_STD_U16LE, {.dims = {kEvents, 256}, .chunked = false})},
        {"no checksum", "none", adc_as(H5T_STD_U16LE, {.dims = {kEvents, 256}, .checksum = false})},
        {"no file table", "none",
         [](hid_t f) {
             H5Ldelete(f, "files", H5P_DEFAULT);
         }},
    };
}

}  // namespace

TEST(ForeignStore, columns_of_others)
{
    expect_codes(columns_of_others());
}
}  // namespace calofuse::test
