#include "io/graph_file.hpp"

#include <fstream>
#include <hdf5.h>
#include <iterator>

#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
std::string bytes_of(std::string const& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

template <class T>
std::vector<T> column(std::string const& path, char const* name, hid_t type)
{
    hid_t const file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t const set = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t const space = H5Dget_space(set);
    std::vector<T> out(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    EXPECT_GE(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data()), 0) << name;
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
    return out;
}

/// `blocks` times an event of 2 hits joined both ways, one without hits, one of a single hit.
std::string write(std::string const& path, int blocks, Overwrite overwrite = Overwrite::no)
{
    std::vector<std::int32_t> const row_ptr = {0, 2, 2, 3}, edge_ptr = {0, 1, 2, 2};
    std::vector<std::int32_t> const source = {1, 0};
    std::vector<std::uint8_t> const label = {1, 0, 255};
    std::vector<float> const energy_gev = {100, 60, 0}, energy = {500, 80, 90};
    std::vector<std::uint16_t> const file_id = {0, 1, 2};
    std::vector<std::uint32_t> const event_index = {7, 8, 9};
    std::vector<float> const x = {1, 2, 3, 4, 5, 6, 7, 8, 9}, position = {1, -1, 2, -2, 3, -3};
    GraphFileWriter writer(path, 3, overwrite);
    for (int i = 0; i < blocks; ++i)
        writer.append({row_ptr, label, energy_gev, file_id, event_index, x, position, energy,
                       edge_ptr, source});
    return writer.finish({{"hits.rule", "ccl"}}, {});
}
}  // namespace

TEST(GraphFile, columns_are_packed_over_blocks)
{
    TempFolder const folder;
    std::string const path = folder / "g.h5";
    std::string const digest = write(path, 2);
    EXPECT_EQ(column<std::int64_t>(path, "events/node_ptr", H5T_NATIVE_INT64),
              (std::vector<std::int64_t>{0, 2, 2, 3, 5, 5, 6}));
    EXPECT_EQ(column<std::int64_t>(path, "nodes/edge_ptr", H5T_NATIVE_INT64),
              (std::vector<std::int64_t>{0, 1, 2, 2, 3, 4, 4}));
    EXPECT_EQ(column<std::uint8_t>(path, "edges/edge_src", H5T_NATIVE_UINT8),
              (std::vector<std::uint8_t>{1, 0, 1, 0}));
    EXPECT_EQ(column<float>(path, "nodes/energy", H5T_NATIVE_FLOAT),
              (std::vector<float>{500, 80, 90, 500, 80, 90}));
    EXPECT_EQ(column<float>(path, "nodes/x", H5T_NATIVE_FLOAT).size(), 18U);
    EXPECT_EQ(column<float>(path, "nodes/position", H5T_NATIVE_FLOAT).size(), 12U);
    EXPECT_EQ(column<std::uint8_t>(path, "events/label", H5T_NATIVE_UINT8),
              (std::vector<std::uint8_t>{1, 0, 255, 1, 0, 255}));
    EXPECT_EQ(column<std::uint32_t>(path, "events/event_index", H5T_NATIVE_UINT32)[5], 9U);
    EXPECT_EQ(digest, sha256_of_file(path));
    EXPECT_EQ(expected_digest(path + ".sha256", "g.h5"), digest);
}

TEST(GraphFile, the_same_graphs_give_the_same_bytes)
{
    TempFolder const folder;
    for (int const blocks : {0, 1, 6000}) {  // the last one fills several chunks
        write(folder / "a.h5", blocks, Overwrite::yes);
        write(folder / "b.h5", blocks, Overwrite::yes);
        EXPECT_EQ(bytes_of(folder / "a.h5"), bytes_of(folder / "b.h5"));
    }
    EXPECT_EQ(column<std::int64_t>(folder / "a.h5", "events/node_ptr", H5T_NATIVE_INT64).back(),
              18000);
}

TEST(GraphFile, nothing_is_left_without_finish_and_nothing_is_replaced_unasked)
{
    TempFolder const folder;
    {
        GraphFileWriter const writer(folder / "g.h5", 3, Overwrite::no);
    }
    EXPECT_EQ(folder.num_entries(), 0U);
    write(folder / "g.h5", 1);
    expect_error([&] { write(folder / "g.h5", 1); }, Exit::cannot_create, "CF-IO-03");
}
}  // namespace calofuse::test
