// Asynchronous copies and their synchronisation: cp.async, mbarrier, bulk copies, tensor copies (TMA).
// The option CUDA_EMU_ASYNC decides whether data arrives at once or as late as the program allows.
#include <functional>

#include "ops.hpp"
#include "tensor_map.hpp"

namespace emu {
namespace {

bool early(Warp& w)
{
    const AsyncCopies a = options().async_copies;
    return a == AsyncCopies::Early || (a == AsyncCopies::Random && w.block->group->random.below(2));
}

// ---- cp.async: a shared address, b global address row, c row of the source size (kNone: all), size bytes
void land(Warp& w, u32 lane, PendingCopy const& c)
{
    Block& b = *w.block;
    memcpy(c.to, c.from, c.from_bytes);
    memset(c.to + c.from_bytes, 0, c.bytes - c.from_bytes);
    if (b.shadow) {
        const size_t at = size_t(c.to - b.shared);
        mark_pending(*b.shadow, at, c.bytes, false);
        check_access(w, *c.instruction, *b.shadow, at, c.bytes, Access::Write, lane, false);
    }
}
void copy_async(Warp& w, Instruction const& i, u32 m)
{
    Block& b = *w.block;
    Instruction from = i;
    from.space = Space::Global;
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
            resolve_addresses(w, from, full, i.size, Access::Read);
            for_lanes(full, [&](u32 l) { source[l] = w.pointers[l]; });
        }
        for_lanes(reading & ~full, [&](u32 l) {
            for (u32 k = 0; k < bytes[l]; ++k) {
                from.imm = k;
                resolve_addresses(w, from, 1u << l, 1, Access::Read);
                if (k == 0) source[l] = w.pointers[l];
            }
        });
    }
    resolve_addresses(w, i, m, i.size, Access::Write);
    char* to[32];
    memcpy(to, w.pointers, sizeof to);
    bool const checked_write = w.pattern == Warp::Coalesced;
    for_lanes(m, [&](u32 l) {
        PendingCopy c{to[l], bytes[l] ? source[l] : to[l], i.size, bytes[l], w.copy_group[l], &i};
        if (b.shadow) {
            const size_t at = size_t(to[l] - b.shared);
            if (!checked_write) check_access(w, i, *b.shadow, at, i.size, Access::Write, l, false);
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
void land_up_to(Warp& w, u32 lane, s64 keep)
{
    auto& q = w.copies[lane];
    size_t k = 0;
    for (; k < q.size() && s64(q[k].group) + keep < s64(w.copy_group[lane]); ++k)
        land(w, lane, q[k]);
    q.erase(q.begin(), q.begin() + s64(k));
    if (q.empty()) w.copies_pending &= ~(1u << lane);
}
void wait_copies(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m & w.copies_pending, [&](u32 l) { land_up_to(w, l, i.imm); });
}

// ---- mbarrier: 8 bytes in shared memory, in a layout of our own
struct Mbarrier {
    u64 phase : 1, pending : 20, expected : 20, valid : 1;
    s64 tx : 22;
};
static_assert(sizeof(Mbarrier) == 8);
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
char* barrier_pointer(Warp& w, Instruction const& i, u32 lane, Block** owner = nullptr)
{
    const u64 a = (i.a == kNone  ? 0
                   : i.address64 ? row64(w, i.a)[lane]
                                 : row32(w, i.a)[lane])
                  + u64(i.imm);
    Block* b = nullptr;
    u32 offset = 0;
    char* p;
    if (i.space == Space::Generic) {
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
Mbarrier valid_barrier(Warp& w, Instruction const& i, u32 lane, char const* p, Block const& owner)
{
    const Mbarrier b = load_barrier(p);
    // fresh shared memory is filled with ones: `expected` of an initialised barrier is never all ones with a negative tx
    if (!b.valid || (b.expected == 0xfffff && b.pending == 0xfffff && b.tx == -1))
        fault_at(w, i, lane, cudaErrorIllegalInstruction, "mbarrier is not initialised");
    (void)owner;
    return b;
}
void barrier_init(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        Block* owner;
        char* p = barrier_pointer(w, i, l, &owner);
        const u32 n = row32(w, i.b)[l];
        if (n == 0 || n > 0xffffe)
            fault_at(w, i, l, cudaErrorIllegalInstruction,
                     "mbarrier count " + std::to_string(n) + " is out of range");
        if (owner->shadow)
            check_access(w, i, *owner->shadow, size_t(p - owner->shared), 8, Access::Write, l,
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
        check_access(w, i, *owner.shadow, size_t(p - owner.shared), 8, Access::Atomic, lane, false);
}
/// mode: 1 arrive, 2 expect_tx, 4 drop, 8 complete_tx. b: count or bytes, c: bytes when both.
void barrier_arrive(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        Block* owner;
        char* p = barrier_pointer(w, i, l, &owner);
        Mbarrier b = valid_barrier(w, i, l, p, *owner);
        touch_barrier(w, i, l, *owner, p);
        if (i.d != kNone) row64(w, i.d)[l] = b.phase;
        if (i.mode & 2) b.tx = b.tx + s32(row32(w, i.c)[l]);
        if (i.mode & 8) b.tx = b.tx - s32(row32(w, i.c)[l]);
        if (i.mode & 1) {
            const u32 n = row32(w, i.b)[l];
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
/// mode: 1 parity, 2 try_wait
void barrier_wait(Warp& w, Instruction const& i, u32 m)
{
    for (Block& b : w.block->group->blocks)
        land_bulk(b);
    ++w.block->group->strong_accesses;
    u32 done = 0;
    for_lanes(m, [&](u32 l) {
        Block* owner;
        char* p = barrier_pointer(w, i, l, &owner);
        const Mbarrier b = valid_barrier(w, i, l, p, *owner);
        touch_barrier(w, i, l, *owner, p);
        const u64 phase = i.mode & 1 ? row32(w, i.b)[l] : row64(w, i.b)[l];
        if (b.phase != (phase & 1)) {
            done |= 1u << l;
            if (w.block->shadow) acquire(w, l, p);
        }
    });
    set_predicate(w, i.d, done, m);
}
void pending_count(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) { row32(w, i.d)[l] = 0; });
}
/// cp.async.mbarrier.arrive: arrives when the copies of the thread have landed; we let them land now or later.
void copies_arrive(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        ++w.copy_group[l];
        land_up_to(w, l, 0);
        Block* owner;
        char* p = barrier_pointer(w, i, l, &owner);
        Mbarrier b = valid_barrier(w, i, l, p, *owner);
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
    const string s = o.take_any({"shared::cta", "shared::cluster", "shared"});
    return s.empty() ? Space::Generic : Space::SharedCluster;
}
void decode_mbarrier(Op& o)
{
    if (o.last() == "b64") o.take_type();
    const Space space = take_shared(o);
    bool const expect = o.take("expect_tx"), complete = o.take("complete_tx");
    const string k = o.take_any(
        {"init", "inval", "arrive_drop", "arrive", "test_wait", "try_wait", "pending_count"});
    o.take_any({"release", "acquire", "relaxed"});
    o.take_any({"cta", "cluster"});
    bool const no_complete = o.take("noComplete");
    if (no_complete) throw NotEmulated(".noComplete");
    if (k == "pending_count") {
        o.ins.d = o.target(0, "b32");
        o.ins.run = pending_count;
        throw NotEmulated("pending_count");
    }
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
        const size_t at = has_state ? 1 : 0;
        o.address(o.operands[at], space);
        if (has_state && o.operands[0] != "_") o.ins.d = o.target(0, "b64");
        o.ins.mode = u8(1 | (expect ? 2 : 0) | (k == "arrive_drop" ? 4 : 0));
        const u32 operand =
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
        o.ins.flow = Flow::Yield;
        return;
    }
    throw NotEmulated("form");
}

// ---- bulk copies
struct BulkTarget {
    Block* block;
    u32 offset;
    char* barrier;
    Block* barrier_block;
};

void start_bulk(Warp& w,
                Instruction const& i,
                u32 lane,
                BulkTarget const& t,
                u32 bytes,
                std::function<void()> copy)
{
    Block& b = *t.block;
    if (b.shadow) {
        if (&b == w.block)
            check_access(w, i, *b.shadow, t.offset, bytes, Access::Write, lane, false);
        for (size_t word = t.offset / 4; word * 4 < t.offset + bytes; ++word)
            b.shadow->state[word] = u8((b.shadow->state[word] & ~kWritten) | kPending);
    }
    w.block->bulk.push_back(
        {std::move(copy), t.block, t.offset, bytes, t.barrier, t.barrier_block});
    if (early(w)) land_bulk(*w.block);
}
u32 address32(Warp& w, Instruction const& i, u32 row, u32 lane)
{
    (void)i;
    return row32(w, row)[lane];
}

/// list: 0 destination, 1 source, 2 bytes, 3 mbarrier, 4 multicast mask (or kNone). mode: 0 from global, 1 from shared.
void bulk_load(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        const u32 to = address32(w, i, i.list[0], l), bytes = row32(w, i.list[2])[l],
                  bar = address32(w, i, i.list[3], l);
        if (bytes % 16)
            fault_at(w, i, l, cudaErrorMisalignedAddress,
                     "bulk copy of " + std::to_string(bytes) + " bytes (not a multiple of 16)");
        const char* from;
        Block* source_block = nullptr;
        u32 source_offset = 0;
        if (i.mode == 0) {
            from = reinterpret_cast<const char*>(row64(w, i.list[1])[l]);
            if (reinterpret_cast<u64>(from) % 16)
                fault_at(w, i, l, cudaErrorMisalignedAddress,
                         "bulk copy: source is not 16-byte aligned");
            Allocation* a = device_memory().find(from, bytes);
            if (!a)
                fault_at(w, i, l, cudaErrorIllegalAddress, "bulk copy reads outside device memory",
                         device_memory().describe(from));
            if (a->shadow && w.block->shadow)
                check_access(w, i, *a->shadow, size_t(from - a->base), bytes, Access::Read, l,
                             true);
        } else {
            from = shared_pointer(w, i, l, row32(w, i.list[1])[l], bytes, 16, &source_block,
                                  &source_offset);
            if (source_block->shadow && source_block == w.block)
                check_async_read(w, i, *source_block->shadow, source_offset, bytes, l);
        }
        u32 ranks = 0;
        if (i.list[4] != kNone) ranks = row32(w, i.list[4])[l] & 0xffff;
        auto one = [&](Block& block, u32 offset, char* barrier) {
            char* p = block.shared + offset;
            start_bulk(w, i, l, {&block, offset, barrier, &block}, bytes,
                       [p, from, bytes] { memcpy(p, from, bytes); });
        };
        Block *to_block, *bar_block;
        u32 to_offset, bar_offset;
        shared_pointer(w, i, l, to, bytes, 16, &to_block, &to_offset);
        char* barrier = shared_pointer(w, i, l, bar, 8, 8, &bar_block, &bar_offset);
        if (ranks) {
            for (u32 r = 0; r < w.block->group->blocks.size(); ++r)
                if (ranks >> r & 1) {
                    Block& b = w.block->group->blocks[r];
                    one(b, to_offset, b.shared + bar_offset);
                }
        } else
            one(*to_block, to_offset, barrier);
    });
}

template <class T>
void reduce_rows(char* to, char const* from, u32 bytes, int kind)
{
    for (u32 k = 0; k + sizeof(T) <= bytes; k += sizeof(T)) {
        T a, b;
        memcpy(&a, to + k, sizeof a);
        memcpy(&b, from + k, sizeof b);
        a = kind == 1 ? T(a + b) : kind == 2 ? (b < a ? b : a) : (a < b ? b : a);
        memcpy(to + k, &a, sizeof a);
    }
}
/// kind: 0 copy, 1 add, 2 min, 3 max; type: index of the element type
void combine_bytes(char* to, char const* from, u32 bytes, int kind, int type)
{
    if (kind == 0) {
        memcpy(to, from, bytes);
        return;
    }
    switch (type) {
        case 0:
            return reduce_rows<u32>(to, from, bytes, kind);
        case 1:
            return reduce_rows<s32>(to, from, bytes, kind);
        case 2:
            return reduce_rows<u64>(to, from, bytes, kind);
        case 3:
            return reduce_rows<f32>(to, from, bytes, kind);
        case 4:
            return reduce_rows<f64>(to, from, bytes, kind);
        default:
            for (u32 k = 0; k + 2 <= bytes; k += 2) {
                u16 a, b;
                memcpy(&a, to + k, 2);
                memcpy(&b, from + k, 2);
                auto up = [&](u16 v) {
                    return type == 5 ? half_to_float(v) : bf16_to_float(v);
                };
                const f32 r = kind == 1   ? up(a) + up(b)
                              : kind == 2 ? float_min(up(a), up(b))
                                          : float_max(up(a), up(b));
                a = type == 5 ? float_to_half(r) : float_to_bf16(r);
                memcpy(to + k, &a, 2);
            }
    }
}
int reduction_type(string const& t)
{
    static char const* names[] = {"u32", "s32", "u64", "f32", "f64", "f16", "bf16"};
    for (int k = 0; k < 7; ++k)
        if (t == names[k]) return k;
    throw NotEmulated("reduction type ." + t);
}
void start_bulk_store(Warp& w, u32 lane, std::function<void()> copy)
{
    Block& b = *w.block;
    const u32 thread = w.index * 32 + lane;
    if (early(w))
        copy();
    else
        b.bulk_stores.push_back({std::move(copy), b.bulk_group[thread], thread});
}
/// list: 0 destination (global), 1 source (shared), 2 bytes. mode: kind | type << 2
void bulk_store(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        char* to = reinterpret_cast<char*>(row64(w, i.list[0])[l]);
        const u32 bytes = row32(w, i.list[2])[l];
        if (bytes % 16 || reinterpret_cast<u64>(to) % 16)
            fault_at(w, i, l, cudaErrorMisalignedAddress,
                     "bulk copy: size or destination is not a multiple of 16");
        Block* b;
        u32 offset;
        const char* from = shared_pointer(w, i, l, row32(w, i.list[1])[l], bytes, 16, &b, &offset);
        Allocation* a = device_memory().find(to, bytes);
        if (!a)
            fault_at(w, i, l, cudaErrorIllegalAddress, "bulk copy writes outside device memory",
                     device_memory().describe(to));
        if (w.block->shadow) {
            check_async_read(w, i, *b->shadow, offset, bytes, l);
            if (a->shadow)
                check_access(w, i, *a->shadow, size_t(to - a->base), bytes,
                             i.mode & 3 ? Access::Atomic : Access::Write, l, true);
        }
        const int kind = i.mode & 3, type = i.mode >> 2;
        start_bulk_store(
            w, l, [to, from, bytes, kind, type] { combine_bytes(to, from, bytes, kind, type); });
    });
}
void bulk_commit(Warp& w, Instruction const&, u32 m)
{
    for_lanes(m, [&](u32 l) { ++w.block->bulk_group[w.index * 32 + l]; });
}
void bulk_wait(Warp& w, Instruction const& i, u32 m)
{
    Block& b = *w.block;
    for_lanes(m, [&](u32 l) {
        const u32 thread = w.index * 32 + l, now = b.bulk_group[thread];
        std::erase_if(b.bulk_stores, [&](const PendingBulkStore& s) {
            if (s.thread != thread || s64(s.group) + i.imm >= s64(now)) return false;
            s.copy();
            return true;
        });
    });
}

// ---- tensor copies. list: 0 shared address, 1 map address, 2 mbarrier (or kNone), 3 multicast mask (or kNone), 4.. coordinates
/// One row of the box (dimension 0) at a time: f(offset in the box, global address or nullptr, bytes)
TensorMap tensor_map(Warp& w, Instruction const& i, u32 lane, u64 address, u32 rank)
{
    char const* p = reinterpret_cast<char const*>(address);
    Launch const& l = *w.block->launch;
    bool const in_params = p >= l.params && p + 128 <= l.params + l.kernel->param_bytes;
    if (!in_params && !device_memory().find(p, 128))
        fault_at(w, i, lane, cudaErrorIllegalAddress,
                 "tensor map is not in device memory or kernel parameters",
                 "pass it as const __grid_constant__ CUtensorMap");
    if (address % 64)
        fault_at(w, i, lane, cudaErrorMisalignedAddress, "tensor map is not 64-byte aligned");
    TensorMap t;
    memcpy(&t, p, sizeof t);
    if (t.magic != TensorMap::kMagic)
        fault_at(w, i, lane, cudaErrorIllegalInstruction,
                 "tensor map was not made by cuTensorMapEncodeTiled");
    if (t.rank != rank)
        fault_at(w, i, lane, cudaErrorIllegalInstruction,
                 "tensor map has rank " + std::to_string(t.rank));
    return t;
}
struct Piece {
    u32 shared;
    char* global;
};  // one element; global nullptr: outside the tensor
void box_pieces(TensorMap const& t, s32 const* at, u32 shared, vector<Piece>& pieces)
{
    u32 n[5] = {1, 1, 1, 1, 1};
    for (u32 d = 0; d < t.rank; ++d)
        n[d] = (t.box[d] + t.element_stride[d] - 1u) / t.element_stride[d];
    u32 linear = 0;
    const u32 swizzle_bits = t.swizzle == 3 ? 7 : t.swizzle == 2 ? 3 : t.swizzle == 1 ? 1 : 0;
    for (u32 e = 0; e < n[4]; ++e)
        for (u32 d = 0; d < n[3]; ++d)
            for (u32 c = 0; c < n[2]; ++c)
                for (u32 b = 0; b < n[1]; ++b)
                    for (u32 a = 0; a < n[0]; ++a) {
                        const u32 index[5] = {a, b, c, d, e};
                        bool inside = true;
                        u64 offset = 0;
                        for (u32 q = 0; q < t.rank; ++q) {
                            const s64 x = s64(at[q]) + s64(index[q]) * t.element_stride[q];
                            inside &= x >= 0 && x < s64(t.size[q]);
                            offset += u64(x) * (q == 0 ? t.element_bytes : t.stride[q - 1]);
                        }
                        u32 s = shared + linear * t.element_bytes;
                        s ^= (s >> 7 & swizzle_bits) << 4;
                        pieces.push_back(
                            {s, inside ? reinterpret_cast<char*>(t.address) + offset : nullptr});
                        ++linear;
                    }
}
void tensor_load(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        const TensorMap t = tensor_map(w, i, l, row64(w, i.list[1])[l], i.count);
        s32 at[5] = {};
        for (u32 d = 0; d < i.count; ++d)
            at[d] = s32(row32(w, i.list[4 + d])[l]);
        Block *to_block, *bar_block;
        u32 to_offset, bar_offset;
        const u32 to = row32(w, i.list[0])[l];
        shared_pointer(w, i, l, to, 1, t.swizzle == 3 ? 128 : 16, &to_block, &to_offset);
        vector<Piece> pieces;
        box_pieces(t, at, to_offset, pieces);
        const u32 bytes = u32(pieces.size()) * t.element_bytes;
        shared_pointer(w, i, l, to, bytes, 16);
        char* barrier =
            shared_pointer(w, i, l, row32(w, i.list[2])[l], 8, 8, &bar_block, &bar_offset);
        for (auto& p : pieces)
            if (p.global) {
                Allocation* a = w.last && w.last_generation == device_memory().generation()
                                        && w.last->contains(p.global, t.element_bytes)
                                    ? w.last
                                    : device_memory().find(p.global, t.element_bytes);
                if (!a)
                    fault_at(w, i, l, cudaErrorIllegalAddress,
                             "tensor copy reads outside device memory",
                             device_memory().describe(p.global));
                w.last = a;
                w.last_generation = device_memory().generation();
                if (a->shadow && w.block->shadow)
                    check_access(w, i, *a->shadow, size_t(p.global - a->base), t.element_bytes,
                                 Access::Read, l, true);
            }
        auto one = [&](Block& block, char* bar, Block& bb) {
            char* base = block.shared;
            const u32 es = t.element_bytes;
            const u32 fill = t.fill_nan ? 0xffffffffu : 0;
            start_bulk(w, i, l, {&block, to_offset, bar, &bb}, bytes, [pieces, base, es, fill] {
                for (auto& p : pieces) {
                    if (p.global)
                        memcpy(base + p.shared, p.global, es);
                    else
                        memset(base + p.shared, fill ? 0xff : 0, es);
                }
            });
        };
        const u32 ranks = i.list[3] == kNone ? 0 : row32(w, i.list[3])[l] & 0xffff;
        if (ranks) {
            for (u32 r = 0; r < w.block->group->blocks.size(); ++r)
                if (ranks >> r & 1) {
                    Block& b = w.block->group->blocks[r];
                    one(b, b.shared + bar_offset, b);
                }
        } else
            one(*to_block, barrier, *bar_block);
    });
}
void tensor_store(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        const TensorMap t = tensor_map(w, i, l, row64(w, i.list[1])[l], i.count);
        s32 at[5] = {};
        for (u32 d = 0; d < i.count; ++d)
            at[d] = s32(row32(w, i.list[4 + d])[l]);
        Block* b;
        u32 offset;
        const u32 from = row32(w, i.list[0])[l];
        shared_pointer(w, i, l, from, 1, t.swizzle == 3 ? 128 : 16, &b, &offset);
        vector<Piece> pieces;
        box_pieces(t, at, offset, pieces);
        const u32 bytes = u32(pieces.size()) * t.element_bytes, es = t.element_bytes;
        shared_pointer(w, i, l, from, bytes, 16);
        const int kind = i.mode & 3;
        int type = 0;
        if (kind) {
            static const int types[] = {-1, -1, 0, 1, 2, -1, 5, 3, 4, 6};  // CUtensorMapDataType
            type = t.data_type < 10 ? types[t.data_type] : -1;
            if (type < 0)
                fault_at(w, i, l, cudaErrorIllegalInstruction,
                         "tensor reduction on this data type");
        }
        if (b->shadow) check_async_read(w, i, *b->shadow, offset, bytes, l);
        for (auto& p : pieces)
            if (p.global) {
                Allocation* a = device_memory().find(p.global, es);
                if (!a)
                    fault_at(w, i, l, cudaErrorIllegalAddress,
                             "tensor copy writes outside device memory",
                             device_memory().describe(p.global));
                if (a->shadow && w.block->shadow)
                    check_access(w, i, *a->shadow, size_t(p.global - a->base), es,
                                 kind ? Access::Atomic : Access::Write, l, true);
            }
        const char* base = b->shared;
        start_bulk_store(w, l, [pieces, base, es, kind, type] {
            for (auto& p : pieces)
                if (p.global) combine_bytes(p.global, base + p.shared, es, kind, type);
        });
    });
}

string inner(string const& s)
{
    if (s.size() < 2 || s[0] != '[' || s.back() != ']') throw NotEmulated("address '" + s + "'");
    return trim(s.substr(1, s.size() - 2));
}
/// Row with the address of "[reg]" or "[reg+imm]" (the sum is not folded: only plain registers and symbols).
u32 address_row(Op& o, string const& text, string_view type)
{
    const string s = inner(text);
    if (o.row_bytes(s) == 8 && type == "u32") throw NotEmulated("64-bit shared address");
    return o.source(s, type);
}

void decode_bulk(Op& o, bool reduce)
{
    o.take("async");
    o.take("bulk");
    if (o.take("commit_group")) {
        o.ins.run = bulk_commit;
        return;
    }
    if (o.take("wait_group")) {
        o.take("read");
        o.ins.imm = o.constant(0);
        o.ins.run = bulk_wait;
        return;
    }
    if (o.take("prefetch")) {
        while (!o.last().empty())
            o.take(string(o.last()));
        return;
    }
    bool const tensor = o.take("tensor");
    const string dim = o.take_any({"1d", "2d", "3d", "4d", "5d"});
    o.take("tile");
    bool const mbarrier = o.take("mbarrier::complete_tx::bytes"),
               multicast = o.take("multicast::cluster"), hint = o.take("L2::cache_hint"),
               group = o.take("bulk_group");
    int kind = 0, type = 0;
    if (reduce) {
        const string k = o.take_any({"add", "min", "max"});
        if (k.empty()) throw NotEmulated("reduction");
        kind = k == "add" ? 1 : k == "min" ? 2 : 3;
        if (!tensor) type = reduction_type(o.take_type());
        o.take("noftz");
    }
    const size_t cluster = o.take("shared::cluster"), cta = o.take("shared::cta"),
                 global = o.take("global");
    (void)hint;
    o.ins.mode = 0;
    if (tensor) {
        o.ins.count = u8(dim[0] - '0');
        const size_t map_at = mbarrier ? 1 : 0, shared_at = mbarrier ? 0 : 1;
        if (!mbarrier && !group) throw NotEmulated("completion");
        o.expect(2, 5);
        auto const parts = split_operands(inner(o.operands[map_at]));
        if (parts.size() != 2 || parts[1][0] != '{') throw NotEmulated("tensor address");
        auto const coordinates = split_operands(parts[1].substr(1, parts[1].size() - 2));
        if (coordinates.size() != o.ins.count) throw NotEmulated("coordinates");
        vector<u32> rows = {address_row(o, o.operands[shared_at], "u32"), o.source(parts[0], "u64"),
                            kNone, kNone};
        if (mbarrier) rows[2] = address_row(o, o.operands[2], "u32");
        if (multicast) rows[3] = o.source(3, "u16");
        for (auto& c : coordinates)
            rows.push_back(o.source(c, "s32"));
        o.ins.list = o.list(rows);
        o.ins.mode = u8(kind);
        o.ins.run = mbarrier ? tensor_load : tensor_store;
        if (mbarrier && reduce) throw NotEmulated("reduction");
        return;
    }
    if (mbarrier) {
        if (reduce) throw NotEmulated("reduction into shared memory");
        bool const from_shared = cluster && cta && !global;
        o.expect(4, 6);
        vector<u32> rows = {address_row(o, o.operands[0], "u32"),
                            address_row(o, o.operands[1], from_shared ? "u32" : "u64"),
                            o.source(2, "u32"), address_row(o, o.operands[3], "u32"), kNone};
        if (multicast) rows[4] = o.source(4, "u16");
        o.ins.list = o.list(rows);
        o.ins.mode = from_shared;
        o.ins.run = bulk_load;
        return;
    }
    if (!group || !global || !cta) throw NotEmulated("form");
    o.expect(3, 4);
    o.ins.list = o.list({address_row(o, o.operands[0], "u64"), address_row(o, o.operands[1], "u32"),
                         o.source(2, "u32")});
    o.ins.mode = u8(kind | type << 2);
    o.ins.run = bulk_store;
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
    o.take_any({"ca", "cg"});
    if (o.take_any({"shared::cta", "shared"}).empty() || !o.take("global"))
        throw NotEmulated("form");
    for (char const* h : {"L2::64B", "L2::128B", "L2::256B"})
        o.take(h);
    bool const hint = o.take("L2::cache_hint");
    o.expect(3, 5);
    const string from = inner(o.operands[1]);
    string base = from;
    s64 offset = 0;
    if (const size_t plus = from.find('+'); plus != string::npos) {
        base = trim(from.substr(0, plus));
        auto v = parse_number(from.substr(plus + 1), "s64");
        if (!v) throw NotEmulated("address");
        offset = s64(*v);
    }
    o.address(o.operands[0], Space::Shared);
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

}  // namespace

void land_bulk(Block& b)
{
    auto pending = std::move(b.bulk);
    b.bulk.clear();
    for (auto& p : pending) {
        p.copy();
        if (p.to->shadow) {
            mark_async_write(*p.to, *p.to->shadow, p.offset, p.bytes);
            publish_async(*p.to, p.barrier);
        }
        Mbarrier m = load_barrier(p.barrier);
        m.tx = m.tx - s32(p.bytes);
        complete_phase(m);
        store_barrier(p.barrier, m);
    }
}

void drain_bulk_stores(Block& b)
{
    for (auto& s : b.bulk_stores)
        s.copy();
    b.bulk_stores.clear();
}

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

}  // namespace emu
