/// \file tests/driver/foreign_data.hpp
/// Stores and sources that other programs wrote, for tests that run the program.
#pragma once

#include <cmath>
#include <limits>

#include "tests/driver/program.hpp"
#include "tests/io/store/changed_store.hpp"
#include "tests/support/raw_npz.hpp"

namespace calofuse::test {
using Change = std::function<void(hid_t file)>;

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr std::int64_t kRows = 40, kHits = 2 * kRows;

inline std::vector<float> rising(std::int64_t n)
{
    std::vector<float> out;
    for (std::int64_t i = 0; i < n; ++i)
        out.push_back(static_cast<float>(std::sin(static_cast<double>(i))));
    return out;
}

inline std::vector<std::int64_t> good_starts()
{
    std::vector<std::int64_t> out;
    for (std::int64_t e = 0; e <= kRows; ++e)
        out.push_back(2 * e);
    return out;
}

/// What ten lines of h5py write: x (3), y, label and two hits per event, no manifest; then changed.
inline void write_foreign(std::string const& path, Change const& change)
{
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    hid_t const f = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(f, 0);
    for (char const* group : {"events", "hits"})
        H5Gclose(H5Gcreate2(f, group, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    std::int64_t const version = 2;
    set_attribute(f, "format_version", H5T_NATIVE_INT64, &version);
    std::vector<std::uint8_t> label;
    for (std::uint8_t e = 0; e < kRows; ++e)
        label.push_back(e % 2);
    replace(f, "events/x", H5T_NATIVE_FLOAT, {.dims = {kRows, 3}}, rising(3 * kRows).data());
    replace(f, "events/y", H5T_NATIVE_FLOAT, rising(kRows));
    replace(f, "events/label", H5T_NATIVE_UINT8, label);
    replace(f, "hits/start", H5T_NATIVE_INT64, good_starts());
    replace(f, "hits/x", H5T_NATIVE_FLOAT, {.dims = {kHits, 2}}, rising(2 * kHits).data());
    if (change) change(f);
    H5Fclose(f);
}

/// Element i of a column (rows, width).
inline Change with_number(char const* name, hsize_t width, std::size_t i, float value)
{
    return [=](hid_t f) {
        hsize_t const rows = std::string_view(name) == "hits/x" ? kHits : kRows;
        auto values = rising(static_cast<std::int64_t>(rows * width));
        values[i] = value;
        std::vector<hsize_t> dims = {rows};
        if (width > 1) dims.push_back(width);
        replace(f, name, H5T_NATIVE_FLOAT, {.dims = dims}, values.data());
    };
}

/// a.npz and a recipe r.toml of its arrays.
inline void write_source(Folder const& folder, std::string const& recipe)
{
    std::vector<double> ones(8, 1), image(4 * 32 * 32 * 3);
    for (std::size_t i = 0; i < image.size(); ++i) {  // smooth as (3, 32, 32)
        auto const row = static_cast<double>(i % (32 * 32) / 32), x = static_cast<double>(i % 32);
        image[i] = std::exp(-0.01 * (std::pow(row - 12, 2) + std::pow(x - 20, 2)));
    }
    spill(folder / "a.npz",
          zip_bytes({{"x.npy", npy_numbers("<f4", "(4, 2)", {1, 2, 3, 4, 5, 6, 7, 8})},
                     {"ones.npy", npy_numbers("<f4", "(4, 2)", ones)},
                     {"short.npy", npy_numbers("<f4", "(3,)", {1, 2, 3})},
                     {"nan.npy", npy_numbers("<f4", "(4,)", {1, kNan, 3, HUGE_VAL})},
                     {"label.npy", npy_numbers("|u1", "(4,)", {0, 1, 2, 1})},
                     {"falls.npy", npy_numbers("<i8", "(5,)", {0, 2, 1, 4, 4})},
                     {"early.npy", npy_numbers("<i8", "(5,)", {0, 1, 2, 3, 3})},
                     {"sum.npy", npy_numbers("<i8", "(4,)", {9e18, 9e18, 0, 0})},
                     {"image.npy", npy_numbers("<f4", "(4, 32, 32, 3)", image)}}));
    spill(folder / "r.toml", "files = \"a.npz\"\n" + recipe);
}
inline std::string column(std::string const& name, std::string const& rest)
{
    return "[[column]]\nname = \"" + name + "\"\n" + rest + "\n";
}
inline std::vector<std::string> const kConvert = {"convert", "--columns", "r.toml", "--out",
                                                  "s.h5"};
inline std::string const kX = column("x", "array = \"x\"");
}  // namespace calofuse::test
