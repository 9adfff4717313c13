/// \file tests/emulator/src/base.hpp
/// Basic types and small helpers that every part of the emulator uses.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace calofuse::emulator {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s8 = int8_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;
using f32 = float;
using f64 = double;
using std::string;
using std::string_view;
using std::vector;

constexpr u32 kWarpSize = 32;
constexpr u32 kAllLanes = ~0u;
constexpr u32 kNone = ~0u;  // "this operand is absent"

inline u32 first_lane(u32 mask)
{
    return u32(std::countr_zero(mask));
}
inline u32 lane_count(u32 mask)
{
    return u32(std::popcount(mask));
}

/// Calls f(lane) for every lane of a mask, lowest first.
template <class F>
inline void for_lanes(u32 mask, F f)
{
    for (; mask; mask &= mask - 1)
        f(u32(std::countr_zero(mask)));
}

inline u64 round_up(u64 value, u64 alignment)
{
    return (value + alignment - 1) / alignment * alignment;
}

inline string trim(string_view s)
{
    char const* blank = " \t\r\n";
    size_t const b = s.find_first_not_of(blank);
    if (b == string_view::npos) return {};
    return string(s.substr(b, s.find_last_not_of(blank) - b + 1));
}

/// Reports an error of the set-up (not of the program under test) and ends the process with code 3.
[[noreturn]] void fatal(string const& message);

}  // namespace calofuse::emulator
