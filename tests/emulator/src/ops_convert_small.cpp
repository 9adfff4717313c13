// Conversions of 16-bit and 8-bit floating point and tf32.
#include "tests/emulator/src/convert.hpp"

namespace calofuse::emulator {
namespace {

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
    if (rounding == kTowardZero && v == v && std::fabs(f64(half_in(h, bf))) > std::fabs(v)) --h;
    if ((rounding == kDown || rounding == kUp) && v == v) {
        f64 const q = half_in(h, bf);
        if (rounding == kDown && q > v) h = u16(h & 0x8000 ? h + 1 : h == 0 ? 0x8001 : h - 1);
        if (rounding == kUp && q < v) h = u16(h & 0x8000 ? (h == 0x8000 ? 1 : h - 1) : h + 1);
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
        f32 const v = half_in(a[l], i.size & 1);
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
        f32 const v = half_in(a[l], from_bf);
        d[l] = half_out(i.size & 4 ? f64(round_to_integer(v, i.mode & 7)) : f64(v), to_bf,
                        i.size & 4 ? u8(kNearest) : u8(i.mode & 7), i.mode & 8);
    });
}

void pack_half(Warp& w, Instruction const& i, u32 m)
{  // cvt.rn.bf16x2.f32 d, a, b: a in the upper half
    u32 const *a = row32(w, i.a), *b = row32(w, i.b);
    u32* d = row32(w, i.d);
    if (i.mode <= kNearest && (i.size & 1)) {
        map2<u32, f32, f32>(w, i, m, [](f32 x, f32 y) -> u32 {
            return u32(float_to_bf16(x)) << 16 | float_to_bf16(y);
        });
        return;
    }
    for_lanes(m, [&](u32 l) {
        u32 const hi = half_out(std::bit_cast<f32>(a[l]), i.size & 1, i.mode & 7, i.mode & 8),
                  lo = half_out(std::bit_cast<f32>(b[l]), i.size & 1, i.mode & 7, i.mode & 8);
        d[l] = hi << 16 | lo;
    });
}

void to_tf32(Warp& w, Instruction const& i, u32 m)
{  // rna: nearest, ties away from zero; rn: ties to even
    map1<u32, u32>(w, i, m, [&](u32 u) -> u32 {
        if ((u & 0x7fffffff) >= 0x7f800000) return u;
        return (i.mode == kNearest ? u + 0xfff + (u >> 13 & 1) : u + 0x1000) & 0xffffe000u;
    });
}

u8 to_fp8(f32 v, bool e5)
{
    u32 const mant = e5 ? 2 : 3, bias = e5 ? 15 : 7;
    u8 const sign = std::signbit(v) ? 0x80 : 0, max = e5 ? 0x7b : 0x7e;
    if (v != v) return u8(sign | 0x7f);
    f64 const a = std::fabs(f64(v)), largest = e5 ? 57344.0 : 448.0;
    if (a >= largest) return u8(sign | max);
    int e;
    if (a == 0) return sign;
    std::frexp(a, &e);
    --e;
    if (e < 1 - int(bias)) e = 1 - int(bias);
    f64 const unit = std::ldexp(1.0, e - int(mant));
    u32 q = u32(std::nearbyint(a / unit));  // includes the hidden bit
    if (q >> (mant + 1)) q >>= 1, ++e;
    u32 const ef = q >> mant ? u32(e + int(bias)) : 0;
    return u8(std::min<u32>(ef << mant | (q & ((1u << mant) - 1)), max) | sign);
}

f32 from_fp8(u8 v, bool e5)
{
    u32 const mant = e5 ? 2 : 3;
    int const bias = e5 ? 15 : 7;
    u32 const e = (v & 0x7f) >> mant, f = v & ((1u << mant) - 1);
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
        f32 const hi = b ? std::bit_cast<f32>(a[l]) : half_to_float(u16(a[l] >> 16)),
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

void decode_tf32(Op& o, Conversion const& c)
{
    if (c.from != "f32" || c.relu || c.finite) throw NotEmulated("tf32 form");
    if (c.rounding == kTowardZero && !c.integral) throw NotEmulated("tf32 form");
    o.ins.d = o.target(0, "b32");
    o.ins.a = o.source(1, "f32");
    o.ins.mode = c.ties_away ? kDefault : kNearest;
    o.ins.run = to_tf32;
}

void decode_to_fp8(Op& o, Conversion const& c)
{
    if (!c.finite) throw NotEmulated("fp8 without .satfinite");
    o.ins.d = o.target(0, "b16");
    o.ins.size = c.to == "e5m2x2";
    o.ins.mode = c.relu ? 8 : 0;
    if (c.from == "f32") {
        o.ins.a = o.source(1, "f32");
        o.ins.b = o.source(2, "f32");
    } else if (c.from == "f16x2")
        o.ins.a = o.source(1, "f16x2");
    else
        throw NotEmulated("fp8 source");
    o.ins.run = pack_fp8;
}

void decode_from_fp8(Op& o, Conversion const& c)
{
    if (c.to != "f16x2" || c.relu) throw NotEmulated("fp8 form");
    o.ins.d = o.target(0, "b32");
    o.ins.a = o.source(1, "b16");
    o.ins.size = c.from == "e5m2x2";
    o.ins.run = unpack_fp8;
}

void decode_pair(Op& o, Conversion const& c)
{
    if (c.from != "f32" || c.sat || c.ftz) throw NotEmulated("packed form");
    o.expect(3, 3);
    o.ins.d = o.target(0, "b32");
    o.ins.a = o.source(1, "f32");
    o.ins.b = o.source(2, "f32");
    o.ins.size = c.to == "bf16x2";
    o.ins.mode = u8(c.rounding | (c.relu ? 8 : 0));
    o.ins.run = pack_half;
}

/// f.operator()<T>() with the C++ type of any type but the half types
template <class F>
Handler number_handler(string const& type, F f)
{
    if (type == "f32") return f.template operator()<f32>();
    if (type == "f64") return f.template operator()<f64>();
    if (type == "u8") return f.template operator()<u8>();
    if (type == "s8") return f.template operator()<s8>();
    return integer_handler(type, f);
}

void decode_half(Op& o, Conversion const& c)
{
    bool const both = is_half(c.to) && is_half(c.from);
    if (c.sat) throw NotEmulated(".sat on half types");
    if (c.ftz && both) throw NotEmulated(".ftz on half types");
    o.expect(2, 2);
    o.ins.d = o.target(0, c.to);
    o.ins.a = o.source(1, c.from);
    o.ins.mode = u8(c.rounding | (c.relu ? 8 : 0));
    if (both) {
        o.ins.size = u8((c.to == "bf16") | (c.from == "bf16") << 1 | (c.integral ? 4 : 0));
        o.ins.run = half_to_half;
    } else if (is_half(c.to)) {
        o.ins.size = c.to == "bf16";
        o.ins.run = number_handler(c.from, []<class T>() -> Handler { return to_half<T>; });
    } else {
        o.ins.size = c.from == "bf16";
        o.ins.run = number_handler(c.to, []<class T>() -> Handler { return from_half<T>; });
    }
}

}  // namespace

bool decode_small_conversion(Op& o, Conversion const& c)
{
    auto is_fp8 = [](string const& t) {
        return t == "e4m3x2" || t == "e5m2x2";
    };
    if (c.to == "tf32")
        decode_tf32(o, c);
    else if (is_fp8(c.to))
        decode_to_fp8(o, c);
    else if (is_fp8(c.from))
        decode_from_fp8(o, c);
    else if (c.finite)
        throw NotEmulated(".satfinite");
    else if (c.to == "bf16x2" || c.to == "f16x2")
        decode_pair(o, c);
    else if (is_half(c.to) || is_half(c.from))
        decode_half(o, c);
    else
        return false;
    return true;
}

}  // namespace calofuse::emulator
