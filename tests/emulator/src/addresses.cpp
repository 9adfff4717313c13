// Addresses of all spaces to host pointers, with checks of bounds, alignment and shadow.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

[[noreturn, gnu::noinline]] void misaligned(
    Warp& w, Instruction const& i, u32 lane, u64 address, u32 bytes)
{
    char t[96];
    snprintf(t, sizeof t, "address 0x%llx is not a multiple of %u", (unsigned long long)address,
             bytes);
    fault_at(w, i, lane, cudaErrorMisalignedAddress, "misaligned address", t);
}

[[noreturn, gnu::noinline]] void shared_out_of_bounds(
    Warp& w, Instruction const& i, u32 lane, u32 offset, u32 bytes, Block const& b)
{
    char t[160];
    snprintf(t, sizeof t,
             "%u bytes at offset %u of %u bytes of shared memory (%u static, %zu dynamic)", bytes,
             offset, b.shared_bytes, b.launch->kernel->shared_static,
             b.launch->config.dynamic_shared);
    fault_at(w, i, lane, cudaErrorIllegalAddress, "shared memory access out of bounds", t);
}

char const* access_name(Access a)
{
    return a == Access::read ? "read" : a == Access::write ? "write" : "atomic operation";
}

[[noreturn, gnu::noinline]] void global_out_of_bounds(
    Warp& w, Instruction const& i, u32 lane, char const* p, u32 bytes, Access access)
{
    fault_at(w, i, lane, cudaErrorIllegalAddress,
             string("global memory ") + access_name(access) + " out of bounds",
             std::to_string(bytes) + " bytes: " + device_memory().describe(p));
}

void order_strong(Warp& w, Instruction const& i, u32 lane, char const* p, Access access)
{
    ++w.block->group->strong_accesses;
    if (!options().check_race) return;
    if (access != Access::write) acquire(w, lane, p);
    if (access != Access::read) publish(w, lane, p, i.release);
}

void check_lanes(Warp& w,
                 Instruction const& i,
                 u32 m,
                 Shadow& s,
                 char const* base,
                 u32 bytes,
                 Access access,
                 bool global)
{
    if (i.strong || access == Access::atomic) {
        for_lanes(m, [&](u32 l) { order_strong(w, i, l, w.pointers[l], access); });
    } else if (access == Access::read && w.pattern == Warp::uniform) {
        return check_uniform_read(w, i, s, size_t(w.pointers[0] - base), bytes, m, global);
    } else if (w.pattern == Warp::coalesced) {
        return check_coalesced(w, i, s, size_t(w.pointers[0] - base), bytes, access, global);
    }
    if (access == Access::write && !i.strong) return;  // checked store by store, see store()
    for_lanes(m, [&](u32 l) {
        check_access(w, i, s, size_t(w.pointers[l] - base), bytes, access, l, global);
    });
}

}  // namespace

Shadow* classify(Warp& w,
                 Instruction const& i,
                 u32 lane,
                 char* p,
                 u32 bytes,
                 Access access,
                 char const*& base,
                 bool& global)
{
    global = true;
    if (Allocation* a = device_memory().find(p, bytes)) {
        w.last = a;
        w.last_generation = device_memory().generation();
        base = a->base;
        return a->shadow.get();
    }
    global = false;
    Group& g = *w.block->group;
    if (i.space == Space::generic || i.space == Space::shared_cluster) {
        if (p >= g.arena && p < g.arena + g.arena_bytes) {
            size_t const rank = size_t(p - g.arena) / g.arena_stride;
            Block& b = g.blocks[rank];
            if (p + bytes > b.shared + b.shared_bytes)
                shared_out_of_bounds(w, i, lane, u32(p - b.shared), bytes, b);
            base = b.shared;
            if (b.live == 0 && &b != w.block)
                report_at(w, i, lane, "access to the shared memory of a block that has exited");
            return b.shadow.get();
        }
        auto in_frame = [&](Frame const& f) {
            char const* q = f.local + size_t(lane) * f.local_stride;
            return f.local && p >= q && p + bytes <= q + f.local_stride;
        };
        if (in_frame(w.base)) return nullptr;
        for (Frame* f : w.live_frames)
            if (in_frame(*f)) return nullptr;
        Launch const& l = *w.block->launch;
        if (p >= l.params && p + bytes <= l.params + l.kernel->param_bytes) {
            if (access == Access::read) return nullptr;
            fault_at(w, i, lane, cudaErrorIllegalAddress, "write to kernel parameters");
        }
        for (Frame* f : w.live_frames) {
            char const* q = f->local;
            if (q && p >= q && p < q + size_t(f->local_stride) * 32)
                fault_at(w, i, lane, cudaErrorIllegalAddress,
                         "access to local memory of another thread");
        }
        if (w.base.local && p >= w.base.local
            && p < w.base.local + size_t(w.base.local_stride) * 32)
            fault_at(w, i, lane, cudaErrorIllegalAddress,
                     "access outside local memory, or to local memory of another thread");
    }
    global_out_of_bounds(w, i, lane, p, bytes, access);
}

namespace {

void resolve_global(Warp& w, Instruction const& i, u32 m, u32 bytes, Access access)
{
    u32 const lead = first_lane(m);
    alignas(64) u64 at[32];
    if (i.a == kNone) {
        for (u32 l = 0; l < 32; ++l)
            at[l] = u64(i.imm);
    } else if (i.address64) {
        u64 const* a = row64(w, i.a);
        u64 const first = a[lead];
        if (m == kAllLanes)
            for (u32 l = 0; l < 32; ++l)
                at[l] = a[l] + u64(i.imm);
        else
            for (u32 l = 0; l < 32; ++l)
                at[l] = ((m >> l & 1) ? a[l] : first) + u64(i.imm);
    } else {
        u32 const* a = row32(w, i.a);
        for (u32 l = 0; l < 32; ++l)
            at[l] = u64((m >> l & 1) ? a[l] : a[lead]) + u64(i.imm);
    }
    u64 low_bits = 0, not_uniform = 0, not_coalesced = 0;
    for (u32 l = 0; l < 32; ++l) {
        low_bits |= at[l];
        not_uniform |= at[l] ^ at[0];
        not_coalesced |= at[l] ^ (at[0] + u64(l) * bytes);
    }
    if (low_bits & (bytes - 1))
        for_lanes(m, [&](u32 l) {
            if (at[l] & (bytes - 1)) misaligned(w, i, l, at[l], bytes);
        });
    w.pattern = !not_uniform                       ? Warp::uniform
                : !not_coalesced && m == kAllLanes ? Warp::coalesced
                                                   : Warp::scattered;
    for (u32 l = 0; l < 32; ++l)
        w.pointers[l] = reinterpret_cast<char*>(at[l]);
    bool const cached = w.last && w.last_generation == device_memory().generation();
    for (int attempt = cached ? 0 : 1; attempt < 2; ++attempt) {
        if (attempt == 1) {
            Allocation* a = device_memory().find(w.pointers[lead], bytes);
            if (!a) break;
            w.last = a;
            w.last_generation = device_memory().generation();
        }
        u64 const base = reinterpret_cast<u64>(w.last->base), limit = w.last->bytes - bytes;
        if (w.last->bytes < bytes) continue;
        u64 outside = 0;
        for (u32 l = 0; l < 32; ++l)
            outside |= u64(at[l] - base > limit);
        if (outside) continue;
        if (w.last->shadow && w.block->shadow)
            check_lanes(w, i, m, *w.last->shadow, w.last->base, bytes, access, true);
        else if (i.strong || access == Access::atomic)
            w.block->group->strong_accesses += lane_count(m);
        return;
    }
    // lanes point into different allocations or spaces
    if (w.pattern == Warp::coalesced) w.pattern = Warp::scattered;
    for_lanes(m, [&](u32 l) {
        char const* base = nullptr;
        bool global;
        Shadow* s = classify(w, i, l, w.pointers[l], bytes, access, base, global);
        if (!s || !w.block->shadow) return;
        if (i.strong || access == Access::atomic) order_strong(w, i, l, w.pointers[l], access);
        if (access == Access::write && !i.strong) return;
        check_access(w, i, *s, size_t(w.pointers[l] - base), bytes, access, l, global);
    });
}

void resolve_shared(Warp& w, Instruction const& i, u32 m, u32 bytes, Access access)
{
    u32 const lead = first_lane(m);
    Block& b = *w.block;
    alignas(64) u32 at[32];
    if (i.a == kNone) {
        for (u32 l = 0; l < 32; ++l)
            at[l] = u32(i.imm);
    } else if (i.address64) {
        u64 const* a = row64(w, i.a);
        for (u32 l = 0; l < 32; ++l)
            at[l] = u32((m >> l & 1) ? a[l] : a[lead]) + u32(i.imm);
    } else {
        u32 const* a = row32(w, i.a);
        u32 const first = a[lead];
        if (m == kAllLanes)
            for (u32 l = 0; l < 32; ++l)
                at[l] = a[l] + u32(i.imm);
        else
            for (u32 l = 0; l < 32; ++l)
                at[l] = ((m >> l & 1) ? a[l] : first) + u32(i.imm);
    }
    u32 low_bits = 0, not_uniform = 0, not_coalesced = 0, outside = 0;
    u32 const limit = b.shared_bytes - bytes;
    for (u32 l = 0; l < 32; ++l) {
        low_bits |= at[l];
        outside |= u32(at[l] > limit);
        not_uniform |= at[l] ^ at[0];
        not_coalesced |= at[l] ^ (at[0] + l * bytes);
    }
    if (low_bits & (bytes - 1))
        for_lanes(m, [&](u32 l) {
            if (at[l] & (bytes - 1)) misaligned(w, i, l, at[l], bytes);
        });
    if (outside || b.shared_bytes < bytes) {
        if (i.space == Space::shared_cluster) {  // distributed shared memory
            w.pattern = Warp::scattered;
            for_lanes(m, [&](u32 l) {
                Block* owner;
                u32 offset;
                w.pointers[l] = shared_pointer(w, i, l, at[l], bytes, 1, &owner, &offset);
                if (!owner->shadow) return;
                if (i.strong || access == Access::atomic)
                    order_strong(w, i, l, w.pointers[l], access);
                if (access == Access::write && !i.strong) return;
                check_access(w, i, *owner->shadow, offset, bytes, access, l, false);
            });
            for (u32 l = 0; l < 32; ++l)
                if (!(m >> l & 1)) w.pointers[l] = w.pointers[lead & 31];
            return;
        }
        for_lanes(m, [&](u32 l) {
            if (at[l] > limit || b.shared_bytes < bytes)
                shared_out_of_bounds(w, i, l, at[l], bytes, b);
        });
    }
    w.pattern = !not_uniform                       ? Warp::uniform
                : !not_coalesced && m == kAllLanes ? Warp::coalesced
                                                   : Warp::scattered;
    for (u32 l = 0; l < 32; ++l)
        w.pointers[l] = b.shared + at[l];
    if (b.shadow)
        check_lanes(w, i, m, *b.shadow, b.shared, bytes, access, false);
    else if (i.strong || access == Access::atomic)
        b.group->strong_accesses += lane_count(m);
}

void resolve_local(Warp& w, Instruction const& i, u32 m, u32 bytes)
{
    Frame& f = *w.frame;
    w.pattern = Warp::scattered;
    for_lanes(m, [&](u32 l) {
        u64 const off = (i.a == kNone  ? 0
                         : i.address64 ? row64(w, i.a)[l]
                                       : row32(w, i.a)[l])
                        + u64(i.imm);
        if (off & (bytes - 1)) misaligned(w, i, l, off, bytes);
        char* p = f.local + size_t(l) * f.local_stride + off;
        if (off + bytes > f.local_stride
            || off > f.local_stride) {  // perhaps a variable of a caller
            bool in_frames = false;
            auto in = [&](Frame const& q) {
                char const* b = q.local + size_t(l) * q.local_stride;
                return q.local && p >= b && p + bytes <= b + q.local_stride;
            };
            in_frames = in(w.base);
            for (Frame* q : w.live_frames)
                in_frames |= in(*q);
            if (!in_frames)
                fault_at(w, i, l, cudaErrorIllegalAddress, "local memory access out of bounds",
                         std::to_string(bytes) + " bytes at offset " + std::to_string(s64(off))
                             + " of " + std::to_string(f.local_stride) + " bytes");
        }
        w.pointers[l] = p;
    });
    u32 const lead = first_lane(m);
    for (u32 l = 0; l < 32; ++l)
        if (!(m >> l & 1)) w.pointers[l] = w.pointers[lead & 31];
}

void resolve_params(Warp& w, Instruction const& i, u32 m, u32 bytes)
{
    Launch const& launch = *w.block->launch;
    w.pattern = i.a == kNone ? Warp::uniform : Warp::scattered;
    for (u32 l = 0; l < 32; ++l) {
        if (!(m >> l & 1) && i.a != kNone) {
            w.pointers[l] = launch.params;
            continue;
        }
        u64 const off = (i.a == kNone  ? 0
                         : i.address64 ? row64(w, i.a)[l]
                                       : row32(w, i.a)[l])
                        + u64(i.imm);
        if (off + bytes > launch.kernel->param_bytes || off > launch.kernel->param_bytes)
            fault_at(w, i, l, cudaErrorIllegalAddress, "kernel parameter access out of bounds");
        w.pointers[l] = launch.params + off;
    }
}

void resolve_frame_params(Warp& w, Instruction const& i)
{
    Frame const& f = *w.frame;
    w.pattern = Warp::scattered;
    for (u32 l = 0; l < 32; ++l)
        w.pointers[l] = f.params + size_t(l) * f.param_stride + i.imm;
}

}  // namespace

Block& cluster_block(Warp& w, Instruction const& i, u32 lane, u32 address, u32& offset)
{
    Group& g = *w.block->group;
    u32 const rank = address >> 24;
    offset = address & 0xffffff;
    if (rank == 0) return *w.block;
    if (rank > g.blocks.size())
        fault_at(w, i, lane, cudaErrorIllegalAddress,
                 "distributed shared memory address of no block of the cluster");
    return g.blocks[rank - 1];
}

char* shared_pointer(Warp& w,
                     Instruction const& i,
                     u32 lane,
                     u32 address,
                     u32 bytes,
                     u32 alignment,
                     Block** owner,
                     u32* offset)
{
    u32 off;
    Block& b = cluster_block(w, i, lane, address, off);
    if (off & (alignment - 1)) misaligned(w, i, lane, off, alignment);
    if (u64(off) + bytes > b.shared_bytes) shared_out_of_bounds(w, i, lane, off, bytes, b);
    if (owner) *owner = &b;
    if (offset) *offset = off;
    if (b.live == 0 && &b != w.block)
        report_at(w, i, lane, "access to the shared memory of a block that has exited");
    return b.shared + off;
}

void resolve_addresses(Warp& w, Instruction const& i, u32 m, u32 bytes, Access access)
{
    switch (i.space) {
        case Space::shared:
        case Space::shared_cluster:
            return resolve_shared(w, i, m, bytes, access);
        case Space::local:
            return resolve_local(w, i, m, bytes);
        case Space::kernel_param:
            return resolve_params(w, i, m, bytes);
        case Space::frame_param:
            return resolve_frame_params(w, i);
        default:
            return resolve_global(w, i, m, bytes, access);
    }
}

}  // namespace calofuse::emulator
