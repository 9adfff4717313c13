#include "io/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>

#include "io/input_file.hpp"
#include "io/safetensors_header.hpp"
#include "runtime/dtype.hpp"

namespace calofuse {
static_assert(std::endian::native == std::endian::little, "the format is little-endian");
namespace {
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

struct TypeInfo {
    StoredType type;
    char const* name;
    std::int64_t size;
};
constexpr std::array<TypeInfo, 13> kTypes{{{StoredType::boolean, "BOOL", 1},
                                           {StoredType::u8, "U8", 1},
                                           {StoredType::i8, "I8", 1},
                                           {StoredType::u16, "U16", 2},
                                           {StoredType::i16, "I16", 2},
                                           {StoredType::u32, "U32", 4},
                                           {StoredType::i32, "I32", 4},
                                           {StoredType::u64, "U64", 8},
                                           {StoredType::i64, "I64", 8},
                                           {StoredType::f16, "F16", 2},
                                           {StoredType::bf16, "BF16", 2},
                                           {StoredType::f32, "F32", 4},
                                           {StoredType::f64, "F64", 8}}};

[[noreturn]] void fail(char const* code, std::string const& message, char const* hint)
{
    throw Error(Exit::data, code, message, hint);
}

/// Other model files that people hand over by mistake.
char const* foreign_format(std::span<std::byte const> bytes)
{
    auto const starts_with = [&](std::string_view magic) {
        return bytes.size() >= magic.size()
               && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
    };
    // A header's length can begin with any byte: only what follows it tells.
    if (bytes.size() > 8 && bytes[8] == std::byte{'{'}) return nullptr;
    if (starts_with("PK\x03\x04")) return "a zip archive (.pth, .keras, .npz)";
    if (starts_with("\x89HDF\r\n\x1a\n")) return "an HDF5 file";
    if (starts_with("\x80\x02") || starts_with("\x80\x04")) return "a Python pickle";
    if (starts_with("\x93NUMPY")) return "a .npy file";
    return nullptr;
}

std::uint64_t header_length(std::span<std::byte const> bytes, std::string const& file)
{
    if (char const* kind = foreign_format(bytes))
        fail("CF-CKPT-12", fmt::format("{}: is {}, not safetensors", file, kind),
             "give weights in safetensors format; other formats are never executed or unpickled");
    if (bytes.size() < 8)
        fail(
            "CF-CKPT-01",
            fmt::format("{}: has {} bytes, a safetensors file starts with 8 bytes of header length",
                        file, bytes.size()),
            "the file is empty or truncated; copy it again");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof(length));
    if (length > kMaxHeaderBytes)
        fail("CF-CKPT-02",
             fmt::format("{}: header length {} exceeds {}", file, length, kMaxHeaderBytes),
             "the file is damaged or not in safetensors format");
    if (length > bytes.size() - 8)
        fail("CF-CKPT-03",
             fmt::format("{}: header needs {} bytes, file has {}", file, 8 + length, bytes.size()),
             "the file is truncated; copy it again");
    return length;
}

TypeInfo const& type_of(TensorEntry const& entry, std::string const& file)
{
    auto const found = std::find_if(kTypes.begin(), kTypes.end(),
                                    [&](TypeInfo const& t) { return entry.dtype == t.name; });
    if (found == kTypes.end())
        fail("CF-CKPT-07",
             fmt::format("{}: tensor {} has unknown dtype {}", file, quoted(entry.name),
                         quoted(entry.dtype)),
             "store it as F32, F64, BF16 or an integer type");
    return *found;
}

/// Bytes that shape and type ask for; every product is checked before it is believed.
std::uint64_t needed_bytes(TensorEntry const& entry, TypeInfo const& type, std::string const& file)
{
    auto bytes = static_cast<std::uint64_t>(type.size);
    bool overflow = false;
    for (std::uint64_t const extent : entry.shape) {
        overflow = overflow || extent > std::uint64_t{INT64_MAX};
        overflow = overflow || __builtin_mul_overflow(bytes, extent, &bytes);
    }
    if (overflow || bytes > std::uint64_t{INT64_MAX})
        fail("CF-CKPT-08",
             fmt::format("{}: shape of tensor {} overflows 64 bits", file, quoted(entry.name)),
             "the file is damaged or was made to mislead; get it again");
    return bytes;
}

void check_extent(TensorEntry const& entry,
                  std::uint64_t needed,
                  std::uint64_t available,
                  std::string const& file)
{
    std::uint64_t const begin = entry.offsets[0];
    std::uint64_t const end = entry.offsets[1];
    if (begin > end || end > available)
        fail("CF-CKPT-09",
             fmt::format("{}: tensor {} lies at bytes {} to {} of {} bytes of data", file,
                         quoted(entry.name), begin, end, available),
             "the file is truncated or damaged; copy it again");
    if (end - begin != needed)
        fail(
            "CF-CKPT-10",
            fmt::format("{}: tensor {} needs {} bytes for its shape and dtype, its offsets span {}",
                        file, quoted(entry.name), needed, end - begin),
            "the file is damaged; get it again");
}

/// The tensors must tile the data section: no byte twice, none unused.
void check_tiling(std::vector<TensorEntry> entries,
                  std::uint64_t available,
                  std::string const& file)
{
    std::sort(entries.begin(), entries.end(),
              [](TensorEntry const& a, TensorEntry const& b) { return a.offsets < b.offsets; });
    std::uint64_t end = 0;
    for (TensorEntry const& entry : entries) {
        if (entry.offsets[0] != end)
            fail("CF-CKPT-11",
                 fmt::format(
                     "{}: tensor {} begins at byte {} of the data, the one before ends at {}", file,
                     quoted(entry.name), entry.offsets[0], end),
                 "tensors overlap or leave a hole: the file is damaged; get it again");
        end = entry.offsets[1];
    }
    if (end != available)
        fail("CF-CKPT-11",
             fmt::format("{}: tensors end at byte {} of {} bytes of data", file, end, available),
             "bytes that no tensor owns: the file is damaged; get it again");
}

float float_of_half(std::uint16_t bits)
{
    int const exponent = (bits >> 10) & 31;
    int const fraction = bits & 1023;
    float const sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
    if (exponent == 31)
        return sign
               * (fraction != 0 ? std::numeric_limits<float>::quiet_NaN()
                                : std::numeric_limits<float>::infinity());
    if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
    return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}

template <class T, class Convert>
std::vector<double> convert_all(std::vector<std::byte> const& bytes, Convert&& convert)
{
    std::vector<double> out(bytes.size() / sizeof(T));
    for (std::size_t i = 0; i < out.size(); ++i) {
        T value;
        std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
        out[i] = convert(value);
    }
    return out;
}
template <class T>
std::vector<double> convert_all(std::vector<std::byte> const& bytes)
{
    return convert_all<T>(bytes, [](T value) { return static_cast<double>(value); });
}

nlohmann::json header_of(SafeTensors const& content, std::vector<std::string> const& order)
{
    nlohmann::json header = nlohmann::json::object();
    if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
    std::uint64_t begin = 0;
    for (std::string const& name : order) {
        StoredTensor const& tensor = content.tensors.at(name);
        std::uint64_t const end = begin + tensor.bytes.size();
        header[name] = {{"dtype", name_of(tensor.type)},
                        {"shape", tensor.shape},
                        {"data_offsets", {begin, end}}};
        begin = end;
    }
    return header;
}
}  // namespace

char const* name_of(StoredType type)
{
    return kTypes[static_cast<std::size_t>(type)].name;
}
std::int64_t size_of(StoredType type)
{
    return kTypes[static_cast<std::size_t>(type)].size;
}

std::int64_t StoredTensor::num_elements() const
{
    std::int64_t count = 1;
    for (std::int64_t const extent : shape)
        count *= extent;
    return count;
}

std::string StoredTensor::describe() const
{
    return fmt::format("({}) {}", fmt::join(shape, ", "), name_of(type));
}

std::vector<double> StoredTensor::as_double() const
{
    switch (type) {
        case StoredType::boolean:
        case StoredType::u8:
            return convert_all<std::uint8_t>(bytes);
        case StoredType::i8:
            return convert_all<std::int8_t>(bytes);
        case StoredType::u16:
            return convert_all<std::uint16_t>(bytes);
        case StoredType::i16:
            return convert_all<std::int16_t>(bytes);
        case StoredType::u32:
            return convert_all<std::uint32_t>(bytes);
        case StoredType::i32:
            return convert_all<std::int32_t>(bytes);
        case StoredType::u64:
            return convert_all<std::uint64_t>(bytes);
        case StoredType::i64:
            return convert_all<std::int64_t>(bytes);
        case StoredType::f16:
            return convert_all<std::uint16_t>(bytes, float_of_half);
        case StoredType::bf16:
            return convert_all<BFloat16>(bytes, [](BFloat16 v) { return static_cast<float>(v); });
        case StoredType::f32:
            return convert_all<float>(bytes);
        case StoredType::f64:
            return convert_all<double>(bytes);
    }
    return {};
}

StoredTensor const& SafeTensors::at(std::string const& name, std::string const& file) const
{
    auto const found = tensors.find(name);
    if (found == tensors.end())
        fail("CF-CKPT-16", fmt::format("{}: has no tensor {}", file, quoted(name)),
             "the file belongs to another model or is incomplete");
    return found->second;
}

SafeTensors parse_safetensors(std::span<std::byte const> file_bytes, std::string const& file)
{
    std::uint64_t const length = header_length(file_bytes, file);
    auto const* text = reinterpret_cast<char const*>(file_bytes.data() + 8);
    SafeTensorsHeader header = parse_safetensors_header({text, length}, file);
    auto const data = file_bytes.subspan(8 + length);

    for (TensorEntry const& entry : header.entries)
        check_extent(entry, needed_bytes(entry, type_of(entry, file), file), data.size(), file);
    check_tiling(header.entries, data.size(), file);

    SafeTensors content;
    content.metadata = std::move(header.metadata);
    for (TensorEntry const& entry : header.entries) {
        auto const raw = data.subspan(entry.offsets[0], entry.offsets[1] - entry.offsets[0]);
        content.tensors[entry.name] = {type_of(entry, file).type,
                                       {entry.shape.begin(), entry.shape.end()},
                                       {raw.begin(), raw.end()}};
    }
    return content;
}

SafeTensors read_safetensors(std::string const& path)
{
    InputFile const in(path, "CF-CKPT-13");
    std::vector<std::byte> bytes(static_cast<std::size_t>(in.size()));
    in.read_at(0, bytes.data(), bytes.size());
    in.check_unchanged();
    return parse_safetensors(bytes, calofuse::quoted(path));
}

void write_safetensors(std::string const& path, SafeTensors const& content, Overwrite overwrite)
{
    std::vector<std::byte> const bytes = to_bytes(content);
    AtomicFile out(path, overwrite);
    out.write(bytes.data(), bytes.size());
    out.commit();
}

std::vector<std::byte> to_bytes(SafeTensors const& content)
{
    std::vector<std::string> order;
    for (auto const& [name, tensor] : content.tensors) {
        CALOFUSE_CHECK(static_cast<std::int64_t>(tensor.bytes.size())
                           == tensor.num_elements() * size_of(tensor.type),
                       "tensor " << name << " is " << tensor.describe() << " but has "
                                 << tensor.bytes.size() << " bytes");
        order.push_back(name);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::string const& a, std::string const& b) {
        return size_of(content.tensors.at(a).type) > size_of(content.tensors.at(b).type);
    });
    std::string text =
        header_of(content, order).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text.resize((text.size() + 7) / 8 * 8, ' ');

    auto const length = static_cast<std::uint64_t>(text.size());
    std::vector<std::byte> out(sizeof(length) + text.size());
    std::memcpy(out.data(), &length, sizeof(length));
    std::memcpy(out.data() + sizeof(length), text.data(), text.size());
    for (std::string const& name : order) {
        auto const& bytes = content.tensors.at(name).bytes;
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
    return out;
}
}  // namespace calofuse
