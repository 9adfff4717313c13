// Conversion and classification of addresses: cvta, isspacep, mapa, getctarank.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

u64 shared_generic(Warp& w, Instruction const& i, u32 lane, u64 address)
{
    u32 offset;
    if (u32(address) < (1u << 24)) return reinterpret_cast<u64>(w.block->shared) + address;
    Block& b = cluster_block(w, i, lane, u32(address), offset);
    return reinterpret_cast<u64>(b.shared) + offset;
}

u32 shared_window(Warp& w, u64 generic)
{
    Group& g = *w.block->group;
    u64 const off = generic - reinterpret_cast<u64>(w.block->shared);
    if (off < g.arena_stride) return u32(off);
    u64 const in = generic - reinterpret_cast<u64>(g.arena);
    if (in < g.arena_bytes) return u32((in / g.arena_stride + 1) << 24 | in % g.arena_stride);
    return u32(off);
}

template <bool kTo>
void convert_shared(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        u64 const a = i.address64 ? row64(w, i.a)[l] : row32(w, i.a)[l];
        u64 const r = kTo ? shared_window(w, a) : shared_generic(w, i, l, a);
        if (i.row64)
            row64(w, i.d)[l] = r;
        else
            row32(w, i.d)[l] = u32(r);
    });
}

template <bool kTo>
void convert_local(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        u64 const base = reinterpret_cast<u64>(w.frame->local) + u64(l) * w.frame->local_stride,
                  a = row64(w, i.a)[l];
        row64(w, i.d)[l] = kTo ? a - base : a + base;
    });
}

template <bool kTo>
void convert_param(Warp& w, Instruction const& i, u32 m)
{
    u64 const base = reinterpret_cast<u64>(w.block->launch->params);
    for_lanes(m, [&](u32 l) {
        row64(w, i.d)[l] = kTo ? row64(w, i.a)[l] - base : row64(w, i.a)[l] + base;
    });
}

void copy64(Warp& w, Instruction const& i, u32 m)
{
    map1<u64, u64>(w, i, m, [](u64 a) { return a; });
}

void decode_cvta(Op& o)
{
    string const type = o.take_type();
    bool const to = o.take("to");
    Space const space = take_space(o);
    o.expect(2, 2);
    o.ins.row64 = o.ins.address64 = type_bytes(type) == 8;
    if (!o.ins.row64) throw NotEmulated("32-bit generic addresses");
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    switch (space) {
        case Space::shared:
        case Space::shared_cluster:
            o.ins.run = to ? convert_shared<true> : convert_shared<false>;
            break;
        case Space::local:
            o.ins.run = to ? convert_local<true> : convert_local<false>;
            break;
        case Space::frame_param:
            o.ins.run = to ? convert_param<true> : convert_param<false>;
            break;
        default:
            o.ins.run = copy64;
    }
}

template <int kKind>
void is_space(Warp& w, Instruction const& i, u32 m)
{
    u32 r = 0;
    for_lanes(m, [&](u32 l) {
        char* p = reinterpret_cast<char*>(row64(w, i.a)[l]);
        Group& g = *w.block->group;
        bool b;
        if (kKind == 0)
            b = device_memory().find(p) != nullptr;
        else if (kKind == 1)
            b = p >= w.block->shared && p < w.block->shared + g.arena_stride;
        else if (kKind == 2)
            b = p >= g.arena && p < g.arena + g.arena_bytes;
        else
            b = p >= w.base.local && p < w.base.local + size_t(w.base.local_stride) * 32;
        r |= u32(b) << l;
    });
    set_predicate(w, i.d, r, m);
}

void map_rank(Warp& w, Instruction const& i, u32 m)
{
    Group& g = *w.block->group;
    for_lanes(m, [&](u32 l) {
        u32 const rank = row32(w, i.b)[l];
        if (rank >= g.blocks.size())
            fault_at(w, i, l, cudaErrorIllegalAddress,
                     "mapa: rank " + std::to_string(rank) + " of a cluster of "
                         + std::to_string(g.blocks.size()) + " blocks");
        if (i.mode) {  // generic
            u64 const a = row64(w, i.a)[l],
                      off = (a - reinterpret_cast<u64>(g.arena)) % g.arena_stride;
            row64(w, i.d)[l] = reinterpret_cast<u64>(g.blocks[rank].shared) + off;
        } else {
            u32 const a = (i.address64 ? u32(row64(w, i.a)[l]) : row32(w, i.a)[l]) & 0xffffff;
            u32 const r = (rank + 1) << 24 | a;
            if (i.row64)
                row64(w, i.d)[l] = r;
            else
                row32(w, i.d)[l] = r;
        }
    });
}

void get_rank(Warp& w, Instruction const& i, u32 m)
{
    Group& g = *w.block->group;
    for_lanes(m, [&](u32 l) {
        u32 r;
        if (i.mode)
            r = u32((row64(w, i.a)[l] - reinterpret_cast<u64>(g.arena)) / g.arena_stride);
        else {
            u32 const a = i.address64 ? u32(row64(w, i.a)[l]) : row32(w, i.a)[l];
            r = a >> 24 ? (a >> 24) - 1 : w.block->rank;
        }
        row32(w, i.d)[l] = r;
    });
}

}  // namespace
void register_address_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["cvta"] = decode_cvta;
    t["isspacep"] = [](Op& o) {
        Space const s = take_space(o);
        o.expect(2, 2);
        o.ins.d = o.predicate(0);
        o.ins.a = o.source(1, "u64");
        o.ins.run = s == Space::global           ? is_space<0>
                    : s == Space::shared         ? is_space<1>
                    : s == Space::shared_cluster ? is_space<2>
                                                 : is_space<3>;
    };
    t["mapa"] = [](Op& o) {
        string const type = o.take_type();
        Space const s = take_space(o);
        o.ins.mode = s == Space::generic;
        o.expect(3, 3);
        o.ins.row64 = o.ins.address64 = type_bytes(type) == 8;
        o.ins.d = o.target(0, type);
        o.ins.a = o.source(1, type);
        o.ins.b = o.source(2, "u32");
        o.ins.run = map_rank;
    };
    t["getctarank"] = [](Op& o) {
        string const type = o.take_type();
        Space const s = take_space(o);
        o.ins.mode = s == Space::generic;
        o.expect(2, 2);
        o.ins.address64 = type_bytes(type) == 8;
        o.ins.d = o.target(0, "u32");
        o.ins.a = o.source(1, type);
        o.ins.run = get_rank;
    };
}

}  // namespace calofuse::emulator
