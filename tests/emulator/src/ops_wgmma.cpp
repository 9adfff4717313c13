// wgmma: D (64 x N, f32) += A (64 x K) * B (K x N); operands in shared memory by descriptor, A also in registers.
#include "tests/emulator/src/matrix.hpp"
#include "tests/emulator/src/report.hpp"

namespace calofuse::emulator {
namespace {

u32 descriptor_address(u64 d, u32 mn, u32 k, u32 es, bool transposed)
{
    u32 const start = u32(d & 0x3fff) << 4, lbo = u32(d >> 16 & 0x3fff) << 4,
              sbo = u32(d >> 32 & 0x3fff) << 4, swizzle = u32(d >> 62);
    u32 const width = swizzle == 1   ? 8
                      : swizzle == 2 ? 4
                      : swizzle == 3 ? 2
                                     : 1;  // 16-byte units per row
    u32 a;
    if (!transposed) {
        u32 const kb = k * es;
        a = swizzle == 0 ? start + mn / 8 * sbo + kb / 16 * lbo + mn % 8 * 16 + kb % 16
                         : start + mn / 8 * sbo + mn % 8 * (width * 16) + kb;
    } else {
        u32 const unit = mn / 8, e = mn % 8;
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
    Element const type = Element(i.mode);
    u32 const n_total = u32(i.size) * 8, es = type == kTf32 ? 4 : 2, k_total = 32 / es,
              quarter = w.index % 4;
    auto element = [&](u32 a) -> f32 {
        if (a + es > b.shared_bytes)
            fault_at(
                w, i, 0, cudaErrorIllegalAddress, "wgmma operand outside shared memory",
                "offset " + std::to_string(a) + " of " + std::to_string(b.shared_bytes) + " bytes");
        u32 v = 0;
        memcpy(&v, b.shared + a, es);
        return type == kTf32   ? tf32_value(v)
               : type == kBf16 ? bf16_to_float(u16(v))
                               : half_to_float(u16(v));
    };
    vector<f32> A(16 * k_total), B(size_t(k_total) * n_total), D(16 * size_t(n_total));
    for (u32 r = 0; r < 16; ++r)
        for (u32 k = 0; k < k_total; ++k) {
            f32 v;
            if (i.count == 4) {
                if (type == kTf32)
                    v = tf32_value(q.registers_a[r / 8 + k / 4 * 2][r % 8 * 4 + k % 4]);
                else {
                    u16 const h = u16(q.registers_a[r / 8 + k / 8 * 2][r % 8 * 4 + k % 8 / 2]
                                      >> (k & 1) * 16);
                    v = type == kBf16 ? bf16_to_float(h) : half_to_float(h);
                }
            } else
                v = element(descriptor_address(q.descriptor_a, quarter * 16 + r, k, es, i.imm & 1));
            A[r * k_total + k] = i.imm & 4 ? -v : v;
        }
    for (u32 n = 0; n < n_total; ++n)
        for (u32 k = 0; k < k_total; ++k) {
            f32 const v = element(descriptor_address(q.descriptor_b, n, k, es, i.imm & 2));
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
            f32 const a = A[r * k_total + k];
            f32* d = &D[size_t(r) * n_total];
            f32 const* x = &B[size_t(k) * n_total];
            for (u32 n = 0; n < n_total; ++n)
                d[n] = __builtin_fmaf(a, x[n], d[n]);
        }
    each([](u32& x, f32& d) { x = std::bit_cast<u32>(d); });
}

void check_wgmma(Warp& w, Instruction const& i, PendingWgmma const& q)
{
    Block& b = *w.block;
    if (!b.shadow) return;
    u32 const es = i.mode == kTf32 ? 4 : 2, k_total = 32 / es, per = 16 / es;
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
    AsyncCopies const when = options().async_copies;
    bool const in_order = w.wgmmas.empty() || w.wgmmas.back().done;
    if (in_order
        && (when == AsyncCopies::early
            || (when == AsyncCopies::random && w.block->group->random.below(2)))) {
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

/// Types and shape; pushes the rows of D.
void decode_shape(Op& o, vector<u32>& rows)
{
    string const b = o.last();
    o.take(b);
    string const a = o.last();
    o.take(a);
    string const d = o.last();
    o.take(d);
    if (a != b || d != "f32" || (a != "bf16" && a != "f16" && a != "tf32"))
        throw NotEmulated("types ." + d + "." + a + "." + b);
    o.ins.mode = a == "bf16" ? kBf16 : a == "f16" ? kF16 : kTf32;
    string const shape = o.last();
    string const k = a == "tf32" ? "k8" : "k16";
    if (shape.rfind("m64n", 0) != 0 || shape.size() < 7 || shape.substr(shape.find('k')) != k)
        throw NotEmulated("shape ." + shape);
    o.take(shape);
    u32 const n = u32(atoi(shape.c_str() + 4));
    auto const parts = o.elements(0);
    if (n % 8 || n == 0 || n > 256 || parts.size() != n / 2) throw NotEmulated("shape ." + shape);
    o.ins.size = u8(n / 8);
    for (auto& p : parts)
        rows.push_back(o.target(p, "b32"));
}

/// A (registers or descriptor), B, scale-d, signs, transpositions; pushes the rows of A.
void decode_operands(Op& o, vector<u32>& rows)
{
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
        if ((o.ins.imm & 3) && o.ins.mode == kTf32) throw NotEmulated("transposed tf32 operand");
    }
}

}  // namespace

void decode_wgmma(Op& o)
{
    o.take("sync");
    o.take("aligned");
    o.ins.flow = Flow::collective;
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
    vector<u32> rows;
    decode_shape(o, rows);
    decode_operands(o, rows);
    o.ins.list = o.list(rows);
    o.ins.run = wgmma;
}

}  // namespace calofuse::emulator
