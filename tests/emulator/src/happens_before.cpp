// Who knows of whose accesses: barriers, __syncwarp, mbarriers, release and acquire move these clocks.
#include <algorithm>

#include "tests/emulator/src/shadow.hpp"

namespace calofuse::emulator {
namespace {

u32* known_lanes(Warp& w)
{
    if (!w.lane_known) {
        w.lane_known = std::make_unique<u32[]>(1024);
        std::fill_n(w.lane_known.get(), 1024, 0u);
    }
    return w.lane_known.get();
}

}  // namespace

void reset_known(Block& b)
{
    b.time = 1;
    b.sync_time = 0;
    b.fenced = false;
    b.known.clear();
    for (Warp& w : b.warps) {
        w.sync_time = 0;
        w.proxy_fence_time = 0;
        w.lane_known.reset();
        w.warp_known.assign(64, 0);
    }
}

void sync_lanes(Warp& w, u32 mask)
{
    Block& b = *w.block;
    u32 const now = b.time++;
    if ((mask & w.live) == w.live) {
        w.sync_time = now;
        return;
    }
    u32* k = known_lanes(w);
    u32 best[32];
    for (u32 o = 0; o < 32; ++o) {
        best[o] = mask >> o & 1 ? now : w.sync_time;
        for_lanes(mask, [&](u32 l) { best[o] = std::max(best[o], k[l * 32 + o]); });
    }
    for_lanes(mask, [&](u32 l) { memcpy(k + l * 32, best, sizeof best); });
}

namespace {

void share_async(Block& b)
{
    u32 best = 0;
    for (Warp& w : b.warps)
        best = std::max(best, w.warp_known[kAsyncWarp]);
    if (best)
        for (Warp& w : b.warps)
            w.warp_known[kAsyncWarp] = best;
}

}  // namespace

void sync_block(Block& b, int id)
{
    u32 const now = b.time++;
    bool everyone = true;
    vector<Warp*> part;
    for (Warp& w : b.warps) {
        u32 lanes = 0;
        for_lanes(w.blocked, [&](u32 l) {
            if (w.barrier[l] == id) lanes |= 1u << l;
        });
        if (lanes != w.live) everyone = false;
        if (!lanes) continue;
        part.push_back(&w);
        if (lanes == w.live)
            w.sync_time = now;
        else {
            --b.time;
            sync_lanes(w, lanes);
        }
    }
    if (everyone) {
        b.sync_time = now;
        share_async(b);
        return;
    }
    u32 best[64] = {};
    for (Warp* w : part) {
        best[w->index] = now;
        for (u32 o = 0; o < 64; ++o)
            best[o] = std::max(best[o], w->warp_known[o]);
    }
    for (Warp* w : part)
        w->warp_known.assign(best, best + 64);
    b.time = std::max(b.time, now + 1);
}

void sync_cluster(Group& g)
{
    std::map<u32, u32> all;
    for (Block& b : g.blocks) {
        u32 const now = b.time++;
        b.sync_time = now;
        for (Warp& w : b.warps)
            w.sync_time = now;
        share_async(b);
        b.known[b.serial] = now;
        for (auto& [s, t] : b.known)
            all[s] = std::max(all[s], t);
    }
    for (Block& b : g.blocks) {
        b.known = all;
        b.known.erase(b.serial);
    }
}

void publish(Warp& w, u32 lane, char const* variable, bool release)
{
    Block& b = *w.block;
    if (!b.fenced && !release) return;
    publish_barrier(w, lane, variable);
}

namespace {

Published& published(Block& b, char const* variable)
{
    Group& g = *b.group;
    if (variable >= g.arena && variable < g.arena + g.arena_bytes) return g.published[variable];
    return b.launch->published[variable];
}

std::array<u32, 64>& warps_of(Published& p, u32 serial)
{
    auto [at, fresh] = p.warps.try_emplace(serial);
    if (fresh) {
        at->second.fill(0);
        if (p.warps.size() > 64 && p.warps.begin() != at) p.warps.erase(p.warps.begin());
    }
    return at->second;
}

}  // namespace

void publish_barrier(Warp& w, u32, char const* variable)
{
    Block& b = *w.block;
    Published& p = published(b, variable);
    u32 const now = b.time++;
    for (auto& [s, t] : b.known)
        p.blocks[s] = std::max(p.blocks[s], t);
    p.blocks[b.serial] = now;
    auto& warps = warps_of(p, b.serial);
    for (u32 o = 0; o < 64; ++o)
        warps[o] = std::max({warps[o], w.warp_known[o], o == kAsyncWarp ? 0 : b.sync_time});
    warps[w.index] = now;
}

void publish_async(Block& b, char const* mbarrier)
{
    Published& p = published(b, mbarrier);
    u32 const now = b.time++;
    p.blocks[b.serial] = now;
    warps_of(p, b.serial)[kAsyncWarp] = now;
}

void acquire(Warp& w, u32 lane, char const* variable)
{
    Block& b = *w.block;
    Group& g = *b.group;
    auto& map = variable >= g.arena && variable < g.arena + g.arena_bytes ? g.published
                                                                          : b.launch->published;
    auto found = map.find(variable);
    if (found == map.end()) return;
    Published const& p = found->second;
    for (auto& [s, t] : p.blocks)
        if (s != b.serial) b.known[s] = std::max(b.known[s], t);
    auto mine = p.warps.find(b.serial);
    if (mine == p.warps.end()) return;
    for (u32 o = 0; o < 64; ++o)
        w.warp_known[o] = std::max(w.warp_known[o], mine->second[o]);
    if (mine->second[w.index] > w.sync_time) {
        u32* k = known_lanes(w);
        for (u32 o = 0; o < 32; ++o)
            k[lane * 32 + o] = std::max(k[lane * 32 + o], mine->second[w.index]);
    }
}

}  // namespace calofuse::emulator
