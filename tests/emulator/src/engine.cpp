// Runs the blocks of a launch, one group (block, cluster, cooperative grid) after the other as long as none waits.
#include <algorithm>
#include <sys/mman.h>

#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/scheduler.hpp"
#include "tests/emulator/src/shadow.hpp"

namespace calofuse::emulator {
namespace {

enum class Status { finished, slice };

bool unblock(Group& g)
{
    for (Block& b : g.blocks) {
        for (Warp& w : b.warps) {
            if (!w.waiting) continue;  // lanes of the mask may have exited meanwhile
            u32 ready = 0;
            for_lanes(w.waiting, [&](u32 l) {
                Instruction const& i = b.launch->kernel->code[w.pc[l]];
                u32 const want = reinterpret_cast<u32*>(w.frames[l]->registers + i.members)[l];
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
                Instruction const& i =
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
                if (slice(g) == Status::finished) {
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
    u64 const groups_;
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
        u32 const per = u32(c.cooperative ? c.grid.count() : c.cluster.count()),
                  threads = u32(c.block.count()), warps = (threads + 31) / 32;
        u32 const bytes =
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
        g.index = index;
        g.random.state = (options().seed * 2654435761u) ^ u32(index * 40503u + 12345u);
        if (!g.random.state) g.random.state = 1;
        g.arrived = g.phase = g.exited = 0;
        g.total = u32(launch_.config.block.count() * g.blocks.size());
        g.first_serial = next_serial(u32(g.blocks.size()));
        g.published.clear();
        for (u32 q = 0; q < g.blocks.size(); ++q) {
            Block& b = g.blocks[q];
            place(b, index, q);
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
            for (Warp& w : b.warps)
                reset(w);
        }
        return true;
    }

    /// Block number q of group `index`: its place in the grid.
    void place(Block& b, u64 index, u32 q)
    {
        Dim const &grid = launch_.config.grid, &c = launch_.config.cluster;
        if (launch_.config.cooperative) {
            b.ctaid[0] = q % grid.x;
            b.ctaid[1] = q / grid.x % grid.y;
            b.ctaid[2] = q / grid.x / grid.y;
            return;
        }
        Dim const clusters{grid.x / c.x, grid.y / c.y, grid.z / c.z};
        b.ctaid[0] = u32(index % clusters.x) * c.x + q % c.x;
        b.ctaid[1] = u32(index / clusters.x % clusters.y) * c.y + q / c.x % c.y;
        b.ctaid[2] = u32(index / clusters.x / clusters.y) * c.z + q / c.x / c.y;
    }

    void reset(Warp& w)
    {
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

    Status slice(Group& g)
    {
        Schedule const schedule = options().schedule;
        u64 const limit = launch_.warp_instructions + 400'000;
        vector<Warp*> warps;
        for (Block& b : g.blocks)
            for (Warp& w : b.warps)
                warps.push_back(&w);
        if (schedule == Schedule::reverse) std::reverse(warps.begin(), warps.end());
        while (launch_.warp_instructions < limit) {
            bool any = false;
            if (schedule == Schedule::random) {
                for (size_t q = 0; q < warps.size(); ++q) {
                    Warp& w = *warps[g.random.below(u32(warps.size()))];
                    any |= run_warp(w, k_, 1 + g.random.below(64));
                }
                if (!any)
                    for (Warp* w : warps)
                        any |= run_warp(*w, k_, 1 + g.random.below(64));
            } else
                for (Warp* w : warps)
                    any |= run_warp(*w, k_, 20000);
            if (any) {
                if (launch_.warp_instructions > options().max_warp_instructions)
                    stuck(g,
                          "kernel runs too long (CUDA_EMU_MAX_WARP_INSTRUCTIONS): an endless loop?",
                          cudaErrorLaunchTimeout);
                if (launch_.stop) return Status::slice;
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
                return Status::finished;
            }
            if (!unblock(g)) stuck(g, "deadlock: no thread can go on", cudaErrorLaunchFailure);
        }
        return Status::slice;
    }
};

}  // namespace
void run_groups(Launch& launch, std::atomic<u64>& next_group, u64 groups, vector<u32> const& order)
{
    Engine(launch, next_group, groups, order).run();
}

}  // namespace calofuse::emulator
