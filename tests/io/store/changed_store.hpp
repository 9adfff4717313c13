/// \file tests/io/store/changed_store.hpp
/// Good stores that are changed through HDF5 itself, and the code that reading them must give.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <hdf5.h>
#include <limits>

#include "io/store/store.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/toy_store.hpp"

namespace calofuse::test {
/// How a replaced data set is laid out.
struct Layout {
    std::vector<hsize_t> dims;
    bool chunked = true, checksum = true;
    std::function<void(hid_t creation)> more = {};
};

inline void replace(
    hid_t file, char const* name, hid_t type, Layout const& layout, void const* data)
{
    if (H5Lexists(file, name, H5P_DEFAULT) > 0) H5Ldelete(file, name, H5P_DEFAULT);
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
template <class T>
std::function<void(hid_t file)> poked(char const* name, hid_t type, hsize_t at, T value)
{
    return [=](hid_t f) {
        poke(f, name, type, at, value);
    };
}
inline void set_attribute(hid_t file, char const* name, hid_t type, void const* value)
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
inline constexpr hsize_t kEvents = 12;  // 3 + 4 + 5

inline std::function<void(hid_t file)> adc_as(hid_t type, Layout const& layout)
{
    return [=](hid_t f) {
        replace(f, "events/adc", type, layout, std::vector<std::uint16_t>(kEvents * 256, 1).data());
    };
}

inline void expect_codes(std::vector<Case> const& cases)
{
    TempFolder const folder;
    std::string const good = folder / "good.h5", bad = folder / "bad.h5";
    write_store(toy_events_of_files(3), good);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
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
        auto const e = error_of([&] { read_store(bad, {DigestCheck::skip}); });
        EXPECT_EQ(e ? e->code() : "none", c.code) << (e ? e->what() : "");
        if (e) EXPECT_EQ(e->exit(), Exit::data);
    }
}
}  // namespace calofuse::test
