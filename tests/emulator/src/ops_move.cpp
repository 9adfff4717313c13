// Moves between registers, predicates and special registers; packing and unpacking.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

struct Mov {
    template <class T>
    T operator()(T a) const
    {
        return a;
    }
};

void copy_predicate(Warp& w, Instruction const& i, u32 m)
{
    u32 const a = w.predicates[i.a];
    set_predicate(w, i.d, i.mode & 1 ? ~a : a, m);
}

void predicate_constant(Warp& w, Instruction const& i, u32 m)
{
    set_predicate(w, i.d, i.imm ? ~0u : 0u, m);
}

void is_explicit_cluster(Warp& w, Instruction const& i, u32 m)
{
    set_predicate(w, i.d, w.block->launch->config.cluster.count() > 1 ? ~0u : 0u, m);
}

template <class T>
void pack(Warp& w, Instruction const& i, u32 m)
{
    auto* d = row<T>(w, i.d);
    for_lanes(m, [&](u32 l) {
        T r = 0;
        for (u32 k = 0; k < i.count; ++k) {
            u64 const part = i.size == 8 ? row64(w, i.list[k])[l] : row32(w, i.list[k])[l];
            u64 const mask = i.size == 8 ? ~0ull : (1ull << i.size * 8) - 1;
            r |= T(T(part & mask) << (i.size * 8 * k));
        }
        d[l] = r;
    });
}

template <class T>
void unpack(Warp& w, Instruction const& i, u32 m)
{
    auto const* a = row<T>(w, i.a);
    u64 const mask = (1ull << i.size * 8) - 1;
    for_lanes(m, [&](u32 l) {
        T const v = a[l];
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
    string const type = o.take_type();
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
            o.ins.run = copy_predicate;
        }
        return;
    }
    u32 const bytes = type_bytes(type);
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

}  // namespace
void register_move_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["mov"] = decode_mov;
}

}  // namespace calofuse::emulator
