// Runs one warp. Every lane has its own program counter; the lanes in the deepest function with the smallest program
// counter run until they diverge, wait, or meet other lanes. Correctness does not depend on where lanes meet again:
// *.sync instructions wait for all live lanes of their mask, as on the device.
#include <algorithm>

#include "tests/emulator/src/ops.hpp"
#include "tests/emulator/src/scheduler.hpp"

namespace calofuse::emulator {
namespace {

constexpr int kClusterBarrier = 100;

}  // namespace

void release_barrier(Block& b, int id)
{
    NamedBarrier& bar = b.barriers[id];
    if (b.shadow) {
        sync_block(b, id);
        if (bar.with_arrive) {
            char const* key = reinterpret_cast<char const*>(&bar);
            for (Warp& w : b.warps)
                for_lanes(w.blocked, [&](u32 l) {
                    if (w.barrier[l] == id) acquire(w, l, key);
                });
            b.launch->published.erase(key);
        }
    }
    for (auto& r : bar.reducers) {
        Instruction const& i = *r.instruction;
        if (i.count == 0)
            for_lanes(r.lanes, [&](u32 l) {
                reinterpret_cast<u32*>(r.frame->registers + i.d)[l] = u32(bar.count);
            });
        else {
            bool const v = i.count == 1 ? bar.count != 0 : bar.count == bar.arrived;
            u32& p = r.frame->predicates[i.d];
            p = v ? p | r.lanes : p & ~r.lanes;
        }
    }
    for (Warp& w : b.warps)
        for_lanes(w.blocked, [&](u32 l) {
            if (w.barrier[l] == id) {
                w.barrier[l] = -1;
                w.blocked &= ~(1u << l);
            }
        });
    bar = {};
}

namespace {

void check_cluster_barrier(Group& g)
{
    if (g.arrived == 0 || g.arrived + g.exited < g.total) return;
    g.arrived = 0;
    ++g.phase;
    if (g.blocks[0].shadow) sync_cluster(g);
    for (Block& b : g.blocks)
        for (Warp& w : b.warps)
            for_lanes(w.blocked, [&](u32 l) {
                if (w.barrier[l] == kClusterBarrier) {
                    w.barrier[l] = -1;
                    w.blocked &= ~(1u << l);
                }
            });
}

class WarpRunner {
  public:
    WarpRunner(Warp& w, Kernel const& k) : w_(w), k_(k) {}

    /// Runs one group of lanes for at most `quantum` instructions. False: no lane can run.
    bool step(u32 quantum)
    {
        u32 const runnable = w_.live & ~w_.blocked & ~w_.waiting;
        if (!runnable) return false;
        u32 candidates = runnable & ~w_.yielded;
        w_.yielded = 0;
        if (!candidates) candidates = runnable;
        u32 next;
        pick(candidates, runnable, next);
        u64 count = 0, lanes = 0;
        bool const r = run(next, quantum, count, lanes);
        Launch& launch = *w_.block->launch;
        launch.warp_instructions += count;
        launch.lane_instructions += lanes;
        return r;
    }

  private:
    Warp& w_;
    Kernel const& k_;
    u32 mask_ = 0, pc_ = 0;

    void pick(u32 candidates, u32 runnable, u32& next)
    {
        u32 const lead = first_lane(candidates);
        Frame* frame = w_.frames[lead];
        pc_ = w_.pc[lead];
        if (k_.functions.size() > 1) {
            for_lanes(candidates, [&](u32 l) {
                Frame* f = w_.frames[l];
                if (f == frame ? w_.pc[l] < pc_ : f->depth > frame->depth)
                    frame = f, pc_ = w_.pc[l];
            });
        } else
            for_lanes(candidates, [&](u32 l) { pc_ = std::min(pc_, w_.pc[l]); });
        mask_ = 0;
        next = kNone;
        for_lanes(runnable, [&](u32 l) {
            if (w_.frames[l] != frame) return;
            if (w_.pc[l] == pc_)
                mask_ |= 1u << l;
            else if (w_.pc[l] > pc_)
                next = std::min(next, w_.pc[l]);
        });
        use(frame);
    }
    void use(Frame* f)
    {
        w_.frame = f;
        w_.registers = f->registers;
        w_.predicates = f->predicates;
    }
    void park(u32 lanes, u32 pc)
    {
        if (lanes == kAllLanes)
            for (u32 l = 0; l < 32; ++l)
                w_.pc[l] = pc;
        else
            for_lanes(lanes, [&](u32 l) { w_.pc[l] = pc; });
    }
    void exit_lanes(Instruction const& i, u32 m)
    {
        Block& b = *w_.block;
        thread_exits(w_, i, m);
        w_.live &= ~m;
        w_.waiting &= ~m;
        b.live -= lane_count(m);
        b.group->exited += lane_count(m);
        check_cluster_barrier(*b.group);
    }

    bool run(u32 next, u32 quantum, u64& count, u64& lanes)
    {
        Instruction const* code = k_.code.data();
        u32 pc = pc_, mask = mask_;
        for (;;) {
            if (quantum-- == 0) {
                park(mask, pc);
                w_.yielded = mask;
                return true;
            }
            Instruction const& i = code[pc];
            u32 m = mask;
            if (i.guard >= 0)
                m &= i.guard_negated ? ~w_.predicates[i.guard] : w_.predicates[i.guard];
            ++count;
            lanes += lane_count(m);
            switch (i.flow) {
                case Flow::normal:
                    if (m) i.run(w_, i, m);
                    ++pc;
                    break;
                case Flow::branch:
                    if (m == mask)
                        pc = i.target;
                    else if (!m)
                        ++pc;
                    else {
                        park(m, i.target);
                        park(mask & ~m, pc + 1);
                        return true;
                    }
                    break;
                case Flow::branch_indexed: {
                    auto const& table = k_.branch_tables[i.target];
                    u32 const* index = row32(w_, i.a);
                    bool same = m == mask;
                    for_lanes(m, [&](u32 l) {
                        if (index[l] >= table.size())
                            fault_at(w_, i, l, cudaErrorIllegalInstruction,
                                     "branch index out of range");
                        w_.pc[l] = table[index[l]];
                        same &= w_.pc[l] == w_.pc[first_lane(m)];
                    });
                    park(mask & ~m, pc + 1);
                    if (!same || !m) return true;
                    pc = w_.pc[first_lane(m)];
                    break;
                }
                case Flow::exit:
                    if (m) exit_lanes(i, m);
                    mask &= ~m;
                    if (!mask) return true;
                    ++pc;
                    break;
                case Flow::ret:
                    if (m) {
                        pop_frame(w_, k_, m);
                        park(mask & ~m, pc + 1);
                        return true;
                    }
                    ++pc;
                    break;
                case Flow::call: {
                    if (!m) {
                        ++pc;
                        break;
                    }
                    CallSite const& site = k_.calls[i.target];
                    if (site.builtin != Builtin::none) {
                        call_builtin(w_, k_, i, site, m);
                        ++pc;
                        break;
                    }
                    u32 taken = m;
                    int const f = site.function >= 0 ? site.function
                                                     : resolve_indirect(w_, k_, i, site, taken);
                    park(m & ~taken, pc);
                    park(mask & ~m, pc + 1);
                    push_frame(w_, k_, i, site, k_.functions[size_t(f)], taken);
                    return true;
                }
                case Flow::trap:
                    if (m) fault_at(w_, i, first_lane(m), cudaErrorLaunchFailure, "trap");
                    ++pc;
                    break;
                case Flow::yield:
                    if (m) {
                        if (i.run) i.run(w_, i, m);
                        ++w_.block->group->strong_accesses;
                    }
                    park(mask, pc + 1);
                    w_.yielded = mask;
                    return true;
                case Flow::collective: {
                    if (!m) {
                        ++pc;
                        break;
                    }
                    u32 const done = collective(i, m, pc) | (mask & ~m);
                    if (done != mask) {
                        park(done, pc + 1);
                        return true;
                    }
                    ++pc;
                    break;
                }
                case Flow::barrier:
                case Flow::barrier_reduce:
                case Flow::barrier_arrive:
                    if (!m) {
                        ++pc;
                        break;
                    }
                    if (barrier(i, m)) {
                        ++pc;
                        break;
                    }
                    park(mask, pc + 1);
                    w_.pc[first_lane(m)] = pc + 1;
                    complete_barrier(i, m);
                    return true;
                case Flow::cluster_arrive:
                    if (m) {
                        Group& g = *w_.block->group;
                        for_lanes(m, [&](u32 l) { w_.cluster_phase[l] = g.phase; });
                        g.arrived += lane_count(m);
                        check_cluster_barrier(g);
                    }
                    ++pc;
                    break;
                case Flow::cluster_wait: {
                    if (!m) {
                        ++pc;
                        break;
                    }
                    u32 stay = 0;
                    for_lanes(m, [&](u32 l) {
                        if (w_.cluster_phase[l] == w_.block->group->phase) {
                            stay |= 1u << l;
                            w_.barrier[l] = kClusterBarrier;
                        }
                    });
                    w_.blocked |= stay;
                    park(mask, pc + 1);
                    return true;
                }
            }
            if (pc >= next) {
                park(mask, pc);
                return true;
            }
        }
    }

    /// Executes a collective for every complete member mask among m and the waiting lanes; the others wait. Returns the lanes that are done.
    u32 collective(Instruction const& i, u32 m, u32 pc)
    {
        u32 const* members = row32(w_, i.members);
        u32 done = 0, hold = 0;
        for (u32 rest = m; rest;) {
            u32 const want = members[first_lane(rest)];
            u32 here = 0;
            for_lanes(rest, [&](u32 l) {
                if (members[l] == want) here |= 1u << l;
            });
            rest &= ~here;
            u32 all = here;
            for_lanes(w_.waiting, [&](u32 l) {
                if (w_.pc[l] == pc && w_.frames[l] == w_.frame && members[l] == want)
                    all |= 1u << l;
            });
            if (want & w_.live & w_.all & ~all) {
                hold |= here;
                continue;
            }
            w_.waiting &= ~all;
            if (all & ~want)
                report_at(w_, i, first_lane(all & ~want), "lane is not in the member mask it gives",
                          "");
            i.run(w_, i, all & want ? all & want : all);
            done |= all;
        }
        if (hold) {
            w_.waiting |= hold;
            park(hold, pc);
        }
        return done;
    }

    /// Arrival of lanes m. True: the warp need not wait (bar.arrive).
    bool barrier(Instruction const& i, u32 m)
    {
        Block& b = *w_.block;
        u32 const lead = first_lane(m), id = row32(w_, i.a)[lead];
        if (id > 15)
            fault_at(w_, i, lead, cudaErrorIllegalInstruction,
                     "barrier " + std::to_string(id) + " does not exist");
        for_lanes(m, [&](u32 l) {
            if (row32(w_, i.a)[l] != id)
                fault_at(w_, i, l, cudaErrorIllegalInstruction,
                         "lanes of one warp wait at different barriers");
        });
        NamedBarrier& bar = b.barriers[id];
        u32 const expected = i.b == kNone ? 0 : row32(w_, i.b)[lead];
        if (expected % 32)
            fault_at(w_, i, lead, cudaErrorIllegalInstruction,
                     "barrier for " + std::to_string(expected) + " threads (not a multiple of 32)");
        if (bar.arrived == 0) {
            bar.first = &i;
            bar.expected = expected;
        } else {
            if (bar.expected != expected)
                report_at(w_, i, lead, "barrier with different numbers of threads");
            if (expected == 0 && i.mode && bar.first != &i)
                report_at(w_, i, lead, "divergent barrier",
                          "other threads wait at " + k_.place(*bar.first));
        }
        if (i.flow == Flow::barrier_reduce) {
            u32 const p = i.imm ? ~w_.predicates[i.c] : w_.predicates[i.c];
            bar.count += lane_count(p & m);
            bar.reducers.push_back({&w_, w_.frame, m, &i});
        }
        bar.arrived += lane_count(m);
        if (i.flow == Flow::barrier_arrive) {
            bar.with_arrive = true;
            if (b.shadow) {
                sync_lanes(w_, m);
                publish_barrier(w_, lead, reinterpret_cast<char const*>(&bar));
            }
            complete_barrier(i, m);
            return true;
        }
        for_lanes(m, [&](u32 l) { w_.barrier[l] = int(id); });
        w_.blocked |= m;
        return false;
    }
    void complete_barrier(Instruction const& i, u32 m)
    {
        Block& b = *w_.block;
        u32 const id = row32(w_, i.a)[first_lane(m)];
        NamedBarrier& bar = b.barriers[id];
        u32 const need = bar.expected ? bar.expected : b.threads;
        if (bar.arrived > need)
            report_at(w_, i, first_lane(m), "more threads at a barrier than it expects");
        if (bar.arrived >= need) release_barrier(b, int(id));
    }
};

}  // namespace
bool run_warp(Warp& w, Kernel const& k, u32 quantum)
{
    return WarpRunner(w, k).step(quantum);
}

}  // namespace calofuse::emulator
