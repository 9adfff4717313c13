// mma.sync, ldmatrix, stmatrix, movmatrix.
#include "tests/emulator/src/matrix.hpp"

namespace calofuse::emulator {
namespace {

template <Element kElement, bool kHalfSum>
void mma_float(Warp& w, Instruction const& i, u32 m)
{
    if (m != kAllLanes)
        report_at(w, i, first_lane(m), "mma.sync is executed by a part of the warp only");
    constexpr u32 E = kElement == kTf32 ? 1 : 2;
    u32 const na = i.count, nb = na / 2, k_total = nb * 4 * E, nd = kHalfSum ? 2 : 4;
    u32 const *rd = i.list, *ra = rd + nd, *rb = ra + na, *rc = rb + nb;
    f32 A[16][16], B[16][8], D[16][8];
    auto value = [](u32 v, u32 e) -> f32 {
        if constexpr (kElement == kTf32) return tf32_value(v);
        u16 const h = u16(v >> 16 * e);
        return kElement == kBf16 ? bf16_to_float(h) : half_to_float(h);
    };
    for (u32 r = 0; r < na; ++r) {
        u32 const* x = row32(w, ra[r]);
        for (u32 l = 0; l < 32; ++l)
            for (u32 e = 0; e < E; ++e)
                A[l / 4 + 8 * (r & 1)][l % 4 * E + e + 4 * E * (r >> 1)] = value(x[l], e);
    }
    for (u32 r = 0; r < nb; ++r) {
        u32 const* x = row32(w, rb[r]);
        for (u32 l = 0; l < 32; ++l)
            for (u32 e = 0; e < E; ++e)
                B[l % 4 * E + e + 4 * E * r][l / 4] = value(x[l], e);
    }
    for (u32 r = 0; r < nd; ++r) {
        u32 const* x = row32(w, rc[r]);
        for (u32 l = 0; l < 32; ++l) {
            if constexpr (kHalfSum)
                for (u32 e = 0; e < 2; ++e)
                    D[l / 4 + 8 * r][l % 4 * 2 + e] = half_to_float(u16(x[l] >> 16 * e));
            else
                D[l / 4 + 8 * (r >> 1)][l % 4 * 2 + (r & 1)] = std::bit_cast<f32>(x[l]);
        }
    }
    typedef f32 Row __attribute__((vector_size(32)));  // eight columns at once
    for (u32 r = 0; r < 16; r += 4) {
        Row sum[4];
        memcpy(sum, D[r], sizeof sum);
        for (u32 k = 0; k < k_total; ++k) {
            Row b;
            memcpy(&b, B[k], sizeof b);
            for (u32 q = 0; q < 4; ++q)
                for (u32 n = 0; n < 8; ++n)
                    sum[q][n] = __builtin_fmaf(A[r + q][k], b[n], sum[q][n]);
        }
        memcpy(D[r], sum, sizeof sum);
    }
    for (u32 r = 0; r < nd; ++r) {
        u32* x = row32(w, rd[r]);
        for (u32 l = 0; l < 32; ++l) {
            if constexpr (kHalfSum)
                x[l] = float_to_half(D[l / 4 + 8 * r][l % 4 * 2])
                       | u32(float_to_half(D[l / 4 + 8 * r][l % 4 * 2 + 1])) << 16;
            else
                x[l] = std::bit_cast<u32>(D[l / 4 + 8 * (r >> 1)][l % 4 * 2 + (r & 1)]);
        }
    }
}

void mma_integer(Warp& w, Instruction const& i, u32 m)
{
    if (m != kAllLanes)
        report_at(w, i, first_lane(m), "mma.sync is executed by a part of the warp only");
    u32 const na = i.count, nb = na / 2, k_total = nb * 16;
    u32 const *rd = i.list, *ra = rd + 4, *rb = ra + na, *rc = rb + nb;
    s32 A[16][32], B[32][8];
    s64 D[16][8];
    auto value = [](u32 v, u32 e, bool sign) -> s32 {
        return sign ? s32(s8(v >> 8 * e)) : s32(u8(v >> 8 * e));
    };
    for (u32 l = 0; l < 32; ++l) {
        for (u32 r = 0; r < na; ++r)
            for (u32 e = 0; e < 4; ++e)
                A[l / 4 + 8 * (r & 1)][l % 4 * 4 + e + 16 * (r >> 1)] =
                    value(row32(w, ra[r])[l], e, i.mode & 1);
        for (u32 r = 0; r < nb; ++r)
            for (u32 e = 0; e < 4; ++e)
                B[l % 4 * 4 + e + 16 * r][l / 4] = value(row32(w, rb[r])[l], e, i.mode & 2);
        for (u32 r = 0; r < 4; ++r)
            D[l / 4 + 8 * (r >> 1)][l % 4 * 2 + (r & 1)] = s32(row32(w, rc[r])[l]);
    }
    for (u32 r = 0; r < 16; ++r)
        for (u32 k = 0; k < k_total; ++k)
            for (u32 n = 0; n < 8; ++n)
                D[r][n] += s64(A[r][k]) * B[k][n];
    for (u32 l = 0; l < 32; ++l)
        for (u32 r = 0; r < 4; ++r) {
            s64 const v = D[l / 4 + 8 * (r >> 1)][l % 4 * 2 + (r & 1)];
            row32(w, rd[r])[l] = i.mode & 4 ? u32(s32(v > INT32_MAX   ? INT32_MAX
                                                      : v < INT32_MIN ? INT32_MIN
                                                                      : v))
                                            : u32(v);
        }
}

void mma_double(Warp& w, Instruction const& i, u32 m)
{  // m8n8k4
    if (m != kAllLanes)
        report_at(w, i, first_lane(m), "mma.sync is executed by a part of the warp only");
    f64 A[8][4], B[4][8], D[8][8];
    for (u32 l = 0; l < 32; ++l) {
        A[l / 4][l % 4] = std::bit_cast<f64>(row64(w, i.list[2])[l]);
        B[l % 4][l / 4] = std::bit_cast<f64>(row64(w, i.list[3])[l]);
        for (u32 r = 0; r < 2; ++r)
            D[l / 4][l % 4 * 2 + r] = std::bit_cast<f64>(row64(w, i.list[4 + r])[l]);
    }
    for (u32 r = 0; r < 8; ++r)
        for (u32 k = 0; k < 4; ++k)
            for (u32 n = 0; n < 8; ++n)
                D[r][n] = __builtin_fma(A[r][k], B[k][n], D[r][n]);
    for (u32 l = 0; l < 32; ++l)
        for (u32 r = 0; r < 2; ++r)
            row64(w, i.list[r])[l] = std::bit_cast<u64>(D[l / 4][l % 4 * 2 + r]);
}

void decode_mma(Op& o)
{
    string const c = o.take_type(), b = o.last();
    if (!o.take(b.c_str())) throw NotEmulated("form");
    string const a = o.last();
    o.take(a);
    string const d = o.last();
    o.take(d);
    if (!o.take("sync")) throw NotEmulated("form");
    o.take("aligned");
    if (!o.take("row") || !o.take("col")) throw NotEmulated("layout");
    string const shape = o.take_any({"m16n8k16", "m16n8k8", "m16n8k4", "m16n8k32", "m8n8k4"});
    bool const sat = o.take("satfinite");
    o.expect(4, 4);
    o.ins.flow = Flow::collective;
    o.ins.members = o.immediate(kAllLanes, "b32");
    vector<u32> rows;
    string const reg_type = a == "f64" ? "f64" : "b32";
    size_t counts[4];
    for (size_t k = 0; k < 4; ++k) {
        auto const parts = o.elements(k);
        counts[k] = parts.size();
        for (auto& p : parts)
            rows.push_back(k == 0 ? o.target(p, reg_type) : o.source(p, reg_type));
    }
    o.ins.list = o.list(rows);
    o.ins.count = u8(counts[1]);
    bool const half_sum = d == "f16" && c == "f16";
    auto require = [&](bool ok) {
        if (!ok) throw NotEmulated("mma form");
    };
    if (a == "bf16" || a == "f16") {
        require(a == b && (half_sum ? a == "f16" : d == "f32" && c == "f32")
                && (shape == "m16n8k16" || shape == "m16n8k8"));
        require(counts[1] == (shape == "m16n8k16" ? 4u : 2u) && counts[0] == (half_sum ? 2u : 4u));
        o.ins.run = a == "bf16" ? mma_float<kBf16, false>
                    : half_sum  ? mma_float<kF16, true>
                                : mma_float<kF16, false>;
    } else if (a == "tf32") {
        require(b == "tf32" && d == "f32" && c == "f32"
                && (shape == "m16n8k8" || shape == "m16n8k4")
                && counts[1] == (shape == "m16n8k8" ? 4u : 2u));
        o.ins.run = mma_float<kTf32, false>;
    } else if (a == "s8" || a == "u8") {
        require((b == "s8" || b == "u8") && d == "s32" && c == "s32"
                && (shape == "m16n8k16" || shape == "m16n8k32")
                && counts[1] == (shape == "m16n8k32" ? 4u : 2u));
        o.ins.mode = u8((a == "s8") | (b == "s8") << 1 | sat << 2);
        o.ins.run = mma_integer;
    } else if (a == "f64") {
        require(b == "f64" && d == "f64" && shape == "m8n8k4");
        o.take("rn");
        o.ins.run = mma_double;
    } else
        throw NotEmulated("type ." + a);
}

void load_matrix(Warp& w, Instruction const& i, u32 m)
{
    if (m != kAllLanes)
        report_at(w, i, first_lane(m), "ldmatrix is executed by a part of the warp only");
    u32 const lanes = i.count == 4 ? kAllLanes : (1u << 8 * i.count) - 1;
    resolve_addresses(w, i, lanes, 16, Access::read);
    for (u32 q = 0; q < i.count; ++q) {
        u32* d = row32(w, i.list[q]);
        for (u32 l = 0; l < 32; ++l) {
            if (i.mode) {
                u16 v[2];
                for (u32 h = 0; h < 2; ++h)
                    memcpy(&v[h], w.pointers[q * 8 + l % 4 * 2 + h] + l / 4 * 2, 2);
                d[l] = v[0] | u32(v[1]) << 16;
            } else
                memcpy(&d[l], w.pointers[q * 8 + l / 4] + l % 4 * 4, 4);
        }
    }
}

void store_matrix(Warp& w, Instruction const& i, u32 m)
{
    if (m != kAllLanes)
        report_at(w, i, first_lane(m), "stmatrix is executed by a part of the warp only");
    u32 const lanes = i.count == 4 ? kAllLanes : (1u << 8 * i.count) - 1;
    resolve_addresses(w, i, lanes, 16, Access::write);
    Block& b = *w.block;
    if (b.shadow && w.pattern != Warp::coalesced)
        for_lanes(lanes, [&](u32 l) {
            check_access(w, i, *b.shadow, size_t(w.pointers[l] - b.shared), 16, Access::write, l,
                         false);
        });
    for (u32 q = 0; q < i.count; ++q) {
        u32 const* d = row32(w, i.list[q]);
        for (u32 l = 0; l < 32; ++l) {
            if (i.mode) {
                for (u32 h = 0; h < 2; ++h) {
                    u16 const v = u16(d[l] >> 16 * h);
                    memcpy(w.pointers[q * 8 + l % 4 * 2 + h] + l / 4 * 2, &v, 2);
                }
            } else
                memcpy(w.pointers[q * 8 + l / 4] + l % 4 * 4, &d[l], 4);
        }
    }
}

void move_matrix(Warp& w, Instruction const& i, u32 m)
{
    if (m != kAllLanes)
        report_at(w, i, first_lane(m), "movmatrix is executed by a part of the warp only");
    u16 M[8][8];
    for (u32 l = 0; l < 32; ++l)
        for (u32 h = 0; h < 2; ++h)
            M[l / 4][l % 4 * 2 + h] = u16(row32(w, i.a)[l] >> 16 * h);
    for (u32 l = 0; l < 32; ++l)
        row32(w, i.d)[l] = M[l % 4 * 2][l / 4] | u32(M[l % 4 * 2 + 1][l / 4]) << 16;
}

void decode_matrix_access(Op& o)
{
    if (o.take_type() != "b16") throw NotEmulated("type");
    if (!o.take("sync") || !o.take("aligned") || !o.take("m8n8")) throw NotEmulated("form");
    o.ins.mode = o.take("trans");
    o.ins.flow = Flow::collective;
    o.ins.members = o.immediate(kAllLanes, "b32");
    o.expect(2, 2);
    if (o.base == "movmatrix") {
        o.ins.d = o.target(0, "b32");
        o.ins.a = o.source(1, "b32");
        o.ins.run = move_matrix;
        return;
    }
    string const n = o.take_any({"x1", "x2", "x4"});
    bool const shared = !o.take_any({"shared::cta", "shared"}).empty(),
               is_load = o.base == "ldmatrix";
    o.address(o.operands[is_load ? 1 : 0], shared ? Space::shared : Space::generic);
    auto const parts = o.elements(is_load ? 0 : 1);
    if (parts.size() != (n == "x1" ? 1u : n == "x2" ? 2u : 4u))
        throw NotEmulated("number of registers");
    vector<u32> rows;
    for (auto& p : parts)
        rows.push_back(is_load ? o.target(p, "b32") : o.source(p, "b32"));
    o.ins.list = o.list(rows);
    o.ins.count = u8(parts.size());
    o.ins.run = is_load ? load_matrix : store_matrix;
}

}  // namespace

void register_matrix_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["mma"] = decode_mma;
    t["ldmatrix"] = t["stmatrix"] = t["movmatrix"] = decode_matrix_access;
    t["wgmma"] = decode_wgmma;
}

}  // namespace calofuse::emulator
