// atom and red on global, shared and generic addresses. Lanes are applied one after the other, lowest first.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

enum Kind { kAdd, kMin, kMax, kExch, kCas, kAnd, kOr, kXor, kInc, kDec };

template <class T>
struct Bits {
    using type =
        std::conditional_t<sizeof(T) == 8, u64, std::conditional_t<sizeof(T) == 2, u16, u32>>;
};

template <class T, int kKind>
T combine(T o, T b, T c)
{
    using U = typename Bits<T>::type;
    if constexpr (kKind == kAdd) return T(o + b);
    if constexpr (kKind == kMin) {
        if constexpr (std::is_floating_point_v<T>)
            return float_min(o, b);
        else
            return b < o ? b : o;
    }
    if constexpr (kKind == kMax) {
        if constexpr (std::is_floating_point_v<T>)
            return float_max(o, b);
        else
            return o < b ? b : o;
    }
    if constexpr (kKind == kExch) return b;
    if constexpr (kKind == kCas) return std::bit_cast<U>(o) == std::bit_cast<U>(b) ? c : o;
    if constexpr (kKind == kAnd)
        return std::bit_cast<T>(U(std::bit_cast<U>(o) & std::bit_cast<U>(b)));
    if constexpr (kKind == kOr)
        return std::bit_cast<T>(U(std::bit_cast<U>(o) | std::bit_cast<U>(b)));
    if constexpr (kKind == kXor)
        return std::bit_cast<T>(U(std::bit_cast<U>(o) ^ std::bit_cast<U>(b)));
    if constexpr (kKind == kInc) return o >= b ? T(0) : T(o + 1);
    return o == 0 || o > b ? b : T(o - 1);
}
template <class T, int kKind>
void atomic(Warp& w, Instruction const& i, u32 m)
{
    resolve_addresses(w, i, m, sizeof(T) * i.count, Access::atomic);
    for_lanes(m, [&](u32 l) {
        for (u32 k = 0; k < i.count; ++k) {
            char* p = w.pointers[l] + k * sizeof(T);
            T old;
            memcpy(&old, p, sizeof old);
            T const b = from_lane<T>(row<T>(w, i.list[k])[l]);
            T const c = kKind == kCas ? from_lane<T>(row<T>(w, i.c)[l]) : T();
            T const r = combine<T, kKind>(old, b, c);
            memcpy(p, &r, sizeof r);
            if (i.d != kNone) row<T>(w, i.d)[l] = to_lane<T>(old);
        }
    });
}
/// f16 and bf16, single (i.size 2) or packed (4); mode: 0 add, 1 min, 2 max;
/// row64: bf16 (there are no 64-bit rows here)
void atomic_half(Warp& w, Instruction const& i, u32 m)
{
    resolve_addresses(w, i, m, u32(i.size) * i.count, Access::atomic);
    bool const bf = i.row64;
    auto one = [&](u32 a, u32 b) -> u32 {
        f32 const x = bf ? bf16_to_float(u16(a)) : half_to_float(u16(a)),
                  y = bf ? bf16_to_float(u16(b)) : half_to_float(u16(b));
        f32 const r = i.mode == 0 ? x + y : i.mode == 1 ? float_min(x, y) : float_max(x, y);
        return bf ? float_to_bf16(r) : float_to_half(r);
    };
    for_lanes(m, [&](u32 l) {
        for (u32 k = 0; k < i.count; ++k) {
            char* p = w.pointers[l] + k * i.size;
            u32 old = 0;
            memcpy(&old, p, i.size);
            u32 const b = row32(w, i.list[k])[l];
            u32 r = one(old & 0xffff, b & 0xffff);
            if (i.size == 4) r |= one(old >> 16, b >> 16) << 16;
            memcpy(p, &r, i.size);
            if (i.d != kNone) row32(w, i.d)[l] = old;
        }
    });
}

template <class T>
Handler kinds(string const& k)
{
    if (k == "add") return atomic<T, kAdd>;
    if (k == "min") return atomic<T, kMin>;
    if (k == "max") return atomic<T, kMax>;
    if (k == "exch") return atomic<T, kExch>;
    if (k == "cas") return atomic<T, kCas>;
    if (k == "and") return atomic<T, kAnd>;
    if (k == "or") return atomic<T, kOr>;
    if (k == "xor") return atomic<T, kXor>;
    if constexpr (std::is_unsigned_v<T>) {
        if (k == "inc") return atomic<T, kInc>;
        if (k == "dec") return atomic<T, kDec>;
    }
    throw NotEmulated("atomic operation");
}

void decode_atomic(Op& o)
{
    bool const returns = o.base == "atom";
    string const type = o.take_type();
    string const s = o.take_any({"global", "shared::cta", "shared::cluster", "shared"});
    Space const space = s == "global"            ? Space::global
                        : s == "shared::cluster" ? Space::shared_cluster
                        : s.empty()              ? Space::generic
                                                 : Space::shared;
    string const sem = o.take_any({"relaxed", "acquire", "release", "acq_rel"});
    o.take_any({"cta", "cluster", "gpu", "sys"});
    o.take("noftz");
    o.take("L2::cache_hint");
    o.take_any({"v2", "v4", "v8"});
    string const k =
        o.take_any({"add", "min", "max", "exch", "cas", "and", "or", "xor", "inc", "dec"});
    size_t const at = returns ? 1 : 0;
    o.expect(at + 2, at + 4);
    o.address(o.operands[at], space);
    o.ins.strong = true;
    o.ins.acquire = sem == "acquire" || sem == "acq_rel";
    o.ins.release = sem == "release" || sem == "acq_rel";
    if (space == Space::global || space == Space::generic)
        o.decoder().kernel().has_global_atomics = true;
    auto const parts = o.elements(at + 1);
    if (parts.size() > 1 && returns) throw NotEmulated("vector atom");
    vector<u32> rows;
    for (auto& p : parts)
        rows.push_back(o.source(p, type));
    o.ins.count = u8(parts.size());
    o.ins.list = o.list(rows);
    if (returns) o.ins.d = o.target(0, type);
    if (k == "cas") o.ins.c = o.source(at + 2, type);
    o.ins.size = u8(type_bytes(type));
    if (type == "f16" || type == "bf16" || type == "f16x2" || type == "bf16x2") {
        if (k != "add" && k != "min" && k != "max") throw NotEmulated("atomic operation");
        o.ins.row64 = type[0] == 'b';
        o.ins.mode = k == "add" ? 0 : k == "min" ? 1 : 2;
        o.ins.run = atomic_half;
    } else if (type == "f32") {
        if (k != "add" && k != "exch") throw NotEmulated("atomic operation");
        o.ins.run = kinds<f32>(k);
    } else if (type == "f64")
        o.ins.run = kinds<f64>(k);
    else if (type == "s32")
        o.ins.run = kinds<s32>(k);
    else if (type == "u32" || type == "b32")
        o.ins.run = kinds<u32>(k);
    else if (type == "s64")
        o.ins.run = kinds<s64>(k);
    else if (type == "u64" || type == "b64")
        o.ins.run = kinds<u64>(k);
    else if (type == "b16" || type == "u16")
        o.ins.run = kinds<u16>(k);
    else
        throw NotEmulated("type ." + type);
}

}  // namespace

void register_atomic_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["atom"] = t["red"] = decode_atomic;
}

}  // namespace calofuse::emulator
