/// \file io/safetensors.hpp
/// Named tensors and a string map in one file: u64 header length, JSON header, raw little-endian
/// data (github.com/huggingface/safetensors). Weights, checkpoints and golden vectors use it.
/// The reader is strict: no holes, no overlap, no duplicate name, nothing beyond the file; whatever
/// the bytes say, it allocates at most a few times the file's size and nothing is executed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/atomic_file.hpp"
#include "runtime/error.hpp"

namespace calofuse {
/// Element types of the format, in its own spelling ("F32", "BF16", ...).
enum class StoredType : std::uint8_t {
    boolean,
    u8,
    i8,
    u16,
    i16,
    u32,
    i32,
    u64,
    i64,
    f16,
    bf16,
    f32,
    f64
};
char const* name_of(StoredType type);
std::int64_t size_of(StoredType type);

template <class T>
inline constexpr bool kIsStoredType = false;
template <class T>
inline constexpr StoredType kStoredTypeOf = StoredType::boolean;  // only read where kIsStoredType
#define CALOFUSE_STORED_TYPE(T, value)             \
    template <>                                    \
    inline constexpr bool kIsStoredType<T> = true; \
    template <>                                    \
    inline constexpr StoredType kStoredTypeOf<T> = StoredType::value
CALOFUSE_STORED_TYPE(std::uint8_t, u8);
CALOFUSE_STORED_TYPE(std::int8_t, i8);
CALOFUSE_STORED_TYPE(std::uint16_t, u16);
CALOFUSE_STORED_TYPE(std::int16_t, i16);
CALOFUSE_STORED_TYPE(std::uint32_t, u32);
CALOFUSE_STORED_TYPE(std::int32_t, i32);
CALOFUSE_STORED_TYPE(std::uint64_t, u64);
CALOFUSE_STORED_TYPE(std::int64_t, i64);
CALOFUSE_STORED_TYPE(float, f32);
CALOFUSE_STORED_TYPE(double, f64);
#undef CALOFUSE_STORED_TYPE

struct StoredTensor {
    StoredType type = StoredType::f32;
    std::vector<std::int64_t> shape;  ///< rank 0 (a scalar, one element) is allowed
    std::vector<std::byte> bytes;     ///< row-major, little-endian

    std::int64_t num_elements() const;
    /// "(3, 64) F32"
    std::string describe() const;

    /// All elements; the type must be the stored one.
    template <class T>
    std::vector<T> values() const
    {
        static_assert(kIsStoredType<T>);
        CALOFUSE_CHECK(type == kStoredTypeOf<T>,
                       "tensor is " << describe() << ", wanted " << name_of(kStoredTypeOf<T>));
        std::vector<T> out(bytes.size() / sizeof(T));
        if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
        return out;
    }
    /// All elements as double, from any type (64-bit integers are rounded).
    std::vector<double> as_double() const;
};

template <class T>
StoredTensor stored_tensor(std::span<T const> values, std::vector<std::int64_t> shape)
{
    static_assert(kIsStoredType<T>);
    StoredTensor out{kStoredTypeOf<T>, std::move(shape), {}};
    auto const raw = std::as_bytes(values);
    out.bytes.assign(raw.begin(), raw.end());
    CALOFUSE_CHECK(out.num_elements() == static_cast<std::int64_t>(values.size()),
                   out.describe() << " got " << values.size() << " values");
    return out;
}

struct SafeTensors {
    std::map<std::string, std::string> metadata;
    std::map<std::string, StoredTensor> tensors;  ///< by name

    bool has(std::string const& name) const { return tensors.count(name) > 0; }
    /// Throws CF-CKPT-16 if there is no such tensor; `file` names the source in the message.
    StoredTensor const& at(std::string const& name, std::string const& file = "model") const;
};

/// Refuses anything malformed with CF-CKPT-01..12 (exit 65); `file` is used in messages only.
SafeTensors parse_safetensors(std::span<std::byte const> file_bytes, std::string const& file);

/// Reads a whole file; missing or unreadable: CF-IO-01 (exit 66), a folder or pipe: CF-CKPT-13.
SafeTensors read_safetensors(std::string const& path);

/// The file's bytes. Canonical: tensors by falling element size, then by name, so that every tensor
/// is aligned and equal content gives equal bytes; the header is padded with spaces to 8 bytes.
std::vector<std::byte> to_bytes(SafeTensors const& content);

/// Writes `to_bytes(content)` to a temporary, syncs, renames (io/atomic_file.hpp).
void write_safetensors(std::string const& path,
                       SafeTensors const& content,
                       Overwrite overwrite = Overwrite::no);
}  // namespace calofuse
