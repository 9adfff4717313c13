#include "io/import/source_array.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <type_traits>
#include <utility>

namespace calofuse::recipe {
namespace {
constexpr std::size_t kBytes[] = {1, 2, 4, 8, 1, 2, 4, 8, 4, 8};

Element element_of(NpyHeader const& header)
{
    if (header.kind == 'b') return Element::u1;
    if (header.kind == 'f') return header.item_bytes == 8 ? Element::f8 : Element::f4;
    int const log = std::countr_zero(static_cast<unsigned>(header.item_bytes));
    return static_cast<Element>((header.kind == 'u' ? 0 : 4) + log);
}

void swap_bytes(char* data, std::int64_t elements, int item_bytes)
{
    for (std::int64_t i = 0; i < elements; ++i)
        std::reverse(data + i * item_bytes, data + (i + 1) * item_bytes);
}

float float_of_half(std::uint16_t half)
{
    auto const mantissa = static_cast<float>(half & 0x3ffU);
    int const exponent = half >> 10U & 0x1fU;
    float value = 0;
    if (exponent == 0x1f)
        value = mantissa == 0 ? INFINITY : NAN;
    else if (exponent == 0)
        value = std::ldexp(mantissa, -24);
    else
        value = std::ldexp(1024 + mantissa, exponent - 25);
    return (half & 0x8000U) != 0 ? -value : value;
}

void widen_halves(SourceArray& array)
{
    auto const n = static_cast<std::size_t>(array.size());
    std::string wide(n * sizeof(float), '\0');
    for (std::size_t i = 0; i < n; ++i) {
        float const value = float_of_half(load<std::uint16_t>(array.data() + 2 * i));
        std::memcpy(wide.data() + sizeof(float) * i, &value, sizeof value);
    }
    array.buffer = std::move(wide);
    array.offset = 0;
}

void make_row_major(SourceArray& array)
{
    std::size_t const item = bytes_of(array.type);
    std::size_t const rank = array.shape.size();
    std::vector<std::int64_t> stride(rank, 1), at(rank, 0);
    for (std::size_t d = 1; d < rank; ++d)
        stride[d] = stride[d - 1] * array.shape[d - 1];
    std::string out(static_cast<std::size_t>(array.size()) * item, '\0');
    std::int64_t from = 0;
    for (std::size_t to = 0; to < out.size(); to += item) {
        std::memcpy(out.data() + to, array.data() + static_cast<std::size_t>(from) * item, item);
        for (std::size_t d = rank; d-- > 0;) {
            from += stride[d];
            if (++at[d] < array.shape[d]) break;
            from -= stride[d] * array.shape[d];
            at[d] = 0;
        }
    }
    array.buffer = std::move(out);
    array.offset = 0;
}
}  // namespace

std::size_t bytes_of(Element type)
{
    return kBytes[static_cast<int>(type)];
}
bool is_float(Element type)
{
    return type == Element::f4 || type == Element::f8;
}

std::int64_t SourceArray::size() const
{
    std::int64_t n = 1;
    for (std::int64_t const extent : shape)
        n *= extent;
    return n;
}

std::string SourceArray::describe() const
{
    return fmt::format("{} ({}{})", where, fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

double SourceArray::number(std::int64_t i) const
{
    return with_type(type, [&](auto zero) {
        using T = decltype(zero);
        return static_cast<double>(load<T>(data() + static_cast<std::size_t>(i) * sizeof(T)));
    });
}

bool SourceArray::integer(std::int64_t i, std::int64_t& out) const
{
    return with_type(type, [&](auto zero) {
        using T = decltype(zero);
        T const value = load<T>(data() + static_cast<std::size_t>(i) * sizeof(T));
        if constexpr (std::is_floating_point_v<T>) {
            if (!(value >= -0x1p63 && value < 0x1p63) || value != std::trunc(value)) return false;
        } else {
            if (!std::in_range<std::int64_t>(value)) return false;
        }
        out = static_cast<std::int64_t>(value);
        return true;
    });
}

SourceArray array_of_npy(std::string bytes, std::string where)
{
    auto const file_bytes = static_cast<std::int64_t>(bytes.size());
    NpyHeader const header = parse_npy_header(bytes, file_bytes, where, NpyTypes::all);
    SourceArray array;
    array.where = std::move(where);
    array.type = element_of(header);
    array.shape = header.shape;
    array.buffer = std::move(bytes);
    array.offset = static_cast<std::size_t>(header.data_offset);
    if (header.big_endian && header.item_bytes > 1)
        swap_bytes(array.buffer.data() + array.offset, array.size(), header.item_bytes);
    if (header.kind == 'f' && header.item_bytes == 2) widen_halves(array);
    if (header.fortran_order && array.shape.size() > 1) make_row_major(array);
    return array;
}
}  // namespace calofuse::recipe
