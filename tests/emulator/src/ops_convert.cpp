// cvt: between integers, floats and half types, with rounding, saturation and packing; cvta is in ops_memory.cpp.
#include "ops.hpp"

namespace emu {
namespace {

enum Rounding : u8 { None, Nearest, Zero, Down, Up };  // of the result

template <class A>
A round_to_integer(A a, u8 r)
{
    switch (r) {
        case Nearest:
            return std::nearbyint(a);
        case Zero:
            return std::trunc(a);
        case Down:
            return std::floor(a);
        case Up:
            return std::ceil(a);
        default:
            return a;
    }
}
template <class D>
D clamp_integer(f64 r)
{  // out of range: nearest bound; NaN: 0
    if (r != r) return 0;
    constexpr f64 lo = f64(std::numeric_limits<D>::min()), hi = f64(std::numeric_limits<D>::max());
    return r <= lo ? std::numeric_limits<D>::min() : r >= hi ? std::numeric_limits<D>::max() : D(r);
}

// mode: rounding | 8 saturate | 16 flush to zero
template <class D, class A>
void convert(Warp& w, Instruction const& i, u32 m)
{
    const u8 r = i.mode & 7;
    bool const sat = i.mode & 8, ftz = i.mode & 16;
    auto flush = [&](auto v) {
        return ftz && sizeof(v) == 4 && std::fabs(v) < std::numeric_limits<f32>::min()
                   ? std::copysign(decltype(v)(0), v)
                   : v;
    };
    if constexpr (std::is_integral_v<A> && std::is_integral_v<D>) {
        if (sat)
            map1<D, A>(w, i, m, [](A a) -> D {
                using W = __int128;
                const W lo = std::numeric_limits<D>::min(), hi = std::numeric_limits<D>::max(),
                        v = a;
                return D(v < lo ? lo : v > hi ? hi : v);
            });
        else
            map1<D, A>(w, i, m, [](A a) -> D { return D(a); });
    } else if constexpr (std::is_integral_v<A>) {  // integer to float
        if (r == None || r == Nearest) {
            map1<D, A>(w, i, m, [](A a) -> D { return D(a); });
        } else {
            FloatMode mode(r == Zero ? kRoundZero : r == Down ? kRoundDown : kRoundUp);
            map1<D, A>(w, i, m, [](A a) -> D { return D(a); });
        }
        if (sat)
            map1<D, D>(w, {.d = i.d, .a = i.d}, m,
                       [](D v) -> D { return v > 0 ? (v < 1 ? v : 1) : 0; });
    } else if constexpr (std::is_integral_v<D>) {  // float to integer
        auto* d = row<D>(w, i.d);
        auto const* a = row<A>(w, i.a);
        for_lanes(m, [&](u32 l) {
            A v = from_lane<A>(a[l]);
            if constexpr (sizeof(A) == 4) v = flush(v);
            d[l] = to_lane<D>(clamp_integer<D>(f64(round_to_integer(v, r))));
        });
    } else {  // float to float
        auto* d = row<D>(w, i.d);
        auto const* a = row<A>(w, i.a);
        for_lanes(m, [&](u32 l) {
            A v = flush(from_lane<A>(a[l]));
            D q;
            if (i.size)
                q = D(round_to_integer(v, r));  // .rni and friends: to an integral value
            else {
                q = D(v);
                if (r > Nearest && f64(q) != f64(v)
                    && !(v != v)) {  // directed rounding of a narrowing conversion
                    const bool above = f64(q) > f64(v);
                    const bool want_down = r == Down || (r == Zero && v > 0),
                               want_up = r == Up || (r == Zero && v < 0);
                    if (above && want_down)
                        q = std::nextafter(q, -std::numeric_limits<D>::infinity());
                    if (!above && want_up)
                        q = std::nextafter(q, std::numeric_limits<D>::infinity());
                }
            }
            q = flush(q);
            if (sat) q = q > 0 ? (q < 1 ? q : D(1)) : D(0);
            d[l] = to_lane<D>(q);
        });
    }
}
template <class D>
Handler from(string_view t)
{
    if (t == "u8" || t == "b8") return convert<D, u8>;
    if (t == "s8") return convert<D, s8>;
    if (t == "f32") return convert<D, f32>;
    if (t == "f64") return convert<D, f64>;
    return integer_handler(t, []<class A>() -> Handler { return convert<D, A>; });
}
Handler table(string_view d, string_view a)
{
    if (d == "u8" || d == "b8") return from<u8>(a);
    if (d == "s8") return from<s8>(a);
    if (d == "f32") return from<f32>(a);
    if (d == "f64") return from<f64>(a);
    if (d == "u16") return from<u16>(a);
    if (d == "s16") return from<s16>(a);
    if (d == "u32") return from<u32>(a);
    if (d == "s32") return from<s32>(a);
    if (d == "u64") return from<u64>(a);
    if (d == "s64") return from<s64>(a);
    throw NotEmulated("type ." + string(d));
}

/// The source register is wider than the source type: its low half is converted. list[0]: scratch row, imm: the conversion.
void convert_low_half(Warp& w, Instruction const& i, u32 m)
{
    u64 const* a = row64(w, i.a);
    u32* low = row32(w, i.list[0]);
    for (u32 l = 0; l < 32; ++l)
        low[l] = u32(a[l]);
    Instruction q = i;
    q.a = i.list[0];
    reinterpret_cast<Handler>(u64(i.imm))(w, q, m);
}

// half types: i.size 0 f16, 1 bf16
f32 half_in(u32 v, bool bf)
{
    return bf ? bf16_to_float(u16(v)) : half_to_float(u16(v));
}
u16 half_out(f64 v, bool bf, u8 rounding, bool relu)
{
    if (relu && !(v > 0)) return v != v ? 0x7fff : 0;
    // nearest through float with rounding to odd, directed by stepping
    f32 f = f32(v);
    if (f64(f) != v && std::isfinite(f)) {
        u32 u = std::bit_cast<u32>(f);
        if (!(u & 1)) f = std::bit_cast<f32>(std::fabs(v) > std::fabs(f64(f)) ? u + 1 : u - 1);
    }
    u16 h = bf ? float_to_bf16(f) : float_to_half(f);
    if (rounding == Zero && v == v && std::fabs(f64(half_in(h, bf))) > std::fabs(v)) --h;
    if ((rounding == Down || rounding == Up) && v == v) {
        const f64 q = half_in(h, bf);
        if (rounding == Down && q > v) h = u16(h & 0x8000 ? h + 1 : h == 0 ? 0x8001 : h - 1);
        if (rounding == Up && q < v) h = u16(h & 0x8000 ? (h == 0x8000 ? 1 : h - 1) : h + 1);
    }
    return h;
}
template <class A>
void to_half(Warp& w, Instruction const& i, u32 m)
{
    auto const* a = row<A>(w, i.a);
    u32* d = row32(w, i.d);
    for_lanes(m, [&](u32 l) {
        d[l] = half_out(f64(from_lane<A>(a[l])), i.size & 1, i.mode & 7, i.mode & 8);
    });
}
template <class D>
void from_half(Warp& w, Instruction const& i, u32 m)
{
    u32 const* a = row32(w, i.a);
    auto* d = row<D>(w, i.d);
    for_lanes(m, [&](u32 l) {
        const f32 v = half_in(a[l], i.size & 1);
        if constexpr (std::is_integral_v<D>)
            d[l] = to_lane<D>(clamp_integer<D>(f64(round_to_integer(v, i.mode & 7))));
        else
            d[l] = to_lane<D>(D(v));
    });
}
void half_to_half(Warp& w, Instruction const& i, u32 m)
{  // f16 <-> bf16, and rounding to an integral value
    u32 const* a = row32(w, i.a);
    u32* d = row32(w, i.d);
    bool const from_bf = i.size & 2, to_bf = i.size & 1;
    for_lanes(m, [&](u32 l) {
        const f32 v = half_in(a[l], from_bf);
        d[l] = half_out(i.size & 4 ? f64(round_to_integer(v, i.mode & 7)) : f64(v), to_bf,
                        i.size & 4 ? u8(Nearest) : u8(i.mode & 7), i.mode & 8);
    });
}
void pack_half(Warp& w, Instruction const& i, u32 m)
{  // cvt.rn.bf16x2.f32 d, a, b: a in the upper half
    u32 const *a = row32(w, i.a), *b = row32(w, i.b);
    u32* d = row32(w, i.d);
    if (i.mode <= Nearest && (i.size & 1)) {
        map2<u32, f32, f32>(w, i, m, [](f32 x, f32 y) -> u32 {
            return u32(float_to_bf16(x)) << 16 | float_to_bf16(y);
        });
        return;
    }
    for_lanes(m, [&](u32 l) {
        const u32 hi = half_out(std::bit_cast<f32>(a[l]), i.size & 1, i.mode & 7, i.mode & 8),
                  lo = half_out(std::bit_cast<f32>(b[l]), i.size & 1, i.mode & 7, i.mode & 8);
        d[l] = hi << 16 | lo;
    });
}
void to_tf32(Warp& w, Instruction const& i, u32 m)
{  // rna: nearest, ties away from zero; rn: ties to even
    map1<u32, u32>(w, i, m, [&](u32 u) -> u32 {
        if ((u & 0x7fffffff) >= 0x7f800000) return u;
        return (i.mode == Nearest ? u + 0xfff + (u >> 13 & 1) : u + 0x1000) & 0xffffe000u;
    });
}

// 8-bit floats: saturate to the largest finite value; e4m3 has no infinity
u8 to_fp8(f32 v, bool e5)
{
    const u32 mant = e5 ? 2 : 3, bias = e5 ? 15 : 7;
    const u8 sign = std::signbit(v) ? 0x80 : 0, max = e5 ? 0x7b : 0x7e;
    if (v != v) return u8(sign | 0x7f);
    const f64 a = std::fabs(f64(v)), largest = e5 ? 57344.0 : 448.0;
    if (a >= largest) return u8(sign | max);
    int e;
    if (a == 0) return sign;
    std::frexp(a, &e);
    --e;
    if (e < 1 - int(bias)) e = 1 - int(bias);
    const f64 unit = std::ldexp(1.0, e - int(mant));
    u32 q = u32(std::nearbyint(a / unit));  // includes the hidden bit
    if (q >> (mant + 1)) q >>= 1, ++e;
    const u32 ef = q >> mant ? u32(e + int(bias)) : 0;
    return u8(std::min<u32>(ef << mant | (q & ((1u << mant) - 1)), max) | sign);
}
f32 from_fp8(u8 v, bool e5)
{
    const u32 mant = e5 ? 2 : 3;
    int const bias = e5 ? 15 : 7;
    const u32 e = (v & 0x7f) >> mant, f = v & ((1u << mant) - 1);
    f32 r;
    if (e5 && e == 31)
        r = f ? NAN : INFINITY;
    else if (!e5 && (v & 0x7f) == 0x7f)
        r = NAN;
    else
        r = e ? std::ldexp(1.f + f32(f) / f32(1u << mant), int(e) - bias)
              : std::ldexp(f32(f) / f32(1u << mant), 1 - bias);
    return v & 0x80 ? -r : r;
}
void pack_fp8(Warp& w, Instruction const& i, u32 m)
{
    u32 const *a = row32(w, i.a), *b = i.b == kNone ? nullptr : row32(w, i.b);
    u32* d = row32(w, i.d);
    for_lanes(m, [&](u32 l) {
        const f32 hi = b ? std::bit_cast<f32>(a[l]) : half_to_float(u16(a[l] >> 16)),
                  lo = b ? std::bit_cast<f32>(b[l]) : half_to_float(u16(a[l]));
        u8 h = to_fp8(hi, i.size), o = to_fp8(lo, i.size);
        if (i.mode & 8) h = h & 0x80 ? 0 : h, o = o & 0x80 ? 0 : o;
        d[l] = u32(h) << 8 | o;
    });
}
void unpack_fp8(Warp& w, Instruction const& i, u32 m)
{
    map1<u32, u32>(w, i, m, [&](u32 v) -> u32 {
        return u32(float_to_half(from_fp8(u8(v >> 8), i.size))) << 16
               | float_to_half(from_fp8(u8(v), i.size));
    });
}

bool is_half(string const& t)
{
    return t == "f16" || t == "bf16";
}
bool is_float(string const& t)
{
    return t == "f32" || t == "f64";
}

void decode_cvt(Op& o)
{
    string from_type = o.last();
    auto take_special = [&]() -> string {
        string t = o.last();
        for (const char* n : {"e4m3x2", "e5m2x2", "tf32"})
            if (t == n) {
                o.take(n);
                return t;
            }
        return o.take_type();
    };
    from_type = take_special();
    const string to_type = take_special();
    const string r = o.take_any({"rna", "rni", "rzi", "rmi", "rpi", "rn", "rz", "rm", "rp"});
    bool const sat = o.take("sat"), ftz = o.take("ftz"), relu = o.take("relu"),
               finite = o.take("satfinite");
    bool const integral = r.size() == 3 && r != "rna";
    u8 mode = r.empty()     ? None
              : r[1] == 'n' ? Nearest
              : r[1] == 'z' ? Zero
              : r[1] == 'm' ? Down
                            : Up;
    o.expect(2, 3);
    Instruction& i = o.ins;
    if (to_type == "tf32") {
        if (from_type != "f32" || relu || finite) throw NotEmulated("tf32 form");
        i.d = o.target(0, "b32");
        i.a = o.source(1, "f32");
        i.mode = r == "rna" ? u8(None) : u8(Nearest);
        if (r == "rz") throw NotEmulated("tf32 form");
        i.run = to_tf32;
        return;
    }
    if (to_type == "e4m3x2" || to_type == "e5m2x2") {
        if (!finite) throw NotEmulated("fp8 without .satfinite");
        i.d = o.target(0, "b16");
        i.size = to_type == "e5m2x2";
        i.mode = relu ? 8 : 0;
        if (from_type == "f32") {
            i.a = o.source(1, "f32");
            i.b = o.source(2, "f32");
        } else if (from_type == "f16x2")
            i.a = o.source(1, "f16x2");
        else
            throw NotEmulated("fp8 source");
        i.run = pack_fp8;
        return;
    }
    if (from_type == "e4m3x2" || from_type == "e5m2x2") {
        if (to_type != "f16x2" || relu) throw NotEmulated("fp8 form");
        i.d = o.target(0, "b32");
        i.a = o.source(1, "b16");
        i.size = from_type == "e5m2x2";
        i.run = unpack_fp8;
        return;
    }
    if (finite) throw NotEmulated(".satfinite");
    if (to_type == "bf16x2" || to_type == "f16x2") {
        if (from_type != "f32" || sat || ftz) throw NotEmulated("packed form");
        o.expect(3, 3);
        i.d = o.target(0, "b32");
        i.a = o.source(1, "f32");
        i.b = o.source(2, "f32");
        i.size = to_type == "bf16x2";
        i.mode = u8(mode | (relu ? 8 : 0));
        i.run = pack_half;
        return;
    }
    o.expect(2, 2);
    if (is_half(to_type) || is_half(from_type)) {
        if (sat) throw NotEmulated(".sat on half types");
        if (ftz && is_half(to_type) && is_half(from_type)) throw NotEmulated(".ftz on half types");
        i.d = o.target(0, to_type);
        i.a = o.source(1, from_type);
        i.mode = u8(mode | (relu ? 8 : 0));
        if (is_half(to_type) && is_half(from_type)) {
            i.size = u8((to_type == "bf16") | (from_type == "bf16") << 1 | (integral ? 4 : 0));
            i.run = half_to_half;
        } else if (is_half(to_type)) {
            i.size = to_type == "bf16";
            if (from_type == "f32")
                i.run = to_half<f32>;
            else if (from_type == "f64")
                i.run = to_half<f64>;
            else if (from_type == "u8")
                i.run = to_half<u8>;
            else if (from_type == "s8")
                i.run = to_half<s8>;
            else
                i.run = integer_handler(from_type, []<class T>() -> Handler { return to_half<T>; });
        } else {
            i.size = from_type == "bf16";
            if (to_type == "f32")
                i.run = from_half<f32>;
            else if (to_type == "f64")
                i.run = from_half<f64>;
            else if (to_type == "u8")
                i.run = from_half<u8>;
            else if (to_type == "s8")
                i.run = from_half<s8>;
            else
                i.run = integer_handler(to_type, []<class T>() -> Handler { return from_half<T>; });
        }
        return;
    }
    if (relu) throw NotEmulated(".relu");
    // registers may be wider than the type: only within the same row width
    auto fits = [&](string const& t, string const& reg) {
        const u32 b = o.row_bytes(reg);
        return b == 0 || (b == 8) == (type_bytes(t) == 8);
    };
    bool const low_half =
        !is_float(from_type) && o.row_bytes(o.operands[1]) == 8 && type_bytes(from_type) < 8;
    if (!fits(to_type, o.operands[0]) || (!fits(from_type, o.operands[1]) && !low_half))
        throw NotEmulated("register size");
    i.d = o.target(0, to_type);
    i.a = o.source(1, low_half ? "b64" : from_type);
    i.mode = u8(mode | (sat ? 8 : 0) | (ftz ? 16 : 0));
    i.size = integral && is_float(to_type);
    if (is_float(from_type) && !is_float(to_type) && !integral) throw NotEmulated("rounding");
    i.run = table(to_type, from_type);
    if (low_half) {
        i.list = o.list({o.scratch(4)});
        i.imm = s64(reinterpret_cast<u64>(i.run));
        i.run = convert_low_half;
    }
}

}  // namespace

void register_convert_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["cvt"] = decode_cvt;
}

}  // namespace emu
