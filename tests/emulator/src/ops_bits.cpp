// Counting and moving bits: bit fields, permutation of bytes; and dot products of bytes.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

template <class T>
void population(Warp& w, Instruction const& i, u32 m)
{
    map1<u32, T>(w, i, m, [](T a) -> u32 { return u32(std::popcount(a)); });
}

template <class T>
void leading_zeros(Warp& w, Instruction const& i, u32 m)
{
    map1<u32, T>(w, i, m, [](T a) -> u32 { return u32(std::countl_zero(a)); });
}

template <class T>
void reverse_bits(Warp& w, Instruction const& i, u32 m)
{
    map1<T, T>(w, i, m, [](T v) -> T {
        T r = 0;
        for (u32 k = 0; k < sizeof(T) * 8; ++k)
            r |= T(v >> k & 1) << (sizeof(T) * 8 - 1 - k);
        return r;
    });
}

template <class T, bool kShift>
void find_bit(Warp& w, Instruction const& i, u32 m)
{
    map1<u32, T>(w, i, m, [](T v) -> u32 {
        using U = std::make_unsigned_t<T>;
        U const x = U(v < 0 ? ~v : v);
        if (x == 0) return ~0u;
        u32 const lz = u32(std::countl_zero(x));
        return kShift ? lz : u32(sizeof(T) * 8 - 1 - lz);
    });
}

template <class T>
void field_extract(Warp& w, Instruction const& i, u32 m)
{
    map3<T, T, u32, u32>(w, i, m, [](T a, u32 pos, u32 len) -> T {
        constexpr u32 bits = sizeof(T) * 8;
        pos &= 255, len &= 255;
        if (len == 0) return 0;
        u32 const top = pos + len - 1 < bits - 1 ? pos + len - 1 : bits - 1;
        bool const sign = std::is_signed_v<T> && (u64(a) >> top & 1);
        u64 r = pos >= bits ? 0 : u64(std::make_unsigned_t<T>(a)) >> pos;
        u32 const have = pos >= bits ? 0 : (len < bits - pos ? len : bits - pos);
        if (have < 64) r &= (1ull << have) - 1;
        if (sign && have < 64) r |= ~0ull << have;
        return T(r);
    });
}

template <class T>
void field_insert(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<T>(w, i.d);
    auto const *a = row<T>(w, i.a), *b = row<T>(w, i.b);
    u32 const *pos = row32(w, i.c), *len = row32(w, i.list[0]);
    for_lanes(m, [&](u32 l) {
        u32 const p = pos[l] & 255, n = len[l] & 255;
        u64 mask = n >= 64 ? ~0ull : (1ull << n) - 1;
        mask = p >= 64 ? 0 : mask << p;
        d[l] = T((b[l] & ~mask) | (p >= 64 ? 0 : (u64(a[l]) << p) & mask));
    });
}

template <bool kWrap>
void bit_mask(Warp& w, Instruction const& i, u32 m)
{
    map2<u32, u32, u32>(w, i, m, [](u32 pos, u32 n) -> u32 {
        if (kWrap) pos &= 31, n &= 31;
        if (pos >= 32) return 0;
        u64 const k = n >= 32 ? 0xffffffffull : (1ull << n) - 1;
        return u32(k << pos);
    });
}

void find_nth_set(Warp& w, Instruction const& i, u32 m)
{
    u32 const *mask = row32(w, i.a), *base = row32(w, i.b), *nth = row32(w, i.c);
    u32* d = row32(w, i.d);
    for_lanes(m, [&](u32 l) {
        u32 const v = mask[l], b = base[l];
        s32 const n = s32(nth[l]);
        u32 r = ~0u;
        s32 k = 0;
        if (n == 0)
            r = b < 32 && v >> b & 1 ? b : ~0u;
        else if (n > 0) {
            for (u32 j = b; j < 32 && r == ~0u; ++j)
                if (v >> j & 1 && ++k == n) r = j;
        } else
            for (s32 j = s32(b); j >= 0 && r == ~0u; --j)
                if (v >> j & 1 && ++k == -n) r = u32(j);
        d[l] = r;
    });
}

template <int kMode>
u32 permute(u32 a, u32 b, u32 s)
{
    u64 const v = a | u64(b) << 32;
    auto byte = [&](u32 k) {
        return u32(v >> 8 * (k & 7)) & 255;
    };
    u32 r = 0;
    u32 const n = s & 3;
    for (u32 k = 0; k < 4; ++k) {
        u32 x = 0;
        if (kMode == 0) {
            u32 const q = s >> 4 * k & 15;
            x = byte(q);
            if (q & 8) x = x & 128 ? 255 : 0;
        } else if (kMode == 1)
            x = byte(n + k);  // f4e
        else if (kMode == 2)
            x = byte(n - k);  // b4e
        else if (kMode == 3)
            x = byte(n);  // rc8
        else if (kMode == 4)
            x = byte(k < n ? n : k);  // ecl
        else if (kMode == 5)
            x = byte(k > n ? n : k);  // ecr
        else
            x = byte((n & 1) * 2 + (k & 1));  // rc16
        r |= x << 8 * k;
    }
    return r;
}

template <int kMode>
void prmt(Warp& w, Instruction const& i, u32 m)
{
    map3<u32, u32, u32, u32>(w, i, m, permute<kMode>);
}

template <int kParts, class A, class B>
void dot_product(Warp& w, Instruction const& i, u32 m)
{  // dp4a
    map3<u32, u32, u32, u32>(w, i, m, [](u32 a, u32 b, u32 c) -> u32 {
        for (u32 k = 0; k < kParts; ++k)
            c += u32(s32(A(a >> 8 * k)) * s32(B(b >> 8 * k)));
        return c;
    });
}

void decode_bits(Op& o)
{  // popc, clz, brev, bfind
    string const type = o.take_type();
    o.expect(2, 2);
    bool const wide = type_bytes(type) == 8, shift = o.take("shiftamt");
    o.ins.a = o.source(1, type);
    o.ins.d = o.target(0, o.base == "brev" ? type : "u32");
    if (o.base == "popc")
        o.ins.run = wide ? population<u64> : population<u32>;
    else if (o.base == "clz")
        o.ins.run = wide ? leading_zeros<u64> : leading_zeros<u32>;
    else if (o.base == "brev")
        o.ins.run = wide ? reverse_bits<u64> : reverse_bits<u32>;
    else if (type[0] == 's')
        o.ins.run = wide ? (shift ? find_bit<s64, true> : find_bit<s64, false>)
                         : (shift ? find_bit<s32, true> : find_bit<s32, false>);
    else
        o.ins.run = wide ? (shift ? find_bit<u64, true> : find_bit<u64, false>)
                         : (shift ? find_bit<u32, true> : find_bit<u32, false>);
}

void decode_bfe(Op& o)
{
    string const type = o.take_type();
    o.expect(4, 4);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, "u32");
    o.ins.c = o.source(3, "u32");
    o.ins.run = type == "u32"   ? field_extract<u32>
                : type == "s32" ? field_extract<s32>
                : type == "u64" ? field_extract<u64>
                                : field_extract<s64>;
}

void decode_bfi(Op& o)
{
    string const type = o.take_type();
    o.expect(5, 5);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
    o.ins.c = o.source(3, "u32");
    o.ins.list = o.list({o.source(4, "u32")});
    o.ins.run = type_bytes(type) == 8 ? field_insert<u64> : field_insert<u32>;
}

void decode_prmt(Op& o)
{
    if (o.last() == "b32") o.take_type();
    string const mode = o.take_any({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16", "b32"});
    decode_three(o, "b32",
                 mode == "f4e"    ? prmt<1>
                 : mode == "b4e"  ? prmt<2>
                 : mode == "rc8"  ? prmt<3>
                 : mode == "ecl"  ? prmt<4>
                 : mode == "ecr"  ? prmt<5>
                 : mode == "rc16" ? prmt<6>
                                  : prmt<0>);
}

void decode_dp4a(Op& o)
{
    string const b = o.take_type(), a = o.take_type();
    decode_three(o, "b32",
                 a == "u32" ? (b == "u32" ? dot_product<4, u8, u8> : dot_product<4, u8, s8>)
                            : (b == "u32" ? dot_product<4, s8, u8> : dot_product<4, s8, s8>));
}

}  // namespace

void register_bit_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["popc"] = t["clz"] = t["brev"] = t["bfind"] = decode_bits;
    t["bfe"] = decode_bfe;
    t["bfi"] = decode_bfi;
    t["bmsk"] = [](Op& o) {
        o.take_type();
        bool const wrap = o.take("wrap");
        if (!wrap) o.take("clamp");
        decode_three(o, "b32", wrap ? bit_mask<true> : bit_mask<false>, 3);
    };
    t["fns"] = [](Op& o) {
        o.take_type();
        decode_three(o, "b32", find_nth_set);
    };
    t["prmt"] = decode_prmt;
    t["dp4a"] = decode_dp4a;
}

}  // namespace calofuse::emulator
