/// \file tests/support/raw_npz.hpp
/// .npz files as byte strings: a zip archive of stored members, written by hand.
#pragma once

#include <string>
#include <utility>
#include <vector>
#include <zlib.h>

#include "tests/support/raw_npy.hpp"

namespace calofuse::test {
/// An .npy file of these numbers, e.g. npy_numbers("<f4", "(2, 2)", {1, 2, 3, 4}).
inline std::string npy_numbers(std::string const& descr,
                               std::string const& shape,
                               std::vector<double> const& values,
                               bool fortran_order = false)
{
    std::string data;
    for (double const value : values)
        data += number_bytes(descr, value);
    return npy_bytes(npy_dict(descr, shape, fortran_order), data);
}

inline std::string little_endian(std::uint64_t value, int bytes)
{
    std::string out;
    for (int i = 0; i < bytes; ++i)
        out += static_cast<char>(value >> (8 * i) & 0xffU);
    return out;
}

inline std::string deflated(std::string const& data)
{
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    std::string out(data.size() + 1000, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

struct ZipOptions {
    bool deflate = false;
    bool zip64 = false;  ///< sizes in the extra field of the local header, as NumPy writes them
    std::uint64_t claimed_bytes = 0;  ///< other than the true size
    bool wrong_checksum = false;
};

/// Members by name, ".npy" included.
inline std::string zip_bytes(std::vector<std::pair<std::string, std::string>> const& members,
                             ZipOptions const& options = {})
{
    std::string out, directory;
    for (auto const& [name, data] : members) {
        std::string const packed = options.deflate ? deflated(data) : data;
        std::uint64_t const size = options.claimed_bytes != 0 ? options.claimed_bytes : data.size();
        auto const crc = static_cast<std::uint64_t>(
            crc32(0, reinterpret_cast<Bytef const*>(data.data()), static_cast<uInt>(data.size())));
        std::string const method = little_endian(options.deflate ? 8 : 0, 2);
        std::string const stamp = little_endian(0, 2) + little_endian(0x21, 2);
        std::string const checksum = little_endian(crc ^ (options.wrong_checksum ? 1U : 0U), 4);
        std::string const sizes = little_endian(packed.size(), 4) + little_endian(size, 4);
        std::string const extra = options.zip64 ? little_endian(1, 2) + little_endian(16, 2)
                                                      + little_endian(size, 8)
                                                      + little_endian(packed.size(), 8)
                                                : "";
        std::string const version = little_endian(options.zip64 ? 45 : 20, 2) + little_endian(0, 2);
        std::string const big = little_endian(0xffffffff, 4) + little_endian(0xffffffff, 4);
        std::uint64_t const at = out.size();
        out += "PK\3\4" + version + method + stamp + checksum + (options.zip64 ? big : sizes)
               + little_endian(name.size(), 2) + little_endian(extra.size(), 2) + name + extra
               + packed;
        directory += "PK\1\2" + little_endian(45, 2) + version + method + stamp + checksum
                     + (options.zip64 ? big : sizes) + little_endian(name.size(), 2)
                     + little_endian(extra.size(), 2) + little_endian(0, 2 + 2 + 2)
                     + little_endian(0, 4) + little_endian(at, 4) + name + extra;
    }
    std::uint64_t const at = out.size();
    return out + directory + "PK\5\6" + little_endian(0, 4) + little_endian(members.size(), 2)
           + little_endian(members.size(), 2) + little_endian(directory.size(), 4)
           + little_endian(at, 4) + little_endian(0, 2);
}
}  // namespace calofuse::test
