// Control flow, barriers, fences, function calls.
#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
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
        string const k = o.take_any({"arrive", "wait"});
        o.take_any({"release", "relaxed", "acquire"});
        o.take("aligned");
        o.ins.flow = k == "arrive" ? Flow::cluster_arrive : Flow::cluster_wait;
        return;
    }
    o.take("cta");
    bool const aligned = o.take("aligned") || o.base == "bar";
    o.ins.mode = aligned;
    if (o.take("arrive")) {
        o.expect(2, 2);
        o.ins.flow = Flow::barrier_arrive;
        o.ins.a = o.source(0, "u32");
        o.ins.b = o.source(1, "u32");
        return;
    }
    if (o.take("red")) {
        string const type = o.last();
        if (type == "pred" || type == "u32") o.take(type);
        string const k = o.take_any({"popc", "and", "or"});
        o.expect(3, 4);
        o.ins.flow = Flow::barrier_reduce;
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
    o.ins.flow = Flow::barrier;
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
        auto const* s = o.decoder().find(name);
        if (!s || s->kind != KernelDecoder::Symbol::frame_param)
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
    string const callee = o.operands[at++];
    if (at < o.operands.size() && o.operands[at][0] == '(')
        for (auto& a : names(o.operands[at]))
            site.args.push_back(slot(a));
    if (callee == "vprintf")
        site.builtin = Builtin::vprintf;
    else if (callee == "__assertfail")
        site.builtin = Builtin::assert_fail;
    else if (callee == "malloc")
        site.builtin = Builtin::malloc;
    else if (callee == "free")
        site.builtin = Builtin::free;
    else if (o.row_bytes(callee) == 8) {
        site.pointer = o.source(callee, "u64");
        o.decoder().all_functions();
    } else
        site.function = int(o.decoder().function_index(callee));
    o.ins.flow = Flow::call;
    o.ins.target = o.decoder().add_call(std::move(site));
}

}  // namespace

void not_emulated(Warp& w, Instruction const& i, u32 mask)
{
    fault_at(w, i, first_lane(mask), cudaErrorIllegalInstruction, "instruction is not emulated");
}

void register_control_ops(std::unordered_map<string, OpDecoder>& t)
{
    t["bra"] = [](Op& o) {
        o.take("uni");
        o.expect(1, 1);
        o.ins.flow = Flow::branch;
        o.decoder().branch_to(o.operands[0]);
    };
    t["brx"] = [](Op& o) {
        o.take("idx");
        o.take("uni");
        o.expect(2, 2);
        o.ins.flow = Flow::branch_indexed;
        o.ins.a = o.source(0, "u32");
        o.ins.target = o.decoder().branch_table(o.operands[1]);
    };
    t["ret"] = [](Op& o) {
        o.take("uni");
        o.ins.flow =
            &o.decoder().function() == &o.decoder().kernel().functions[0] ? Flow::exit : Flow::ret;
    };
    t["exit"] = [](Op& o) {
        o.ins.flow = Flow::exit;
    };
    t["trap"] = [](Op& o) {
        o.ins.flow = Flow::trap;
    };
    t["brkpt"] = [](Op& o) {
        o.ins.flow = Flow::trap;
    };
    t["call"] = decode_call;
    t["bar"] = t["barrier"] = decode_barrier;
    t["membar"] = t["fence"] = decode_fence;
    t["nanosleep"] = [](Op& o) {
        o.take_type();
        o.ins.flow = Flow::yield;
    };
    t["setmaxnreg"] = t["griddepcontrol"] = t["pmevent"] = [](Op& o) {  // no effect on results here
        while (!o.last().empty())
            o.take(string(o.last()));
    };
}

}  // namespace calofuse::emulator
