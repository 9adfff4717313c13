// Integer arithmetic; the opcodes that it shares with floating point are decided by the type.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
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
        s64 const r = s64(a) + b;
        return s32(r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : r);
    }
};

struct SubSat {
    s32 operator()(s32 a, s32 b) const
    {
        s64 const r = s64(a) - b;
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
        s64 const x = sizeof(T) == 4 && std::is_signed_v<T>
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

/// The carry of add.cc, addc, ... lives in a predicate of the function.
u32 carry(Op& o)
{
    FunctionInfo& f = o.decoder().function();
    if (f.carry == kNone) f.carry = o.predicate_sink();
    return f.carry;
}

template <class T, bool kSubtract>
void add_carry(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<T>(w, i.d);
    auto const *a = row<T>(w, i.a), *b = row<T>(w, i.b);
    u32 const in = i.mode & 1 ? w.predicates[i.c] : 0;
    u32 out = 0;
    for_lanes(m, [&](u32 l) {
        u64 const c = in >> l & 1;
        unsigned __int128 const r = kSubtract ? static_cast<unsigned __int128>(a[l]) - b[l] - c
                                              : static_cast<unsigned __int128>(a[l]) + b[l] + c;
        d[l] = T(r);
        out |= u32(r >> (sizeof(T) * 8) & 1) << l;
    });
    if (i.mode & 2) set_predicate(w, i.c, out, m);
}

template <class T, bool kHigh>
void mad_carry(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<T>(w, i.d);
    auto const *a = row<T>(w, i.a), *b = row<T>(w, i.b), *c = row<T>(w, i.list[0]);
    u32 const in = i.mode & 1 ? w.predicates[i.c] : 0;
    u32 out = 0;
    for_lanes(m, [&](u32 l) {
        unsigned __int128 const product = static_cast<unsigned __int128>(a[l]) * b[l];
        T const part = kHigh ? T(product >> (sizeof(T) * 8)) : T(product);
        unsigned __int128 const r = static_cast<unsigned __int128>(part) + c[l] + (in >> l & 1);
        d[l] = T(r);
        out |= u32(r >> (sizeof(T) * 8) & 1) << l;
    });
    if (i.mode & 2) set_predicate(w, i.c, out, m);
}

}  // namespace

bool decode_float_arithmetic(Op& o);  // ops_float.cpp: true if the type is a floating-point type

bool decode_half_arithmetic(Op& o);  // ops_half.cpp

namespace {

template <class F>
void arithmetic2(Op& o)
{
    if (decode_float_arithmetic(o) || decode_half_arithmetic(o)) return;
    string const type = o.take_type();
    three_operands(o, type);
    o.ins.run = integer_handler(type, []<class T>() -> Handler { return binary<T, F>; });
}

template <bool kSubtract>
void decode_add(Op& o)
{
    if (decode_float_arithmetic(o) || decode_half_arithmetic(o)) return;
    string const type = o.take_type();
    three_operands(o, type);
    bool const in = o.base == "addc" || o.base == "subc", out = o.take("cc");
    if (in || out) {
        o.ins.c = carry(o);
        o.ins.mode = u8(in | out << 1);
        o.ins.run = type_bytes(type) == 8 ? add_carry<u64, kSubtract> : add_carry<u32, kSubtract>;
    } else if (o.take("sat")) {
        if (type != "s32") throw NotEmulated(".sat");
        o.ins.run = kSubtract ? binary<s32, SubSat> : binary<s32, AddSat>;
    } else
        o.ins.run = integer_handler(
            type, []<class T>() -> Handler { return kSubtract ? binary<T, Sub> : binary<T, Add>; });
}

void decode_mul(Op& o)
{
    if (decode_float_arithmetic(o) || decode_half_arithmetic(o)) return;
    string const type = o.take_type(), part = o.take_any({"lo", "hi", "wide"});
    if (part == "wide") {
        string const wide = string(1, type[0]) + (type_bytes(type) == 2 ? "32" : "64");
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
    string const type = o.take_type(), part = o.take_any({"lo", "hi", "wide"});
    o.expect(4, 4);
    bool const in = o.base == "madc", out = o.take("cc");
    string const wide =
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
    string const type = o.take_type();
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
    string const type = o.take_type();
    two_operands(o, type);
    o.ins.run = integer_handler(type, []<class T>() -> Handler { return unary<T, F>; });
}

}  // namespace
void register_arithmetic_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["add"] = t["addc"] = decode_add<false>;
    t["sub"] = t["subc"] = decode_add<true>;
    t["mul"] = decode_mul;
    t["mad"] = t["madc"] = decode_mad;
    t["mul24"] = t["mad24"] = decode_24<Mul24, Mad24>;
    t["sad"] = [](Op& o) {
        string const type = o.take_type();
        decode_three(o, type,
                     integer_handler(type, []<class T>() -> Handler { return ternary<T, Sad>; }));
    };
    t["div"] = arithmetic2<Div>;
    t["rem"] = arithmetic2<Rem>;
    t["min"] = arithmetic2<Min>;
    t["max"] = arithmetic2<Max>;
    t["neg"] = arithmetic1<Neg>;
    t["abs"] = arithmetic1<Abs>;
}

}  // namespace calofuse::emulator
