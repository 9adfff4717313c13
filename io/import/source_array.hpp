/// \file io/import/source_array.hpp
/// One array of numbers as a file of .npy, .npz, HDF5 or CSV holds it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "io/npy.hpp"

namespace calofuse::recipe {
enum class Element : std::uint8_t { u1, u2, u4, u8, i1, i2, i4, i8, f4, f8 };
std::size_t bytes_of(Element type);
bool is_float(Element type);

/// Row-major, in the byte order of this machine; f2 became f4, bool u1.
struct SourceArray {
    std::string where;  ///< "array 'X' of 'dev.npz'": how messages name it
    Element type = Element::f4;
    std::vector<std::int64_t> shape;
    std::string buffer;
    std::size_t offset = 0;  ///< of the first element in `buffer`; any alignment

    char const* data() const { return buffer.data() + offset; }
    std::int64_t size() const;
    /// Extent of the first axis; 0 of a number without axes.
    std::int64_t rows() const { return shape.empty() ? 0 : shape[0]; }
    std::string describe() const;  ///< "array 'X' of 'dev.npz' (700, 3)"

    double number(std::int64_t i) const;
    /// Element i, which must be a whole number of 64 bits: false if it is none.
    bool integer(std::int64_t i, std::int64_t& out) const;
};

template <class T>
T load(char const* at)
{
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

/// Calls f(T{}) with the C++ type of the elements.
template <class F>
auto with_type(Element type, F&& f)
{
    switch (type) {
        case Element::u1:
            return f(std::uint8_t{});
        case Element::u2:
            return f(std::uint16_t{});
        case Element::u4:
            return f(std::uint32_t{});
        case Element::u8:
            return f(std::uint64_t{});
        case Element::i1:
            return f(std::int8_t{});
        case Element::i2:
            return f(std::int16_t{});
        case Element::i4:
            return f(std::int32_t{});
        case Element::i8:
            return f(std::int64_t{});
        case Element::f4:
            return f(float{});
        default:
            return f(double{});
    }
}

/// The bytes of a whole .npy file, header included; errors are those of io/npy.hpp. Takes twice the
/// size of the data where the array is in Fortran order or of f2.
SourceArray array_of_npy(std::string bytes, std::string where);
}  // namespace calofuse::recipe
