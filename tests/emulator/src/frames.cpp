// Frames of functions: storage, calls and returns.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {

void init_frame_storage(Frame& f, FunctionInfo const& info)
{
    f.function = &info;
    size_t const registers = round_up(info.register_bytes + 64, 64),
                 predicates = round_up(info.predicates * 4 + 64, 64);
    f.local_stride = u32(round_up(info.local_bytes, 16));
    f.param_stride = u32(round_up(info.param_bytes, 16));
    size_t const total =
        registers + predicates + size_t(f.local_stride + f.param_stride) * 32 + 128;
    f.storage = std::make_unique<char[]>(total);
    char* p = reinterpret_cast<char*>(round_up(reinterpret_cast<u64>(f.storage.get()), 64));
    f.registers = p;
    f.predicates = reinterpret_cast<u32*>(p + registers);
    f.local = p + registers + predicates;
    f.params = f.local + size_t(f.local_stride) * 32;
    memset(p, 0, total - 64);
    for (auto& [r, v] : info.imm32)
        for (u32 l = 0; l < 32; ++l)
            reinterpret_cast<u32*>(f.registers + r)[l] = v;
    for (auto& [r, v] : info.imm64)
        for (u32 l = 0; l < 32; ++l)
            reinterpret_cast<u64*>(f.registers + r)[l] = v;
}

int resolve_indirect(
    Warp& w, Kernel const& k, Instruction const& i, CallSite const& site, u32& mask)
{
    u64 const* p = row64(w, site.pointer);
    u64 const address = p[first_lane(mask)];
    u32 same = 0;
    for_lanes(mask, [&](u32 l) {
        if (p[l] == address) same |= 1u << l;
    });
    string const* name = function_at(address);
    if (name)
        for (size_t f = 1; f < k.functions.size(); ++f)
            if (k.functions[f].name == *name) {
                mask = same;
                return int(f);
            }
    fault_at(w, i, first_lane(mask), cudaErrorIllegalInstruction,
             "call through an invalid function pointer");
}

void push_frame(Warp& w,
                Kernel const&,
                Instruction const& i,
                CallSite const& site,
                FunctionInfo const& f,
                u32 mask)
{
    Frame& from = *w.frame;
    if (from.depth >= 2000)
        fault_at(w, i, first_lane(mask), cudaErrorLaunchFailure,
                 "stack overflow: more than 2000 nested calls");
    Frame* to = nullptr;
    for (size_t q = 0; q < w.free_frames.size() && !to; ++q)
        if (w.free_frames[q]->function == &f) {
            to = w.free_frames[q];
            w.free_frames.erase(w.free_frames.begin() + s64(q));
        }
    if (!to) {
        w.pool.push_back(std::make_unique<Frame>());
        to = w.pool.back().get();
        init_frame_storage(*to, f);
    }
    fill_specials(w, f, to->registers);
    to->caller = &from;
    to->call = &i;
    to->depth = from.depth + 1;
    to->lanes = mask;
    w.live_frames.push_back(to);
    if (site.args.size() != f.params.size())
        fault_at(w, i, first_lane(mask), cudaErrorIllegalInstruction,
                 "call with a wrong number of arguments");
    for_lanes(mask, [&](u32 l) {
        for (size_t n = 0; n < f.params.size(); ++n)
            memcpy(to->params + size_t(l) * to->param_stride + f.params[n].offset,
                   from.params + size_t(l) * from.param_stride + site.args[n].offset,
                   std::min(f.params[n].bytes, site.args[n].bytes));
        w.frames[l] = to;
        w.pc[l] = f.entry;
    });
}

void pop_frame(Warp& w, Kernel const& k, u32 mask)
{
    Frame& f = *w.frame;
    Frame& to = *f.caller;
    CallSite const& site = k.calls[f.call->target];
    u32 const back = u32(f.call - k.code.data()) + 1;
    for_lanes(mask, [&](u32 l) {
        if (site.result && f.function->result)
            memcpy(to.params + size_t(l) * to.param_stride + site.result->offset,
                   f.params + size_t(l) * f.param_stride + f.function->result->offset,
                   std::min(site.result->bytes, f.function->result->bytes));
        w.frames[l] = &to;
        w.pc[l] = back;
    });
    f.lanes &= ~mask;
    if (!f.lanes) {
        std::erase(w.live_frames, &f);
        w.free_frames.push_back(&f);
    }
}

}  // namespace calofuse::emulator
