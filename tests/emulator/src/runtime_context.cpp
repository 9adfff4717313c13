// Operations and their order: dependencies, execution modes, vector clocks for the race check between streams.
#include <algorithm>
#include <random>

#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {
namespace {

void join(VectorClock& a, VectorClock const& b)
{
    for (auto& [s, q] : b) {
        u32& x = a[s];
        x = std::max(x, q);
    }
}
bool ordered_here(u32 serial)
{
    return context().ordered(serial);
}

}  // namespace

Context& context()
{
    static Context* c = [] {
        exit_hook_anchor = 1;
        auto* q = new Context;  // never destroyed: host objects may call the API very late
        q->legacy.index = 0;
        q->per_thread.index = 1;
        return q;
    }();
    return *c;
}

cudaError_t Context::note(cudaError_t e)
{
    if (e != cudaSuccess && e != cudaErrorNotReady) last = e;
    return e;
}

Stream* Context::stream(cudaStream_t s)
{
    if (s == nullptr || s == cudaStreamLegacy) return &legacy;
    if (s == cudaStreamPerThread) return &per_thread;
    auto* p = reinterpret_cast<Stream*>(s);
    return streams.count(p) ? p : nullptr;
}

OperationPtr Context::enqueue_after(Stream& s,
                                    u32 chain,
                                    u32 sequence,
                                    vector<OperationPtr> dependencies,
                                    char const* what,
                                    std::function<cudaError_t()> run)
{
    auto op = std::make_shared<Operation>();
    op->id = next_id_++;
    op->what = what;
    op->run = std::move(run);
    op->stream = chain == kNone ? s.index : chain;
    op->sequence = chain == kNone ? ++s.sequence : sequence;
    op->clock = host_;
    for (auto& d : dependencies) {
        join(op->clock, d->clock);
        if (!d->done) op->dependencies.push_back(d);
    }
    op->clock[op->stream] = op->sequence;
    pending_.push_back(op);
    return op;
}

OperationPtr Context::enqueue(Stream& s, char const* what, std::function<cudaError_t()> run)
{
    vector<OperationPtr> d = std::move(s.waits);
    s.waits.clear();
    if (s.last) d.push_back(s.last);
    if (&s == &legacy) {
        for (Stream* o : streams)
            if (!(o->flags & cudaStreamNonBlocking) && o->last) d.push_back(o->last);
        if (per_thread.last) d.push_back(per_thread.last);
    } else if (!(s.flags & cudaStreamNonBlocking) && legacy.last)
        d.push_back(legacy.last);
    s.last = enqueue_after(s, kNone, 0, std::move(d), what, std::move(run));
    return s.last;
}

void Context::run(OperationPtr const& op)
{
    if (op->done) return;
    if (next_serial(0) > kMaxSerial / 2) {  // epochs have 24 bits for the serial
        restart_serials();
        records_.clear();
    }
    current = op.get();
    u32 const first = next_serial(0);
    cudaError_t const e = op->run && sticky == cudaSuccess ? op->run() : cudaSuccess;
    u32 const after = next_serial(0);
    if (after > first) records_[first] = {after - 1, op->stream, op->sequence};
    if (records_.size() > 2000)
        records_.erase(records_.begin());  // very old work counts as ordered
    current = nullptr;
    op->done = true;
    op->finished_at = total_lane_instructions();
    op->run = nullptr;
    op->dependencies.clear();
    std::erase(pending_, op);
    if (e != cudaSuccess) sticky = last = e;
    if (pending_.empty())
        std::erase_if(records_, [&](auto& r) {
            auto h = host_.find(r.second.stream);
            return h != host_.end() && h->second >= r.second.sequence;
        });
}

void Context::run_until(vector<OperationPtr> const& goals)
{
    bool const shuffle = options().stream_order == StreamOrder::shuffle;
    std::set<Operation*> needed;
    vector<OperationPtr> todo;
    std::function<void(OperationPtr const&)> add = [&](OperationPtr const& op) {
        if (op->done || !needed.insert(op.get()).second) return;
        for (auto& d : op->dependencies)
            add(d);
        todo.push_back(op);
    };
    for (auto& g : goals)
        add(g);
    if (!shuffle) {
        for (auto& op : todo)
            run(op);  // dependencies come first
        return;
    }
    while (std::any_of(todo.begin(), todo.end(), [](auto& o) { return !o->done; })) {
        // any ready operation may run, also one that nobody waits for yet
        vector<OperationPtr> ready;
        for (auto& op : pending_)
            if (std::all_of(op->dependencies.begin(), op->dependencies.end(),
                            [](auto& d) { return d->done; }))
                ready.push_back(op);
        run(ready[random_.below(u32(ready.size()))]);
    }
}

void Context::maybe_run()
{
    switch (options().stream_order) {
        case StreamOrder::eager:
            run_until(pending_);
            break;
        case StreamOrder::shuffle:
            if (random_.state == 12345) random_.state = options().seed * 2654435761u | 1;
            while (!pending_.empty() && random_.below(3) == 0)
                progress();
            break;
        case StreamOrder::lazy:
            if (pending_.size() > 4096) run_until({pending_.front()});
            break;
    }
}

void Context::progress()
{
    vector<OperationPtr> ready;
    for (auto& op : pending_)
        if (std::all_of(op->dependencies.begin(), op->dependencies.end(),
                        [](auto& d) { return d->done; }))
            ready.push_back(op);
    if (ready.empty()) return;
    run(options().stream_order == StreamOrder::shuffle ? ready[random_.below(u32(ready.size()))]
                                                       : ready.front());
}

cudaError_t Context::finish(OperationPtr const& op)
{
    if (!op) return sticky;
    run_until({op});
    join(host_, op->clock);
    return sticky;
}

cudaError_t Context::finish_all()
{
    auto all = pending_;
    run_until(all);
    for (auto* s : streams)
        if (s->last) join(host_, s->last->clock);
    for (auto* s : {&legacy, &per_thread})
        if (s->last) join(host_, s->last->clock);
    for (auto& op : all)
        join(host_, op->clock);
    records_.clear();
    return sticky;
}

bool Context::host_in_use(char const* p, size_t n) const
{
    return std::any_of(pending_.begin(), pending_.end(), [&](auto& op) {
        return op->host && op->host < p + n && p < op->host + op->host_bytes;
    });
}

cudaError_t Context::capture_forbids(Stream* s)
{
    for (Capture* c : captures)
        if ((s && s->capture == c) || (!s && c->mode != cudaStreamCaptureModeRelaxed)) {
            c->invalid = true;
            return note(s == &legacy ? cudaErrorStreamCaptureImplicit
                                     : cudaErrorStreamCaptureUnsupported);
        }
    return cudaSuccess;
}

bool Context::ordered(u32 serial) const
{
    auto r = records_.upper_bound(serial);
    if (r == records_.begin()) return true;
    --r;
    if (serial > r->second.last) return true;
    if (!current) return false;
    auto c = current->clock.find(r->second.stream);
    return c != current->clock.end() && c->second >= r->second.sequence;
}

OrderOracle Context::oracle(Operation const& op)
{
    for (auto& [first, r] : records_) {
        auto c = op.clock.find(r.stream);
        if (c == op.clock.end() || c->second < r.sequence) return {first, ordered_here};
    }
    return {};
}

void Context::reset()
{
    pending_.clear();
    records_.clear();
    for (auto* s : streams)
        delete s;
    for (auto* e : events)
        delete e;
    for (auto* g : graphs)
        delete g;
    for (auto* g : execs)
        delete g;
    for (auto* c : captures)
        delete c;
    streams.clear();
    events.clear();
    graphs.clear();
    execs.clear();
    captures.clear();
    for (auto* s : {&legacy, &per_thread})
        s->last = nullptr, s->waits.clear(), s->capture = nullptr;
    vector<char*> device;
    device_memory().for_each([&](Allocation& a) {
        if (a.kind == MemoryKind::device || a.kind == MemoryKind::managed
            || a.kind == MemoryKind::heap)
            device.push_back(a.base);
    });
    for (char* p : device)
        free_device(p);
    device_memory().forget_history();
    sticky = last = cudaSuccess;
}

}  // namespace calofuse::emulator
