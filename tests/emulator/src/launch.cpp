// A launch from beginning to end: order of the groups, host threads, errors, counters.
#include <algorithm>
#include <numeric>
#include <thread>

#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/scheduler.hpp"

namespace calofuse::emulator {
namespace {

std::atomic<u32> g_serial{2};

std::atomic<u64> g_launches{0}, g_warp_instructions{0}, g_lane_instructions{0};

}  // namespace

string block_name(Block const& b)
{
    char t[80];
    snprintf(t, sizeof t, "(%u,%u,%u)", b.ctaid[0], b.ctaid[1], b.ctaid[2]);
    return t;
}

string thread_name(Warp const& w, u32 lane)
{
    Dim const& n = w.block->launch->config.block;
    u32 const t = w.index * 32 + lane;
    char s[160];
    snprintf(s, sizeof s, "block %s thread (%u,%u,%u)", block_name(*w.block).c_str(), t % n.x,
             t / n.x % n.y, t / n.x / n.y);
    return s;
}

u32 next_serial(u32 count)
{
    u32 const s = g_serial.fetch_add(count);
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

u64 total_launches()
{
    return g_launches;
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

namespace {

/// Indices of the groups in the order in which they start; empty: as they are numbered.
vector<u32> group_order(u64 groups)
{
    vector<u32> indices;
    if (options().schedule == Schedule::forward || groups <= 1 || groups >= (1u << 26))
        return indices;
    indices.resize(groups);
    std::iota(indices.begin(), indices.end(), 0u);
    if (options().schedule == Schedule::reverse)
        std::reverse(indices.begin(), indices.end());
    else {
        Random r{options().seed * 747796405u + 1u};
        for (size_t q = groups; q > 1; --q)
            std::swap(indices[q - 1], indices[r.below(u32(q))]);
    }
    return indices;
}

/// Runs all groups of a launch, in several host threads if nothing depends on their order: no checks, no atomics.
cudaError_t run_all(Launch& launch)
{
    LaunchConfig const& c = launch.config;
    u64 const groups = c.cooperative ? 1 : c.grid.count() / c.cluster.count();
    vector<u32> const order = group_order(groups);
    std::atomic<u64> next{0};
    std::atomic<int> error{cudaSuccess};
    auto work = [&](Launch& l) {
        try {
            run_groups(l, next, groups, order);
        } catch (Fault const& f) {
            int none = cudaSuccess;
            error.compare_exchange_strong(none, int(f.error));
            launch.stop = l.stop = true;
            next = groups;
        }
    };
    u64 const workers = options().shadow() || launch.kernel->has_global_atomics || c.cooperative
                            ? 1
                            : std::min<u64>(options().threads, groups);
    if (workers <= 1) {
        work(launch);
        return cudaError_t(error.load());
    }
    vector<std::unique_ptr<Launch>> copies;  // each thread counts on its own
    vector<std::thread> threads;
    for (u64 t = 0; t < workers; ++t) {
        copies.push_back(std::make_unique<Launch>());
        Launch& l = *copies.back();
        l.kernel = launch.kernel;
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
    return cudaError_t(error.load());
}

}  // namespace

cudaError_t run_kernel(Kernel const& k,
                       LaunchConfig const& c,
                       vector<char> params,
                       OrderOracle const& order)
{
    if (++g_launches > options().max_launches) return cudaErrorLaunchFailure;
    Launch launch;
    launch.kernel = &k;
    launch.config = c;
    char* aligned = static_cast<char*>(aligned_alloc(128, round_up(k.param_bytes + 128, 128)));
    memcpy(aligned, params.data(), k.param_bytes);
    launch.params = aligned;
    launch.first_serial = next_serial(0);
    launch.order = order;
    u32 const known =
        order.ordered ? std::min(order.ordered_below, launch.first_serial) : launch.first_serial;
    launch.fresh = Epoch(known) << 40;
    char* workspace = reinterpret_cast<char*>(launch.grid_workspace);
    if (c.cooperative)
        device_memory().add(workspace, sizeof launch.grid_workspace, MemoryKind::module);
    cudaError_t const error = run_all(launch);
    if (c.cooperative) device_memory().remove(workspace);
    free(aligned);
    g_warp_instructions += launch.warp_instructions;
    g_lane_instructions += launch.lane_instructions;
    fflush(stdout);
    return error;
}

}  // namespace calofuse::emulator
