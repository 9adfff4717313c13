/// \file tests/emulator/src/ops.hpp
/// Building blocks of instruction handlers: a handler applies one operation to register rows of 32 lanes.
#pragma once

#include <cmath>
#include <limits>

#include "tests/emulator/src/decoder.hpp"
#include "tests/emulator/src/machine.hpp"
#include "tests/emulator/src/shadow.hpp"

namespace calofuse::emulator {

/// Rows have 64-bit lanes for 64-bit types and 32-bit lanes for everything smaller.
template <class T>
using Lane = std::conditional_t<sizeof(T) == 8, u64, u32>;
template <class T>
inline T from_lane(Lane<T> v)
{
    if constexpr (sizeof(T) == 1)
        return std::bit_cast<T>(u8(v));
    else if constexpr (sizeof(T) == 2)
        return std::bit_cast<T>(u16(v));
    else
        return std::bit_cast<T>(v);
}
template <class T>
inline Lane<T> to_lane(T v)
{
    if constexpr (sizeof(T) == 1)
        return std::bit_cast<u8>(v);
    else if constexpr (sizeof(T) == 2)
        return std::bit_cast<u16>(v);
    else
        return std::bit_cast<Lane<T>>(v);
}
template <class T>
inline Lane<T>* row(Warp& w, u32 offset)
{
    return reinterpret_cast<Lane<T>*>(w.registers + offset);
}
inline u32* row32(Warp& w, u32 offset)
{
    return reinterpret_cast<u32*>(w.registers + offset);
}
inline u64* row64(Warp& w, u32 offset)
{
    return reinterpret_cast<u64*>(w.registers + offset);
}

// The loops below run over all lanes and blend, so that the compiler vectorises them.
template <class D, class A, class F>
inline void map1(Warp& w, Instruction const& i, u32 m, F f)
{
    auto* d = row<D>(w, i.d);
    auto const* a = row<A>(w, i.a);
    if (m == kAllLanes) {
#pragma GCC ivdep
        for (u32 l = 0; l < 32; ++l)
            d[l] = to_lane<D>(f(from_lane<A>(a[l])));
    } else {
#pragma GCC ivdep
        for (u32 l = 0; l < 32; ++l) {
            auto const r = to_lane<D>(f(from_lane<A>(a[l])));
            d[l] = (m >> l & 1) ? r : d[l];
        }
    }
}
template <class D, class A, class B, class F>
inline void map2(Warp& w, Instruction const& i, u32 m, F f)
{
    auto* d = row<D>(w, i.d);
    auto const* a = row<A>(w, i.a);
    auto const* b = row<B>(w, i.b);
    if (m == kAllLanes) {
#pragma GCC ivdep
        for (u32 l = 0; l < 32; ++l)
            d[l] = to_lane<D>(f(from_lane<A>(a[l]), from_lane<B>(b[l])));
    } else {
#pragma GCC ivdep
        for (u32 l = 0; l < 32; ++l) {
            auto const r = to_lane<D>(f(from_lane<A>(a[l]), from_lane<B>(b[l])));
            d[l] = (m >> l & 1) ? r : d[l];
        }
    }
}
template <class D, class A, class B, class C, class F>
inline void map3(Warp& w, Instruction const& i, u32 m, F f)
{
    auto* d = row<D>(w, i.d);
    auto const* a = row<A>(w, i.a);
    auto const* b = row<B>(w, i.b);
    auto const* c = row<C>(w, i.c);
    if (m == kAllLanes) {
#pragma GCC ivdep
        for (u32 l = 0; l < 32; ++l)
            d[l] = to_lane<D>(f(from_lane<A>(a[l]), from_lane<B>(b[l]), from_lane<C>(c[l])));
    } else {
#pragma GCC ivdep
        for (u32 l = 0; l < 32; ++l) {
            auto const r =
                to_lane<D>(f(from_lane<A>(a[l]), from_lane<B>(b[l]), from_lane<C>(c[l])));
            d[l] = (m >> l & 1) ? r : d[l];
        }
    }
}

// Handlers from function objects: unary<f32, Neg>, binary<s32, Add>, ...
template <class T, class F>
void unary(Warp& w, Instruction const& i, u32 m)
{
    map1<T, T>(w, i, m, [](T a) -> T { return F{}(a); });
}
template <class T, class F>
void binary(Warp& w, Instruction const& i, u32 m)
{
    map2<T, T, T>(w, i, m, [](T a, T b) -> T { return F{}(a, b); });
}
template <class T, class F>
void ternary(Warp& w, Instruction const& i, u32 m)
{
    map3<T, T, T, T>(w, i, m, [](T a, T b, T c) -> T { return F{}(a, b, c); });
}
/// For expensive operations: only the lanes that run.
template <class D, class A, class F>
void sparse1(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<D>(w, i.d);
    auto const* a = row<A>(w, i.a);
    for_lanes(m, [&](u32 l) { d[l] = to_lane<D>(F{}(from_lane<A>(a[l]))); });
}
template <class T, class F>
void sparse2(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<T>(w, i.d);
    auto const* a = row<T>(w, i.a);
    auto const* b = row<T>(w, i.b);
    for_lanes(m, [&](u32 l) { d[l] = to_lane<T>(F{}(from_lane<T>(a[l]), from_lane<T>(b[l]))); });
}

inline void set_predicate(Warp& w, u32 index, u32 value, u32 m)
{
    w.predicates[index] = (w.predicates[index] & ~m) | (value & m);
}

/// Calls f.operator()<T>() with the C++ type of an integer type name.
template <class F>
Handler integer_handler(string_view type, F f)
{
    if (type == "u16" || type == "b16") return f.template operator()<u16>();
    if (type == "s16") return f.template operator()<s16>();
    if (type == "u32" || type == "b32") return f.template operator()<u32>();
    if (type == "s32") return f.template operator()<s32>();
    if (type == "u64" || type == "b64") return f.template operator()<u64>();
    if (type == "s64") return f.template operator()<s64>();
    throw NotEmulated("type ." + string(type));
}

inline void three_operands(Op& o, string_view type)
{
    o.expect(3, 3);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
}
inline void two_operands(Op& o, string_view type)
{
    o.expect(2, 2);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
}

inline void decode_three(Op& o, string_view type, Handler h, size_t n = 4)
{
    o.expect(n, n);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
    if (n > 3) o.ins.c = o.source(3, type);
    o.ins.run = h;
}

/// Rounding mode and flush-to-zero of the SSE unit for the duration of a handler.
struct FloatMode {
    u32 saved;
    explicit FloatMode(u32 bits)
    {
        saved = __builtin_ia32_stmxcsr();
        __builtin_ia32_ldmxcsr((saved & ~0xe040u) | bits);
        asm volatile("" ::: "memory");
    }
    ~FloatMode()
    {
        asm volatile("" ::: "memory");
        __builtin_ia32_ldmxcsr(saved);
    }
};
constexpr u32 kRoundNearest = 0, kRoundDown = 0x2000, kRoundUp = 0x4000, kRoundZero = 0x6000,
              kFlushToZero = 0x8040;

// 16-bit floating point
inline u16 float_to_bf16(f32 f)
{
    u32 const u = std::bit_cast<u32>(f);
    u32 const r = (u + 0x7fff + (u >> 16 & 1)) >> 16;
    return (u & 0x7fffffff) > 0x7f800000 ? u16(0x7fff) : u16(r);
}
inline f32 bf16_to_float(u16 v)
{
    return std::bit_cast<f32>(u32(v) << 16);
}
inline f32 half_to_float(u16 h)
{
    return f32(std::bit_cast<_Float16>(h));
}
inline u16 float_to_half(f32 f)
{
    if (f != f) return 0x7fff;
    return std::bit_cast<u16>(_Float16(f));
}

// PTX minimum and maximum: a NaN operand loses, -0 < +0
template <class T>
inline T float_min(T a, T b)
{
    using U = Lane<T>;
    T const equal = std::bit_cast<T>(U(std::bit_cast<U>(a) | std::bit_cast<U>(b)));
    T const r = (a < b || b != b) ? a : b;
    return a == b ? equal : r;
}
template <class T>
inline T float_max(T a, T b)
{
    using U = Lane<T>;
    T const equal = std::bit_cast<T>(U(std::bit_cast<U>(a) & std::bit_cast<U>(b)));
    T const r = (a > b || b != b) ? a : b;
    return a == b ? equal : r;
}

/// Memory access of the lanes of m (addresses.cpp): checks, and leaves a pointer per lane in w.pointers.
/// Inactive lanes get the pointer of the first active lane.
void resolve_addresses(Warp& w, Instruction const& i, u32 m, u32 bytes, Access access);

/// Finds what a generic pointer points to; checks bounds. Returns the shadow and its base (nullptr: unchecked memory).
Shadow* classify(Warp& w,
                 Instruction const& i,
                 u32 lane,
                 char* p,
                 u32 bytes,
                 Access access,
                 char const*& base,
                 bool& global);

/// Takes the state space of an instruction; generic if it names none (ops_memory.cpp).
Space take_space(Op& o);

/// Decodes a shared::cluster address of a block to the owning block and offset.
Block& cluster_block(Warp& w, Instruction const& i, u32 lane, u32 address, u32& offset);
char* shared_pointer(Warp& w,
                     Instruction const& i,
                     u32 lane,
                     u32 address,
                     u32 bytes,
                     u32 alignment,
                     Block** owner = nullptr,
                     u32* offset = nullptr);

}  // namespace calofuse::emulator
