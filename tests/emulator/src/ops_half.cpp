// Arithmetic on f16, bf16 and their packed pairs: computed in float (fma in double) and rounded once.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

template <bool kBf16>
inline f32 up(u32 v)
{
    return kBf16 ? bf16_to_float(u16(v)) : half_to_float(u16(v));
}
template <bool kBf16>
inline u32 down(f32 f)
{
    return kBf16 ? float_to_bf16(f) : float_to_half(f);
}
/// Rounds a double to half or bfloat16 with a single rounding: to odd in float first.
template <bool kBf16>
inline u32 down_exact(f64 d)
{
    f32 f = f32(d);
    if (f64(f) != d && std::isfinite(f)) {
        u32 u = std::bit_cast<u32>(f);
        if (!(u & 1)) {  // move to the odd neighbour on the side of d
            bool const up_magnitude = std::fabs(d) > std::fabs(f64(f));
            u = up_magnitude ? u + 1 : u - 1;
            f = std::bit_cast<f32>(u);
        }
    }
    return down<kBf16>(f);
}

enum Kind {
    kAdd,
    kSub,
    kMul,
    kFma,
    kFmaRelu,
    kMin,
    kMax,
    kMinNan,
    kMaxNan,
    kNeg,
    kAbs,
    kEx2,
    kTanh
};
template <bool kBf16, int kKind>
inline u32 apply(u32 a, u32 b, u32 c)
{
    if constexpr (kKind == kNeg) return (a ^ 0x8000) & 0xffff;
    if constexpr (kKind == kAbs) return a & 0x7fff;
    f32 const x = up<kBf16>(a), y = up<kBf16>(b);
    if constexpr (kKind == kAdd) return down<kBf16>(x + y);
    if constexpr (kKind == kSub) return down<kBf16>(x - y);
    if constexpr (kKind == kMul) return down<kBf16>(x * y);
    if constexpr (kKind == kFma) return down_exact<kBf16>(f64(x) * f64(y) + f64(up<kBf16>(c)));
    if constexpr (kKind == kFmaRelu) {
        f64 const r = f64(x) * f64(y) + f64(up<kBf16>(c));
        return r != r ? 0x7fff : r > 0 ? down_exact<kBf16>(r) : 0;
    }
    if constexpr (kKind == kMin) return down<kBf16>(float_min(x, y));
    if constexpr (kKind == kMax) return down<kBf16>(float_max(x, y));
    if constexpr (kKind == kMinNan) return x != x || y != y ? 0x7fff : down<kBf16>(float_min(x, y));
    if constexpr (kKind == kMaxNan) return x != x || y != y ? 0x7fff : down<kBf16>(float_max(x, y));
    if constexpr (kKind == kEx2) return down_exact<kBf16>(std::exp2(f64(x)));
    return down_exact<kBf16>(std::tanh(f64(x)));
}
template <bool kBf16, bool kPair, int kKind>
void half_rows(Warp& w, Instruction const& i, u32 m)
{
    u32* d = row32(w, i.d);
    u32 const *a = row32(w, i.a), *b = row32(w, i.b == kNone ? i.a : i.b),
              *c = row32(w, i.c == kNone ? i.a : i.c);
    for_lanes(m, [&](u32 l) {
        u32 r = apply<kBf16, kKind>(a[l] & 0xffff, b[l] & 0xffff, c[l] & 0xffff);
        if constexpr (kPair) r |= apply<kBf16, kKind>(a[l] >> 16, b[l] >> 16, c[l] >> 16) << 16;
        d[l] = r;
    });
}
template <int kKind>
Handler pick(bool bf, bool pair)
{
    return bf ? (pair ? half_rows<true, true, kKind> : half_rows<true, false, kKind>)
              : (pair ? half_rows<false, true, kKind> : half_rows<false, false, kKind>);
}

// setp and set on half types; mode: comparison, i.size: 1 = pair, 2 = bf16
inline bool compare(int c, f32 x, f32 y)
{
    switch (c) {
        case 0:
            return x == y;
        case 1:
            return x < y || x > y;
        case 2:
            return x < y;
        case 3:
            return x <= y;
        case 4:
            return x > y;
        case 5:
            return x >= y;
        case 6:
            return !(x < y || x > y);
        case 7:
            return !(x == y);
        case 8:
            return !(x >= y);
        case 9:
            return !(x > y);
        case 10:
            return !(x <= y);
        case 11:
            return !(x < y);
        case 12:
            return x == x && y == y;
        default:
            return x != x || y != y;
    }
}
void half_setp(Warp& w, Instruction const& i, u32 m)
{
    u32 const *a = row32(w, i.a), *b = row32(w, i.b);
    u32 lo = 0, hi = 0;
    bool const bf = i.size & 2;
    auto f = [&](u32 v) {
        return bf ? bf16_to_float(u16(v)) : half_to_float(u16(v));
    };
    for_lanes(m, [&](u32 l) {
        lo |= u32(compare(i.mode, f(a[l]), f(b[l]))) << l;
        hi |= u32(compare(i.mode, f(a[l] >> 16), f(b[l] >> 16))) << l;
    });
    set_predicate(w, i.d, lo, m);
    if (i.d2 != kNone) set_predicate(w, i.d2, i.size & 1 ? hi : ~lo, m);
}
void half_set(Warp& w, Instruction const& i, u32 m)
{  // set: 1.0 or all ones per half
    u32 const *a = row32(w, i.a), *b = row32(w, i.b);
    u32* d = row32(w, i.d);
    bool const bf = i.size & 2, pair = i.size & 1, ones = i.size & 4;
    auto f = [&](u32 v) {
        return bf ? bf16_to_float(u16(v)) : half_to_float(u16(v));
    };
    u32 const yes = ones ? 0xffff : bf ? 0x3f80 : 0x3c00;
    for_lanes(m, [&](u32 l) {
        u32 r = compare(i.mode, f(a[l]), f(b[l])) ? yes : 0;
        if (pair) r |= (compare(i.mode, f(a[l] >> 16), f(b[l] >> 16)) ? yes : 0) << 16;
        d[l] = r;
    });
}
int take_comparison(Op& o)
{
    static char const* names[] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "equ",
                                  "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
    for (int k = 0; k < 14; ++k)
        if (o.take(names[k])) return k;
    throw NotEmulated("comparison");
}
bool is_half(string const& t)
{
    return t == "f16" || t == "f16x2" || t == "bf16" || t == "bf16x2";
}
OpDecoder other_setp = nullptr;

void decode_setp(Op& o)
{
    if (!is_half(o.last())) return other_setp(o);
    string const type = o.take_type();
    o.take("ftz");
    o.ins.mode = u8(take_comparison(o));
    o.ins.size = u8((type.back() == '2' ? 1 : 0) | (type[0] == 'b' ? 2 : 0));
    o.expect(3, 3);
    string const d = o.operands[0];
    size_t const bar = d.find('|');
    o.ins.d = o.predicate(trim(d.substr(0, bar)));
    if (bar != string::npos) o.ins.d2 = o.predicate(trim(d.substr(bar + 1)));
    o.ins.a = o.source(1, type);
    o.ins.b = o.source(2, type);
    o.ins.run = half_setp;
}
void decode_set(Op& o)
{
    string const type = o.take_type();
    if (!is_half(type)) throw NotEmulated("set on ." + type);
    string const to = o.take_type();
    o.take("ftz");
    o.ins.mode = u8(take_comparison(o));
    bool const pair = type.back() == '2', number = to == type;
    if (!number && !(to == "u32" || to == "u16" || to == "s16" || to == "b16"))
        throw NotEmulated("result type");
    if (to == "u32" && !pair) throw NotEmulated("result type");
    o.ins.size = u8((pair ? 1 : 0) | (type[0] == 'b' ? 2 : 0) | (number ? 0 : 4));
    three_operands(o, type);
    o.ins.run = half_set;
}

}  // namespace

bool decode_half_arithmetic(Op& o)
{
    if (!is_half(o.last())) return false;
    string const type = o.take_type(), b = o.base;
    bool const bf = type[0] == 'b', pair = type.back() == '2';
    o.take("rn");
    if (o.take("ftz") && !(b == "ex2" && bf)) throw NotEmulated(".ftz on half types");
    o.take("approx");
    bool const nan = o.take("NaN"), relu = o.take("relu");
    if (relu && b != "fma") throw NotEmulated(".relu");
    if (b == "fma") {
        o.expect(4, 4);
        o.ins.c = o.source(3, type);
    } else
        o.expect(b == "neg" || b == "abs" || b == "ex2" || b == "tanh" ? 2 : 3, 3);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    if (o.operands.size() > 2) o.ins.b = o.source(2, type);
    o.ins.run = b == "add"    ? pick<kAdd>(bf, pair)
                : b == "sub"  ? pick<kSub>(bf, pair)
                : b == "mul"  ? pick<kMul>(bf, pair)
                : b == "fma"  ? (relu ? pick<kFmaRelu>(bf, pair) : pick<kFma>(bf, pair))
                : b == "min"  ? (nan ? pick<kMinNan>(bf, pair) : pick<kMin>(bf, pair))
                : b == "max"  ? (nan ? pick<kMaxNan>(bf, pair) : pick<kMax>(bf, pair))
                : b == "neg"  ? pick<kNeg>(bf, pair)
                : b == "abs"  ? pick<kAbs>(bf, pair)
                : b == "ex2"  ? pick<kEx2>(bf, pair)
                : b == "tanh" ? pick<kTanh>(bf, pair)
                              : nullptr;
    if (!o.ins.run) throw NotEmulated("type ." + type);
    return true;
}

void register_half_ops(std::unordered_map<string, OpDecoder>& t)
{
    other_setp = t["setp"];
    t["setp"] = decode_setp;
    t["set"] = decode_set;
}

}  // namespace calofuse::emulator
