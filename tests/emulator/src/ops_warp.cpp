// Operations between the lanes of a warp: shuffles, votes, match, reductions, elect.
#include "ops.hpp"

namespace emu {
namespace {

enum { Idx, Up, Down, Bfly };
template <int Mode>
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
            const u32 segment = c[l] >> 8 & 31, clamp = c[l] & 31, value = b[l] & 31,
                      high = (l & segment) | (clamp & ~segment), low = l & segment;
            const u32 j = Mode == Idx    ? low | (value & ~segment)
                          : Mode == Up   ? l - value
                          : Mode == Down ? l + value
                                         : l ^ value;
            bool const inside = Mode == Up ? s32(j) >= s32(high) : j <= high;
            from[l] = (inside ? j : l) & 31;
            ok |= u32(inside) << l;
        }
        for (u32 l = 0; l < 32; ++l)
            d[l] = in[from[l]];
        if (i.d2 != kNone) w.predicates[i.d2] = ok;
        return;
    }
    for_lanes(m, [&](u32 l) {
        const u32 segment = c[l] >> 8 & 31, clamp = c[l] & 31, value = b[l] & 31,
                  high = (l & segment) | (clamp & ~segment), low = l & segment;
        u32 j;
        bool inside;
        if (Mode == Idx) {
            j = low | (value & ~segment);
            inside = j <= high;
        } else if (Mode == Up) {
            j = l - value;
            inside = s32(j) >= s32(high);
        } else if (Mode == Down) {
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
    const u32 v = votes(w, i, m);
    for_lanes(m, [&](u32 l) { row32(w, i.d)[l] = v; });
}
template <int K>
void vote(Warp& w, Instruction const& i, u32 m)
{
    const u32 v = votes(w, i, m);
    set_predicate(w, i.d, (K == 0 ? v != 0 : K == 1 ? v == m : v == 0 || v == m) ? ~0u : 0u, m);
}
template <class T, int K>
void reduce(Warp& w, Instruction const& i, u32 m)
{
    auto const* a = row<T>(w, i.a);
    T r = from_lane<T>(a[first_lane(m)]);
    for_lanes(m & (m - 1), [&](u32 l) {
        const T v = from_lane<T>(a[l]);
        if constexpr (K == 0) r = T(r + v);
        if constexpr (K == 1) r = v < r ? v : r;
        if constexpr (K == 2) r = r < v ? v : r;
        if constexpr (K == 3) r = T(r & v);
        if constexpr (K == 4) r = T(r | v);
        if constexpr (K == 5) r = T(r ^ v);
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
    const size_t bar = d.find('|');
    o.ins.d = o.target(trim(d.substr(0, bar)), type);
    if (bar != string::npos) o.ins.d2 = o.predicate(trim(d.substr(bar + 1)));
}

}  // namespace

void register_warp_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["shfl"] = [](Op& o) {
        o.take_type();
        if (!o.take("sync")) throw NotEmulated("shfl without .sync");
        const string k = o.take_any({"idx", "up", "down", "bfly"});
        o.expect(5, 5);
        destination_pair(o, "b32");
        o.ins.a = o.source(1, "b32");
        o.ins.b = o.source(2, "b32");
        o.ins.c = o.source(3, "b32");
        o.ins.members = o.source(4, "b32");
        o.ins.flow = Flow::Collective;
        o.ins.run = k == "idx"    ? shuffle<Idx>
                    : k == "up"   ? shuffle<Up>
                    : k == "down" ? shuffle<Down>
                                  : shuffle<Bfly>;
    };
    t["vote"] = [](Op& o) {
        o.take_type();
        if (!o.take("sync")) throw NotEmulated("vote without .sync");
        const string k = o.take_any({"ballot", "any", "all", "uni"});
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
        o.ins.flow = Flow::Collective;
        o.ins.run = k == "ballot" ? vote_ballot
                    : k == "any"  ? vote<0>
                    : k == "all"  ? vote<1>
                                  : vote<2>;
    };
    t["redux"] = [](Op& o) {
        const string type = o.take_type();
        if (!o.take("sync")) throw NotEmulated("form");
        const string k = o.take_any({"add", "min", "max", "and", "or", "xor"});
        o.expect(3, 3);
        o.ins.d = o.target(0, type);
        o.ins.a = o.source(1, type);
        o.ins.members = o.source(2, "b32");
        o.ins.flow = Flow::Collective;
        const bool s = type == "s32";
        if (type_bytes(type) != 4 || type[0] == 'f') throw NotEmulated("type ." + type);
        o.ins.run = k == "add"   ? reduce<u32, 0>
                    : k == "min" ? (s ? reduce<s32, 1> : reduce<u32, 1>)
                    : k == "max" ? (s ? reduce<s32, 2> : reduce<u32, 2>)
                    : k == "and" ? reduce<u32, 3>
                    : k == "or"  ? reduce<u32, 4>
                                 : reduce<u32, 5>;
    };
    t["match"] = [](Op& o) {
        const string type = o.take_type();
        if (!o.take("sync")) throw NotEmulated("form");
        const bool all = o.take("all");
        if (!all) o.take("any");
        o.expect(3, 3);
        destination_pair(o, "b32");
        o.ins.a = o.source(1, type);
        o.ins.members = o.source(2, "b32");
        o.ins.flow = Flow::Collective;
        const bool wide = type_bytes(type) == 8;
        o.ins.run = all ? (wide ? match_all<u64> : match_all<u32>)
                        : (wide ? match_any<u64> : match_any<u32>);
    };
    t["activemask"] = [](Op& o) {
        o.take_type();
        o.expect(1, 1);
        o.ins.d = o.target(0, "b32");
        o.ins.run = active_mask;
    };
    t["elect"] = [](Op& o) {
        if (!o.take("sync")) throw NotEmulated("form");
        o.expect(2, 2);
        destination_pair(o, "b32");
        o.ins.members = o.source(1, "b32");
        o.ins.flow = Flow::Collective;
        o.ins.run = elect;
    };
    // bar.warp.sync is decoded with the barriers (ops_control.cpp), its action is this:
    t["bar.warp"] = [](Op& o) {
        o.expect(1, 1);
        o.ins.members = o.source(0, "b32");
        o.ins.flow = Flow::Collective;
        o.ins.run = warp_barrier;
    };
}

}  // namespace emu
