#include "runtime/dataset.hpp"

#include <functional>

#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
/// Three events of one file, a column each of numbers and of pairs, and hits: 2, none, 1.
Dataset three_events()
{
    Dataset data;
    data.file_id = {0, 0, 0};
    data.event_index = {0, 1, 2};
    data.files.push_back({.path = "a.npy", .sha256 = {}, .num_events = 3});
    std::vector<std::uint8_t> const label = {0, 1, 255};
    std::vector<float> const pair = {1, 2, 3, 4, 5, -6.5F}, x = {7, 8, 9};
    data.add(make_column<std::uint8_t>({.name = "label", .names = {"a", "b"}}, label));
    data.add(make_column<float>({.name = "pair", .shape = {2}, .unit = "cm"}, pair));
    data.add(make_column<float>({.name = "hits.x"}, x));
    data.start["hits"] = {0, 2, 2, 3};
    return data;
}

struct Case {
    std::string what, code, message;
    std::function<void(Dataset&)> change;
};
}  // namespace

TEST(Dataset, describes_itself)
{
    Dataset const data = three_events();
    EXPECT_EQ(data.size(), 3);
    EXPECT_EQ(data.describe_columns(), "hits.x f32, label u8, pair (2) f32");
    ColumnSpec const image{.name = "image", .dtype = DType::f32, .shape = {125, 125, 3}};
    EXPECT_EQ(image.describe(), "image (125, 125, 3) f32");
    EXPECT_EQ(image.row_size(), 46875);
    EXPECT_EQ(image.row_bytes(), 187500U);
    EXPECT_EQ(image.table(), "");
    EXPECT_EQ(data.at("hits.x").spec.table(), "hits");
    EXPECT_EQ(data.rows_of("hits"), 3);
    EXPECT_EQ(data.rows_of(""), 3);
    EXPECT_EQ(data.rows_of("tracks"), 0);
    EXPECT_EQ(data.tables(), std::vector<std::string>{"hits"});
    EXPECT_EQ(name_of(DropReason::not_finite), std::string("not_finite"));
}

TEST(Dataset, columns_give_views_and_values_of_every_type)
{
    Dataset data = three_events();
    Column const& pair = data.at("pair");
    EXPECT_EQ(pair.rows(), 3);
    EXPECT_EQ(pair.ref().describe(), "(3, 2) f32");
    EXPECT_EQ((pair.ref().view<float, 2>()(2, 1)), -6.5F);
    EXPECT_EQ(data.at("label").ref().describe(), "(3) u8");
    EXPECT_EQ(data.at("label").value(2), 255.0);
    EXPECT_EQ(pair.value(5), -6.5);
    EXPECT_ANY_THROW(pair.values<std::uint8_t>());
    data.columns.at("pair").values<float>()[5] = 8;
    EXPECT_EQ(pair.value(5), 8.0);
    std::vector<std::int64_t> const big = {std::int64_t{1} << 40, -3};
    EXPECT_EQ(make_column<std::int64_t>({.name = "n"}, big).value(0), 1099511627776.0);
    std::vector<std::int32_t> const small = {-7};
    EXPECT_EQ(make_column<std::int32_t>({.name = "n"}, small).value(0), -7.0);
    std::vector<std::uint16_t> const word = {65535};
    EXPECT_EQ(make_column<std::uint16_t>({.name = "n"}, word).value(0), 65535.0);
}

TEST(Dataset, says_what_there_is_where_a_column_is_missing)
{
    auto const e = error_of([] { three_events().at("lable"); });
    ASSERT_TRUE(e);
    EXPECT_EQ(e->code(), "CF-DAT-01");
    EXPECT_EQ(e->what(), std::string("the data have no column 'lable'"));
    EXPECT_EQ(e->hint(), "they have hits.x f32, label u8, pair (2) f32");
    expect_error([] { Dataset{}.at("x"); }, Exit::data, "CF-DAT-01");
}

TEST(Dataset, good_ones_pass)
{
    EXPECT_NO_THROW(check_dataset(three_events(), "t"));
    EXPECT_NO_THROW(check_dataset(Dataset{}, "t"));
    Dataset none = three_events();  // a table without rows
    none.start["hits"] = {0, 0, 0, 0};
    none.columns.at("hits.x").bytes.clear();
    EXPECT_NO_THROW(check_dataset(none, "t"));
}

TEST(Dataset, says_exactly_what_does_not_fit)
{
    auto const starts = [](std::vector<std::int64_t> start) {
        return [start = std::move(start)](Dataset& d) {
            d.start["hits"] = start;
        };
    };
    for (Case const& c : {
             Case{"a label missing", "CF-DAT-02", "t: label has 2 rows, there are 3 events",
                  [](Dataset& d) {
                      d.columns.at("label").bytes.resize(2);
                  }},
             Case{"file_id short", "CF-DAT-02", "t: file_id has 2 rows, there are 3 events",
                  [](Dataset& d) {
                      d.file_id.pop_back();
                  }},
             Case{"one of two columns of a table", "CF-DAT-02",
                  "t: hits.w has 2 rows, hits/start ends at 3",
                  [](Dataset& d) {
                      std::vector<float> const w = {1, 2};
                      d.add(make_column<float>({.name = "hits.w"}, w));
                  }},
             Case{"column of the files", "CF-DAT-02",
                  "t: files/energy has 2 rows, there are 1 files",
                  [](Dataset& d) {
                      std::vector<float> const e = {1, 2};
                      d.file_columns["energy"] = make_column<float>({.name = "energy"}, e);
                  }},
             Case{"too few starts", "CF-DAT-03", "t: hits/start has 3 numbers, 3 events need 4",
                  starts({0, 2, 3})},
             Case{"no starts", "CF-DAT-03", "t: hits/start has 0 numbers, 3 events need 4",
                  starts({})},
             Case{"table without starts", "CF-DAT-03", "t: hits.x has no hits/start",
                  [](Dataset& d) {
                      d.start.clear();
                  }},
             Case{"begins at 1", "CF-DAT-03", "t: hits/start begins at 1, not at 0",
                  starts({1, 2, 2, 3})},
             Case{"falls", "CF-DAT-03", "t: hits/start falls at event 1: from 2 to 1",
                  starts({0, 2, 1, 3})},
             Case{"overflow", "CF-DAT-03",
                  "t: hits/start falls at event 2: from 9223372036854775807 to 3",
                  starts({0, 2, INT64_MAX, 3})},
             Case{"ends elsewhere", "CF-DAT-03", "t: hits.x has 3 rows, hits/start ends at 4",
                  starts({0, 2, 2, 4})},
             Case{"half a row", "CF-DAT-04", "t: pair (2) f32 has 20 bytes, a row has 8",
                  [](Dataset& d) {
                      d.columns.at("pair").bytes.resize(20);
                  }},
             Case{"rows of nothing", "CF-DAT-04", "t: pair (0) f32 has 24 bytes, a row has 0",
                  [](Dataset& d) {
                      d.columns.at("pair").spec.shape = {0};
                  }},
             Case{"file 1 of 1", "CF-DAT-05", "t: event 2 is of file 1, there are 1 files",
                  [](Dataset& d) {
                      d.file_id[2] = 1;
                  }},
         }) {
        SCOPED_TRACE(c.what);
        Dataset data = three_events();
        c.change(data);
        auto const e = error_of([&] { check_dataset(data, "t"); });
        ASSERT_TRUE(e);
        EXPECT_EQ(e->code(), c.code);
        EXPECT_EQ(e->what(), c.message);
        EXPECT_EQ(e->exit(), Exit::data);
    }
}
}  // namespace calofuse::test
