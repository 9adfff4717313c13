#include "io/npy.hpp"

#include <bit>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "io/input_file.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::size_t kAlignment = 64;
}  // namespace

std::vector<double> read_npy_numbers(std::string const& path, NpyHeader* header)
{
    InputFile const file(path, "CF-NPY-23");
    constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;
    if (file.size() > kMaxBytes)
        throw Error(Exit::data, "CF-IO-10", calofuse::quoted(path) + ": is larger than 1 GiB",
                    "this reader is for small arrays");
    std::string bytes(static_cast<std::size_t>(file.size()), '\0');
    file.read_at(0, bytes.data(), bytes.size());
    NpyHeader const h = parse_npy_header(bytes, file.size(), path);
    std::vector<double> out(static_cast<std::size_t>(h.num_elements()));
    auto const item = static_cast<std::size_t>(h.item_bytes);
    for (std::size_t i = 0; i < out.size(); ++i) {
        char const* const at = bytes.data() + h.data_offset + i * item;
        std::uint64_t bits = 0;
        for (std::size_t b = 0; b < item; ++b) {
            auto const byte = static_cast<unsigned char>(at[h.big_endian ? b : item - 1 - b]);
            bits = bits << 8U | byte;
        }
        if (h.kind == 'u') {
            out[i] = static_cast<double>(bits);
        } else if (h.kind == 'i') {
            unsigned const unused = 64U - 8U * static_cast<unsigned>(item);
            out[i] = static_cast<double>(static_cast<std::int64_t>(bits << unused) >> unused);
        } else if (item == 4) {
            out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
        } else {
            out[i] = std::bit_cast<double>(bits);
        }
    }
    if (header != nullptr) *header = h;
    return out;
}

std::string npy_head(std::string_view descr, std::span<std::int64_t const> shape)
{
    std::string dict = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}",
                                   descr, fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
    std::size_t const unpadded = 10 + dict.size() + 1;
    dict.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
    dict += '\n';
    std::string head("\x93NUMPY\x01\x00", 8);
    head += static_cast<char>(dict.size() & 0xffU);
    head += static_cast<char>(dict.size() >> 8U);
    return head + dict;
}

void write_npy(std::string const& path,
               std::string_view descr,
               std::span<std::int64_t const> shape,
               std::span<std::byte const> data,
               Overwrite overwrite)
{
    AtomicFile file(path, overwrite);
    file.write(npy_head(descr, shape));
    file.write(data.data(), data.size());
    file.commit();
}
}  // namespace calofuse
