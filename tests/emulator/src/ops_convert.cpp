// Conversions between integers and single and double precision.
#include "tests/emulator/src/convert.hpp"

namespace calofuse::emulator {
namespace {

template <class D, class A>
void convert(Warp& w, Instruction const& i, u32 m)
{
    u8 const r = i.mode & 7;
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
                W const lo = std::numeric_limits<D>::min(), hi = std::numeric_limits<D>::max(),
                        v = a;
                return D(v < lo ? lo : v > hi ? hi : v);
            });
        else
            map1<D, A>(w, i, m, [](A a) -> D { return D(a); });
    } else if constexpr (std::is_integral_v<A>) {  // integer to float
        if (r == kDefault || r == kNearest) {
            map1<D, A>(w, i, m, [](A a) -> D { return D(a); });
        } else {
            FloatMode mode(r == kTowardZero ? kRoundZero : r == kDown ? kRoundDown : kRoundUp);
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
                if (r > kNearest && f64(q) != f64(v)
                    && !(v != v)) {  // directed rounding of a narrowing conversion
                    bool const above = f64(q) > f64(v);
                    bool const want_down = r == kDown || (r == kTowardZero && v > 0),
                               want_up = r == kUp || (r == kTowardZero && v < 0);
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

bool is_float(string const& t)
{
    return t == "f32" || t == "f64";
}

Conversion take_conversion(Op& o)
{
    auto take_type = [&]() -> string {
        string const last = o.last();
        for (char const* n : {"e4m3x2", "e5m2x2", "tf32"})
            if (last == n) {
                o.take(n);
                return last;
            }
        return o.take_type();
    };
    Conversion c;
    c.from = take_type();
    c.to = take_type();
    string const r = o.take_any({"rna", "rni", "rzi", "rmi", "rpi", "rn", "rz", "rm", "rp"});
    c.ties_away = r == "rna";
    c.integral = r.size() == 3 && !c.ties_away;
    c.rounding = r.empty()     ? kDefault
                 : r[1] == 'n' ? kNearest
                 : r[1] == 'z' ? kTowardZero
                 : r[1] == 'm' ? kDown
                               : kUp;
    c.sat = o.take("sat");
    c.ftz = o.take("ftz");
    c.relu = o.take("relu");
    c.finite = o.take("satfinite");
    return c;
}

void decode_cvt(Op& o)
{
    Conversion const c = take_conversion(o);
    o.expect(2, 3);
    if (decode_small_conversion(o, c)) return;
    o.expect(2, 2);
    if (c.relu) throw NotEmulated(".relu");
    // registers may be wider than the type: only within the same row width
    auto fits = [&](string const& type, string const& reg) {
        u32 const b = o.row_bytes(reg);
        return b == 0 || (b == 8) == (type_bytes(type) == 8);
    };
    bool const low_half =
        !is_float(c.from) && o.row_bytes(o.operands[1]) == 8 && type_bytes(c.from) < 8;
    if (!fits(c.to, o.operands[0]) || (!fits(c.from, o.operands[1]) && !low_half))
        throw NotEmulated("register size");
    if (is_float(c.from) && !is_float(c.to) && !c.integral) throw NotEmulated("rounding");
    Instruction& i = o.ins;
    i.d = o.target(0, c.to);
    i.a = o.source(1, low_half ? "b64" : c.from);
    i.mode = u8(c.rounding | (c.sat ? 8 : 0) | (c.ftz ? 16 : 0));
    i.size = c.integral && is_float(c.to);
    i.run = table(c.to, c.from);
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

}  // namespace calofuse::emulator
