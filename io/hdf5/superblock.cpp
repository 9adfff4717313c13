/// \file io/hdf5/superblock.cpp
/// The first bytes of an HDF5 file, looked at before the library is (io/hdf5/hdf5.hpp).
#include <array>
#include <cstring>
#include <fmt/core.h>

#include "io/hdf5/hdf5.hpp"
#include "io/input_file.hpp"

namespace calofuse::h5 {
namespace {
[[noreturn]] void fail(std::string const& path,
                       char const* code,
                       std::string const& what,
                       char const* hint = "write it again")
{
    throw Error(Exit::data, code, fmt::format("{}: {}", calofuse::quoted(path), what), hint);
}
}  // namespace

void check_superblock(std::string const& path)
{
    InputFile const file(path);
    constexpr std::size_t kBytes = 48;
    constexpr unsigned char kSignature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    std::array<unsigned char, kBytes> head{};
    file.read_at(0, head.data(),
                 std::min<std::size_t>(kBytes, static_cast<std::size_t>(file.size())));
    if (std::memcmp(head.data(), kSignature, sizeof kSignature) != 0) {
        for (std::int64_t at = 512; at + 8 <= file.size() && at <= (1 << 20); at *= 2) {
            std::array<unsigned char, 8> there{};
            file.read_at(at, there.data(), there.size());
            if (std::memcmp(there.data(), kSignature, there.size()) == 0)
                fail(path, "CF-H5-15", fmt::format("HDF5 data begin at byte {}, not at 0", at));
        }
        fail(path, "CF-H5-01", "is not an HDF5 file", "is this the right file?");
    }
    if (file.size() < static_cast<std::int64_t>(kBytes))
        fail(path, "CF-H5-02", fmt::format("has {} bytes", file.size()),
             "file is truncated; copy it again");
    // Versions 0 and 1 have the sizes, the flags and the addresses a little further on than 2 and 3.
    unsigned const version = head[8];
    bool const old = version < 2;
    std::size_t const sizes = old ? 13 : 9, addresses = version == 0 ? 24 : old ? 28 : 12;
    if (version > 3 || head[sizes] != 8 || head[sizes + 1] != 8)
        fail(path, "CF-H5-16",
             fmt::format("HDF5 superblock of version {}, known are 0 to 3 with 8-byte addresses",
                         version));
    if (version == 3 && head[11] != 0)
        fail(path, "CF-H5-03", "was not closed by the program that wrote it");
    std::uint64_t base = 0, end = 0;
    std::memcpy(&base, &head[addresses], sizeof base);
    std::memcpy(&end, &head[addresses + 16], sizeof end);
    if (base != 0) fail(path, "CF-H5-15", "has a user block");
    if (end != static_cast<std::uint64_t>(file.size()))
        fail(path, "CF-H5-02", fmt::format("has {} bytes, its header says {}", file.size(), end),
             "file is truncated or damaged; copy it again");
}
}  // namespace calofuse::h5
