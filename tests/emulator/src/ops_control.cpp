// Control flow, barriers, fences, function calls, and the functions that the device runtime provides.
#include <cstdio>

#include "ops.hpp"

namespace emu {
namespace {

void memory_fence(Warp& w, Instruction const&, u32)
{
    w.block->fenced = true;
}
void proxy_fence(Warp& w, Instruction const&, u32)
{
    w.proxy_fence_time = w.block->time++;
}

void decode_fence(Op& o)
{
    if (o.take("proxy")) {
        o.take_any({"alias", "async", "async::generic", "async.global", "tensormap::generic"});
        o.take_any({"acquire", "release"});
        o.take_any({"global", "shared::cta", "shared::cluster"});
        o.take("sync_restrict::shared::cluster");
        o.take("sync_restrict::shared::cta");
        o.take("cluster");
        o.ins.run = proxy_fence;
        return;
    }
    if (o.take("mbarrier_init")) {
        o.take("release");
        o.take("cluster");
        o.ins.run = memory_fence;
        return;
    }
    o.take_any({"sc", "acq_rel", "acquire", "release", "gl"});
    o.take_any({"cta", "cluster", "gpu", "sys", "gl"});
    o.ins.run = memory_fence;
}

void decode_barrier(Op& o)
{
    if (o.base == "bar" && o.take("warp")) {
        o.take("sync");
        static auto const table = [] {
            std::unordered_map<string, OpDecoder> t;
            register_warp_ops(t);
            return t;
        }();
        return table.at("bar.warp")(o);
    }
    if (o.take("cluster")) {
        const string k = o.take_any({"arrive", "wait"});
        o.take_any({"release", "relaxed", "acquire"});
        o.take("aligned");
        o.ins.flow = k == "arrive" ? Flow::ClusterArrive : Flow::ClusterWait;
        return;
    }
    o.take("cta");
    bool const aligned = o.take("aligned") || o.base == "bar";
    o.ins.mode = aligned;
    if (o.take("arrive")) {
        o.expect(2, 2);
        o.ins.flow = Flow::BarrierArrive;
        o.ins.a = o.source(0, "u32");
        o.ins.b = o.source(1, "u32");
        return;
    }
    if (o.take("red")) {
        const string type = o.last();
        if (type == "pred" || type == "u32") o.take(type);
        const string k = o.take_any({"popc", "and", "or"});
        o.expect(3, 4);
        o.ins.flow = Flow::BarrierReduce;
        o.ins.count = k == "popc" ? 0 : k == "or" ? 1 : 2;
        o.ins.d = k == "popc" ? o.target(0, "u32") : o.predicate(0);
        o.ins.a = o.source(1, "u32");
        o.ins.b = o.operands.size() > 3 ? o.source(2, "u32") : kNone;
        bool negated;
        o.ins.c = o.predicate(o.operands.size() - 1, &negated);
        o.ins.imm = negated;
        return;
    }
    if (!o.take("sync")) throw NotEmulated("form");
    o.expect(1, 2);
    o.ins.flow = Flow::Barrier;
    o.ins.a = o.source(0, "u32");
    if (o.operands.size() > 1) o.ins.b = o.source(1, "u32");
}

void decode_call(Op& o)
{
    o.take("uni");
    // (result), name, (arguments)  |  name, (arguments)  |  (result), pointer, (arguments), prototype
    size_t at = 0;
    CallSite site;
    auto slot = [&](string const& name) {
        const auto* s = o.decoder().find(name);
        if (!s || s->kind != KernelDecoder::Symbol::FrameParam)
            throw NotEmulated("argument '" + name + "' of a call");
        return FunctionInfo::Slot{u32(s->value), s->bytes};
    };
    auto names = [](string const& s) {
        return split_operands(s.substr(1, s.rfind(')') - 1));
    };
    if (!o.operands.empty() && o.operands[0][0] == '(') {
        if (auto r = names(o.operands[0]); !r.empty()) site.result = slot(r[0]);
        ++at;
    }
    if (at >= o.operands.size()) throw NotEmulated("call");
    const string callee = o.operands[at++];
    if (at < o.operands.size() && o.operands[at][0] == '(')
        for (auto& a : names(o.operands[at]))
            site.args.push_back(slot(a));
    if (callee == "vprintf")
        site.builtin = Builtin::Vprintf;
    else if (callee == "__assertfail")
        site.builtin = Builtin::AssertFail;
    else if (callee == "malloc")
        site.builtin = Builtin::Malloc;
    else if (callee == "free")
        site.builtin = Builtin::Free;
    else if (o.row_bytes(callee) == 8) {
        site.pointer = o.source(callee, "u64");
        o.decoder().all_functions();
    } else
        site.function = int(o.decoder().function_index(callee));
    o.ins.flow = Flow::Call;
    o.ins.target = o.decoder().add_call(std::move(site));
}

char* argument(Warp& w, CallSite const& site, size_t n, u32 lane)
{
    return w.frame->params + size_t(lane) * w.frame->param_stride + site.args[n].offset;
}
template <class T>
T argument_value(Warp& w, CallSite const& site, size_t n, u32 lane)
{
    T v;
    memcpy(&v, argument(w, site, n, lane), sizeof v);
    return v;
}

string device_string(u64 address)
{
    string s;
    char const* p = reinterpret_cast<char const*>(address);
    Allocation* a = device_memory().find(p, 1);
    if (!a) return "(invalid string)";
    while (p < a->base + a->bytes && *p)
        s += *p++;
    return s;
}

void print_formatted(u64 format, char const* args)
{
    const string f = device_string(format);
    string out;
    u32 at = 0;
    for (size_t p = 0; p < f.size(); ++p) {
        if (f[p] != '%') {
            out += f[p];
            continue;
        }
        if (p + 1 < f.size() && f[p + 1] == '%') {
            out += '%';
            ++p;
            continue;
        }
        string spec = "%";
        size_t q = p + 1;
        bool wide = false;
        auto next_int = [&] {
            at = u32(round_up(at, 4));
            s32 v;
            memcpy(&v, args + at, 4);
            at += 4;
            return v;
        };
        while (q < f.size() && (strchr("-+ #0123456789.*", f[q]) || strchr("hlLzjt", f[q]))) {
            if (f[q] == '*')
                spec += std::to_string(next_int());
            else if (strchr("hlLzjt", f[q]))
                wide |= f[q] != 'h';
            else
                spec += f[q];
            ++q;
        }
        if (q >= f.size()) break;
        char const c = f[q];
        char b[512];
        if (strchr("di", c) || strchr("uoxX", c)) {
            if (wide) {
                at = u32(round_up(at, 8));
                s64 v;
                memcpy(&v, args + at, 8);
                at += 8;
                snprintf(b, sizeof b, (spec + "ll" + c).c_str(), (long long)v);
            } else
                snprintf(b, sizeof b, (spec + c).c_str(), next_int());
        } else if (c == 'c')
            snprintf(b, sizeof b, (spec + c).c_str(), next_int());
        else if (strchr("eEfFgGaA", c)) {
            at = u32(round_up(at, 8));
            f64 v;
            memcpy(&v, args + at, 8);
            at += 8;
            snprintf(b, sizeof b, (spec + c).c_str(), v);
        } else if (c == 's') {
            at = u32(round_up(at, 8));
            u64 v;
            memcpy(&v, args + at, 8);
            at += 8;
            snprintf(b, sizeof b, (spec + c).c_str(), device_string(v).c_str());
        } else if (c == 'p') {
            at = u32(round_up(at, 8));
            void* v;
            memcpy(&v, args + at, 8);
            at += 8;
            snprintf(b, sizeof b, (spec + c).c_str(), v);
        } else
            snprintf(b, sizeof b, "%s%c", spec.c_str(), c);
        out += b;
        p = q;
    }
    fwrite(out.data(), 1, out.size(), stdout);
}

}  // namespace

void init_frame_storage(Frame& f, FunctionInfo const& info)
{
    f.function = &info;
    const size_t registers = round_up(info.register_bytes + 64, 64),
                 predicates = round_up(info.predicates * 4 + 64, 64);
    f.local_stride = u32(round_up(info.local_bytes, 16));
    f.param_stride = u32(round_up(info.param_bytes, 16));
    const size_t total =
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

void fill_specials(Warp& w, FunctionInfo const& f, char* registers)
{
    using R = SpecialRegister;
    Block const& b = *w.block;
    Launch const& launch = *b.launch;
    Dim const &g = launch.config.grid, &n = launch.config.block, &c = launch.config.cluster;
    const u64 workspace = reinterpret_cast<u64>(launch.grid_workspace);
    for (auto& [offset, which] : f.special) {
        u32* d = reinterpret_cast<u32*>(registers + offset);
        for (u32 l = 0; l < 32; ++l) {
            const u32 t = w.index * 32 + l;
            u32 v = 0;
            switch (R(which)) {
                case R::TidX:
                    v = t % n.x;
                    break;
                case R::TidY:
                    v = t / n.x % n.y;
                    break;
                case R::TidZ:
                    v = t / n.x / n.y;
                    break;
                case R::NtidX:
                    v = n.x;
                    break;
                case R::NtidY:
                    v = n.y;
                    break;
                case R::NtidZ:
                    v = n.z;
                    break;
                case R::CtaidX:
                    v = b.ctaid[0];
                    break;
                case R::CtaidY:
                    v = b.ctaid[1];
                    break;
                case R::CtaidZ:
                    v = b.ctaid[2];
                    break;
                case R::NctaidX:
                    v = g.x;
                    break;
                case R::NctaidY:
                    v = g.y;
                    break;
                case R::NctaidZ:
                    v = g.z;
                    break;
                case R::LaneId:
                    v = l;
                    break;
                case R::WarpId:
                    v = w.index;
                    break;
                case R::NwarpId:
                    v = u32(b.warps.size());
                    break;
                case R::SmId:
                    v = u32(b.group->index % options().multiprocessors);
                    break;
                case R::NsmId:
                    v = options().multiprocessors;
                    break;
                case R::LaneMaskEq:
                    v = 1u << l;
                    break;
                case R::LaneMaskLt:
                    v = (1u << l) - 1;
                    break;
                case R::LaneMaskLe:
                    v = (2u << l) - 1;
                    break;
                case R::LaneMaskGt:
                    v = ~((2u << l) - 1);
                    break;
                case R::LaneMaskGe:
                    v = ~((1u << l) - 1);
                    break;
                case R::ClusterIdX:
                    v = b.ctaid[0] / c.x;
                    break;
                case R::ClusterIdY:
                    v = b.ctaid[1] / c.y;
                    break;
                case R::ClusterIdZ:
                    v = b.ctaid[2] / c.z;
                    break;
                case R::NclusterIdX:
                    v = g.x / c.x;
                    break;
                case R::NclusterIdY:
                    v = g.y / c.y;
                    break;
                case R::NclusterIdZ:
                    v = g.z / c.z;
                    break;
                case R::ClusterCtaidX:
                    v = b.ctaid[0] % c.x;
                    break;
                case R::ClusterCtaidY:
                    v = b.ctaid[1] % c.y;
                    break;
                case R::ClusterCtaidZ:
                    v = b.ctaid[2] % c.z;
                    break;
                case R::ClusterNctaidX:
                    v = c.x;
                    break;
                case R::ClusterNctaidY:
                    v = c.y;
                    break;
                case R::ClusterNctaidZ:
                    v = c.z;
                    break;
                case R::ClusterCtarank:
                    v = launch.config.cooperative && c.count() == 1 ? 0 : b.rank;
                    break;
                case R::ClusterNctarank:
                    v = u32(c.count());
                    break;
                case R::DynamicSmemSize:
                    v = u32(launch.config.dynamic_shared);
                    break;
                case R::TotalSmemSize:
                    v = b.shared_bytes;
                    break;
                case R::EnvReg1:
                    v = launch.config.cooperative ? u32(workspace >> 32) : 0;
                    break;
                case R::EnvReg2:
                    v = launch.config.cooperative ? u32(workspace) : 0;
                    break;
                default:
                    break;
            }
            d[l] = v;
        }
    }
}

int resolve_indirect(
    Warp& w, Kernel const& k, Instruction const& i, CallSite const& site, u32& mask)
{
    u64 const* p = row64(w, site.pointer);
    const u64 address = p[first_lane(mask)];
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
    const u32 back = u32(f.call - k.code.data()) + 1;
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

void call_builtin(Warp& w, Kernel const& k, Instruction const& i, CallSite const& site, u32 mask)
{
    auto result = [&](u32 lane, u64 v) {
        if (site.result)
            memcpy(w.frame->params + size_t(lane) * w.frame->param_stride + site.result->offset, &v,
                   std::min(8u, site.result->bytes));
    };
    for_lanes(mask, [&](u32 l) {
        switch (site.builtin) {
            case Builtin::Vprintf: {
                print_formatted(argument_value<u64>(w, site, 0, l),
                                reinterpret_cast<const char*>(argument_value<u64>(w, site, 1, l)));
                result(l, 0);
                break;
            }
            case Builtin::AssertFail: {
                const string text = device_string(argument_value<u64>(w, site, 0, l)),
                             file = device_string(argument_value<u64>(w, site, 1, l)),
                             function = device_string(argument_value<u64>(w, site, 3, l));
                const Block& b = *w.block;
                const Dim& n = b.launch->config.block;
                const u32 t = w.index * 32 + l;
                fprintf(stderr,
                        "%s:%u: %s: block: [%u,%u,%u], thread: [%u,%u,%u] Assertion `%s` failed.\n",
                        file.c_str(), argument_value<u32>(w, site, 2, l), function.c_str(),
                        b.ctaid[0], b.ctaid[1], b.ctaid[2], t % n.x, t / n.x % n.y, t / n.x / n.y,
                        text.c_str());
                if (mask == (mask & ((2u << l) - 1)))
                    fault_at(w, i, l, cudaErrorAssert, "assertion failed", text);
                break;
            }
            case Builtin::Malloc: {
                char* p = allocate_device(argument_value<u64>(w, site, 0, l), MemoryKind::Heap);
                result(l, reinterpret_cast<u64>(p));
                break;
            }
            case Builtin::Free: {
                char* p = reinterpret_cast<char*>(argument_value<u64>(w, site, 0, l));
                if (p && !free_device(p))
                    fault_at(w, i, l, cudaErrorIllegalAddress,
                             "free of a pointer that malloc did not return");
                break;
            }
            default:
                break;
        }
    });
    (void)k;
}

void not_emulated(Warp& w, Instruction const& i, u32 mask)
{
    fault_at(w, i, first_lane(mask), cudaErrorIllegalInstruction, "instruction is not emulated");
}

void register_control_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["bra"] = [](Op& o) {
        o.take("uni");
        o.expect(1, 1);
        o.ins.flow = Flow::Branch;
        o.decoder().branch_to(o.operands[0]);
    };
    t["brx"] = [](Op& o) {
        o.take("idx");
        o.take("uni");
        o.expect(2, 2);
        o.ins.flow = Flow::BranchIndexed;
        o.ins.a = o.source(0, "u32");
        o.ins.target = o.decoder().branch_table(o.operands[1]);
    };
    t["ret"] = [](Op& o) {
        o.take("uni");
        o.ins.flow = &o.decoder().function() == &o.decoder().kernel().functions[0] ? Flow::Exit
                                                                                   : Flow::Return;
    };
    t["exit"] = [](Op& o) {
        o.ins.flow = Flow::Exit;
    };
    t["trap"] = [](Op& o) {
        o.ins.flow = Flow::Trap;
    };
    t["brkpt"] = [](Op& o) {
        o.ins.flow = Flow::Trap;
    };
    t["call"] = decode_call;
    t["bar"] = t["barrier"] = decode_barrier;
    t["membar"] = t["fence"] = decode_fence;
    t["nanosleep"] = [](Op& o) {
        o.take_type();
        o.ins.flow = Flow::Yield;
    };
    t["setmaxnreg"] = t["griddepcontrol"] = t["pmevent"] = [](Op& o) {  // no effect on results here
        while (!o.last().empty())
            o.take(string(o.last()));
    };
}

}  // namespace emu
