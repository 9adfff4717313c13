// Comparison and selection.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

template <class T>
void select(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<T>(w, i.d);
    auto const *a = row<T>(w, i.a), *b = row<T>(w, i.b);
    u32 const p = w.predicates[i.c];
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

template <class T, int kCompare>
inline bool compare(T x, T y)
{
    if constexpr (std::is_floating_point_v<T>) {
        if constexpr (kCompare == 1) return x < y || x > y;
        if constexpr (kCompare == 6) return !(x < y || x > y);
        if constexpr (kCompare == 7) return !(x == y);
        if constexpr (kCompare == 8) return !(x >= y);
        if constexpr (kCompare == 9) return !(x > y);
        if constexpr (kCompare == 10) return !(x <= y);
        if constexpr (kCompare == 11) return !(x < y);
        if constexpr (kCompare == 12) return x == x && y == y;
        if constexpr (kCompare == 13) return x != x || y != y;
    }
    if constexpr (kCompare == 0) return x == y;
    if constexpr (kCompare == 1) return x != y;
    if constexpr (kCompare == 2) return x < y;
    if constexpr (kCompare == 3) return x <= y;
    if constexpr (kCompare == 4) return x > y;
    return x >= y;
}

template <class T, int kCompare, bool kFtz = false>
void compare_rows(Warp& w, Instruction const& i, u32 m)
{
    auto const *a = row<T>(w, i.a), *b = row<T>(w, i.b);
    u32 r = 0;
    auto flush = [](T v) -> T {
        if constexpr (kFtz)
            return std::fabs(v) < std::numeric_limits<T>::min() ? T(0) * v : v;
        else
            return v;
    };
    for (u32 l = 0; l < 32; ++l)
        r |= u32(compare<T, kCompare>(flush(from_lane<T>(a[l])), flush(from_lane<T>(b[l])))) << l;
    if (i.mode) {  // setp.cmp.boolop with a further predicate
        u32 const p = i.mode & 8 ? ~w.predicates[i.c] : w.predicates[i.c];
        u32 const second = (i.mode & 7) == 1 ? ~r & p : (i.mode & 7) == 2 ? ~r | p : ~r ^ p;
        r = (i.mode & 7) == 1 ? r & p : (i.mode & 7) == 2 ? r | p : r ^ p;
        set_predicate(w, i.d, r, m);
        if (i.d2 != kNone) set_predicate(w, i.d2, second, m);
        return;
    }
    set_predicate(w, i.d, r, m);
    if (i.d2 != kNone) set_predicate(w, i.d2, ~r, m);
}

template <class T, bool kFtz = false>
Handler compare_handler(int c)
{
    switch (c) {
        case 0:
            return compare_rows<T, 0, kFtz>;
        case 1:
            return compare_rows<T, 1, kFtz>;
        case 2:
            return compare_rows<T, 2, kFtz>;
        case 3:
            return compare_rows<T, 3, kFtz>;
        case 4:
            return compare_rows<T, 4, kFtz>;
        case 5:
            return compare_rows<T, 5, kFtz>;
    }
    if constexpr (std::is_floating_point_v<T>) {
        switch (c) {
            case 6:
                return compare_rows<T, 6, kFtz>;
            case 7:
                return compare_rows<T, 7, kFtz>;
            case 8:
                return compare_rows<T, 8, kFtz>;
            case 9:
                return compare_rows<T, 9, kFtz>;
            case 10:
                return compare_rows<T, 10, kFtz>;
            case 11:
                return compare_rows<T, 11, kFtz>;
            case 12:
                return compare_rows<T, 12, kFtz>;
            case 13:
                return compare_rows<T, 13, kFtz>;
        }
    }
    throw NotEmulated("comparison");
}

void decode_setp(Op& o)
{
    string const type = o.take_type();
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
    string const boolean = o.take_any({"and", "or", "xor"});
    o.expect(boolean.empty() ? 3 : 4, boolean.empty() ? 3 : 4);
    string const& d = o.operands[0];
    if (size_t const bar = d.find('|'); bar != string::npos) {
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
    string const type = o.take_type();
    o.expect(4, 4);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
    bool negated;
    o.ins.c = o.predicate(3, &negated);
    if (negated) std::swap(o.ins.a, o.ins.b);
    o.ins.run = type_bytes(type) == 8 ? select<u64> : select<u32>;
}

}  // namespace
void register_compare_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["setp"] = decode_setp;
    t["selp"] = decode_selp;
}

}  // namespace calofuse::emulator
