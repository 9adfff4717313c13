// Tensor copies (TMA): boxes of a tensor map to and from shared memory.
#include "tests/emulator/src/async.hpp"
#include "tests/emulator/src/tensor_map.hpp"

namespace calofuse::emulator {
namespace {

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
    u32 const swizzle_bits = t.swizzle == 3 ? 7 : t.swizzle == 2 ? 3 : t.swizzle == 1 ? 1 : 0;
    for (u32 e = 0; e < n[4]; ++e)
        for (u32 d = 0; d < n[3]; ++d)
            for (u32 c = 0; c < n[2]; ++c)
                for (u32 b = 0; b < n[1]; ++b)
                    for (u32 a = 0; a < n[0]; ++a) {
                        u32 const index[5] = {a, b, c, d, e};
                        bool inside = true;
                        u64 offset = 0;
                        for (u32 q = 0; q < t.rank; ++q) {
                            s64 const x = s64(at[q]) + s64(index[q]) * t.element_stride[q];
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

}  // namespace

void tensor_load(Warp& w, Instruction const& i, u32 m)
{
    for_lanes(m, [&](u32 l) {
        TensorMap const t = tensor_map(w, i, l, row64(w, i.list[1])[l], i.count);
        s32 at[5] = {};
        for (u32 d = 0; d < i.count; ++d)
            at[d] = s32(row32(w, i.list[4 + d])[l]);
        Block *to_block, *bar_block;
        u32 to_offset, bar_offset;
        u32 const to = row32(w, i.list[0])[l];
        shared_pointer(w, i, l, to, 1, t.swizzle == 3 ? 128 : 16, &to_block, &to_offset);
        vector<Piece> pieces;
        box_pieces(t, at, to_offset, pieces);
        u32 const bytes = u32(pieces.size()) * t.element_bytes;
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
                                 Access::read, l, true);
            }
        auto one = [&](Block& block, char* bar, Block& bb) {
            char* base = block.shared;
            u32 const es = t.element_bytes;
            u32 const fill = t.fill_nan ? 0xffffffffu : 0;
            start_bulk(w, i, l, {&block, to_offset, bar, &bb}, bytes, [pieces, base, es, fill] {
                for (auto& p : pieces) {
                    if (p.global)
                        memcpy(base + p.shared, p.global, es);
                    else
                        memset(base + p.shared, fill ? 0xff : 0, es);
                }
            });
        };
        u32 const ranks = i.list[3] == kNone ? 0 : row32(w, i.list[3])[l] & 0xffff;
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
        TensorMap const t = tensor_map(w, i, l, row64(w, i.list[1])[l], i.count);
        s32 at[5] = {};
        for (u32 d = 0; d < i.count; ++d)
            at[d] = s32(row32(w, i.list[4 + d])[l]);
        Block* b;
        u32 offset;
        u32 const from = row32(w, i.list[0])[l];
        shared_pointer(w, i, l, from, 1, t.swizzle == 3 ? 128 : 16, &b, &offset);
        vector<Piece> pieces;
        box_pieces(t, at, offset, pieces);
        u32 const bytes = u32(pieces.size()) * t.element_bytes, es = t.element_bytes;
        shared_pointer(w, i, l, from, bytes, 16);
        int const kind = i.mode & 3;
        int type = 0;
        if (kind) {
            static int const types[] = {-1, -1, 0, 1, 2, -1, 5, 3, 4, 6};  // CUtensorMapDataType
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
                                 kind ? Access::atomic : Access::write, l, true);
            }
        char const* base = b->shared;
        start_bulk_store(w, l, [pieces, base, es, kind, type] {
            for (auto& p : pieces)
                if (p.global) combine_bytes(p.global, base + p.shared, es, kind, type);
        });
    });
}

}  // namespace calofuse::emulator
