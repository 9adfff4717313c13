// Floating-point arithmetic, single and double precision. Rounding modes and flush-to-zero are exact (SSE control
// register); the .approx functions are correctly rounded stand-ins: they are computed in double and rounded once.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

struct Add {
    template <class T>
    T operator()(T a, T b) const
    {
        return a + b;
    }
};
struct Sub {
    template <class T>
    T operator()(T a, T b) const
    {
        return a - b;
    }
};
struct Mul {
    template <class T>
    T operator()(T a, T b) const
    {
        return a * b;
    }
};
struct Div {
    template <class T>
    T operator()(T a, T b) const
    {
        return a / b;
    }
};
struct Fma {
    template <class T>
    T operator()(T a, T b, T c) const
    {
        return __builtin_fma(a, b, c);
    }
};
template <>
inline f32 Fma::operator()<f32>(f32 a, f32 b, f32 c) const
{
    return __builtin_fmaf(a, b, c);
}
struct Min {
    template <class T>
    T operator()(T a, T b) const
    {
        return float_min(a, b);
    }
};
struct Max {
    template <class T>
    T operator()(T a, T b) const
    {
        return float_max(a, b);
    }
};
struct MinNan {
    template <class T>
    T operator()(T a, T b) const
    {
        return a != a || b != b ? std::bit_cast<T>(
                   Lane<T>(sizeof(T) == 4 ? 0x7fffffffull : 0x7fffffffffffffffull))
                                : float_min(a, b);
    }
};
struct MaxNan {
    template <class T>
    T operator()(T a, T b) const
    {
        return a != a || b != b ? std::bit_cast<T>(
                   Lane<T>(sizeof(T) == 4 ? 0x7fffffffull : 0x7fffffffffffffffull))
                                : float_max(a, b);
    }
};
struct Neg {
    template <class T>
    T operator()(T a) const
    {
        return -a;
    }
};
struct Abs {
    template <class T>
    T operator()(T a) const
    {
        return __builtin_fabs(a);
    }
};
struct Sqrt {
    template <class T>
    T operator()(T a) const
    {
        return std::sqrt(a);
    }
};
struct Rcp {
    template <class T>
    T operator()(T a) const
    {
        return T(1) / a;
    }
};
struct Rsqrt {
    f32 operator()(f32 a) const { return f32(1.0 / std::sqrt(f64(a))); }
    f64 operator()(f64 a) const { return 1.0 / std::sqrt(a); }
};
struct Copysign {
    template <class T>
    T operator()(T a, T b) const
    {
        return std::copysign(b, a);
    }
};
struct Saturate {
    template <class T>
    T operator()(T a) const
    {
        return a > T(0) ? (a < T(1) ? a : T(1)) : T(0);
    }
};  // NaN becomes 0
struct Ex2 {
    f32 operator()(f32 a) const { return f32(std::exp2(f64(a))); }
};
struct Lg2 {
    f32 operator()(f32 a) const { return f32(std::log2(f64(a))); }
};
struct Sin {
    f32 operator()(f32 a) const { return f32(std::sin(f64(a))); }
};
struct Cos {
    f32 operator()(f32 a) const { return f32(std::cos(f64(a))); }
};
struct Tanh {
    f32 operator()(f32 a) const { return f32(std::tanh(f64(a))); }
};

/// Any of the above under a rounding mode and with .sat; i.mode holds the control bits >> 8 and bit 0 for .sat.
template <class T, class F>
void unary_mode(Warp& w, Instruction const& i, u32 m)
{
    FloatMode mode(u32(i.imm));
    if (i.mode)
        sparse1<T, T, F>(w, i, m), map1<T, T>(w, {.d = i.d, .a = i.d}, m, Saturate{});
    else
        sparse1<T, T, F>(w, i, m);
}
template <class T, class F>
void binary_mode(Warp& w, Instruction const& i, u32 m)
{
    FloatMode mode(u32(i.imm));
    binary<T, F>(w, i, m);
    if (i.mode) map1<T, T>(w, {.d = i.d, .a = i.d}, m, Saturate{});
}
template <class T, class F>
void ternary_mode(Warp& w, Instruction const& i, u32 m)
{
    FloatMode mode(u32(i.imm));
    ternary<T, F>(w, i, m);
    if (i.mode) map1<T, T>(w, {.d = i.d, .a = i.d}, m, Saturate{});
}
/// .ftz of functions computed through double: flush operand and result by hand.
template <class F>
struct Flushed {
    f32 operator()(f32 a) const
    {
        auto flush = [](f32 v) {
            return std::fabs(v) < std::numeric_limits<f32>::min() ? std::copysign(0.f, v) : v;
        };
        return flush(F{}(flush(a)));
    }
};

template <class T, class F>
Handler pick2(bool special)
{
    return special ? binary_mode<T, F> : binary<T, F>;
}
template <class T, class F>
Handler pick1(bool special)
{
    return special ? unary_mode<T, F> : unary<T, F>;
}

template <class T>
void decode(Op& o, string const& type)
{
    string const b = o.base;
    string const rounding = o.take_any({"rn", "rz", "rm", "rp"});
    bool const approx = o.take("approx"), full = o.take("full"), ftz = o.take("ftz"),
               sat = o.take("sat");
    if ((approx || full) && b != "div" && b != "sqrt" && b != "rsqrt" && b != "rcp" && b != "sin"
        && b != "cos" && b != "lg2" && b != "ex2" && b != "tanh")
        throw NotEmulated("approximation");
    o.ins.imm = (rounding == "rz"   ? kRoundZero
                 : rounding == "rm" ? kRoundDown
                 : rounding == "rp" ? kRoundUp
                                    : kRoundNearest)
                | (ftz ? kFlushToZero : 0);
    o.ins.mode = sat;
    bool const special = o.ins.imm != 0 || sat;
    constexpr bool single = sizeof(T) == 4;
    if (b == "fma" || b == "mad") {
        o.expect(4, 4);
        o.ins.d = o.target(0, type);
        o.ins.a = o.source(1, type);
        o.ins.b = o.source(2, type);
        o.ins.c = o.source(3, type);
        o.ins.run = special ? ternary_mode<T, Fma> : ternary<T, Fma>;
        return;
    }
    if (b == "add" || b == "sub" || b == "mul" || b == "div" || b == "min" || b == "max"
        || b == "copysign") {
        bool const nan = o.take("NaN");
        three_operands(o, type);
        if (b == "add")
            o.ins.run = pick2<T, Add>(special);
        else if (b == "sub")
            o.ins.run = pick2<T, Sub>(special);
        else if (b == "mul")
            o.ins.run = pick2<T, Mul>(special);
        else if (b == "div")
            o.ins.run = pick2<T, Div>(special);
        else if (b == "min")
            o.ins.run = nan ? pick2<T, MinNan>(special) : pick2<T, Min>(special);
        else if (b == "max")
            o.ins.run = nan ? pick2<T, MaxNan>(special) : pick2<T, Max>(special);
        else
            o.ins.run = binary<T, Copysign>;
        return;
    }
    two_operands(o, type);
    if (b == "neg")
        o.ins.run = pick1<T, Neg>(special);
    else if (b == "abs")
        o.ins.run = pick1<T, Abs>(special);
    else if (b == "sqrt")
        o.ins.run = pick1<T, Sqrt>(special);
    else if (b == "rcp")
        o.ins.run = pick1<T, Rcp>(special);
    else if (b == "rsqrt" && !single)
        o.ins.run = sparse1<T, T, Rsqrt>;
    else if constexpr (single) {
        if (b == "rsqrt")
            o.ins.run = ftz ? sparse1<f32, f32, Flushed<Rsqrt>> : unary<f32, Rsqrt>;
        else if (b == "ex2")
            o.ins.run = ftz ? sparse1<f32, f32, Flushed<Ex2>> : sparse1<f32, f32, Ex2>;
        else if (b == "lg2")
            o.ins.run = ftz ? sparse1<f32, f32, Flushed<Lg2>> : sparse1<f32, f32, Lg2>;
        else if (b == "sin")
            o.ins.run = ftz ? sparse1<f32, f32, Flushed<Sin>> : sparse1<f32, f32, Sin>;
        else if (b == "cos")
            o.ins.run = ftz ? sparse1<f32, f32, Flushed<Cos>> : sparse1<f32, f32, Cos>;
        else if (b == "tanh")
            o.ins.run = sparse1<f32, f32, Tanh>;
        else
            throw NotEmulated("function");
    } else
        throw NotEmulated("function");
}

template <int kKind>
void test_property(Warp& w, Instruction const& i, u32 m)
{
    u32 r = 0;
    for_lanes(m, [&](u32 l) {
        f64 const v =
            i.row64 ? std::bit_cast<f64>(row64(w, i.a)[l]) : std::bit_cast<f32>(row32(w, i.a)[l]);
        bool const normal = i.row64 ? std::isnormal(v) : std::isnormal(f32(v));
        bool const b = kKind == 0   ? std::isfinite(v)
                       : kKind == 1 ? std::isinf(v)
                       : kKind == 2 ? !std::isnan(v)
                       : kKind == 3 ? std::isnan(v)
                       : kKind == 4 ? normal
                                    : v != 0 && std::isfinite(v) && !normal;
        r |= u32(b) << l;
    });
    set_predicate(w, i.d, r, m);
}

}  // namespace

bool decode_float_arithmetic(Op& o)
{
    string const type = o.last();
    if (type == "f32") {
        o.take_type();
        decode<f32>(o, type);
        return true;
    }
    if (type == "f64") {
        o.take_type();
        decode<f64>(o, type);
        return true;
    }
    return false;
}
bool decode_half_arithmetic(Op& o);

void register_float_ops(std::unordered_map<string, OpDecoder>& t)
{
    for (char const* n :
         {"fma", "sqrt", "rsqrt", "rcp", "ex2", "lg2", "sin", "cos", "tanh", "copysign"})
        t[n] = [](Op& o) {
            if (!decode_float_arithmetic(o) && !decode_half_arithmetic(o))
                throw NotEmulated("type ." + o.last());
        };
    t["testp"] = [](Op& o) {
        string const type = o.take_type();
        o.expect(2, 2);
        o.ins.d = o.predicate(0);
        o.ins.a = o.source(1, type);
        o.ins.row64 = type == "f64";
        string const k =
            o.take_any({"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
        o.ins.run = k == "finite"       ? test_property<0>
                    : k == "infinite"   ? test_property<1>
                    : k == "number"     ? test_property<2>
                    : k == "notanumber" ? test_property<3>
                    : k == "normal"     ? test_property<4>
                                        : test_property<5>;
    };
}

}  // namespace calofuse::emulator
