/// \file tests/support/raw_npy.hpp
/// .npy files of every kind, right and wrong, as byte strings; made without the code under test.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace calofuse::test {
/// Magic, version, length, header text padded to `align`, data.
inline std::string npy_bytes(std::string const& dict,
                             std::string const& data,
                             int major = 1,
                             std::size_t align = 64)
{
    std::size_t const length_bytes = major == 1 ? 2 : 4;
    std::string text = dict;
    while ((8 + length_bytes + text.size() + 1) % align != 0)
        text += ' ';
    text += '\n';
    std::string out("\x93NUMPY", 6);
    out += static_cast<char>(major);
    out += '\0';
    for (std::size_t i = 0; i < length_bytes; ++i)
        out += static_cast<char>(text.size() >> (8 * i) & 0xffU);
    return out + text + data;
}

inline std::string npy_dict(std::string const& descr,
                            std::string const& shape,
                            bool fortran_order = false)
{
    return "{'descr': '" + descr + "', 'fortran_order': " + (fortran_order ? "True" : "False")
           + ", 'shape': " + shape + ", }";
}

/// One number in the format of `descr`, e.g. ">i4".
inline std::string number_bytes(std::string const& descr, double value)
{
    auto const size = static_cast<std::size_t>(descr[2] - '0');
    std::uint64_t bits = 0;
    if (descr[1] == 'f' && size == 4)
        bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
    else if (descr[1] == 'f')
        bits = std::bit_cast<std::uint64_t>(value);
    else
        bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
    std::string out;
    for (std::size_t i = 0; i < size; ++i)
        out += static_cast<char>(bits >> 8 * (descr[0] == '>' ? size - 1 - i : i) & 0xffU);
    return out;
}

/// Values (events, planes, 256) as a file; `axes` = order of the roles in the shape, of the letters
/// n (events), t (planes), c (channels), e.g. "ntc", "nc".
inline std::string npy_of_events(std::vector<double> const& values,
                                 std::int64_t events,
                                 std::int64_t planes,
                                 std::string const& axes,
                                 std::string const& descr,
                                 bool fortran_order,
                                 int major = 1)
{
    std::vector<std::int64_t> shape;
    std::string shape_text = "(";
    for (char const a : axes) {
        shape.push_back(a == 'n' ? events : a == 't' ? planes : 256);
        shape_text += std::to_string(shape.back()) + ", ";
    }
    std::string data;
    std::vector<std::int64_t> at(axes.size());
    for (std::int64_t k = 0; k < events * planes * 256; ++k) {
        std::int64_t rest = k;
        for (std::size_t d = 0; d < at.size(); ++d) {
            std::size_t const axis = fortran_order ? d : at.size() - 1 - d;
            at[axis] = rest % shape[axis];
            rest /= shape[axis];
        }
        std::int64_t n = 0, t = 0, c = 0;
        for (std::size_t d = 0; d < at.size(); ++d)
            (axes[d] == 'n' ? n : axes[d] == 't' ? t : c) = at[d];
        data += number_bytes(descr, values[static_cast<std::size_t>((n * planes + t) * 256 + c)]);
    }
    return npy_bytes(npy_dict(descr, shape_text + ")", fortran_order), data, major);
}

/// Pedestal and charge like: plane `hg` near 400, the others near 100, all below `max`.
inline std::vector<double> toy_planes(std::int64_t events,
                                      std::int64_t planes,
                                      std::int64_t hg,
                                      double max = 8191)
{
    std::mt19937 rng(static_cast<unsigned>(events * 10 + planes));
    std::vector<double> out(static_cast<std::size_t>(events * planes * 256));
    for (std::size_t i = 0; i < out.size(); ++i) {
        bool const high = static_cast<std::int64_t>(i / 256) % planes == hg;
        out[i] = static_cast<double>(rng() % static_cast<unsigned>(high ? max + 1 : max / 4));
    }
    return out;
}
}  // namespace calofuse::test
