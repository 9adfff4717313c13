// Operations between the lanes of a warp: shuffles, votes, match, reductions, elect.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

enum { kIdx, kUp, kDown, kBfly };
template <int kMode>
void shuffle(Warp& w, Instruction const& i, u32 m)
{
    u32 in[32];
    memcpy(in, row32(w, i.a), sizeof in);
    u32* d = row32(w, i.d);
    u32 const *b = row32(w, i.b), *c = row32(w, i.c);
    u32 ok = 0;
    if (m == kAllLanes) {  // without branches, for the vectoriser
        u32 from[32];
        for (u32 l = 0; l < 32; ++l) {
            u32 const segment = c[l] >> 8 & 31, clamp = c[l] & 31, value = b[l] & 31,
                      high = (l & segment) | (clamp & ~segment), low = l & segment;
            u32 const j = kMode == kIdx    ? low | (value & ~segment)
                          : kMode == kUp   ? l - value
                          : kMode == kDown ? l + value
                                           : l ^ value;
            bool const inside = kMode == kUp ? s32(j) >= s32(high) : j <= high;
            from[l] = (inside ? j : l) & 31;
            ok |= u32(inside) << l;
        }
        for (u32 l = 0; l < 32; ++l)
            d[l] = in[from[l]];
        if (i.d2 != kNone) w.predicates[i.d2] = ok;
        return;
    }
    for_lanes(m, [&](u32 l) {
        u32 const segment = c[l] >> 8 & 31, clamp = c[l] & 31, value = b[l] & 31,
                  high = (l & segment) | (clamp & ~segment), low = l & segment;
        u32 j;
        bool inside;
        if (kMode == kIdx) {
            j = low | (value & ~segment);
            inside = j <= high;
        } else if (kMode == kUp) {
            j = l - value;
            inside = s32(j) >= s32(high);
        } else if (kMode == kDown) {
            j = l + value;
            inside = j <= high;
        } else {
            j = l ^ value;
            inside = j <= high;
        }
        if (!inside) j = l;
        if (!(m >> (j & 31) & 1)) {
            report_at(w, i, l, "shuffle reads a lane that does not take part",
                      "lane " + std::to_string(l) + " reads lane " + std::to_string(j));
            d[l] = 0xdeadbeef;
        } else
            d[l] = in[j];
        ok |= u32(inside) << l;
    });
    if (i.d2 != kNone) set_predicate(w, i.d2, ok, m);
}
u32 votes(Warp& w, Instruction const& i, u32 m)
{
    return (i.mode ? ~w.predicates[i.a] : w.predicates[i.a]) & m;
}
void vote_ballot(Warp& w, Instruction const& i, u32 m)
{
    u32 const v = votes(w, i, m);
    for_lanes(m, [&](u32 l) { row32(w, i.d)[l] = v; });
}
template <int kKind>
void vote(Warp& w, Instruction const& i, u32 m)
{
    u32 const v = votes(w, i, m);
    set_predicate(w, i.d,
                  (kKind == 0   ? v != 0
                   : kKind == 1 ? v == m
                                : v == 0 || v == m)
                      ? ~0u
                      : 0u,
                  m);
}
template <class T, int kKind>
void reduce(Warp& w, Instruction const& i, u32 m)
{
    auto const* a = row<T>(w, i.a);
    T r = from_lane<T>(a[first_lane(m)]);
    for_lanes(m & (m - 1), [&](u32 l) {
        T const v = from_lane<T>(a[l]);
        if constexpr (kKind == 0) r = T(r + v);
        if constexpr (kKind == 1) r = v < r ? v : r;
        if constexpr (kKind == 2) r = r < v ? v : r;
        if constexpr (kKind == 3) r = T(r & v);
        if constexpr (kKind == 4) r = T(r | v);
        if constexpr (kKind == 5) r = T(r ^ v);
    });
    for_lanes(m, [&](u32 l) { row<T>(w, i.d)[l] = to_lane<T>(r); });
}
template <class T>
void match_any(Warp& w, Instruction const& i, u32 m)
{
    auto const* a = row<T>(w, i.a);
    u32 r[32];
    for_lanes(m, [&](u32 l) {
        r[l] = 0;
        for_lanes(m, [&](u32 k) { r[l] |= u32(a[k] == a[l]) << k; });
    });
    for_lanes(m, [&](u32 l) { row32(w, i.d)[l] = r[l]; });
}
template <class T>
void match_all(Warp& w, Instruction const& i, u32 m)
{
    auto const* a = row<T>(w, i.a);
    bool same = true;
    for_lanes(m, [&](u32 l) { same &= a[l] == a[first_lane(m)]; });
    for_lanes(m, [&](u32 l) { row32(w, i.d)[l] = same ? m : 0; });
    if (i.d2 != kNone) set_predicate(w, i.d2, same ? ~0u : 0, m);
}
void active_mask(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) { row32(w, i.d)[l] = m; });
}
void elect(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) { row32(w, i.d)[l] = first_lane(m); });
    if (i.d2 != kNone) set_predicate(w, i.d2, m & (0 - m), m);
}
void warp_barrier(Warp& w, Instruction const&, u32 m)
{
    if (w.block->shadow) sync_lanes(w, m);
}

/// "d|p" -> row of d, predicate p
void destination_pair(Op& o, string_view type)
{
    string const& d = o.operands[0];
    size_t const bar = d.find('|');
    o.ins.d = o.target(trim(d.substr(0, bar)), type);
    if (bar != string::npos) o.ins.d2 = o.predicate(trim(d.substr(bar + 1)));
}

void decode_shuffle(Op& o)
{
    o.take_type();
    if (!o.take("sync")) throw NotEmulated("shfl without .sync");
    string const k = o.take_any({"idx", "up", "down", "bfly"});
    o.expect(5, 5);
    destination_pair(o, "b32");
    o.ins.a = o.source(1, "b32");
    o.ins.b = o.source(2, "b32");
    o.ins.c = o.source(3, "b32");
    o.ins.members = o.source(4, "b32");
    o.ins.flow = Flow::collective;
    o.ins.run = k == "idx"    ? shuffle<kIdx>
                : k == "up"   ? shuffle<kUp>
                : k == "down" ? shuffle<kDown>
                              : shuffle<kBfly>;
}

void decode_vote(Op& o)
{
    o.take_type();
    if (!o.take("sync")) throw NotEmulated("vote without .sync");
    string const k = o.take_any({"ballot", "any", "all", "uni"});
    o.expect(3, 3);
    bool negated = false;
    if (k == "ballot")
        o.ins.d = o.target(0, "b32");
    else
        o.ins.d = o.predicate(0);
    if (auto v = parse_number(o.operands[1], "s32")) {  // constant predicate
        o.ins.a = o.predicate_sink();
        negated = *v != 0;  // predicates start as zero
    } else
        o.ins.a = o.predicate(1, &negated);
    o.ins.mode = negated;
    o.ins.members = o.source(2, "b32");
    o.ins.flow = Flow::collective;
    o.ins.run = k == "ballot" ? vote_ballot : k == "any" ? vote<0> : k == "all" ? vote<1> : vote<2>;
}

void decode_redux(Op& o)
{
    string const type = o.take_type();
    if (!o.take("sync")) throw NotEmulated("form");
    string const k = o.take_any({"add", "min", "max", "and", "or", "xor"});
    o.expect(3, 3);
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    o.ins.members = o.source(2, "b32");
    o.ins.flow = Flow::collective;
    bool const s = type == "s32";
    if (type_bytes(type) != 4 || type[0] == 'f') throw NotEmulated("type ." + type);
    o.ins.run = k == "add"   ? reduce<u32, 0>
                : k == "min" ? (s ? reduce<s32, 1> : reduce<u32, 1>)
                : k == "max" ? (s ? reduce<s32, 2> : reduce<u32, 2>)
                : k == "and" ? reduce<u32, 3>
                : k == "or"  ? reduce<u32, 4>
                             : reduce<u32, 5>;
}

void decode_match(Op& o)
{
    string const type = o.take_type();
    if (!o.take("sync")) throw NotEmulated("form");
    bool const all = o.take("all");
    if (!all) o.take("any");
    o.expect(3, 3);
    destination_pair(o, "b32");
    o.ins.a = o.source(1, type);
    o.ins.members = o.source(2, "b32");
    o.ins.flow = Flow::collective;
    bool const wide = type_bytes(type) == 8;
    o.ins.run =
        all ? (wide ? match_all<u64> : match_all<u32>) : (wide ? match_any<u64> : match_any<u32>);
}

void decode_activemask(Op& o)
{
    o.take_type();
    o.expect(1, 1);
    o.ins.d = o.target(0, "b32");
    o.ins.run = active_mask;
}

void decode_elect(Op& o)
{
    if (!o.take("sync")) throw NotEmulated("form");
    o.expect(2, 2);
    destination_pair(o, "b32");
    o.ins.members = o.source(1, "b32");
    o.ins.flow = Flow::collective;
    o.ins.run = elect;
}

/// bar.warp.sync: found among the barriers (ops_control.cpp)
void decode_warp_barrier(Op& o)
{
    o.expect(1, 1);
    o.ins.members = o.source(0, "b32");
    o.ins.flow = Flow::collective;
    o.ins.run = warp_barrier;
}

}  // namespace

void register_warp_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["shfl"] = decode_shuffle;
    t["vote"] = decode_vote;
    t["redux"] = decode_redux;
    t["match"] = decode_match;
    t["activemask"] = decode_activemask;
    t["elect"] = decode_elect;
    t["bar.warp"] = decode_warp_barrier;
}

}  // namespace calofuse::emulator
