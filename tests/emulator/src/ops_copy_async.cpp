// cp.async: copies of single threads into shared memory, waited for in groups; and what a thread may leave behind.
#include "tests/emulator/src/async.hpp"

namespace calofuse::emulator {
namespace {

void land(Warp& w, u32 lane, PendingCopy const& c)
{
    Block& b = *w.block;
    memcpy(c.to, c.from, c.from_bytes);
    memset(c.to + c.from_bytes, 0, c.bytes - c.from_bytes);
    if (b.shadow) {
        size_t const at = size_t(c.to - b.shared);
        mark_pending(*b.shadow, at, c.bytes, false);
        check_access(w, *c.instruction, *b.shadow, at, c.bytes, Access::write, lane, false);
    }
}

void copy_async(Warp& w, Instruction const& i, u32 m)
{
    Block& b = *w.block;
    Instruction from = i;
    from.space = Space::global;
    from.a = i.b;
    from.imm = i.list ? s64(s32(i.list[0])) : 0;
    from.address64 = true;
    u32 reading = 0;
    u32 bytes[32];
    for_lanes(m, [&](u32 l) {
        bytes[l] = i.c == kNone ? i.size
                   : i.mode     ? (w.predicates[i.c] >> l & 1 ? 0 : i.size)
                                : row32(w, i.c)[l];
        if (bytes[l] > i.size)
            fault_at(w, i, l, cudaErrorIllegalInstruction,
                     "cp.async: source size is larger than the copy size");
        if (bytes[l]) reading |= 1u << l;
    });
    char* source[32] = {};
    if (reading) {
        // the source size may be smaller than the copy: only those bytes are read
        u32 full = 0;
        for_lanes(reading, [&](u32 l) {
            if (bytes[l] == i.size) full |= 1u << l;
        });
        if (full) {
            resolve_addresses(w, from, full, i.size, Access::read);
            for_lanes(full, [&](u32 l) { source[l] = w.pointers[l]; });
        }
        for_lanes(reading & ~full, [&](u32 l) {
            for (u32 k = 0; k < bytes[l]; ++k) {
                from.imm = k;
                resolve_addresses(w, from, 1u << l, 1, Access::read);
                if (k == 0) source[l] = w.pointers[l];
            }
        });
    }
    resolve_addresses(w, i, m, i.size, Access::write);
    char* to[32];
    memcpy(to, w.pointers, sizeof to);
    bool const checked_write = w.pattern == Warp::coalesced;
    for_lanes(m, [&](u32 l) {
        PendingCopy c{to[l], bytes[l] ? source[l] : to[l], i.size, bytes[l], w.copy_group[l], &i};
        if (b.shadow) {
            size_t const at = size_t(to[l] - b.shared);
            if (!checked_write) check_access(w, i, *b.shadow, at, i.size, Access::write, l, false);
            mark_pending(*b.shadow, at, i.size, true);
        }
        if (early(w)) {
            memcpy(c.to, c.from, c.from_bytes);
            memset(c.to + c.from_bytes, 0, c.bytes - c.from_bytes);
        }
        w.copies[l].push_back(c);
        w.copies_pending |= 1u << l;
    });
}

void commit_copies(Warp& w, Instruction const&, u32 m)
{
    for_lanes(m, [&](u32 l) { ++w.copy_group[l]; });
}

}  // namespace

void land_up_to(Warp& w, u32 lane, s64 keep)
{
    auto& q = w.copies[lane];
    size_t k = 0;
    for (; k < q.size() && s64(q[k].group) + keep < s64(w.copy_group[lane]); ++k)
        land(w, lane, q[k]);
    q.erase(q.begin(), q.begin() + s64(k));
    if (q.empty()) w.copies_pending &= ~(1u << lane);
}

namespace {

void wait_copies(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m & w.copies_pending, [&](u32 l) { land_up_to(w, l, i.imm); });
}

void decode_copy_async(Op& o)
{
    o.take_any({"ca", "cg"});
    if (o.take_any({"shared::cta", "shared"}).empty() || !o.take("global"))
        throw NotEmulated("form");
    for (char const* h : {"L2::64B", "L2::128B", "L2::256B"})
        o.take(h);
    bool const hint = o.take("L2::cache_hint");
    o.expect(3, 5);
    string const from = inner(o.operands[1]);
    string base = from;
    s64 offset = 0;
    if (size_t const plus = from.find('+'); plus != string::npos) {
        base = trim(from.substr(0, plus));
        auto v = parse_number(from.substr(plus + 1), "s64");
        if (!v) throw NotEmulated("address");
        offset = s64(*v);
    }
    o.address(o.operands[0], Space::shared);
    o.ins.b = o.source(base, "u64");
    if (offset) o.ins.list = o.list({u32(s32(offset))});
    o.ins.size = u8(o.constant(2));
    if (o.ins.size != 4 && o.ins.size != 8 && o.ins.size != 16) throw NotEmulated("size");
    if (o.operands.size() > (hint ? 4u : 3u)) {
        if (o.is_predicate(o.operands[3])) {
            o.ins.c = o.predicate(3);
            o.ins.mode = 1;  // ignore-src
        } else
            o.ins.c = o.source(3, "u32");
    }
    o.ins.run = copy_async;
}

void decode_cp(Op& o)
{
    if (!o.take("async")) {
        if (o.take("reduce")) {
            o.take("async");
            return decode_bulk(o, true);
        }
        throw NotEmulated("form");
    }
    if (o.take("reduce")) return decode_bulk(o, true);
    if (o.take("bulk")) return decode_bulk(o, false);
    if (o.take("commit_group")) {
        o.ins.run = commit_copies;
        return;
    }
    if (o.take("wait_group")) {
        o.ins.imm = o.constant(0);
        o.ins.run = wait_copies;
        return;
    }
    if (o.take("wait_all")) {
        o.ins.imm = -1;
        o.ins.run = wait_copies;
        return;
    }
    if (o.take("mbarrier")) {
        if (o.last() == "b64") o.take_type();
        o.take("arrive");
        o.ins.mode = o.take("noinc");
        o.address(o.operands[0], take_shared(o));
        o.ins.strong = true;
        o.ins.run = copies_arrive;
        return;
    }
    decode_copy_async(o);
}

}  // namespace

void thread_exits(Warp& w, Instruction const& i, u32 mask)
{
    for_lanes(mask & w.copies_pending, [&](u32 l) {
        report_at(w, *w.copies[l][0].instruction, l, "thread exits while its cp.async is pending");
        w.copies[l].clear();
    });
    w.copies_pending &= ~mask;
    if (!w.wgmmas.empty()) {
        report_at(w, *w.wgmmas[0].instruction, first_lane(mask),
                  "warp exits without wgmma.wait_group for its wgmma");
        w.wgmmas.clear();
    }
    Block& b = *w.block;
    if (!b.bulk_stores.empty())
        for_lanes(mask, [&](u32 l) {
            for (auto& s : b.bulk_stores)
                if (s.thread == w.index * 32 + l) {
                    if (s.group == b.bulk_group[s.thread])
                        report_at(w, i, l,
                                  "thread exits with a bulk store that was never committed");
                }
        });
}

void register_async_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["cp"] = decode_cp;
    t["mbarrier"] = decode_mbarrier;
}

}  // namespace calofuse::emulator
