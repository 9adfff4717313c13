// Runs blocks. Every lane has its own program counter; of the lanes of a warp the group in the deepest function and
// with the smallest program counter runs until it diverges, waits, or meets other lanes. Correctness does not depend on
// where lanes meet again: *.sync instructions wait for all live lanes of their mask, as on the device.
#include <algorithm>
#include <mutex>
#include <numeric>
#include <sys/mman.h>
#include <thread>

#include "ops.hpp"
#include "report.hpp"
#include "shadow.hpp"

namespace emu {
namespace {

std::atomic<u32> g_serial{2};
std::atomic<u64> g_warp_instructions{0}, g_lane_instructions{0};
constexpr int kClusterBarrier = 100;

string block_name(Block const& b)
{
    char t[80];
    snprintf(t, sizeof t, "(%u,%u,%u)", b.ctaid[0], b.ctaid[1], b.ctaid[2]);
    return t;
}
string thread_name(Warp const& w, u32 lane)
{
    Dim const& n = w.block->launch->config.block;
    const u32 t = w.index * 32 + lane;
    char s[160];
    snprintf(s, sizeof s, "block %s thread (%u,%u,%u)", block_name(*w.block).c_str(), t % n.x,
             t / n.x % n.y, t / n.x / n.y);
    return s;
}

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
        const u32 runnable = w_.live & ~w_.blocked & ~w_.waiting;
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
        const u32 lead = first_lane(candidates);
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
                case Flow::Normal:
                    if (m) i.run(w_, i, m);
                    ++pc;
                    break;
                case Flow::Branch:
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
                case Flow::BranchIndexed: {
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
                case Flow::Exit:
                    if (m) exit_lanes(i, m);
                    mask &= ~m;
                    if (!mask) return true;
                    ++pc;
                    break;
                case Flow::Return:
                    if (m) {
                        pop_frame(w_, k_, m);
                        park(mask & ~m, pc + 1);
                        return true;
                    }
                    ++pc;
                    break;
                case Flow::Call: {
                    if (!m) {
                        ++pc;
                        break;
                    }
                    CallSite const& site = k_.calls[i.target];
                    if (site.builtin != Builtin::None) {
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
                case Flow::Trap:
                    if (m) fault_at(w_, i, first_lane(m), cudaErrorLaunchFailure, "trap");
                    ++pc;
                    break;
                case Flow::Yield:
                    if (m) {
                        if (i.run) i.run(w_, i, m);
                        ++w_.block->group->strong_accesses;
                    }
                    park(mask, pc + 1);
                    w_.yielded = mask;
                    return true;
                case Flow::Collective: {
                    if (!m) {
                        ++pc;
                        break;
                    }
                    const u32 done = collective(i, m, pc) | (mask & ~m);
                    if (done != mask) {
                        park(done, pc + 1);
                        return true;
                    }
                    ++pc;
                    break;
                }
                case Flow::Barrier:
                case Flow::BarrierReduce:
                case Flow::BarrierArrive:
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
                case Flow::ClusterArrive:
                    if (m) {
                        Group& g = *w_.block->group;
                        for_lanes(m, [&](u32 l) { w_.cluster_phase[l] = g.phase; });
                        g.arrived += lane_count(m);
                        check_cluster_barrier(g);
                    }
                    ++pc;
                    break;
                case Flow::ClusterWait: {
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
            const u32 want = members[first_lane(rest)];
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
        const u32 lead = first_lane(m), id = row32(w_, i.a)[lead];
        if (id > 15)
            fault_at(w_, i, lead, cudaErrorIllegalInstruction,
                     "barrier " + std::to_string(id) + " does not exist");
        for_lanes(m, [&](u32 l) {
            if (row32(w_, i.a)[l] != id)
                fault_at(w_, i, l, cudaErrorIllegalInstruction,
                         "lanes of one warp wait at different barriers");
        });
        NamedBarrier& bar = b.barriers[id];
        const u32 expected = i.b == kNone ? 0 : row32(w_, i.b)[lead];
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
        if (i.flow == Flow::BarrierReduce) {
            const u32 p = i.imm ? ~w_.predicates[i.c] : w_.predicates[i.c];
            bar.count += lane_count(p & m);
            bar.reducers.push_back({&w_, w_.frame, m, &i});
        }
        bar.arrived += lane_count(m);
        if (i.flow == Flow::BarrierArrive) {
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
        const u32 id = row32(w_, i.a)[first_lane(m)];
        NamedBarrier& bar = b.barriers[id];
        const u32 need = bar.expected ? bar.expected : b.threads;
        if (bar.arrived > need)
            report_at(w_, i, first_lane(m), "more threads at a barrier than it expects");
        if (bar.arrived >= need) release_barrier(b, int(id));
    }
};

enum class Status { Finished, Slice };

/// Nothing can run: resolves what the exit of threads made possible, otherwise reports a deadlock.
bool unblock(Group& g)
{
    for (Block& b : g.blocks) {
        for (Warp& w : b.warps) {
            if (!w.waiting) continue;  // lanes of the mask may have exited meanwhile
            u32 ready = 0;
            for_lanes(w.waiting, [&](u32 l) {
                const Instruction& i = b.launch->kernel->code[w.pc[l]];
                const u32 want = reinterpret_cast<u32*>(w.frames[l]->registers + i.members)[l];
                u32 same = 0;
                for_lanes(w.waiting, [&](u32 q) {
                    if (w.pc[q] == w.pc[l] && w.frames[q] == w.frames[l]) same |= 1u << q;
                });
                if (!(want & w.live & w.all & ~same)) ready |= 1u << l;
            });
            if (ready) {
                w.waiting &= ~ready;
                return true;
            }
        }
        for (int id = 0; id < 16; ++id) {
            NamedBarrier& bar = b.barriers[id];
            if (bar.arrived && !bar.expected && bar.arrived == b.live) {
                for (Warp& w : b.warps)
                    if (w.blocked) {
                        report_at(
                            w, *bar.first, first_lane(w.blocked),
                            "barrier that some threads of the block never reach: they have exited",
                            std::to_string(b.threads - b.live) + " of " + std::to_string(b.threads)
                                + " threads have exited");
                        break;
                    }
                release_barrier(b, id);
                return true;
            }
        }
    }
    return false;
}

[[noreturn]] void stuck(Group& g, string const& what, cudaError_t error)
{
    string where;
    int n = 0;
    Warp* lead = nullptr;
    u32 lead_lane = 0;
    for (Block& b : g.blocks)
        for (Warp& w : b.warps) {
            u32 last = kNone;
            for_lanes(w.live, [&](u32 l) {
                if (!lead) lead = &w, lead_lane = l;
                if (w.pc[l] == last || ++n > 12) return;
                last = w.pc[l];
                const Instruction& i =
                    b.launch->kernel->code[w.blocked >> l & 1 && w.pc[l] ? w.pc[l] - 1 : w.pc[l]];
                where += "\n              " + thread_name(w, l) + " at "
                         + b.launch->kernel->place(i) + ": " + i.text;
            });
        }
    Kernel const& k = *g.blocks[0].launch->kernel;
    Instruction none;
    none.text = "";
    if (lead) {
        Instruction const& i =
            k.code[lead->blocked >> lead_lane & 1 && lead->pc[lead_lane] ? lead->pc[lead_lane] - 1
                                                                         : lead->pc[lead_lane]];
        report_at(*lead, i, lead_lane, what, "threads:" + where);
    }
    throw Fault{error};
}

class Engine {
  public:
    Engine(Launch& launch, std::atomic<u64>& next_group, u64 groups, vector<u32> const& order)
        : launch_(launch), next_(next_group), groups_(groups), order_(order), k_(*launch.kernel)
    {}
    ~Engine()
    {
        for (auto& g : all_)
            munmap(g->arena, g->arena_bytes);
    }

    void run()
    {
        vector<Group*> active;
        while (!launch_.stop) {
            if (active.empty()) {
                Group* g = acquire_group();
                if (!start(*g)) {
                    free_.push_back(g);
                    break;
                }
                active.push_back(g);
            }
            bool waiting = true;  // every group spins
            for (size_t q = 0; q < active.size();) {
                Group& g = *active[q];
                g.strong_accesses = 0;
                if (slice(g) == Status::Finished) {
                    waiting = false;
                    if (!start(g)) {
                        free_.push_back(&g);
                        active.erase(active.begin() + s64(q));
                        continue;
                    }
                } else if (g.strong_accesses < 50)
                    waiting = false;
                ++q;
            }
            if (waiting && !active.empty()
                && active.size() < 512) {  // they may wait for a block that has not started
                Group* g = acquire_group();
                if (start(*g))
                    active.push_back(g);
                else
                    free_.push_back(g);
            }
        }
    }

  private:
    Launch& launch_;
    std::atomic<u64>& next_;
    const u64 groups_;
    vector<u32> const& order_;
    Kernel const& k_;
    vector<std::unique_ptr<Group>> all_;
    vector<Group*> free_;

    Group* acquire_group()
    {
        if (!free_.empty()) {
            Group* g = free_.back();
            free_.pop_back();
            return g;
        }
        all_.push_back(std::make_unique<Group>());
        Group& g = *all_.back();
        LaunchConfig const& c = launch_.config;
        const u32 per = u32(c.cooperative ? c.grid.count() : c.cluster.count()),
                  threads = u32(c.block.count()), warps = (threads + 31) / 32;
        const u32 bytes =
            u32(c.dynamic_shared ? k_.shared_dynamic_offset + c.dynamic_shared : k_.shared_static);
        g.arena_stride = round_up(bytes, 1024) + 1024;
        g.arena_bytes = round_up(g.arena_stride * per, 4096);
        g.arena = static_cast<char*>(mmap(nullptr, g.arena_bytes, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        if (g.arena == MAP_FAILED) fatal("no memory for the shared memory of the blocks");
        g.blocks = vector<Block>(per);
        for (u32 q = 0; q < per; ++q) {
            Block& b = g.blocks[q];
            b.group = &g;
            b.launch = &launch_;
            b.rank = q;
            b.threads = threads;
            b.shared = g.arena + g.arena_stride * q;
            b.shared_bytes = bytes;
            if (options().shadow()) b.shadow = std::make_unique<Shadow>(bytes);
            b.warps = vector<Warp>(warps);
            for (u32 i = 0; i < warps; ++i) {
                Warp& w = b.warps[i];
                w.block = &b;
                w.index = i;
                w.all = i + 1 < warps || threads % 32 == 0 ? kAllLanes : (1u << threads % 32) - 1;
                init_frame_storage(w.base, k_.functions[0]);
            }
        }
        return &g;
    }

    /// Prepares the next block (cluster, grid). False: all have been started.
    bool start(Group& g)
    {
        u64 index = next_.fetch_add(1);
        if (index >= groups_) return false;
        if (!order_.empty()) index = order_[index];
        LaunchConfig const& c = launch_.config;
        g.index = index;
        g.random.state = (options().seed * 2654435761u) ^ u32(index * 40503u + 12345u);
        if (!g.random.state) g.random.state = 1;
        g.arrived = g.phase = g.exited = 0;
        g.total = u32(c.block.count() * g.blocks.size());
        g.first_serial = next_serial(u32(g.blocks.size()));
        g.published.clear();
        const Dim clusters{c.grid.x / c.cluster.x, c.grid.y / c.cluster.y, c.grid.z / c.cluster.z};
        for (u32 q = 0; q < g.blocks.size(); ++q) {
            Block& b = g.blocks[q];
            if (c.cooperative) {
                b.ctaid[0] = q % c.grid.x;
                b.ctaid[1] = q / c.grid.x % c.grid.y;
                b.ctaid[2] = q / c.grid.x / c.grid.y;
            } else {
                b.ctaid[0] = u32(index % clusters.x) * c.cluster.x + q % c.cluster.x;
                b.ctaid[1] = u32(index / clusters.x % clusters.y) * c.cluster.y
                             + q / c.cluster.x % c.cluster.y;
                b.ctaid[2] = u32(index / clusters.x / clusters.y) * c.cluster.z
                             + q / c.cluster.x / c.cluster.y;
            }
            b.serial = g.first_serial + q;
            b.live = b.threads;
            b.bulk.clear();
            b.bulk_stores.clear();
            b.bulk_group.clear();
            for (auto& bar : b.barriers)
                bar = {};
            memset(b.shared, 0xFF, b.shared_bytes);
            if (b.shadow) {
                memset(b.shadow->state, 0, b.shared_bytes / 4 + 1);
                reset_known(b);
            }
            for (Warp& w : b.warps) {
                w.live = w.all;
                w.blocked = w.waiting = w.yielded = 0;
                w.copies_pending = w.wgmma_group = 0;
                w.wgmmas.clear();
                w.last = nullptr;
                w.free_frames.clear();
                w.live_frames.clear();
                for (auto& f : w.pool)
                    w.free_frames.push_back(f.get());
                for (u32 l = 0; l < 32; ++l) {
                    w.pc[l] = 0;
                    w.frames[l] = &w.base;
                    w.barrier[l] = -1;
                    w.copy_group[l] = 0;
                    w.copies[l].clear();
                }
                fill_specials(w, k_.functions[0], w.base.registers);
            }
        }
        return true;
    }

    Status slice(Group& g)
    {
        const Schedule schedule = options().schedule;
        const u64 limit = launch_.warp_instructions + 400'000;
        vector<Warp*> warps;
        for (Block& b : g.blocks)
            for (Warp& w : b.warps)
                warps.push_back(&w);
        if (schedule == Schedule::Reverse) std::reverse(warps.begin(), warps.end());
        while (launch_.warp_instructions < limit) {
            bool any = false;
            if (schedule == Schedule::Random) {
                for (size_t q = 0; q < warps.size(); ++q)
                    any |= WarpRunner(*warps[g.random.below(u32(warps.size()))], k_)
                               .step(1 + g.random.below(64));
                if (!any)
                    for (Warp* w : warps)
                        any |= WarpRunner(*w, k_).step(1 + g.random.below(64));
            } else
                for (Warp* w : warps)
                    any |= WarpRunner(*w, k_).step(20000);
            if (any) {
                if (launch_.warp_instructions > options().max_warp_instructions)
                    stuck(g,
                          "kernel runs too long (CUDA_EMU_MAX_WARP_INSTRUCTIONS): an endless loop?",
                          cudaErrorLaunchTimeout);
                if (launch_.stop) return Status::Slice;
                continue;
            }
            u32 live = 0;
            for (Block& b : g.blocks)
                live += b.live;
            if (!live) {
                for (Block& b : g.blocks) {
                    if (!b.bulk.empty())
                        report({"block exits while a bulk copy into its shared memory is pending",
                                k_.title, "", "", "block " + block_name(b), ""});
                    b.bulk.clear();
                    drain_bulk_stores(b);
                }
                return Status::Finished;
            }
            if (!unblock(g)) stuck(g, "deadlock: no thread can go on", cudaErrorLaunchFailure);
        }
        return Status::Slice;
    }
};

}  // namespace

u32 next_serial(u32 count)
{
    const u32 s = g_serial.fetch_add(count);
    if (options().shadow() && u64(s) + count > kMaxSerial)
        fatal(
            "more than 8 million blocks in one launch: run with fewer blocks or "
            "CUDA_EMU_CHECK=none");
    return s;
}
void restart_serials()
{
    g_serial = 2;
    device_memory().forget_epochs();
}
u64 total_warp_instructions()
{
    return g_warp_instructions;
}
u64 total_lane_instructions()
{
    return g_lane_instructions;
}

void report_at(Warp& w, Instruction const& i, u32 lane, string const& what, string const& detail)
{
    Kernel const& k = *w.block->launch->kernel;
    report({what, k.title, k.place(i), i.text, thread_name(w, lane), detail});
}

void fault_at(Warp& w,
              Instruction const& i,
              u32 lane,
              cudaError_t error,
              string const& what,
              string const& detail)
{
    report_at(w, i, lane, what, detail);
    throw Fault{error};
}

cudaError_t run_kernel(Kernel const& k,
                       LaunchConfig const& c,
                       vector<char> params,
                       OrderOracle const& order)
{
    Launch launch;
    launch.kernel = &k;
    launch.config = c;
    char* aligned = static_cast<char*>(aligned_alloc(128, round_up(k.param_bytes + 128, 128)));
    memcpy(aligned, params.data(), k.param_bytes);
    launch.params = aligned;
    launch.first_serial = next_serial(0);
    launch.order = order;
    launch.fresh = Epoch(order.ordered ? std::min(order.ordered_below, launch.first_serial)
                                       : launch.first_serial)
                   << 40;
    const u64 groups = c.cooperative ? 1 : c.grid.count() / c.cluster.count();
    std::atomic<u64> next{0};
    vector<u32> indices;
    if (options().schedule != Schedule::Forward && groups > 1 && groups < (1u << 26)) {
        indices.resize(groups);
        std::iota(indices.begin(), indices.end(), 0u);
        if (options().schedule == Schedule::Reverse)
            std::reverse(indices.begin(), indices.end());
        else {
            Random r{options().seed * 747796405u + 1u};
            for (size_t q = groups; q > 1; --q)
                std::swap(indices[q - 1], indices[r.below(u32(q))]);
        }
    }
    char* workspace = reinterpret_cast<char*>(launch.grid_workspace);
    if (c.cooperative) {
        Allocation* a =
            device_memory().add(workspace, sizeof launch.grid_workspace, MemoryKind::Module);
        (void)a;
    }
    std::atomic<int> error{cudaSuccess};
    // Blocks of one launch may run in several threads only if nothing depends on their order: no checks, no atomics.
    const u64 workers = options().shadow() || k.has_global_atomics || c.cooperative
                            ? 1
                            : std::min<u64>(options().threads, groups);
    auto work = [&](Launch& l) {
        try {
            Engine(l, next, groups, indices).run();
        } catch (const Fault& f) {
            int none = cudaSuccess;
            error.compare_exchange_strong(none, int(f.error));
            launch.stop = l.stop = true;
            next = groups;
        }
    };
    if (workers <= 1)
        work(launch);
    else {
        vector<std::unique_ptr<Launch>> copies;
        vector<std::thread> threads;
        for (u64 t = 0; t < workers; ++t) {
            copies.push_back(std::make_unique<Launch>());
            Launch& l = *copies.back();
            l.kernel = &k;
            l.config = c;
            l.params = launch.params;
            l.first_serial = launch.first_serial;
            l.fresh = launch.fresh;
            threads.emplace_back([&work, &l] { work(l); });
        }
        for (auto& t : threads)
            t.join();
        for (auto& l : copies) {
            launch.warp_instructions += l->warp_instructions;
            launch.lane_instructions += l->lane_instructions;
        }
    }
    if (c.cooperative) device_memory().remove(workspace);
    free(aligned);
    g_warp_instructions += launch.warp_instructions;
    g_lane_instructions += launch.lane_instructions;
    fflush(stdout);
    return cudaError_t(error.load());
}

}  // namespace emu
