// mbarrier: 8 bytes in shared memory, in a layout of our own (async.hpp).
#include "tests/emulator/src/async.hpp"

namespace calofuse::emulator {

Mbarrier load_barrier(char const* p)
{
    Mbarrier b;
    memcpy(&b, p, 8);
    return b;
}

void store_barrier(char* p, Mbarrier const& b)
{
    memcpy(p, &b, 8);
}

void complete_phase(Mbarrier& b)
{
    if (b.pending == 0 && b.tx == 0) {
        b.phase = b.phase ^ 1;
        b.pending = b.expected;
    }
}

namespace {

char* barrier_pointer(Warp& w, Instruction const& i, u32 lane, Block** owner = nullptr)
{
    u64 const a = (i.a == kNone  ? 0
                   : i.address64 ? row64(w, i.a)[lane]
                                 : row32(w, i.a)[lane])
                  + u64(i.imm);
    Block* b = nullptr;
    u32 offset = 0;
    char* p;
    if (i.space == Space::generic) {
        Group& g = *w.block->group;
        p = reinterpret_cast<char*>(a);
        if (p < g.arena || p >= g.arena + g.arena_bytes)
            fault_at(w, i, lane, cudaErrorIllegalAddress, "mbarrier outside shared memory");
        b = &g.blocks[size_t(p - g.arena) / g.arena_stride];
    } else
        p = shared_pointer(w, i, lane, u32(a), 8, 8, &b, &offset);
    if (owner) *owner = b;
    return p;
}

Mbarrier valid_barrier(Warp& w, Instruction const& i, u32 lane, char const* p)
{
    Mbarrier const b = load_barrier(p);
    // fresh shared memory is filled with ones: `expected` of an initialised barrier is never all ones with a negative tx
    if (!b.valid || (b.expected == 0xfffff && b.pending == 0xfffff && b.tx == -1))
        fault_at(w, i, lane, cudaErrorIllegalInstruction, "mbarrier is not initialised");
    return b;
}

void barrier_init(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        Block* owner;
        char* p = barrier_pointer(w, i, l, &owner);
        u32 const n = row32(w, i.b)[l];
        if (n == 0 || n > 0xffffe)
            fault_at(w, i, l, cudaErrorIllegalInstruction,
                     "mbarrier count " + std::to_string(n) + " is out of range");
        if (owner->shadow)
            check_access(w, i, *owner->shadow, size_t(p - owner->shared), 8, Access::write, l,
                         false);
        Mbarrier b{};
        b.pending = n;
        b.expected = n;
        b.valid = 1;
        store_barrier(p, b);
    });
}

void barrier_invalidate(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        char* p = barrier_pointer(w, i, l);
        Mbarrier b{};
        store_barrier(p, b);
    });
}

void touch_barrier(Warp& w, Instruction const& i, u32 lane, Block& owner, char const* p)
{
    if (owner.shadow)
        check_access(w, i, *owner.shadow, size_t(p - owner.shared), 8, Access::atomic, lane, false);
}

void barrier_arrive(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        Block* owner;
        char* p = barrier_pointer(w, i, l, &owner);
        Mbarrier b = valid_barrier(w, i, l, p);
        touch_barrier(w, i, l, *owner, p);
        if (i.d != kNone) row64(w, i.d)[l] = b.phase;
        if (i.mode & 2) b.tx = b.tx + s32(row32(w, i.c)[l]);
        if (i.mode & 8) b.tx = b.tx - s32(row32(w, i.c)[l]);
        if (i.mode & 1) {
            u32 const n = row32(w, i.b)[l];
            if (n > b.pending)
                fault_at(w, i, l, cudaErrorIllegalInstruction,
                         "more arrivals at an mbarrier than it expects");
            if (w.block->shadow) publish_barrier(w, l, p);
            b.pending = b.pending - n;
            if (i.mode & 4) b.expected = b.expected - n;
        }
        if (i.mode & 9) complete_phase(b);
        store_barrier(p, b);
    });
}

void barrier_wait(Warp& w, Instruction const& i, u32 m)
{
    for (Block& b : w.block->group->blocks)
        land_bulk(b);
    ++w.block->group->strong_accesses;
    u32 done = 0;
    for_lanes(m, [&](u32 l) {
        Block* owner;
        char* p = barrier_pointer(w, i, l, &owner);
        Mbarrier const b = valid_barrier(w, i, l, p);
        touch_barrier(w, i, l, *owner, p);
        u64 const phase = i.mode & 1 ? row32(w, i.b)[l] : row64(w, i.b)[l];
        if (b.phase != (phase & 1)) {
            done |= 1u << l;
            if (w.block->shadow) acquire(w, l, p);
        }
    });
    set_predicate(w, i.d, done, m);
}

}  // namespace

void copies_arrive(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        ++w.copy_group[l];
        land_up_to(w, l, 0);
        Block* owner;
        char* p = barrier_pointer(w, i, l, &owner);
        Mbarrier b = valid_barrier(w, i, l, p);
        touch_barrier(w, i, l, *owner, p);
        if (w.block->shadow) publish_barrier(w, l, p);
        if (i.mode) {  // .noinc: counts as one of the expected arrivals
            if (b.pending == 0)
                fault_at(w, i, l, cudaErrorIllegalInstruction,
                         "more arrivals at an mbarrier than it expects");
            b.pending = b.pending - 1;
        }  // otherwise the pending count goes up and down by one: no change
        complete_phase(b);
        store_barrier(p, b);
    });
}

Space take_shared(Op& o)
{
    string const s = o.take_any({"shared::cta", "shared::cluster", "shared"});
    return s.empty() ? Space::generic : Space::shared_cluster;
}

void decode_mbarrier(Op& o)
{
    if (o.last() == "b64") o.take_type();
    Space const space = take_shared(o);
    bool const expect = o.take("expect_tx"), complete = o.take("complete_tx");
    string const k = o.take_any(
        {"init", "inval", "arrive_drop", "arrive", "test_wait", "try_wait", "pending_count"});
    o.take_any({"release", "acquire", "relaxed"});
    o.take_any({"cta", "cluster"});
    bool const no_complete = o.take("noComplete");
    if (no_complete) throw NotEmulated(".noComplete");
    if (k == "pending_count") throw NotEmulated("pending_count");
    o.ins.strong = true;
    if (k == "init" || k == "inval") {
        o.address(o.operands[0], space);
        if (k == "init") o.ins.b = o.source(1, "u32");
        o.ins.run = k == "init" ? barrier_init : barrier_invalidate;
        return;
    }
    if (k == "arrive" || k == "arrive_drop") {
        o.expect(1, 3);
        bool const has_state = o.operands[0][0] != '[';
        size_t const at = has_state ? 1 : 0;
        o.address(o.operands[at], space);
        if (has_state && o.operands[0] != "_") o.ins.d = o.target(0, "b64");
        o.ins.mode = u8(1 | (expect ? 2 : 0) | (k == "arrive_drop" ? 4 : 0));
        u32 const operand =
            o.operands.size() > at + 1 ? o.source(at + 1, "u32") : o.immediate(1, "u32");
        if (expect) {
            o.ins.c = operand;
            o.ins.b = o.immediate(1, "u32");
        } else
            o.ins.b = operand;
        o.ins.run = barrier_arrive;
        return;
    }
    if (k.empty() && (expect || complete)) {
        o.address(o.operands[0], space);
        o.ins.mode = expect ? 2 : 8;
        o.ins.c = o.source(1, "u32");
        o.ins.run = barrier_arrive;
        return;
    }
    if (k == "test_wait" || k == "try_wait") {
        bool const parity = o.take("parity");
        o.expect(3, 4);
        o.ins.d = o.predicate(0);
        o.address(o.operands[1], space);
        o.ins.mode = u8((parity ? 1 : 0) | (k == "try_wait" ? 2 : 0));
        o.ins.b = o.source(2, parity ? "u32" : "b64");
        o.ins.run = barrier_wait;
        o.ins.flow = Flow::yield;
        return;
    }
    throw NotEmulated("form");
}

}  // namespace calofuse::emulator
