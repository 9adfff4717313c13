// Logic of registers and predicates, shifts.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

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

template <class T>
void shift_left(Warp& w, Instruction const& i, u32 m)
{
    map2<T, T, u32>(w, i, m, [](T a, u32 b) -> T {
        T const r = T(a << (b & (sizeof(T) * 8 - 1)));
        return b >= sizeof(T) * 8 ? T(0) : r;
    });
}

template <class T>
void shift_right(Warp& w, Instruction const& i, u32 m)
{
    map2<T, T, u32>(w, i, m, [](T a, u32 b) -> T {
        T const r = T(a >> (b & (sizeof(T) * 8 - 1))), out = a < 0 ? T(-1) : T(0);
        return b >= sizeof(T) * 8 ? out : r;
    });
}

template <bool kLeft, bool kWrap>
void funnel_shift(Warp& w, Instruction const& i, u32 m)
{
    map3<u32, u32, u32, u32>(w, i, m, [](u32 lo, u32 hi, u32 n) -> u32 {
        u64 const v = lo | u64(hi) << 32;
        n = kWrap ? n & 31 : n < 32 ? n : 32;
        return kLeft ? u32((v << n) >> 32) : u32(v >> n);
    });
}

void lop3(Warp& w, Instruction const& i, u32 m)
{
    u32 const table = u32(i.imm);
    map3<u32, u32, u32, u32>(w, i, m, [table](u32 a, u32 b, u32 c) -> u32 {
        u32 r = 0;
        for (u32 k = 0; k < 8; ++k) {
            u32 const on = table >> k & 1 ? ~0u : 0u;
            r |= on & (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
        }
        return r;
    });
}

template <int kLogic>
void predicate_logic(Warp& w, Instruction const& i, u32 m)
{
    u32 const a = i.mode & 1 ? ~w.predicates[i.a] : w.predicates[i.a],
              b = i.mode & 2 ? ~w.predicates[i.b] : w.predicates[i.b];
    set_predicate(w, i.d,
                  kLogic == 0   ? a & b
                  : kLogic == 1 ? a | b
                  : kLogic == 2 ? a ^ b
                  : kLogic == 3 ? ~a
                                : a,
                  m);
}

template <class F>
void decode_logic(Op& o, Handler predicate_form)
{
    string const type = o.take_type();
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
    string const type = o.take_type();
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

void decode_shift(Op& o)
{
    string const type = o.take_type();
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

void decode_lop3(Op& o)
{
    o.take_type();
    o.expect(5, 5);
    o.ins.imm = o.constant(4);
    o.operands.resize(4);
    decode_three(o, "b32", lop3);
}

}  // namespace
void register_logic_ops(std::unordered_map<string, OpDecoder>& t)
{
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
}

}  // namespace calofuse::emulator
