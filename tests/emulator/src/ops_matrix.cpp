// Matrix instructions: mma.sync, ldmatrix, stmatrix, movmatrix, wgmma. Products are exact, sums are rounded to
// single precision after every fused multiply-add in order of k; hardware sums in another order with truncation.
#include "ops.hpp"

namespace emu {
namespace {

enum Element : u8 { Bf16, F16, Tf32, S8, U8, F64 };

inline f32 tf32_value(u32 v)
{
    return std::bit_cast<f32>(v & 0xffffe000u);
}

/// mma.sync.m16n8kK for 16-bit and tf32 operands. list: d, a, b, c registers. count: registers of a.
template <Element T, bool HalfSum>
void mma_float(Warp& w, Instruction const& i, u32 m)
{
    if (m != kAllLanes)
        report_at(w, i, first_lane(m), "mma.sync is executed by a part of the warp only");
    constexpr u32 E = T == Tf32 ? 1 : 2;
    const u32 na = i.count, nb = na / 2, k_total = nb * 4 * E, nd = HalfSum ? 2 : 4;
    u32 const *rd = i.list, *ra = rd + nd, *rb = ra + na, *rc = rb + nb;
    f32 A[16][16], B[16][8], D[16][8];
    auto value = [](u32 v, u32 e) -> f32 {
        if constexpr (T == Tf32) return tf32_value(v);
        const u16 h = u16(v >> 16 * e);
        return T == Bf16 ? bf16_to_float(h) : half_to_float(h);
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
            if constexpr (HalfSum)
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
            if constexpr (HalfSum)
                x[l] = float_to_half(D[l / 4 + 8 * r][l % 4 * 2])
                       | u32(float_to_half(D[l / 4 + 8 * r][l % 4 * 2 + 1])) << 16;
            else
                x[l] = std::bit_cast<u32>(D[l / 4 + 8 * (r >> 1)][l % 4 * 2 + (r & 1)]);
        }
    }
}
/// Integer operands, s32 sum. mode: bit 0 a signed, bit 1 b signed, bit 2 saturate.
void mma_integer(Warp& w, Instruction const& i, u32 m)
{
    if (m != kAllLanes)
        report_at(w, i, first_lane(m), "mma.sync is executed by a part of the warp only");
    const u32 na = i.count, nb = na / 2, k_total = nb * 16;
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
            const s64 v = D[l / 4 + 8 * (r >> 1)][l % 4 * 2 + (r & 1)];
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
    const string c = o.take_type(), b = o.last();
    if (!o.take(b.c_str())) throw NotEmulated("form");
    const string a = o.last();
    o.take(a);
    const string d = o.last();
    o.take(d);
    if (!o.take("sync")) throw NotEmulated("form");
    o.take("aligned");
    if (!o.take("row") || !o.take("col")) throw NotEmulated("layout");
    const string shape = o.take_any({"m16n8k16", "m16n8k8", "m16n8k4", "m16n8k32", "m8n8k4"});
    bool const sat = o.take("satfinite");
    o.expect(4, 4);
    o.ins.flow = Flow::Collective;
    o.ins.members = o.immediate(kAllLanes, "b32");
    vector<u32> rows;
    const string reg_type = a == "f64" ? "f64" : "b32";
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
        o.ins.run = a == "bf16" ? mma_float<Bf16, false>
                    : half_sum  ? mma_float<F16, true>
                                : mma_float<F16, false>;
    } else if (a == "tf32") {
        require(b == "tf32" && d == "f32" && c == "f32"
                && (shape == "m16n8k8" || shape == "m16n8k4")
                && counts[1] == (shape == "m16n8k8" ? 4u : 2u));
        o.ins.run = mma_float<Tf32, false>;
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

// ---- ldmatrix, stmatrix, movmatrix; mode: 1 transposed
void load_matrix(Warp& w, Instruction const& i, u32 m)
{
    if (m != kAllLanes)
        report_at(w, i, first_lane(m), "ldmatrix is executed by a part of the warp only");
    const u32 lanes = i.count == 4 ? kAllLanes : (1u << 8 * i.count) - 1;
    resolve_addresses(w, i, lanes, 16, Access::Read);
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
    const u32 lanes = i.count == 4 ? kAllLanes : (1u << 8 * i.count) - 1;
    resolve_addresses(w, i, lanes, 16, Access::Write);
    Block& b = *w.block;
    if (b.shadow && w.pattern != Warp::Coalesced)
        for_lanes(lanes, [&](u32 l) {
            check_access(w, i, *b.shadow, size_t(w.pointers[l] - b.shared), 16, Access::Write, l,
                         false);
        });
    for (u32 q = 0; q < i.count; ++q) {
        u32 const* d = row32(w, i.list[q]);
        for (u32 l = 0; l < 32; ++l) {
            if (i.mode) {
                for (u32 h = 0; h < 2; ++h) {
                    const u16 v = u16(d[l] >> 16 * h);
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
    o.ins.flow = Flow::Collective;
    o.ins.members = o.immediate(kAllLanes, "b32");
    o.expect(2, 2);
    if (o.base == "movmatrix") {
        o.ins.d = o.target(0, "b32");
        o.ins.a = o.source(1, "b32");
        o.ins.run = move_matrix;
        return;
    }
    const string n = o.take_any({"x1", "x2", "x4"});
    bool const shared = !o.take_any({"shared::cta", "shared"}).empty(),
               is_load = o.base == "ldmatrix";
    o.address(o.operands[is_load ? 1 : 0], shared ? Space::Shared : Space::Generic);
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

// ---- wgmma: D (64 x N, f32) += A (64 x K) * B (K x N); operands in shared memory by descriptor, A also in registers
// count: registers of a (0: descriptor); size: N / 8; mode: Element; imm: bit 0 transposed a, bit 1 transposed b,
// bit 2 a negated, bit 3 b negated, bit 4 scale-d constant 0. c: predicate of scale-d.
/// Byte address in shared memory of element (mn, k); es: bytes per element.
u32 descriptor_address(u64 d, u32 mn, u32 k, u32 es, bool transposed)
{
    const u32 start = u32(d & 0x3fff) << 4, lbo = u32(d >> 16 & 0x3fff) << 4,
              sbo = u32(d >> 32 & 0x3fff) << 4, swizzle = u32(d >> 62);
    const u32 width = swizzle == 1   ? 8
                      : swizzle == 2 ? 4
                      : swizzle == 3 ? 2
                                     : 1;  // 16-byte units per row
    u32 a;
    if (!transposed) {
        const u32 kb = k * es;
        a = swizzle == 0 ? start + mn / 8 * sbo + kb / 16 * lbo + mn % 8 * 16 + kb % 16
                         : start + mn / 8 * sbo + mn % 8 * (width * 16) + kb;
    } else {
        const u32 unit = mn / 8, e = mn % 8;
        a = swizzle == 0 ? start + unit * sbo + k % 8 * 16 + k / 8 * lbo + e * es
                         : start + unit % width * 16 + unit / width * lbo + k % 8 * (width * 16)
                               + k / 8 * sbo + e * es;
    }
    if (swizzle) a ^= (a >> 7 & (width - 1)) << 4;
    return a;
}
void run_wgmma(Warp& w, PendingWgmma const& q)
{
    Instruction const& i = *q.instruction;
    Block& b = *w.block;
    const Element type = Element(i.mode);
    const u32 n_total = u32(i.size) * 8, es = type == Tf32 ? 4 : 2, k_total = 32 / es,
              quarter = w.index % 4;
    auto element = [&](u32 a) -> f32 {
        if (a + es > b.shared_bytes)
            fault_at(
                w, i, 0, cudaErrorIllegalAddress, "wgmma operand outside shared memory",
                "offset " + std::to_string(a) + " of " + std::to_string(b.shared_bytes) + " bytes");
        u32 v = 0;
        memcpy(&v, b.shared + a, es);
        return type == Tf32   ? tf32_value(v)
               : type == Bf16 ? bf16_to_float(u16(v))
                              : half_to_float(u16(v));
    };
    vector<f32> A(16 * k_total), B(size_t(k_total) * n_total), D(16 * size_t(n_total));
    for (u32 r = 0; r < 16; ++r)
        for (u32 k = 0; k < k_total; ++k) {
            f32 v;
            if (i.count == 4) {
                if (type == Tf32)
                    v = tf32_value(q.registers_a[r / 8 + k / 4 * 2][r % 8 * 4 + k % 4]);
                else {
                    const u16 h = u16(q.registers_a[r / 8 + k / 8 * 2][r % 8 * 4 + k % 8 / 2]
                                      >> (k & 1) * 16);
                    v = type == Bf16 ? bf16_to_float(h) : half_to_float(h);
                }
            } else
                v = element(descriptor_address(q.descriptor_a, quarter * 16 + r, k, es, i.imm & 1));
            A[r * k_total + k] = i.imm & 4 ? -v : v;
        }
    for (u32 n = 0; n < n_total; ++n)
        for (u32 k = 0; k < k_total; ++k) {
            const f32 v = element(descriptor_address(q.descriptor_b, n, k, es, i.imm & 2));
            B[size_t(k) * n_total + n] = i.imm & 8 ? -v : v;
        }
    auto each = [&](auto f) {
        for (u32 j = 0; j < n_total / 2; ++j) {
            u32* x = row32(w, i.list[j]);
            for (u32 l = 0; l < 32; ++l)
                f(x[l], D[size_t(l / 4 + j % 4 / 2 * 8) * n_total + j / 4 * 8 + l % 4 * 2 + j % 2]);
        }
    };
    if (q.accumulate)
        each([](u32& x, f32& d) { d = std::bit_cast<f32>(x); });
    else
        std::fill(D.begin(), D.end(), 0.f);
    for (u32 r = 0; r < 16; ++r)
        for (u32 k = 0; k < k_total; ++k) {
            const f32 a = A[r * k_total + k];
            f32* d = &D[size_t(r) * n_total];
            f32 const* x = &B[size_t(k) * n_total];
            for (u32 n = 0; n < n_total; ++n)
                d[n] = __builtin_fmaf(a, x[n], d[n]);
        }
    each([](u32& x, f32& d) { x = std::bit_cast<u32>(d); });
}
/// Race and proxy checks of the operands in shared memory, in pieces of 16 bytes.
void check_wgmma(Warp& w, Instruction const& i, PendingWgmma const& q)
{
    Block& b = *w.block;
    if (!b.shadow) return;
    const u32 es = i.mode == Tf32 ? 4 : 2, k_total = 32 / es, per = 16 / es;
    auto piece = [&](u32 a) {
        if (a + 16 > b.shared_bytes)
            fault_at(
                w, i, 0, cudaErrorIllegalAddress, "wgmma operand outside shared memory",
                "offset " + std::to_string(a) + " of " + std::to_string(b.shared_bytes) + " bytes");
        check_async_read(w, i, *b.shadow, a, 16, 0);
    };
    auto matrix = [&](u64 d, u32 first, u32 rows, bool transposed) {
        if (transposed)
            for (u32 k = 0; k < k_total; ++k)
                for (u32 r = 0; r < rows; r += per)
                    piece(descriptor_address(d, first + r, k, es, true));
        else
            for (u32 r = 0; r < rows; ++r)
                for (u32 k = 0; k < k_total; k += per)
                    piece(descriptor_address(d, first + r, k, es, false));
    };
    if (i.count != 4) matrix(q.descriptor_a, w.index % 4 * 16, 16, i.imm & 1);
    if (w.index % 4 == 0) matrix(q.descriptor_b, 0, u32(i.size) * 8, i.imm & 2);
}
void wgmma(Warp& w, Instruction const& i, u32 m)
{
    if (m != kAllLanes)
        report_at(w, i, first_lane(m), "wgmma is executed by a part of the warp only");
    PendingWgmma q{&i,
                   0,
                   row64(w, i.b)[0],
                   {},
                   i.c == kNone ? !(i.imm & 16) : bool(w.predicates[i.c] & 1),
                   w.wgmma_group,
                   false};
    if (i.count == 4)
        for (u32 k = 0; k < 4; ++k)
            memcpy(q.registers_a[k], row32(w, i.list[u32(i.size) * 4 + k]), 128);
    else
        q.descriptor_a = row64(w, i.a)[0];
    check_wgmma(w, i, q);
    const AsyncCopies when = options().async_copies;
    bool const in_order = w.wgmmas.empty() || w.wgmmas.back().done;
    if (in_order
        && (when == AsyncCopies::Early
            || (when == AsyncCopies::Random && w.block->group->random.below(2)))) {
        run_wgmma(w, q);
        q.done = true;
    }
    w.wgmmas.push_back(q);
}
void wgmma_commit(Warp& w, Instruction const&, u32)
{
    ++w.wgmma_group;
}
void wgmma_wait(Warp& w, Instruction const& i, u32)
{
    size_t k = 0;
    for (; k < w.wgmmas.size() && w.wgmmas[k].group + u32(i.imm) < w.wgmma_group; ++k)
        if (!w.wgmmas[k].done) run_wgmma(w, w.wgmmas[k]);
    w.wgmmas.erase(w.wgmmas.begin(), w.wgmmas.begin() + s64(k));
}
void nothing(Warp&, Instruction const&, u32) {}

void decode_wgmma(Op& o)
{
    o.take("sync");
    o.take("aligned");
    o.ins.flow = Flow::Collective;
    o.ins.members = o.immediate(kAllLanes, "b32");
    if (o.take("fence")) {
        o.ins.run = nothing;
        return;
    }
    if (o.take("commit_group")) {
        o.ins.run = wgmma_commit;
        return;
    }
    if (o.take("wait_group")) {
        o.expect(1, 1);
        o.ins.imm = o.constant(0);
        o.ins.run = wgmma_wait;
        return;
    }
    if (!o.take("mma_async")) throw NotEmulated("form");
    const string b = o.last();
    o.take(b);
    const string a = o.last();
    o.take(a);
    const string d = o.last();
    o.take(d);
    if (a != b || d != "f32" || (a != "bf16" && a != "f16" && a != "tf32"))
        throw NotEmulated("types ." + d + "." + a + "." + b);
    o.ins.mode = a == "bf16" ? Bf16 : a == "f16" ? F16 : Tf32;
    const string shape = o.last();
    const string k = a == "tf32" ? "k8" : "k16";
    if (shape.rfind("m64n", 0) != 0 || shape.size() < 7 || shape.substr(shape.find('k')) != k)
        throw NotEmulated("shape ." + shape);
    o.take(shape);
    const u32 n = u32(atoi(shape.c_str() + 4));
    auto const parts = o.elements(0);
    if (n % 8 || n == 0 || n > 256 || parts.size() != n / 2) throw NotEmulated("shape ." + shape);
    o.ins.size = u8(n / 8);
    vector<u32> rows;
    for (auto& p : parts)
        rows.push_back(o.target(p, "b32"));
    bool const registers = o.operands[1][0] == '{';
    o.expect(4, 8);
    if (registers) {
        auto const r = o.elements(1);
        if (r.size() != 4) throw NotEmulated("registers of a");
        for (auto& p : r)
            rows.push_back(o.source(p, "b32"));
        o.ins.count = 4;
    } else {
        o.ins.a = o.source(1, "b64");
        o.ins.count = 0;
    }
    o.ins.b = o.source(2, "b64");
    if (o.is_predicate(o.operands[3]))
        o.ins.c = o.predicate(3);
    else if (o.constant(3) == 0)
        o.ins.imm |= 16;
    if (o.operands.size() > 4) {
        if (o.constant(4) == -1) o.ins.imm |= 4;
        if (o.constant(5) == -1) o.ins.imm |= 8;
    }
    if (o.operands.size() > 6) {
        if (registers) {
            if (o.constant(6)) o.ins.imm |= 2;
        } else {
            if (o.constant(6)) o.ins.imm |= 1;
            if (o.operands.size() > 7 && o.constant(7)) o.ins.imm |= 2;
        }
        if ((o.ins.imm & 3) && a == "tf32") throw NotEmulated("transposed tf32 operand");
    }
    o.ins.list = o.list(rows);
    o.ins.run = wgmma;
}

}  // namespace

void register_matrix_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["mma"] = decode_mma;
    t["ldmatrix"] = t["stmatrix"] = t["movmatrix"] = decode_matrix_access;
    t["wgmma"] = decode_wgmma;
}

}  // namespace emu
