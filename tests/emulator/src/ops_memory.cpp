// Address spaces, loads, stores, address conversion. Every access is checked for bounds and alignment.
#include "ops.hpp"

namespace emu {
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
    return a == Access::Read ? "read" : a == Access::Write ? "write" : "atomic operation";
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
    if (access != Access::Write) acquire(w, lane, p);
    if (access != Access::Read) publish(w, lane, p, i.release);
}

/// Shadow checks of all lanes of one access to one shadow; base is the offset of pointers[0] in it for patterns.
void check_lanes(Warp& w,
                 Instruction const& i,
                 u32 m,
                 Shadow& s,
                 char const* base,
                 u32 bytes,
                 Access access,
                 bool global)
{
    if (i.strong || access == Access::Atomic) {
        for_lanes(m, [&](u32 l) { order_strong(w, i, l, w.pointers[l], access); });
    } else if (access == Access::Read && w.pattern == Warp::Uniform) {
        return check_uniform_read(w, i, s, size_t(w.pointers[0] - base), bytes, m, global);
    } else if (w.pattern == Warp::Coalesced) {
        return check_coalesced(w, i, s, size_t(w.pointers[0] - base), bytes, access, global);
    }
    if (access == Access::Write && !i.strong) return;  // checked store by store, see store()
    for_lanes(m, [&](u32 l) {
        check_access(w, i, s, size_t(w.pointers[l] - base), bytes, access, l, global);
    });
}

/// Finds what a generic pointer points to; checks bounds. Returns the shadow and its base (nullptr: unchecked memory).
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
    if (i.space == Space::Generic || i.space == Space::SharedCluster) {
        if (p >= g.arena && p < g.arena + g.arena_bytes) {
            const size_t rank = size_t(p - g.arena) / g.arena_stride;
            Block& b = g.blocks[rank];
            if (p + bytes > b.shared + b.shared_bytes)
                shared_out_of_bounds(w, i, lane, u32(p - b.shared), bytes, b);
            base = b.shared;
            if (b.live == 0 && &b != w.block)
                report_at(w, i, lane, "access to the shared memory of a block that has exited");
            return b.shadow.get();
        }
        auto in_frame = [&](Frame const& f) {
            const char* q = f.local + size_t(lane) * f.local_stride;
            return f.local && p >= q && p + bytes <= q + f.local_stride;
        };
        if (in_frame(w.base)) return nullptr;
        for (Frame* f : w.live_frames)
            if (in_frame(*f)) return nullptr;
        Launch const& l = *w.block->launch;
        if (p >= l.params && p + bytes <= l.params + l.kernel->param_bytes) {
            if (access == Access::Read) return nullptr;
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

void resolve_global(Warp& w, Instruction const& i, u32 m, u32 bytes, Access access)
{
    const u32 lead = first_lane(m);
    alignas(64) u64 at[32];
    if (i.a == kNone) {
        for (u32 l = 0; l < 32; ++l)
            at[l] = u64(i.imm);
    } else if (i.address64) {
        u64 const* a = row64(w, i.a);
        const u64 first = a[lead];
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
    w.pattern = !not_uniform                       ? Warp::Uniform
                : !not_coalesced && m == kAllLanes ? Warp::Coalesced
                                                   : Warp::Scattered;
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
        const u64 base = reinterpret_cast<u64>(w.last->base), limit = w.last->bytes - bytes;
        if (w.last->bytes < bytes) continue;
        u64 outside = 0;
        for (u32 l = 0; l < 32; ++l)
            outside |= u64(at[l] - base > limit);
        if (outside) continue;
        if (w.last->shadow && w.block->shadow)
            check_lanes(w, i, m, *w.last->shadow, w.last->base, bytes, access, true);
        else if (i.strong || access == Access::Atomic)
            w.block->group->strong_accesses += lane_count(m);
        return;
    }
    // lanes point into different allocations or spaces
    if (w.pattern == Warp::Coalesced) w.pattern = Warp::Scattered;
    for_lanes(m, [&](u32 l) {
        const char* base = nullptr;
        bool global;
        Shadow* s = classify(w, i, l, w.pointers[l], bytes, access, base, global);
        if (!s || !w.block->shadow) return;
        if (i.strong || access == Access::Atomic) order_strong(w, i, l, w.pointers[l], access);
        if (access == Access::Write && !i.strong) return;
        check_access(w, i, *s, size_t(w.pointers[l] - base), bytes, access, l, global);
    });
}

void resolve_shared(Warp& w, Instruction const& i, u32 m, u32 bytes, Access access)
{
    const u32 lead = first_lane(m);
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
        const u32 first = a[lead];
        if (m == kAllLanes)
            for (u32 l = 0; l < 32; ++l)
                at[l] = a[l] + u32(i.imm);
        else
            for (u32 l = 0; l < 32; ++l)
                at[l] = ((m >> l & 1) ? a[l] : first) + u32(i.imm);
    }
    u32 low_bits = 0, not_uniform = 0, not_coalesced = 0, outside = 0;
    const u32 limit = b.shared_bytes - bytes;
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
        if (i.space == Space::SharedCluster) {  // distributed shared memory
            w.pattern = Warp::Scattered;
            for_lanes(m, [&](u32 l) {
                Block* owner;
                u32 offset;
                w.pointers[l] = shared_pointer(w, i, l, at[l], bytes, 1, &owner, &offset);
                if (!owner->shadow) return;
                if (i.strong || access == Access::Atomic)
                    order_strong(w, i, l, w.pointers[l], access);
                if (access == Access::Write && !i.strong) return;
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
    w.pattern = !not_uniform                       ? Warp::Uniform
                : !not_coalesced && m == kAllLanes ? Warp::Coalesced
                                                   : Warp::Scattered;
    for (u32 l = 0; l < 32; ++l)
        w.pointers[l] = b.shared + at[l];
    if (b.shadow)
        check_lanes(w, i, m, *b.shadow, b.shared, bytes, access, false);
    else if (i.strong || access == Access::Atomic)
        b.group->strong_accesses += lane_count(m);
}

void resolve_local(Warp& w, Instruction const& i, u32 m, u32 bytes)
{
    Frame& f = *w.frame;
    w.pattern = Warp::Scattered;
    for_lanes(m, [&](u32 l) {
        const u64 off = (i.a == kNone  ? 0
                         : i.address64 ? row64(w, i.a)[l]
                                       : row32(w, i.a)[l])
                        + u64(i.imm);
        if (off & (bytes - 1)) misaligned(w, i, l, off, bytes);
        char* p = f.local + size_t(l) * f.local_stride + off;
        if (off + bytes > f.local_stride
            || off > f.local_stride) {  // perhaps a variable of a caller
            bool in_frames = false;
            auto in = [&](const Frame& q) {
                const char* b = q.local + size_t(l) * q.local_stride;
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
    const u32 lead = first_lane(m);
    for (u32 l = 0; l < 32; ++l)
        if (!(m >> l & 1)) w.pointers[l] = w.pointers[lead & 31];
}

void resolve_params(Warp& w, Instruction const& i, u32 m, u32 bytes)
{
    Launch const& launch = *w.block->launch;
    w.pattern = i.a == kNone ? Warp::Uniform : Warp::Scattered;
    for (u32 l = 0; l < 32; ++l) {
        if (!(m >> l & 1) && i.a != kNone) {
            w.pointers[l] = launch.params;
            continue;
        }
        const u64 off = (i.a == kNone  ? 0
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
    w.pattern = Warp::Scattered;
    for (u32 l = 0; l < 32; ++l)
        w.pointers[l] = f.params + size_t(l) * f.param_stride + i.imm;
}

template <class T, bool SignExtend>
void load(Warp& w, Instruction const& i, u32 m)
{
    resolve_addresses(w, i, m, sizeof(T) * i.count, Access::Read);
    using S = std::make_signed_t<T>;
    for (u32 k = 0; k < i.count; ++k) {
        const size_t at = k * sizeof(T);
        auto read = [&](u32 l) {
            T v;
            memcpy(&v, w.pointers[l & 31] + at, sizeof v);
            return v;
        };
        if (sizeof(T) == 8 || i.row64) {
            u64* d = row64(w, i.list[k]);
            if (w.pattern == Warp::Uniform) {
                const T v = read(first_lane(m));
                const u64 x = SignExtend ? u64(s64(S(v))) : u64(v);
                for (u32 l = 0; l < 32; ++l)
                    d[l] = (m >> l & 1) ? x : d[l];
            } else
                for_lanes(m, [&](u32 l) {
                    const T v = read(l);
                    d[l] = SignExtend ? u64(s64(S(v))) : u64(v);
                });
        } else {
            u32* d = row32(w, i.list[k]);
            if (w.pattern == Warp::Uniform) {
                const T v = read(first_lane(m));
                const u32 x = SignExtend ? u32(s32(S(v))) : u32(v);
                if (m == kAllLanes)
                    for (u32 l = 0; l < 32; ++l)
                        d[l] = x;
                else
                    for (u32 l = 0; l < 32; ++l)
                        d[l] = (m >> l & 1) ? x : d[l];
            } else if (sizeof(T) == 4 && w.pattern == Warp::Coalesced && i.count == 1) {
                memcpy(d, w.pointers[0], 128);
            } else if (m == kAllLanes) {
                for (u32 l = 0; l < 32; ++l) {
                    const T v = read(l);
                    d[l] = SignExtend ? u32(s32(S(v))) : u32(v);
                }
            } else
                for_lanes(m, [&](u32 l) {
                    const T v = read(l);
                    d[l] = SignExtend ? u32(s32(S(v))) : u32(v);
                });
        }
    }
}

template <class T>
void store(Warp& w, Instruction const& i, u32 m)
{
    const u32 bytes = sizeof(T) * i.count;
    resolve_addresses(w, i, m, bytes, Access::Write);
    bool const checked = w.block->shadow && !i.strong && w.pattern != Warp::Coalesced
                         && (i.space == Space::Shared || i.space == Space::SharedCluster
                             || i.space == Space::Global || i.space == Space::Generic);
    if (sizeof(T) == 4 && !i.row64 && i.count == 1 && w.pattern == Warp::Coalesced) {
        memcpy(w.pointers[0], row32(w, i.list[0]), 128);
        return;
    }
    for_lanes(m, [&](u32 l) {
        if (checked) {
            char* p = w.pointers[l];
            const char* base = nullptr;
            bool global = true;
            Shadow* s;
            Block& b = *w.block;
            if (w.last && w.last_generation == device_memory().generation()
                && w.last->contains(p, bytes))
                s = w.last->shadow.get(), base = w.last->base;
            else if (p >= b.shared && p < b.shared + b.shared_bytes)
                s = b.shadow.get(), base = b.shared, global = false;
            else {
                Instruction g = i;
                g.space = Space::Generic;
                s = classify(w, i.space == Space::Global ? i : g, l, p, bytes, Access::Write, base,
                             global);
            }
            if (s) check_access(w, i, *s, size_t(p - base), bytes, Access::Write, l, global);
        }
        for (u32 k = 0; k < i.count; ++k) {
            const T v = i.row64 ? T(row64(w, i.list[k])[l]) : T(row32(w, i.list[k])[l]);
            memcpy(w.pointers[l] + k * sizeof(T), &v, sizeof v);
        }
    });
}

template <class T>
Handler load_handler(bool sign)
{
    return sign ? load<T, true> : load<T, false>;
}

Space take_space(Op& o)
{
    const string s = o.take_any({"global", "shared::cta", "shared::cluster", "shared", "local",
                                 "param::entry", "param::func", "param", "const"});
    if (s == "global") return Space::Global;
    if (s == "shared" || s == "shared::cta") return Space::Shared;
    if (s == "shared::cluster") return Space::SharedCluster;
    if (s == "local") return Space::Local;
    if (s.rfind("param", 0) == 0) return Space::FrameParam;
    if (s == "const") return Space::Const;
    return Space::Generic;
}

void take_cache_hints(Op& o)
{
    o.take_any({"ca", "cg", "cs", "lu", "wb", "wt"});
    for (char const* level :
         {"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last",
          "L1::no_allocate", "L2::evict_last", "L2::evict_normal", "L2::evict_first", "L2::64B",
          "L2::128B", "L2::256B"})
        o.take(level);
}

void decode_access(Op& o)
{
    bool const is_load = o.base == "ld" || o.base == "ldu";
    string type = o.take_type();
    const Space space = take_space(o);
    const string order = o.take_any({"volatile", "relaxed", "acquire", "release", "mmio", "weak"});
    o.take_any({"cta", "cluster", "gpu", "sys"});
    if (o.take("cv")) o.ins.strong = true;
    take_cache_hints(o);
    o.ins.read_only = o.take("nc") || o.base == "ldu";
    bool const hint = o.take("L2::cache_hint");
    o.take_any({"v2", "v4", "v8"});
    o.take("unified");
    if (!order.empty() && order != "weak") o.ins.strong = true;
    o.ins.acquire = order == "acquire";
    o.ins.release = order == "release";
    o.expect(2, hint ? 3 : 2);
    o.address(o.operands[is_load ? 1 : 0], space);
    const u32 bytes = type_bytes(type);
    if (bytes == 16) throw NotEmulated("128-bit registers");
    auto const parts = o.elements(is_load ? 0 : 1);
    o.ins.count = u8(parts.size());
    o.ins.size = u8(bytes);
    vector<u32> rows;
    bool first = true;
    for (string const& p : parts) {
        const u32 have = o.row_bytes(p);  // registers may be wider than the access
        bool const wide = have == 8 || (have == 0 && bytes == 8);
        if (p != "_" && !first && wide != o.ins.row64) throw NotEmulated("mixed register sizes");
        if (p != "_") o.ins.row64 = wide, first = false;
        const string reg_type = have == 0                ? type
                                : wide                   ? "b64"
                                : bytes < 4 && have == 4 ? "b16"
                                                         : "b32";
        if (bytes == 8 && have == 4) throw NotEmulated("register size");
        rows.push_back(is_load ? o.target(p, wide || (p == "_" && bytes == 8) ? "b64" : "b32")
                               : o.source(p, have ? reg_type : type));
    }
    o.ins.list = o.list(rows);
    bool const sign = type[0] == 's';
    if (is_load)
        o.ins.run = bytes == 1   ? load_handler<u8>(sign)
                    : bytes == 2 ? load_handler<u16>(sign)
                    : bytes == 4 ? load_handler<u32>(sign)
                                 : load_handler<u64>(false);
    else
        o.ins.run = bytes == 1   ? store<u8>
                    : bytes == 2 ? store<u16>
                    : bytes == 4 ? store<u32>
                                 : store<u64>;
    if (is_load && (o.ins.space == Space::Global || o.ins.space == Space::Generic) && o.ins.strong)
        o.decoder().kernel().has_global_atomics = true;
}

// ---- address conversion
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
    const u64 off = generic - reinterpret_cast<u64>(w.block->shared);
    if (off < g.arena_stride) return u32(off);
    const u64 in = generic - reinterpret_cast<u64>(g.arena);
    if (in < g.arena_bytes) return u32((in / g.arena_stride + 1) << 24 | in % g.arena_stride);
    return u32(off);
}
template <bool To>
void convert_shared(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        const u64 a = i.address64 ? row64(w, i.a)[l] : row32(w, i.a)[l];
        const u64 r = To ? shared_window(w, a) : shared_generic(w, i, l, a);
        if (i.row64)
            row64(w, i.d)[l] = r;
        else
            row32(w, i.d)[l] = u32(r);
    });
}
template <bool To>
void convert_local(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        const u64 base = reinterpret_cast<u64>(w.frame->local) + u64(l) * w.frame->local_stride,
                  a = row64(w, i.a)[l];
        row64(w, i.d)[l] = To ? a - base : a + base;
    });
}
template <bool To>
void convert_param(Warp& w, Instruction const& i, u32 m)
{
    const u64 base = reinterpret_cast<u64>(w.block->launch->params);
    for_lanes(m, [&](u32 l) {
        row64(w, i.d)[l] = To ? row64(w, i.a)[l] - base : row64(w, i.a)[l] + base;
    });
}
void copy64(Warp& w, Instruction const& i, u32 m)
{
    map1<u64, u64>(w, i, m, [](u64 a) { return a; });
}

void decode_cvta(Op& o)
{
    const string type = o.take_type();
    bool const to = o.take("to");
    const Space space = take_space(o);
    o.expect(2, 2);
    o.ins.row64 = o.ins.address64 = type_bytes(type) == 8;
    if (!o.ins.row64) throw NotEmulated("32-bit generic addresses");
    o.ins.d = o.target(0, type);
    o.ins.a = o.source(1, type);
    switch (space) {
        case Space::Shared:
        case Space::SharedCluster:
            o.ins.run = to ? convert_shared<true> : convert_shared<false>;
            break;
        case Space::Local:
            o.ins.run = to ? convert_local<true> : convert_local<false>;
            break;
        case Space::FrameParam:
            o.ins.run = to ? convert_param<true> : convert_param<false>;
            break;
        default:
            o.ins.run = copy64;
    }
}

template <int Kind>
void is_space(Warp& w, Instruction const& i, u32 m)
{
    u32 r = 0;
    for_lanes(m, [&](u32 l) {
        char* p = reinterpret_cast<char*>(row64(w, i.a)[l]);
        Group& g = *w.block->group;
        bool b;
        if (Kind == 0)
            b = device_memory().find(p) != nullptr;
        else if (Kind == 1)
            b = p >= w.block->shared && p < w.block->shared + g.arena_stride;
        else if (Kind == 2)
            b = p >= g.arena && p < g.arena + g.arena_bytes;
        else
            b = p >= w.base.local && p < w.base.local + size_t(w.base.local_stride) * 32;
        r |= u32(b) << l;
    });
    set_predicate(w, i.d, r, m);
}

/// mapa: the address of the same variable in another block of the cluster.
void map_rank(Warp& w, Instruction const& i, u32 m)
{
    Group& g = *w.block->group;
    for_lanes(m, [&](u32 l) {
        const u32 rank = row32(w, i.b)[l];
        if (rank >= g.blocks.size())
            fault_at(w, i, l, cudaErrorIllegalAddress,
                     "mapa: rank " + std::to_string(rank) + " of a cluster of "
                         + std::to_string(g.blocks.size()) + " blocks");
        if (i.mode) {  // generic
            const u64 a = row64(w, i.a)[l],
                      off = (a - reinterpret_cast<u64>(g.arena)) % g.arena_stride;
            row64(w, i.d)[l] = reinterpret_cast<u64>(g.blocks[rank].shared) + off;
        } else {
            const u32 a = (i.address64 ? u32(row64(w, i.a)[l]) : row32(w, i.a)[l]) & 0xffffff;
            const u32 r = (rank + 1) << 24 | a;
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
            const u32 a = i.address64 ? u32(row64(w, i.a)[l]) : row32(w, i.a)[l];
            r = a >> 24 ? (a >> 24) - 1 : w.block->rank;
        }
        row32(w, i.d)[l] = r;
    });
}

}  // namespace

Block& cluster_block(Warp& w, Instruction const& i, u32 lane, u32 address, u32& offset)
{
    Group& g = *w.block->group;
    const u32 rank = address >> 24;
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
        case Space::Shared:
        case Space::SharedCluster:
            return resolve_shared(w, i, m, bytes, access);
        case Space::Local:
            return resolve_local(w, i, m, bytes);
        case Space::KernelParam:
            return resolve_params(w, i, m, bytes);
        case Space::FrameParam:
            return resolve_frame_params(w, i);
        default:
            return resolve_global(w, i, m, bytes, access);
    }
}

void register_memory_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["ld"] = t["st"] = t["ldu"] = decode_access;
    t["cvta"] = decode_cvta;
    t["isspacep"] = [](Op& o) {
        const Space s = take_space(o);
        o.expect(2, 2);
        o.ins.d = o.predicate(0);
        o.ins.a = o.source(1, "u64");
        o.ins.run = s == Space::Global          ? is_space<0>
                    : s == Space::Shared        ? is_space<1>
                    : s == Space::SharedCluster ? is_space<2>
                                                : is_space<3>;
    };
    t["mapa"] = [](Op& o) {
        const string type = o.take_type();
        const Space s = take_space(o);
        o.ins.mode = s == Space::Generic;
        o.expect(3, 3);
        o.ins.row64 = o.ins.address64 = type_bytes(type) == 8;
        o.ins.d = o.target(0, type);
        o.ins.a = o.source(1, type);
        o.ins.b = o.source(2, "u32");
        o.ins.run = map_rank;
    };
    t["getctarank"] = [](Op& o) {
        const string type = o.take_type();
        const Space s = take_space(o);
        o.ins.mode = s == Space::Generic;
        o.expect(2, 2);
        o.ins.address64 = type_bytes(type) == 8;
        o.ins.d = o.target(0, "u32");
        o.ins.a = o.source(1, type);
        o.ins.run = get_rank;
    };
    for (char const* n : {"prefetch", "prefetchu", "discard", "applypriority", "createpolicy"})
        t[n] = [](Op& o) {  // no effect on results
            while (!o.last().empty())
                o.take(string(o.last()));
        };
    t["createpolicy"] = [](Op& o) {  // the policy is a number that nothing reads
        while (!o.last().empty())
            o.take(string(o.last()));
        o.ins.d = o.target(0, "b64");
        o.ins.a = o.immediate(0, "b64");
        o.ins.run = copy64;
    };
}

}  // namespace emu
