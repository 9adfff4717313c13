/// \file runtime/dtype.hpp
/// Element types of tensors.
#pragma once

#include <bit>
#include <cstdint>

#include "runtime/config.hpp"
#include "runtime/error.hpp"

namespace calofuse {
enum class DType : std::uint8_t { f32, f64, bf16, i32, i64, u8, u16 };

/// Storage-only bfloat16: arithmetic is done in float.
struct BFloat16 {
    std::uint16_t bits = 0;

    BFloat16() = default;
    CALOFUSE_HD explicit BFloat16(float x)  // round to nearest even
    {
        auto const u = std::bit_cast<std::uint32_t>(x);
        bits = static_cast<std::uint16_t>((u + 0x7fffU + ((u >> 16U) & 1U)) >> 16U);
    }
    CALOFUSE_HD explicit operator float() const
    {
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
    }
};

template <class T>
struct DTypeOf;  // no primary: an unlisted element type does not compile
template <>
struct DTypeOf<float> {
    static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
    static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<BFloat16> {
    static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<std::int32_t> {
    static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<std::int64_t> {
    static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<std::uint8_t> {
    static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<std::uint16_t> {
    static constexpr DType value = DType::u16;
};
template <class T>
inline constexpr DType kDTypeOf = DTypeOf<T>::value;

constexpr char const* name_of(DType t)
{
    constexpr char const* kNames[] = {"f32", "f64", "bf16", "i32", "i64", "u8", "u16"};
    return kNames[static_cast<int>(t)];
}
constexpr std::int64_t size_of(DType t)
{
    constexpr std::int64_t kSizes[] = {4, 8, 2, 4, 8, 1, 2};
    return kSizes[static_cast<int>(t)];
}
}  // namespace calofuse
