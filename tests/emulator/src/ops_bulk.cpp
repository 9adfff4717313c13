// Bulk copies and reductions between global and shared memory, in groups or completing on an mbarrier.
#include "tests/emulator/src/async.hpp"

namespace calofuse::emulator {

bool early(Warp& w)
{
    AsyncCopies const a = options().async_copies;
    return a == AsyncCopies::early || (a == AsyncCopies::random && w.block->group->random.below(2));
}

namespace {}  // namespace

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
            check_access(w, i, *b.shadow, t.offset, bytes, Access::write, lane, false);
        for (size_t word = t.offset / 4; word * 4 < t.offset + bytes; ++word)
            b.shadow->state[word] = u8((b.shadow->state[word] & ~kWritten) | kPending);
    }
    w.block->bulk.push_back(
        {std::move(copy), t.block, t.offset, bytes, t.barrier, t.barrier_block});
    if (early(w)) land_bulk(*w.block);
}

namespace {

void bulk_load(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        u32 const to = row32(w, i.list[0])[l], bytes = row32(w, i.list[2])[l],
                  bar = row32(w, i.list[3])[l];
        if (bytes % 16)
            fault_at(w, i, l, cudaErrorMisalignedAddress,
                     "bulk copy of " + std::to_string(bytes) + " bytes (not a multiple of 16)");
        char const* from;
        Block* source_block = nullptr;
        u32 source_offset = 0;
        if (i.mode == 0) {
            from = reinterpret_cast<char const*>(row64(w, i.list[1])[l]);
            if (reinterpret_cast<u64>(from) % 16)
                fault_at(w, i, l, cudaErrorMisalignedAddress,
                         "bulk copy: source is not 16-byte aligned");
            Allocation* a = device_memory().find(from, bytes);
            if (!a)
                fault_at(w, i, l, cudaErrorIllegalAddress, "bulk copy reads outside device memory",
                         device_memory().describe(from));
            if (a->shadow && w.block->shadow)
                check_access(w, i, *a->shadow, size_t(from - a->base), bytes, Access::read, l,
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

}  // namespace

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
                f32 const r = kind == 1   ? up(a) + up(b)
                              : kind == 2 ? float_min(up(a), up(b))
                                          : float_max(up(a), up(b));
                a = type == 5 ? float_to_half(r) : float_to_bf16(r);
                memcpy(to + k, &a, 2);
            }
    }
}

namespace {

int reduction_type(string const& t)
{
    static char const* names[] = {"u32", "s32", "u64", "f32", "f64", "f16", "bf16"};
    for (int k = 0; k < 7; ++k)
        if (t == names[k]) return k;
    throw NotEmulated("reduction type ." + t);
}

}  // namespace

void start_bulk_store(Warp& w, u32 lane, std::function<void()> copy)
{
    Block& b = *w.block;
    u32 const thread = w.index * 32 + lane;
    if (early(w))
        copy();
    else
        b.bulk_stores.push_back({std::move(copy), b.bulk_group[thread], thread});
}

namespace {

void bulk_store(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        char* to = reinterpret_cast<char*>(row64(w, i.list[0])[l]);
        u32 const bytes = row32(w, i.list[2])[l];
        if (bytes % 16 || reinterpret_cast<u64>(to) % 16)
            fault_at(w, i, l, cudaErrorMisalignedAddress,
                     "bulk copy: size or destination is not a multiple of 16");
        Block* b;
        u32 offset;
        char const* from = shared_pointer(w, i, l, row32(w, i.list[1])[l], bytes, 16, &b, &offset);
        Allocation* a = device_memory().find(to, bytes);
        if (!a)
            fault_at(w, i, l, cudaErrorIllegalAddress, "bulk copy writes outside device memory",
                     device_memory().describe(to));
        if (w.block->shadow) {
            check_async_read(w, i, *b->shadow, offset, bytes, l);
            if (a->shadow)
                check_access(w, i, *a->shadow, size_t(to - a->base), bytes,
                             i.mode & 3 ? Access::atomic : Access::write, l, true);
        }
        int const kind = i.mode & 3, type = i.mode >> 2;
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
        u32 const thread = w.index * 32 + l, now = b.bulk_group[thread];
        std::erase_if(b.bulk_stores, [&](PendingBulkStore const& s) {
            if (s.thread != thread || s64(s.group) + i.imm >= s64(now)) return false;
            s.copy();
            return true;
        });
    });
}

}  // namespace

string inner(string const& s)
{
    if (s.size() < 2 || s[0] != '[' || s.back() != ']') throw NotEmulated("address '" + s + "'");
    return trim(s.substr(1, s.size() - 2));
}

namespace {

u32 address_row(Op& o, string const& text, string_view type)
{
    string const s = inner(text);
    if (o.row_bytes(s) == 8 && type == "u32") throw NotEmulated("64-bit shared address");
    return o.source(s, type);
}

/// Modifiers of a bulk or tensor copy.
struct BulkForm {
    bool mbarrier = false, multicast = false, group = false;  // completion
    bool cluster = false, cta = false, global = false;        // spaces that are named
    int kind = 0, type = 0;                                   // reduction (combine_bytes)
};

void decode_tensor_copy(Op& o, BulkForm const& f, string const& dimensions)
{
    if (!f.mbarrier && !f.group) throw NotEmulated("completion");
    if (f.mbarrier && f.kind) throw NotEmulated("reduction");
    o.expect(2, 5);
    o.ins.count = u8(dimensions[0] - '0');
    size_t const map_at = f.mbarrier ? 1 : 0, shared_at = f.mbarrier ? 0 : 1;
    auto const parts = split_operands(inner(o.operands[map_at]));
    if (parts.size() != 2 || parts[1][0] != '{') throw NotEmulated("tensor address");
    auto const coordinates = split_operands(parts[1].substr(1, parts[1].size() - 2));
    if (coordinates.size() != o.ins.count) throw NotEmulated("coordinates");
    vector<u32> rows = {address_row(o, o.operands[shared_at], "u32"), o.source(parts[0], "u64"),
                        kNone, kNone};
    if (f.mbarrier) rows[2] = address_row(o, o.operands[2], "u32");
    if (f.multicast) rows[3] = o.source(3, "u16");
    for (auto& c : coordinates)
        rows.push_back(o.source(c, "s32"));
    o.ins.list = o.list(rows);
    o.ins.mode = u8(f.kind);
    o.ins.run = f.mbarrier ? tensor_load : tensor_store;
}

void decode_bulk_load(Op& o, BulkForm const& f)
{
    if (f.kind) throw NotEmulated("reduction into shared memory");
    bool const from_shared = f.cluster && f.cta && !f.global;
    o.expect(4, 6);
    vector<u32> rows = {address_row(o, o.operands[0], "u32"),
                        address_row(o, o.operands[1], from_shared ? "u32" : "u64"),
                        o.source(2, "u32"), address_row(o, o.operands[3], "u32"), kNone};
    if (f.multicast) rows[4] = o.source(4, "u16");
    o.ins.list = o.list(rows);
    o.ins.mode = from_shared;
    o.ins.run = bulk_load;
}

void decode_bulk_store(Op& o, BulkForm const& f)
{
    if (!f.group || !f.global || !f.cta) throw NotEmulated("form");
    o.expect(3, 4);
    o.ins.list = o.list({address_row(o, o.operands[0], "u64"), address_row(o, o.operands[1], "u32"),
                         o.source(2, "u32")});
    o.ins.mode = u8(f.kind | f.type << 2);
    o.ins.run = bulk_store;
}

}  // namespace

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
    string const dimensions = o.take_any({"1d", "2d", "3d", "4d", "5d"});
    o.take("tile");
    o.take("L2::cache_hint");
    BulkForm f;
    f.mbarrier = o.take("mbarrier::complete_tx::bytes");
    f.multicast = o.take("multicast::cluster");
    f.group = o.take("bulk_group");
    if (reduce) {
        string const k = o.take_any({"add", "min", "max"});
        if (k.empty()) throw NotEmulated("reduction");
        f.kind = k == "add" ? 1 : k == "min" ? 2 : 3;
        if (!tensor) f.type = reduction_type(o.take_type());
        o.take("noftz");
    }
    f.cluster = o.take("shared::cluster");
    f.cta = o.take("shared::cta");
    f.global = o.take("global");
    if (tensor)
        decode_tensor_copy(o, f, dimensions);
    else if (f.mbarrier)
        decode_bulk_load(o, f);
    else
        decode_bulk_store(o, f);
}

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

}  // namespace calofuse::emulator
