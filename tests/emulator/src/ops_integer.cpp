// Integer arithmetic, logic, shifts, bit fields, comparison, selection, moves.
#include "ops.hpp"

namespace emu {
namespace {

struct Add {
    template <class T>
    T operator()(T a, T b) const
    {
        return T(a + b);
    }
};
struct Sub {
    template <class T>
    T operator()(T a, T b) const
    {
        return T(a - b);
    }
};
struct Mul {
    template <class T>
    T operator()(T a, T b) const
    {
        return T(a * b);
    }
};
struct Min {
    template <class T>
    T operator()(T a, T b) const
    {
        return b < a ? b : a;
    }
};
struct Max {
    template <class T>
    T operator()(T a, T b) const
    {
        return a < b ? b : a;
    }
};
// Division by zero is undefined in PTX; the device returns all ones for unsigned operands.
struct Div {
    template <class T>
    T operator()(T a, T b) const
    {
        return b == 0 ? T(-1) : b == T(-1) && std::is_signed_v<T> ? T(0 - a) : T(a / b);
    }
};
struct Rem {
    template <class T>
    T operator()(T a, T b) const
    {
        return b == 0 ? a : b == T(-1) && std::is_signed_v<T> ? T(0) : T(a % b);
    }
};
struct And {
    template <class T>
    T operator()(T a, T b) const
    {
        return T(a & b);
    }
};
struct Or {
    template <class T>
    T operator()(T a, T b) const
    {
        return T(a | b);
    }
};
struct Xor {
    template <class T>
    T operator()(T a, T b) const
    {
        return T(a ^ b);
    }
};
struct Not {
    template <class T>
    T operator()(T a) const
    {
        return T(~a);
    }
};
struct CNot {
    template <class T>
    T operator()(T a) const
    {
        return T(a == 0);
    }
};
struct Neg {
    template <class T>
    T operator()(T a) const
    {
        return T(0 - a);
    }
};
struct Abs {
    template <class T>
    T operator()(T a) const
    {
        return a < 0 ? T(0 - a) : a;
    }
};
struct Mov {
    template <class T>
    T operator()(T a) const
    {
        return a;
    }
};
struct Mad {
    template <class T>
    T operator()(T a, T b, T c) const
    {
        return T(a * b + c);
    }
};
struct AddSat {
    s32 operator()(s32 a, s32 b) const
    {
        const s64 r = s64(a) + b;
        return s32(r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : r);
    }
};
struct SubSat {
    s32 operator()(s32 a, s32 b) const
    {
        const s64 r = s64(a) - b;
        return s32(r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : r);
    }
};

template <class T>
struct Wide {
    using type = std::conditional_t<std::is_signed_v<T>,
                                    std::conditional_t<sizeof(T) == 2, s32, s64>,
                                    std::conditional_t<sizeof(T) == 2, u32, u64>>;
};
template <class T>
T high_product(T a, T b)
{
    if constexpr (sizeof(T) == 8) {
        using W = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
        return T(W(a) * W(b) >> 64);
    } else {
        using W = typename Wide<T>::type;
        return T(W(a) * W(b) >> (sizeof(T) * 8));
    }
}
struct MulHi {
    template <class T>
    T operator()(T a, T b) const
    {
        return high_product(a, b);
    }
};
struct MadHi {
    template <class T>
    T operator()(T a, T b, T c) const
    {
        return T(high_product(a, b) + c);
    }
};

template <class T>
void mul_wide(Warp& w, Instruction const& i, u32 m)
{
    using W = typename Wide<T>::type;
    map2<W, T, T>(w, i, m, [](T a, T b) -> W { return W(a) * W(b); });
}
template <class T>
void mad_wide(Warp& w, Instruction const& i, u32 m)
{
    using W = typename Wide<T>::type;
    map3<W, T, T, W>(w, i, m, [](T a, T b, W c) -> W { return W(a) * W(b) + c; });
}
struct Mul24 {
    template <class T>
    T operator()(T a, T b) const
    {
        const s64 x = sizeof(T) == 4 && std::is_signed_v<T>
                          ? s64(s32(u32(a) << 8) >> 8) * (s32(u32(b) << 8) >> 8)
                          : s64(u64(u32(a) & 0xffffff) * (u32(b) & 0xffffff));
        return T(x);
    }
};
struct Mad24 {
    template <class T>
    T operator()(T a, T b, T c) const
    {
        return T(Mul24{}(a, b) + c);
    }
};
struct Sad {
    template <class T>
    T operator()(T a, T b, T c) const
    {
        return T(c + (a < b ? b - a : a - b));
    }
};

template <class T>
void shift_left(Warp& w, Instruction const& i, u32 m)
{
    map2<T, T, u32>(w, i, m, [](T a, u32 b) -> T {
        const T r = T(a << (b & (sizeof(T) * 8 - 1)));
        return b >= sizeof(T) * 8 ? T(0) : r;
    });
}
template <class T>
void shift_right(Warp& w, Instruction const& i, u32 m)
{
    map2<T, T, u32>(w, i, m, [](T a, u32 b) -> T {
        const T r = T(a >> (b & (sizeof(T) * 8 - 1))), out = a < 0 ? T(-1) : T(0);
        return b >= sizeof(T) * 8 ? out : r;
    });
}
template <bool Left, bool Wrap>
void funnel_shift(Warp& w, Instruction const& i, u32 m)
{
    map3<u32, u32, u32, u32>(w, i, m, [](u32 lo, u32 hi, u32 n) -> u32 {
        const u64 v = lo | u64(hi) << 32;
        n = Wrap ? n & 31 : n < 32 ? n : 32;
        return Left ? u32((v << n) >> 32) : u32(v >> n);
    });
}
void lop3(Warp& w, Instruction const& i, u32 m)
{
    const u32 table = u32(i.imm);
    map3<u32, u32, u32, u32>(w, i, m, [table](u32 a, u32 b, u32 c) -> u32 {
        u32 r = 0;
        for (u32 k = 0; k < 8; ++k) {
            const u32 on = table >> k & 1 ? ~0u : 0u;
            r |= on & (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
        }
        return r;
    });
}

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
template <class T, bool Shift>
void find_bit(Warp& w, Instruction const& i, u32 m)
{
    map1<u32, T>(w, i, m, [](T v) -> u32 {
        using U = std::make_unsigned_t<T>;
        const U x = U(v < 0 ? ~v : v);
        if (x == 0) return ~0u;
        const u32 lz = u32(std::countl_zero(x));
        return Shift ? lz : u32(sizeof(T) * 8 - 1 - lz);
    });
}
template <class T>
void field_extract(Warp& w, Instruction const& i, u32 m)
{
    map3<T, T, u32, u32>(w, i, m, [](T a, u32 pos, u32 len) -> T {
        constexpr u32 bits = sizeof(T) * 8;
        pos &= 255, len &= 255;
        if (len == 0) return 0;
        const u32 top = pos + len - 1 < bits - 1 ? pos + len - 1 : bits - 1;
        const bool sign = std::is_signed_v<T> && (u64(a) >> top & 1);
        u64 r = pos >= bits ? 0 : u64(std::make_unsigned_t<T>(a)) >> pos;
        const u32 have = pos >= bits ? 0 : (len < bits - pos ? len : bits - pos);
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
        const u32 p = pos[l] & 255, n = len[l] & 255;
        u64 mask = n >= 64 ? ~0ull : (1ull << n) - 1;
        mask = p >= 64 ? 0 : mask << p;
        d[l] = T((b[l] & ~mask) | (p >= 64 ? 0 : (u64(a[l]) << p) & mask));
    });
}
template <bool Wrap>
void bit_mask(Warp& w, Instruction const& i, u32 m)
{
    map2<u32, u32, u32>(w, i, m, [](u32 pos, u32 n) -> u32 {
        if (Wrap) pos &= 31, n &= 31;
        if (pos >= 32) return 0;
        const u64 k = n >= 32 ? 0xffffffffull : (1ull << n) - 1;
        return u32(k << pos);
    });
}
void find_nth_set(Warp& w, Instruction const& i, u32 m)
{
    u32 const *mask = row32(w, i.a), *base = row32(w, i.b), *nth = row32(w, i.c);
    u32* d = row32(w, i.d);
    for_lanes(m, [&](u32 l) {
        const u32 v = mask[l], b = base[l];
        const s32 n = s32(nth[l]);
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
template <int Mode>
u32 permute(u32 a, u32 b, u32 s)
{
    const u64 v = a | u64(b) << 32;
    auto byte = [&](u32 k) {
        return u32(v >> 8 * (k & 7)) & 255;
    };
    u32 r = 0;
    const u32 n = s & 3;
    for (u32 k = 0; k < 4; ++k) {
        u32 x = 0;
        if (Mode == 0) {
            const u32 q = s >> 4 * k & 15;
            x = byte(q);
            if (q & 8) x = x & 128 ? 255 : 0;
        } else if (Mode == 1)
            x = byte(n + k);  // f4e
        else if (Mode == 2)
            x = byte(n - k);  // b4e
        else if (Mode == 3)
            x = byte(n);  // rc8
        else if (Mode == 4)
            x = byte(k < n ? n : k);  // ecl
        else if (Mode == 5)
            x = byte(k > n ? n : k);  // ecr
        else
            x = byte((n & 1) * 2 + (k & 1));  // rc16
        r |= x << 8 * k;
    }
    return r;
}
template <int Mode>
void prmt(Warp& w, Instruction const& i, u32 m)
{
    map3<u32, u32, u32, u32>(w, i, m, permute<Mode>);
}

template <int N, class A, class B>
void dot_product(Warp& w, Instruction const& i, u32 m)
{  // dp4a
    map3<u32, u32, u32, u32>(w, i, m, [](u32 a, u32 b, u32 c) -> u32 {
        for (u32 k = 0; k < N; ++k)
            c += u32(s32(A(a >> 8 * k)) * s32(B(b >> 8 * k)));
        return c;
    });
}

template <class T>
void select(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<T>(w, i.d);
    auto const *a = row<T>(w, i.a), *b = row<T>(w, i.b);
    const u32 p = w.predicates[i.c];
    if (m == kAllLanes) {
#pragma GCC ivdep
        for (u32 l = 0; l < 32; ++l)
            d[l] = p >> l & 1 ? a[l] : b[l];
    } else {
#pragma GCC ivdep
        for (u32 l = 0; l < 32; ++l) {
            auto const r = p >> l & 1 ? a[l] : b[l];
            d[l] = m >> l & 1 ? r : d[l];
        }
    }
}

// comparison: 0 eq 1 ne 2 lt 3 le 4 gt 5 ge; +6 unordered versions (equ neu ltu leu gtu geu), 12 num 13 nan
template <class T, int C>
inline bool compare(T x, T y)
{
    if constexpr (std::is_floating_point_v<T>) {
        if constexpr (C == 1) return x < y || x > y;
        if constexpr (C == 6) return !(x < y || x > y);
        if constexpr (C == 7) return !(x == y);
        if constexpr (C == 8) return !(x >= y);
        if constexpr (C == 9) return !(x > y);
        if constexpr (C == 10) return !(x <= y);
        if constexpr (C == 11) return !(x < y);
        if constexpr (C == 12) return x == x && y == y;
        if constexpr (C == 13) return x != x || y != y;
    }
    if constexpr (C == 0) return x == y;
    if constexpr (C == 1) return x != y;
    if constexpr (C == 2) return x < y;
    if constexpr (C == 3) return x <= y;
    if constexpr (C == 4) return x > y;
    return x >= y;
}
template <class T, int C, bool Ftz = false>
void compare_rows(Warp& w, Instruction const& i, u32 m)
{
    auto const *a = row<T>(w, i.a), *b = row<T>(w, i.b);
    u32 r = 0;
    auto flush = [](T v) -> T {
        if constexpr (Ftz)
            return std::fabs(v) < std::numeric_limits<T>::min() ? T(0) * v : v;
        else
            return v;
    };
    for (u32 l = 0; l < 32; ++l)
        r |= u32(compare<T, C>(flush(from_lane<T>(a[l])), flush(from_lane<T>(b[l])))) << l;
    if (i.mode) {  // setp.cmp.boolop with a further predicate
        const u32 p = i.mode & 8 ? ~w.predicates[i.c] : w.predicates[i.c];
        const u32 second = (i.mode & 7) == 1 ? ~r & p : (i.mode & 7) == 2 ? ~r | p : ~r ^ p;
        r = (i.mode & 7) == 1 ? r & p : (i.mode & 7) == 2 ? r | p : r ^ p;
        set_predicate(w, i.d, r, m);
        if (i.d2 != kNone) set_predicate(w, i.d2, second, m);
        return;
    }
    set_predicate(w, i.d, r, m);
    if (i.d2 != kNone) set_predicate(w, i.d2, ~r, m);
}
template <class T, bool Ftz = false>
Handler compare_handler(int c)
{
    switch (c) {
        case 0:
            return compare_rows<T, 0, Ftz>;
        case 1:
            return compare_rows<T, 1, Ftz>;
        case 2:
            return compare_rows<T, 2, Ftz>;
        case 3:
            return compare_rows<T, 3, Ftz>;
        case 4:
            return compare_rows<T, 4, Ftz>;
        case 5:
            return compare_rows<T, 5, Ftz>;
    }
    if constexpr (std::is_floating_point_v<T>) {
        switch (c) {
            case 6:
                return compare_rows<T, 6, Ftz>;
            case 7:
                return compare_rows<T, 7, Ftz>;
            case 8:
                return compare_rows<T, 8, Ftz>;
            case 9:
                return compare_rows<T, 9, Ftz>;
            case 10:
                return compare_rows<T, 10, Ftz>;
            case 11:
                return compare_rows<T, 11, Ftz>;
            case 12:
                return compare_rows<T, 12, Ftz>;
            case 13:
                return compare_rows<T, 13, Ftz>;
        }
    }
    throw NotEmulated("comparison");
}

void decode_setp(Op& o)
{
    const string type = o.take_type();
    static char const* names[] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "equ",
                                  "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
    int c = -1;
    for (int k = 0; k < 14 && c < 0; ++k)
        if (o.take(names[k])) c = k;
    bool const integer = type[0] != 'f';
    if (integer) {
        if (o.take("lo"))
            c = 2;
        else if (o.take("ls"))
            c = 3;
        else if (o.take("hi"))
            c = 4;
        else if (o.take("hs"))
            c = 5;
    }
    if (c < 0) throw NotEmulated("comparison");
    bool const ftz = o.take("ftz");
    const string boolean = o.take_any({"and", "or", "xor"});
    o.expect(boolean.empty() ? 3 : 4, boolean.empty() ? 3 : 4);
    string const& d = o.operands[0];
    if (const size_t bar = d.find('|'); bar != string::npos) {
        o.ins.d = o.predicate(trim(d.substr(0, bar)));
        o.ins.d2 = o.predicate(trim(d.substr(bar + 1)));
    } else
        o.ins.d = o.predicate(0);
    if (!boolean.empty()) {
        bool negated;
        o.ins.c = o.predicate(3, &negated);
        o.ins.mode = u8((boolean == "and" ? 1 : boolean == "or" ? 2 : 3) | (negated ? 8 : 0));
    }
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
    if (type == "f32")
        o.ins.run = ftz ? compare_handler<f32, true>(c) : compare_handler<f32>(c);
    else if (type == "f64")
        o.ins.run = compare_handler<f64>(c);
    else if (type == "f16" || type == "bf16" || type == "f16x2" || type == "bf16x2")
        throw NotEmulated("half comparison");
    else
        o.ins.run = integer_handler(type, [c]<class T>() { return compare_handler<T>(c); });
}

void decode_selp(Op& o)
{
    const string type = o.take_type();
    o.expect(4, 4);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
    bool negated;
    o.ins.c = o.predicate(3, &negated);
    if (negated) std::swap(o.ins.a, o.ins.b);
    o.ins.run = type_bytes(type) == 8 ? select<u64> : select<u32>;
}

template <int O>
void predicate_logic(Warp& w, Instruction const& i, u32 m)
{
    const u32 a = i.mode & 1 ? ~w.predicates[i.a] : w.predicates[i.a],
              b = i.mode & 2 ? ~w.predicates[i.b] : w.predicates[i.b];
    set_predicate(w, i.d, O == 0 ? a & b : O == 1 ? a | b : O == 2 ? a ^ b : O == 3 ? ~a : a, m);
}
void predicate_constant(Warp& w, Instruction const& i, u32 m)
{
    set_predicate(w, i.d, i.imm ? ~0u : 0u, m);
}
void is_explicit_cluster(Warp& w, Instruction const& i, u32 m)
{
    set_predicate(w, i.d, w.block->launch->config.cluster.count() > 1 ? ~0u : 0u, m);
}

// packing and unpacking of registers: i.list holds the parts, i.size the bytes of a part
template <class T>
void pack(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<T>(w, i.d);
    for_lanes(m, [&](u32 l) {
        T r = 0;
        for (u32 k = 0; k < i.count; ++k) {
            const u64 part = i.size == 8 ? row64(w, i.list[k])[l] : row32(w, i.list[k])[l];
            const u64 mask = i.size == 8 ? ~0ull : (1ull << i.size * 8) - 1;
            r |= T(T(part & mask) << (i.size * 8 * k));
        }
        d[l] = r;
    });
}
template <class T>
void unpack(Warp& w, Instruction const& i, u32 m)
{
    auto const* a = row<T>(w, i.a);
    const u64 mask = (1ull << i.size * 8) - 1;
    for_lanes(m, [&](u32 l) {
        const T v = a[l];
        for (u32 k = 0; k < i.count; ++k)
            row32(w, i.list[k])[l] = u32(u64(v >> (i.size * 8 * k)) & mask);
    });
}
void clock32(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) { row32(w, i.d)[l] = u32(w.block->launch->warp_instructions); });
}
void clock64(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) { row64(w, i.d)[l] = w.block->launch->warp_instructions; });
}

void decode_mov(Op& o)
{
    const string type = o.take_type();
    o.expect(2, 2);
    if (type == "pred") {
        o.ins.d = o.predicate(0);
        if (o.operands[1] == "%is_explicit_cluster") {
            o.ins.run = is_explicit_cluster;
        } else if (auto v = parse_number(o.operands[1], "s32")) {
            o.ins.imm = *v != 0;
            o.ins.run = predicate_constant;
        } else {
            bool negated;
            o.ins.a = o.ins.b = o.predicate(1, &negated);
            o.ins.mode = negated;
            o.ins.run = predicate_logic<4>;
        }
        return;
    }
    const u32 bytes = type_bytes(type);
    if (bytes == 16) throw NotEmulated("128-bit registers");
    string const &to = o.operands[0], &from = o.operands[1];
    if (to[0] == '{') {
        auto const parts = o.elements(0);
        o.ins.count = u8(parts.size());
        o.ins.size = u8(bytes / parts.size());
        if (o.ins.size == 0 || o.ins.size > 4) throw NotEmulated("unpacking");
        vector<u32> rows;
        for (auto& p : parts)
            rows.push_back(o.target(p, o.ins.size == 4 ? "b32" : "b16"));
        o.ins.list = o.list(rows);
        o.ins.a = o.source(1, type);
        o.ins.run = bytes == 8 ? unpack<u64> : unpack<u32>;
        return;
    }
    if (from[0] == '{') {
        auto const parts = o.elements(1);
        o.ins.count = u8(parts.size());
        o.ins.size = u8(bytes / parts.size());
        if (o.ins.size == 0 || o.ins.size > 4) throw NotEmulated("packing");
        vector<u32> rows;
        for (auto& p : parts)
            rows.push_back(o.source(p, o.ins.size == 4 ? "b32" : o.ins.size == 2 ? "b16" : "u8"));
        o.ins.list = o.list(rows);
        o.ins.d = o.target(0, type);
        o.ins.run = bytes == 8 ? pack<u64> : pack<u32>;
        return;
    }
    o.ins.d = o.target(0, type);
    if (from == "%clock" || from == "%clock_hi" || from == "%globaltimer_lo") {
        o.ins.run = clock32;
        return;
    }
    if (from == "%clock64" || from == "%globaltimer") {
        o.ins.run = clock64;
        return;
    }
    o.ins.a = o.source(1, type);
    o.ins.run = bytes == 8 ? unary<u64, Mov> : unary<u32, Mov>;
}

template <class F>
void decode_logic(Op& o, Handler predicate_form)
{
    const string type = o.take_type();
    if (type == "pred") {
        o.expect(3, 3);
        bool na, nb;
        o.ins.d = o.predicate(0);
        o.ins.a = o.predicate(1, &na);
        o.ins.b = o.predicate(2, &nb);
        o.ins.mode = u8(na | nb << 1);
        o.ins.run = predicate_form;
        return;
    }
    three_operands(o, type);
    o.ins.run = type_bytes(type) == 8 ? binary<u64, F> : binary<u32, F>;
}
template <class F>
void decode_unary_logic(Op& o)
{
    const string type = o.take_type();
    if (type == "pred") {
        bool na;
        o.expect(2, 2);
        o.ins.d = o.predicate(0);
        o.ins.a = o.ins.b = o.predicate(1, &na);
        o.ins.mode = na;
        o.ins.run = predicate_logic<3>;
        return;
    }
    two_operands(o, type);
    o.ins.run = integer_handler(type, []<class T>() -> Handler { return unary<T, F>; });
}

// carry chains: add.cc, addc, sub.cc, subc, mad.cc, madc; the carry lives in a predicate of the frame
u32 carry(Op& o)
{
    auto& p = o.decoder().prototypes;
    auto [at, fresh] =
        p.try_emplace("%carry" + std::to_string(o.decoder().kernel().functions.size())
                          + o.decoder().function().name,
                      0);
    if (fresh) at->second = o.predicate_sink();
    return at->second;
}
template <class T, bool Subtract>
void add_carry(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<T>(w, i.d);
    auto const *a = row<T>(w, i.a), *b = row<T>(w, i.b);
    const u32 in = i.mode & 1 ? w.predicates[i.c] : 0;
    u32 out = 0;
    for_lanes(m, [&](u32 l) {
        const u64 c = in >> l & 1;
        const unsigned __int128 r = Subtract ? static_cast<unsigned __int128>(a[l]) - b[l] - c
                                             : static_cast<unsigned __int128>(a[l]) + b[l] + c;
        d[l] = T(r);
        out |= u32(r >> (sizeof(T) * 8) & 1) << l;
    });
    if (i.mode & 2) set_predicate(w, i.c, out, m);
}
template <class T, bool High>
void mad_carry(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<T>(w, i.d);
    auto const *a = row<T>(w, i.a), *b = row<T>(w, i.b), *c = row<T>(w, i.list[0]);
    const u32 in = i.mode & 1 ? w.predicates[i.c] : 0;
    u32 out = 0;
    for_lanes(m, [&](u32 l) {
        const unsigned __int128 product = static_cast<unsigned __int128>(a[l]) * b[l];
        const T part = High ? T(product >> (sizeof(T) * 8)) : T(product);
        const unsigned __int128 r = static_cast<unsigned __int128>(part) + c[l] + (in >> l & 1);
        d[l] = T(r);
        out |= u32(r >> (sizeof(T) * 8) & 1) << l;
    });
    if (i.mode & 2) set_predicate(w, i.c, out, m);
}

}  // namespace

bool decode_float_arithmetic(Op& o);  // ops_float.cpp: true if the type is a floating-point type
bool decode_half_arithmetic(Op& o);   // ops_half.cpp

namespace {

template <class F>
void arithmetic2(Op& o)
{
    if (decode_float_arithmetic(o) || decode_half_arithmetic(o)) return;
    const string type = o.take_type();
    three_operands(o, type);
    o.ins.run = integer_handler(type, []<class T>() -> Handler { return binary<T, F>; });
}
template <bool Subtract>
void decode_add(Op& o)
{
    if (decode_float_arithmetic(o) || decode_half_arithmetic(o)) return;
    const string type = o.take_type();
    three_operands(o, type);
    bool const in = o.base == "addc" || o.base == "subc", out = o.take("cc");
    if (in || out) {
        o.ins.c = carry(o);
        o.ins.mode = u8(in | out << 1);
        o.ins.run = type_bytes(type) == 8 ? add_carry<u64, Subtract> : add_carry<u32, Subtract>;
    } else if (o.take("sat")) {
        if (type != "s32") throw NotEmulated(".sat");
        o.ins.run = Subtract ? binary<s32, SubSat> : binary<s32, AddSat>;
    } else
        o.ins.run = integer_handler(
            type, []<class T>() -> Handler { return Subtract ? binary<T, Sub> : binary<T, Add>; });
}
void decode_mul(Op& o)
{
    if (decode_float_arithmetic(o) || decode_half_arithmetic(o)) return;
    const string type = o.take_type(), part = o.take_any({"lo", "hi", "wide"});
    if (part == "wide") {
        const string wide = string(1, type[0]) + (type_bytes(type) == 2 ? "32" : "64");
        o.expect(3, 3);
        o.ins.d = o.target(0, wide);
        o.ins.a = o.source(1, type);
        o.ins.b = o.source(2, type);
        o.ins.run = type == "u16"   ? mul_wide<u16>
                    : type == "s16" ? mul_wide<s16>
                    : type == "u32" ? mul_wide<u32>
                                    : mul_wide<s32>;
    } else {
        three_operands(o, type);
        if (part == "hi")
            o.ins.run =
                integer_handler(type, []<class T>() -> Handler { return binary<T, MulHi>; });
        else
            o.ins.run = integer_handler(type, []<class T>() -> Handler { return binary<T, Mul>; });
    }
}
void decode_mad(Op& o)
{
    if (decode_float_arithmetic(o)) return;
    const string type = o.take_type(), part = o.take_any({"lo", "hi", "wide"});
    o.expect(4, 4);
    bool const in = o.base == "madc", out = o.take("cc");
    const string wide =
        part == "wide" ? string(1, type[0]) + (type_bytes(type) == 2 ? "32" : "64") : type;
    o.ins.d = o.target(0, wide);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
    if (in || out) {
        if (part == "wide" || type[0] == 's') throw NotEmulated("carry");
        o.ins.list = o.list({o.source(3, type)});
        o.ins.c = carry(o);
        o.ins.mode = u8(in | out << 1);
        o.ins.run = type_bytes(type) == 8
                        ? (part == "hi" ? mad_carry<u64, true> : mad_carry<u64, false>)
                        : (part == "hi" ? mad_carry<u32, true> : mad_carry<u32, false>);
        return;
    }
    o.ins.c = o.source(3, wide);
    if (part == "wide")
        o.ins.run = type == "u16"   ? mad_wide<u16>
                    : type == "s16" ? mad_wide<s16>
                    : type == "u32" ? mad_wide<u32>
                                    : mad_wide<s32>;
    else if (part == "hi")
        o.ins.run = integer_handler(type, []<class T>() -> Handler { return ternary<T, MadHi>; });
    else
        o.ins.run = integer_handler(type, []<class T>() -> Handler { return ternary<T, Mad>; });
}
template <class F2, class F3>
void decode_24(Op& o)
{
    const string type = o.take_type();
    if (!o.take("lo") || type_bytes(type) != 4) throw NotEmulated("24-bit product");
    o.expect(o.base == "mul24" ? 3 : 4, o.base == "mul24" ? 3 : 4);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
    if (o.base == "mul24")
        o.ins.run = type == "s32" ? binary<s32, F2> : binary<u32, F2>;
    else {
        o.ins.c = o.source(3, type);
        o.ins.run = type == "s32" ? ternary<s32, F3> : ternary<u32, F3>;
    }
}
template <class F>
void arithmetic1(Op& o)
{
    if (decode_float_arithmetic(o) || decode_half_arithmetic(o)) return;
    const string type = o.take_type();
    two_operands(o, type);
    o.ins.run = integer_handler(type, []<class T>() -> Handler { return unary<T, F>; });
}
void decode_shift(Op& o)
{
    const string type = o.take_type();
    o.expect(3, 3);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, "u32");
    if (o.base == "shl")
        o.ins.run = integer_handler(type, []<class T>() -> Handler { return shift_left<T>; });
    else
        o.ins.run = integer_handler(type, []<class T>() -> Handler { return shift_right<T>; });
}
void decode_shf(Op& o)
{
    o.take_type();
    bool const left = o.take("l"), wrap = o.take("wrap");
    if (!left && !o.take("r")) throw NotEmulated("direction");
    if (!wrap && !o.take("clamp")) throw NotEmulated("mode");
    o.expect(4, 4);
    o.ins.d = o.target(0, "b32");
    o.ins.a = o.source(1, "b32");
    o.ins.b = o.source(2, "b32");
    o.ins.c = o.source(3, "b32");
    o.ins.run = left ? (wrap ? funnel_shift<true, true> : funnel_shift<true, false>)
                     : (wrap ? funnel_shift<false, true> : funnel_shift<false, false>);
}
void decode_bits(Op& o)
{  // popc, clz, brev, bfind
    const string type = o.take_type();
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
    const string type = o.take_type();
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
    const string type = o.take_type();
    o.expect(5, 5);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
    o.ins.c = o.source(3, "u32");
    o.ins.list = o.list({o.source(4, "u32")});
    o.ins.run = type_bytes(type) == 8 ? field_insert<u64> : field_insert<u32>;
}
void decode_three(Op& o, string_view type, Handler h, size_t n = 4)
{
    o.expect(n, n);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
    if (n > 3) o.ins.c = o.source(3, type);
    o.ins.run = h;
}
void decode_prmt(Op& o)
{
    if (o.last() == "b32") o.take_type();
    const string mode = o.take_any({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16", "b32"});
    decode_three(o, "b32",
                 mode == "f4e"    ? prmt<1>
                 : mode == "b4e"  ? prmt<2>
                 : mode == "rc8"  ? prmt<3>
                 : mode == "ecl"  ? prmt<4>
                 : mode == "ecr"  ? prmt<5>
                 : mode == "rc16" ? prmt<6>
                                  : prmt<0>);
}
void decode_lop3(Op& o)
{
    o.take_type();
    o.expect(5, 5);
    o.ins.imm = o.constant(4);
    o.operands.resize(4);
    decode_three(o, "b32", lop3);
}
void decode_dp4a(Op& o)
{
    const string b = o.take_type(), a = o.take_type();
    decode_three(o, "b32",
                 a == "u32" ? (b == "u32" ? dot_product<4, u8, u8> : dot_product<4, u8, s8>)
                            : (b == "u32" ? dot_product<4, s8, u8> : dot_product<4, s8, s8>));
}

}  // namespace

void register_integer_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["add"] = t["addc"] = decode_add<false>;
    t["sub"] = t["subc"] = decode_add<true>;
    t["mul"] = decode_mul;
    t["mad"] = t["madc"] = decode_mad;
    t["mul24"] = t["mad24"] = decode_24<Mul24, Mad24>;
    t["sad"] = [](Op& o) {
        const string type = o.take_type();
        decode_three(o, type,
                     integer_handler(type, []<class T>() -> Handler { return ternary<T, Sad>; }));
    };
    t["div"] = arithmetic2<Div>;
    t["rem"] = arithmetic2<Rem>;
    t["min"] = arithmetic2<Min>;
    t["max"] = arithmetic2<Max>;
    t["neg"] = arithmetic1<Neg>;
    t["abs"] = arithmetic1<Abs>;
    t["and"] = [](Op& o) {
        decode_logic<And>(o, predicate_logic<0>);
    };
    t["or"] = [](Op& o) {
        decode_logic<Or>(o, predicate_logic<1>);
    };
    t["xor"] = [](Op& o) {
        decode_logic<Xor>(o, predicate_logic<2>);
    };
    t["not"] = decode_unary_logic<Not>;
    t["cnot"] = decode_unary_logic<CNot>;
    t["shl"] = t["shr"] = decode_shift;
    t["shf"] = decode_shf;
    t["lop3"] = decode_lop3;
    t["popc"] = t["clz"] = t["brev"] = t["bfind"] = decode_bits;
    t["bfe"] = decode_bfe;
    t["bfi"] = decode_bfi;
    t["bmsk"] = [](Op& o) {
        o.take_type();
        const bool wrap = o.take("wrap");
        if (!wrap) o.take("clamp");
        decode_three(o, "b32", wrap ? bit_mask<true> : bit_mask<false>, 3);
    };
    t["fns"] = [](Op& o) {
        o.take_type();
        decode_three(o, "b32", find_nth_set);
    };
    t["prmt"] = decode_prmt;
    t["dp4a"] = decode_dp4a;
    t["setp"] = decode_setp;
    t["selp"] = decode_selp;
    t["mov"] = decode_mov;
}

}  // namespace emu
