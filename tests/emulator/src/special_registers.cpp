// Special registers: their names and their values.
#include "tests/emulator/src/machine.hpp"

namespace calofuse::emulator {
namespace {

/// Of one thread.
struct Place {
    Warp const& warp;
    Block const& block;
    Launch const& launch;
    Dim const &grid, &threads, &cluster;
    u32 lane, thread;
};

u64 workspace(Place const& p)
{
    return p.launch.config.cooperative ? reinterpret_cast<u64>(p.launch.grid_workspace) : 0;
}

struct Special {
    char const* name;
    u32 (*value)(Place const&);
};

constexpr Special kSpecials[] = {
    {"%tid.x",
     [](Place const& p) {
         return p.thread % p.threads.x;
     }},
    {"%tid.y",
     [](Place const& p) {
         return p.thread / p.threads.x % p.threads.y;
     }},
    {"%tid.z",
     [](Place const& p) {
         return p.thread / p.threads.x / p.threads.y;
     }},
    {"%ntid.x",
     [](Place const& p) {
         return p.threads.x;
     }},
    {"%ntid.y",
     [](Place const& p) {
         return p.threads.y;
     }},
    {"%ntid.z",
     [](Place const& p) {
         return p.threads.z;
     }},
    {"%ctaid.x",
     [](Place const& p) {
         return p.block.ctaid[0];
     }},
    {"%ctaid.y",
     [](Place const& p) {
         return p.block.ctaid[1];
     }},
    {"%ctaid.z",
     [](Place const& p) {
         return p.block.ctaid[2];
     }},
    {"%nctaid.x",
     [](Place const& p) {
         return p.grid.x;
     }},
    {"%nctaid.y",
     [](Place const& p) {
         return p.grid.y;
     }},
    {"%nctaid.z",
     [](Place const& p) {
         return p.grid.z;
     }},
    {"%laneid",
     [](Place const& p) {
         return p.lane;
     }},
    {"%warpid",
     [](Place const& p) {
         return p.warp.index;
     }},
    {"%nwarpid",
     [](Place const& p) {
         return u32(p.block.warps.size());
     }},
    {"%smid",
     [](Place const& p) {
         return u32(p.block.group->index % options().multiprocessors);
     }},
    {"%nsmid",
     [](Place const&) {
         return options().multiprocessors;
     }},
    {"%gridid",
     [](Place const&) {
         return 0u;
     }},
    {"%lanemask_eq",
     [](Place const& p) {
         return 1u << p.lane;
     }},
    {"%lanemask_lt",
     [](Place const& p) {
         return (1u << p.lane) - 1;
     }},
    {"%lanemask_le",
     [](Place const& p) {
         return (2u << p.lane) - 1;
     }},
    {"%lanemask_gt",
     [](Place const& p) {
         return ~((2u << p.lane) - 1);
     }},
    {"%lanemask_ge",
     [](Place const& p) {
         return ~((1u << p.lane) - 1);
     }},
    {"%clusterid.x",
     [](Place const& p) {
         return p.block.ctaid[0] / p.cluster.x;
     }},
    {"%clusterid.y",
     [](Place const& p) {
         return p.block.ctaid[1] / p.cluster.y;
     }},
    {"%clusterid.z",
     [](Place const& p) {
         return p.block.ctaid[2] / p.cluster.z;
     }},
    {"%nclusterid.x",
     [](Place const& p) {
         return p.grid.x / p.cluster.x;
     }},
    {"%nclusterid.y",
     [](Place const& p) {
         return p.grid.y / p.cluster.y;
     }},
    {"%nclusterid.z",
     [](Place const& p) {
         return p.grid.z / p.cluster.z;
     }},
    {"%cluster_ctaid.x",
     [](Place const& p) {
         return p.block.ctaid[0] % p.cluster.x;
     }},
    {"%cluster_ctaid.y",
     [](Place const& p) {
         return p.block.ctaid[1] % p.cluster.y;
     }},
    {"%cluster_ctaid.z",
     [](Place const& p) {
         return p.block.ctaid[2] % p.cluster.z;
     }},
    {"%cluster_nctaid.x",
     [](Place const& p) {
         return p.cluster.x;
     }},
    {"%cluster_nctaid.y",
     [](Place const& p) {
         return p.cluster.y;
     }},
    {"%cluster_nctaid.z",
     [](Place const& p) {
         return p.cluster.z;
     }},
    // a cooperative grid is one group of blocks here, but no cluster
    {"%cluster_ctarank",
     [](Place const& p) {
         return p.launch.config.cooperative && p.cluster.count() == 1 ? 0 : p.block.rank;
     }},
    {"%cluster_nctarank",
     [](Place const& p) {
         return u32(p.cluster.count());
     }},
    {"%dynamic_smem_size",
     [](Place const& p) {
         return u32(p.launch.config.dynamic_shared);
     }},
    {"%total_smem_size",
     [](Place const& p) {
         return p.block.shared_bytes;
     }},
    {"%envreg1",
     [](Place const& p) {
         return u32(workspace(p) >> 32);
     }},
    {"%envreg2",
     [](Place const& p) {
         return u32(workspace(p));
     }},
};

}  // namespace

std::optional<u32> find_special_register(string const& name)
{
    for (u32 k = 0; k < std::size(kSpecials); ++k)
        if (name == kSpecials[k].name) return k;
    return {};
}

void fill_specials(Warp& w, FunctionInfo const& f, char* registers)
{
    Launch const& launch = *w.block->launch;
    LaunchConfig const& c = launch.config;
    for (auto& [offset, which] : f.special) {
        u32* d = reinterpret_cast<u32*>(registers + offset);
        for (u32 l = 0; l < 32; ++l)
            d[l] = kSpecials[which].value(
                {w, *w.block, launch, c.grid, c.block, c.cluster, l, w.index * 32 + l});
    }
}

}  // namespace calofuse::emulator
