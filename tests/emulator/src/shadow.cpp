// Checks of accesses against the shadow (shadow.hpp).
#include "tests/emulator/src/shadow.hpp"

#include <algorithm>

#include "tests/emulator/src/report.hpp"

namespace calofuse::emulator {
namespace {

string thread_name(Block const& b, u32 thread)
{
    Dim const& d = b.launch->config.block;
    char t[64];
    snprintf(t, sizeof t, "(%u,%u,%u)", thread % d.x, thread / d.x % d.y, thread / d.x / d.y);
    return t;
}

bool known_in_warp(Warp const& w, u32 lane, u32 other, u32 time)
{
    return lane == other || time <= w.sync_time
           || (w.lane_known && time <= w.lane_known[lane * 32 + other]);
}

bool ordered(Warp const& w, u32 lane, Epoch e)
{
    Block const& b = *w.block;
    u32 const serial = serial_of(e), time = time_of(e);
    if (serial == b.serial) {
        if (warp_of(e) == w.index) return known_in_warp(w, lane, lane_of(e), time);
        if (warp_of(e) == kAsyncWarp)
            return time <= w.warp_known[kAsyncWarp];  // barriers do not wait for bulk copies
        return time <= b.sync_time || time <= w.warp_known[warp_of(e)];
    }
    if (serial >= b.launch->first_serial) {
        auto k = b.known.find(serial);
        return k != b.known.end() && time <= k->second;
    }
    return b.launch->order.ordered && b.launch->order.ordered(serial);
}

string describe(Warp const& w, Epoch e, u32 pc, u32 lane, char const* verb)
{
    Block const& b = *w.block;
    string s = string(verb) + " by ";
    if (serial_of(e) < b.launch->first_serial)
        return s + "another kernel or copy that no stream order, event or synchronisation puts before this one";
    if (warp_of(e) == kAsyncWarp)
        s += "a bulk copy whose mbarrier this thread has not waited for";
    else
        s += "thread " + thread_name(b, warp_of(e) * 32 + lane);
    if (serial_of(e) != b.serial) s += " of another block";
    if (pc && pc <= b.launch->kernel->code.size())
        s += " at " + b.launch->kernel->place(b.launch->kernel->code[pc - 1]);
    return s;
}

u32 pc_of(Warp const& w, Instruction const& i)
{
    auto const& code = w.block->launch->kernel->code;
    size_t const at = size_t(&i - code.data());
    return &i >= code.data() && at < code.size() ? u32(at) + 1 : 0;
}

[[gnu::noinline]] void race(Warp& w,
                            Instruction const& i,
                            u32 lane,
                            bool global,
                            Epoch e,
                            u32 pc,
                            u32 other,
                            char const* kind,
                            char const* verb)
{
    bool const other_launch = serial_of(e) < w.block->launch->first_serial;
    bool const blocks = !other_launch && serial_of(e) != w.block->serial;
    string what = other_launch ? "race between streams"
                  : blocks     ? "race between blocks"
                  : global     ? "race in global memory"
                               : "race in shared memory";
    what += kind;
    if (!reported_before(i.text, what))
        report_at(w, i, lane, what, describe(w, e, pc, other, verb));
}

inline void check_against_write(
    Warp& w, Instruction const& i, Cell const& c, u32 lane, bool strong, bool global, bool writing)
{
    if (c.write < w.block->launch->fresh
        || (!global && c.write < Epoch(w.block->group->first_serial) << 40))
        return;
    if (strong && strong_of(c.write)) return;
    if (!ordered(w, lane, c.write))
        race(w, i, lane, global, c.write, c.write_pc, lane_of(c.write),
             writing ? " (write after write)" : " (read after write)", "written");
}

inline void check_against_reads(
    Warp& w, Instruction const& i, Cell const& c, u32 lane, bool strong, bool global)
{
    Block const& b = *w.block;
    Epoch const fresh = global ? b.launch->fresh : Epoch(b.group->first_serial) << 40;
    for (int r = 0; r < 2; ++r) {
        Epoch const e = c.read[r];
        if (e < fresh || (strong && strong_of(e))) continue;
        if (serial_of(e) == b.serial && warp_of(e) == w.index) {
            if (time_of(e) <= w.sync_time) continue;
            for_lanes(c.lanes[r] & ~(1u << lane), [&](u32 other) {
                if (!known_in_warp(w, lane, other, time_of(e)))
                    race(w, i, lane, global, e, c.read_pc, other, " (write after read)", "read");
            });
        } else if (!ordered(w, lane, e)) {
            race(w, i, lane, global, e, c.read_pc, first_lane(c.lanes[r]), " (write after read)",
                 "read");
        }
    }
}

inline void record_read(Warp& w, Instruction const& i, Cell& c, u32 lanes, bool strong)
{
    Epoch const e = epoch(w.block->serial, w.block->time, w.index, 0, strong);
    if (c.read[0] == e) {
        c.lanes[0] |= lanes;
        return;
    }
    if ((c.read[0] ^ e) >> 40 || warp_of(c.read[0]) != w.index)
        c.read[1] = c.read[0], c.lanes[1] = c.lanes[0];
    c.read[0] = e;
    c.lanes[0] = lanes;
    c.read_pc = pc_of(w, i);
}

inline void record_write(Warp& w, Instruction const& i, Cell& c, u32 lane, bool strong)
{
    c.write = epoch(w.block->serial, w.block->time, w.index, lane, strong);
    c.write_pc = pc_of(w, i);
}

inline void split(Shadow& s, size_t word)
{
    if (s.state[word] & kSplit) return;
    for (u32 b = 0; b < 4; ++b)
        s.parts[word * 4 + b] = s.words[word];
    s.state[word] |= kSplit;
}

inline void touch(
    Warp& w, Instruction const& i, Cell& c, u32 lane, Access access, bool strong, bool global)
{
    check_against_write(w, i, c, lane, strong, global, access != Access::read);
    if (access == Access::read) {
        record_read(w, i, c, 1u << lane, strong);
    } else {
        check_against_reads(w, i, c, lane, strong, global);
        record_write(w, i, c, lane, strong);
    }
}

[[gnu::noinline]] void uninitialised(Warp& w, Instruction const& i, u32 lane, bool global, u8 state)
{
    if (state & kPending)
        report_at(w, i, lane, "read of shared memory while an asynchronous copy to it is pending");
    else
        report_at(
            w, i, lane,
            global ? "read of uninitialised global memory" : "read of uninitialised shared memory");
}

[[gnu::noinline]] void written_in_launch(Warp& w, Instruction const& i, u32 lane, Cell const& c)
{
    report_at(w, i, lane, "read-only load (ld.global.nc) of data that this kernel writes",
              describe(w, c.write, c.write_pc, lane_of(c.write), "written"));
}

}  // namespace

void check_access(Warp& w,
                  Instruction const& i,
                  Shadow& s,
                  size_t offset,
                  u32 n,
                  Access access,
                  u32 lane,
                  bool global)
{
    Options const& o = options();
    bool const strong = access == Access::atomic || i.strong;
    for (size_t word = offset / 4; word * 4 < offset + n; ++word) {
        size_t const b = std::max(offset, word * 4), e = std::min(offset + n, word * 4 + 4);
        u8 const bits = u8(((1u << (e - b)) - 1) << (b - word * 4));
        u8& state = s.state[word];
        if (access != Access::write && s.check_init && o.check_init
            && ((state & bits) != bits || state & kPending))
            uninitialised(w, i, lane, global, state);
        if (o.check_race) {
            if (bits != kWritten) split(s, word);
            if (state & kSplit) {
                for (size_t p = b; p < e; ++p) {
                    if (i.read_only
                        && s.parts[p].write >= Epoch(w.block->launch->first_serial) << 40)
                        written_in_launch(w, i, lane, s.parts[p]);
                    touch(w, i, s.parts[p], lane, access, strong, global);
                }
            } else {
                if (i.read_only
                    && s.words[word].write >= Epoch(w.block->launch->first_serial) << 40)
                    written_in_launch(w, i, lane, s.words[word]);
                touch(w, i, s.words[word], lane, access, strong, global);
            }
        }
        if (access != Access::read) state |= bits;
    }
}

void check_uniform_read(
    Warp& w, Instruction const& i, Shadow& s, size_t offset, u32 n, u32 mask, bool global)
{
    if (offset % 4 || n % 4 || i.read_only || i.strong || !options().check_race) {
        for_lanes(mask,
                  [&](u32 lane) { check_access(w, i, s, offset, n, Access::read, lane, global); });
        return;
    }
    u32 const lead = first_lane(mask);
    Epoch const fresh = global ? w.block->launch->fresh : Epoch(w.block->group->first_serial) << 40;
    for (size_t word = offset / 4; word * 4 < offset + n; ++word) {
        u8 const state = s.state[word];
        if ((state & (kWritten | kPending | kSplit)) != kWritten) {
            for_lanes(mask, [&](u32 lane) {
                check_access(w, i, s, word * 4, 4, Access::read, lane, global);
            });
            continue;
        }
        Cell& c = s.words[word];
        if (c.write >= fresh) {
            if (serial_of(c.write) == w.block->serial && warp_of(c.write) == w.index) {
                if (time_of(c.write) > w.sync_time)
                    for_lanes(mask, [&](u32 lane) {
                        check_against_write(w, i, c, lane, false, global, false);
                    });
            } else
                check_against_write(w, i, c, lead, false, global, false);
        }
        record_read(w, i, c, mask, false);
    }
}

void check_coalesced(
    Warp& w, Instruction const& i, Shadow& s, size_t offset, u32 n, Access access, bool global)
{
    Options const& o = options();
    if (offset % 4 || n % 4 || i.read_only || i.strong || access == Access::atomic
        || !o.check_race) {
        for (u32 lane = 0; lane < 32; ++lane)
            check_access(w, i, s, offset + size_t(lane) * n, n, access, lane, global);
        return;
    }
    u32 const per = n / 4;
    size_t const first = offset / 4;
    Block const& b = *w.block;
    Epoch const fresh = global ? b.launch->fresh : Epoch(b.group->first_serial) << 40;
    Epoch const mine = epoch(b.serial, b.time, w.index, 0, false);
    u32 const pc = pc_of(w, i);
    bool const reading = access == Access::read;
    for (u32 lane = 0; lane < 32; ++lane)
        for (u32 q = 0; q < per; ++q) {
            size_t const word = first + size_t(lane) * per + q;
            u8& state = s.state[word];
            Cell& c = s.words[word];
            u8 const want = reading && s.check_init ? u8(kWritten) : u8(0);
            if ((state & (kSplit | kPending | want)) != want) {
                check_access(w, i, s, word * 4, 4, access, lane, global);
                continue;
            }
            if (c.write >= fresh) check_against_write(w, i, c, lane, false, global, !reading);
            if (reading) {
                if (c.read[0] == mine)
                    c.lanes[0] |= 1u << lane;
                else {
                    if (c.read[0] >= fresh
                        && ((c.read[0] ^ mine) >> 40 || warp_of(c.read[0]) != w.index))
                        c.read[1] = c.read[0], c.lanes[1] = c.lanes[0];
                    c.read[0] = mine;
                    c.lanes[0] = 1u << lane;
                    c.read_pc = pc;
                }
            } else {
                if (c.read[0] >= fresh || c.read[1] >= fresh)
                    check_against_reads(w, i, c, lane, false, global);
                c.write = mine | Epoch(lane) << 1;
                c.write_pc = pc;
                state |= kWritten;
            }
        }
}

void check_async_read(Warp& w, Instruction const& i, Shadow& s, size_t offset, u32 n, u32 lane)
{
    Options const& o = options();
    for (size_t word = offset / 4; word * 4 < offset + n; ++word) {
        u8 const state = s.state[word];
        if (o.check_init && ((state & kWritten) != kWritten || state & kPending))
            uninitialised(w, i, lane, false, state);
        for (u32 p = 0; p < (state & kSplit ? 4u : 1u); ++p) {
            Cell& c = state & kSplit ? s.parts[word * 4 + p] : s.words[word];
            if (c.write < Epoch(w.block->group->first_serial) << 40) continue;
            if (o.check_race)
                check_against_write(w, i, c, lane, false, false, false),
                    record_read(w, i, c, 1u << lane, false);
            if (o.check_proxy && serial_of(c.write) == w.block->serial
                && warp_of(c.write) != kAsyncWarp) {
                u32 const t = time_of(c.write);
                Warp const& writer = w.block->warps[warp_of(c.write)];
                if (writer.proxy_fence_time < t && w.proxy_fence_time < t)
                    report_at(w, i, lane,
                              "asynchronous read of shared memory without fence.proxy.async after "
                              "it was written",
                              describe(w, c.write, c.write_pc, lane_of(c.write), "written"));
            }
        }
    }
}

void mark_async_write(Block& b, Shadow& s, size_t offset, u32 n)
{
    Epoch const e = epoch(b.serial, b.time, kAsyncWarp, 0, false);
    for (size_t word = offset / 4; word * 4 < offset + n; ++word) {
        s.state[word] = u8((s.state[word] & ~(kPending | kSplit)) | kWritten);
        s.words[word].write = e;
        s.words[word].write_pc = 0;
    }
}

void mark_pending(Shadow& s, size_t offset, u32 n, bool pending)
{
    if (!n) return;
    for (size_t word = offset / 4; word <= (offset + n - 1) / 4; ++word)
        s.state[word] = u8(pending ? s.state[word] | kPending : s.state[word] & ~kPending);
}

}  // namespace calofuse::emulator
