// Loads and stores.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

template <class T, bool kSignExtend>
void load(Warp& w, Instruction const& i, u32 m)
{
    resolve_addresses(w, i, m, sizeof(T) * i.count, Access::read);
    using S = std::make_signed_t<T>;
    for (u32 k = 0; k < i.count; ++k) {
        size_t const at = k * sizeof(T);
        auto read = [&](u32 l) {
            T v;
            memcpy(&v, w.pointers[l & 31] + at, sizeof v);
            return v;
        };
        if (sizeof(T) == 8 || i.row64) {
            u64* d = row64(w, i.list[k]);
            if (w.pattern == Warp::uniform) {
                T const v = read(first_lane(m));
                u64 const x = kSignExtend ? u64(s64(S(v))) : u64(v);
                for (u32 l = 0; l < 32; ++l)
                    d[l] = (m >> l & 1) ? x : d[l];
            } else
                for_lanes(m, [&](u32 l) {
                    T const v = read(l);
                    d[l] = kSignExtend ? u64(s64(S(v))) : u64(v);
                });
        } else {
            u32* d = row32(w, i.list[k]);
            if (w.pattern == Warp::uniform) {
                T const v = read(first_lane(m));
                u32 const x = kSignExtend ? u32(s32(S(v))) : u32(v);
                if (m == kAllLanes)
                    for (u32 l = 0; l < 32; ++l)
                        d[l] = x;
                else
                    for (u32 l = 0; l < 32; ++l)
                        d[l] = (m >> l & 1) ? x : d[l];
            } else if (sizeof(T) == 4 && w.pattern == Warp::coalesced && i.count == 1) {
                memcpy(d, w.pointers[0], 128);
            } else if (m == kAllLanes) {
                for (u32 l = 0; l < 32; ++l) {
                    T const v = read(l);
                    d[l] = kSignExtend ? u32(s32(S(v))) : u32(v);
                }
            } else
                for_lanes(m, [&](u32 l) {
                    T const v = read(l);
                    d[l] = kSignExtend ? u32(s32(S(v))) : u32(v);
                });
        }
    }
}

template <class T>
void store(Warp& w, Instruction const& i, u32 m)
{
    u32 const bytes = sizeof(T) * i.count;
    resolve_addresses(w, i, m, bytes, Access::write);
    bool const checked = w.block->shadow && !i.strong && w.pattern != Warp::coalesced
                         && (i.space == Space::shared || i.space == Space::shared_cluster
                             || i.space == Space::global || i.space == Space::generic);
    if (sizeof(T) == 4 && !i.row64 && i.count == 1 && w.pattern == Warp::coalesced) {
        memcpy(w.pointers[0], row32(w, i.list[0]), 128);
        return;
    }
    for_lanes(m, [&](u32 l) {
        if (checked) {
            char* p = w.pointers[l];
            char const* base = nullptr;
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
                g.space = Space::generic;
                s = classify(w, i.space == Space::global ? i : g, l, p, bytes, Access::write, base,
                             global);
            }
            if (s) check_access(w, i, *s, size_t(p - base), bytes, Access::write, l, global);
        }
        for (u32 k = 0; k < i.count; ++k) {
            T const v = i.row64 ? T(row64(w, i.list[k])[l]) : T(row32(w, i.list[k])[l]);
            memcpy(w.pointers[l] + k * sizeof(T), &v, sizeof v);
        }
    });
}

template <class T>
Handler load_handler(bool sign)
{
    return sign ? load<T, true> : load<T, false>;
}

}  // namespace

Space take_space(Op& o)
{
    string const s = o.take_any({"global", "shared::cta", "shared::cluster", "shared", "local",
                                 "param::entry", "param::func", "param", "const"});
    if (s == "global") return Space::global;
    if (s == "shared" || s == "shared::cta") return Space::shared;
    if (s == "shared::cluster") return Space::shared_cluster;
    if (s == "local") return Space::local;
    if (s.rfind("param", 0) == 0) return Space::frame_param;
    if (s == "const") return Space::constant;
    return Space::generic;
}

namespace {

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
    Space const space = take_space(o);
    string const order = o.take_any({"volatile", "relaxed", "acquire", "release", "mmio", "weak"});
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
    u32 const bytes = type_bytes(type);
    if (bytes == 16) throw NotEmulated("128-bit registers");
    auto const parts = o.elements(is_load ? 0 : 1);
    o.ins.count = u8(parts.size());
    o.ins.size = u8(bytes);
    vector<u32> rows;
    bool first = true;
    for (string const& p : parts) {
        u32 const have = o.row_bytes(p);  // registers may be wider than the access
        bool const wide = have == 8 || (have == 0 && bytes == 8);
        if (p != "_" && !first && wide != o.ins.row64) throw NotEmulated("mixed register sizes");
        if (p != "_") o.ins.row64 = wide, first = false;
        string const reg_type = have == 0                ? type
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
    if (is_load && (o.ins.space == Space::global || o.ins.space == Space::generic) && o.ins.strong)
        o.decoder().kernel().has_global_atomics = true;
}

}  // namespace

void register_memory_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["ld"] = t["st"] = t["ldu"] = decode_access;
    for (char const* n : {"prefetch", "prefetchu", "discard", "applypriority"})
        t[n] = [](Op& o) {  // no effect on results
            while (!o.last().empty())
                o.take(string(o.last()));
        };
    t["createpolicy"] = [](Op& o) {  // the policy is a number that nothing reads
        while (!o.last().empty())
            o.take(string(o.last()));
        o.ins.d = o.target(0, "b64");
        o.ins.a = o.immediate(0, "b64");
        o.ins.run = [](Warp& w, Instruction const& i, u32 m) {
            map1<u64, u64>(w, i, m, [](u64 a) { return a; });
        };
    };
}

}  // namespace calofuse::emulator
