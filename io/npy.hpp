/// \file io/npy.hpp
/// NumPy's .npy files (format 1.0 to 3.0), any plain array of numbers. Element types b1, u1..u8,
/// i1..i8, f2, f4, f8, both byte orders, C and Fortran order. Nothing is executed, nothing
/// recursive,
/// no memory map. Errors: CF-NPY-01..29, listed in npy_header.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/atomic_file.hpp"

namespace calofuse {
struct NpyHeader {
    int major = 1;
    std::string descr;   ///< as written, e.g. `<u2`
    char kind = 'u';     ///< b (bool), u, i or f
    int item_bytes = 2;  ///< 1, 2, 4 or 8
    bool big_endian = false;
    bool fortran_order = false;
    std::vector<std::int64_t> shape;
    std::int64_t data_offset = 0;  ///< bytes

    std::int64_t num_elements() const;
    /// "(100000, 256) <u2"
    std::string describe() const;
};

/// `head`: the first bytes of the file, at least up to the data or kMaxNpyHead long. Checks all
/// that
/// can be known from it and the file's size. `name` is for messages.
inline constexpr std::size_t kMaxNpyHead = (64 << 10) + 12;
/// `common`: all but b1 and f2, which detector words and doubles cannot come from.
enum class NpyTypes : std::uint8_t { common, all };
NpyHeader parse_npy_header(std::string_view head,
                           std::int64_t file_bytes,
                           std::string const& name,
                           NpyTypes types = NpyTypes::common);

/// A whole small array of numbers as doubles, any shape (golden data, tests).
std::vector<double> read_npy_numbers(std::string const& path, NpyHeader* header = nullptr);

/// Format 1.0, C order, little endian, padded to 64 bytes.
std::string npy_head(std::string_view descr, std::span<std::int64_t const> shape);
void write_npy(std::string const& path,
               std::string_view descr,
               std::span<std::int64_t const> shape,
               std::span<std::byte const> data,
               Overwrite overwrite = Overwrite::no);

/// `write_npy` for a vector: `<u2`, `<i2`, `<f4`, ... by its element type.
template <class T>
constexpr std::string_view npy_descr();
template <class T>
void write_npy(std::string const& path,
               std::vector<T> const& data,
               std::vector<std::int64_t> const& shape,
               Overwrite overwrite = Overwrite::no)
{
    write_npy(path, npy_descr<T>(), shape, std::as_bytes(std::span<T const>(data)), overwrite);
}
template <class T>
constexpr std::string_view npy_descr()
{
    constexpr bool kIsFloat = std::is_floating_point_v<T>;
    constexpr bool kIsSigned = std::is_signed_v<T>;
    constexpr std::size_t kLog = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    constexpr std::string_view kFloat[] = {"", "", "<f4", "<f8"};
    constexpr std::string_view kInt[] = {"|i1", "<i2", "<i4", "<i8"};
    constexpr std::string_view kUnsigned[] = {"|u1", "<u2", "<u4", "<u8"};
    return kIsFloat ? kFloat[kLog] : kIsSigned ? kInt[kLog] : kUnsigned[kLog];
}
}  // namespace calofuse
