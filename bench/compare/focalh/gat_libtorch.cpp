/// \file bench/compare/focalh/gat_libtorch.cpp
/// Training steps of the GAT classifier by LibTorch, fp32, one thread:
///   compare_gat_libtorch plain|tuned [BATCH [STEPS [WARMUP]]]
/// prints one line of JSON with what `calofuse profile --model gat` measures: events per second of
/// processor time. Same events, hits and graphs, but made beforehand here and inside the step there.
/// plain: one tensor of hits and of edges an event, joined for every batch. tuned: all hits in one
/// tensor, batches of events of one size class, masks cut out by index.
///   compare_gat_libtorch check
/// Both forms with the same weights in double precision, dropout off: equal losses over four steps.
#include <algorithm>
#include <map>
#include <numeric>

#include "bench/compare/focalh/torch_gat.hpp"
#include "io/focalh/event_quality.hpp"
#include "kernels/focalh/event_graph.hpp"
#include "runtime/buffer.hpp"

namespace calofuse::bench {
namespace {
constexpr double kGatAdamRate = 1e-3, kGatAdamEps = 1e-8;

/// All events as graphs of hits; events without a hit are left out.
struct HitGraphs {
    std::vector<std::int64_t> start = {0};  ///< nodes of event i: start[i] .. start[i + 1] - 1
    Tensor x;                               ///< (nodes, 24) f32
    Tensor neighbour;                       ///< (nodes, k) i64: number in the event, -1 = none
    Tensor target;                          ///< (events) f32

    std::int64_t events() const { return static_cast<std::int64_t>(start.size()) - 1; }
    std::int64_t size(std::int64_t i) const
    {
        return start[static_cast<std::size_t>(i) + 1] - start[static_cast<std::size_t>(i)];
    }
};

struct RaggedGraphs {
    std::vector<std::int32_t> row_ptr, edge_ptr, source;
    std::vector<float> x;
};

RaggedGraphs make_graphs(std::vector<std::uint16_t> const& adc_values)
{
    Context ctx = Context::cpu(1);
    HitOptions const hits;
    auto const count = static_cast<std::int64_t>(adc_values.size()) / kNumChannels;
    std::int64_t const nodes = count * max_hits(hits.rule);
    std::vector<std::int32_t> rows(static_cast<std::size_t>(count));
    std::iota(rows.begin(), rows.end(), 0);
    auto const channels = ChannelMap::focalh_prototype2().channels();
    PedestalEstimator estimator;
    estimator.add(adc_values);
    auto const pedestals = estimator.estimate();
    Buffer<std::uint16_t> const adc(ctx, std::span<std::uint16_t const>(adc_values));
    Buffer<std::int32_t> const row(ctx, std::span<std::int32_t const>(rows));
    Buffer<std::int32_t> const channel(ctx, std::span<std::int32_t const>(channels));
    Buffer<float> const pedestal(ctx, std::span<float const>(pedestals));
    Buffer<std::int32_t> const row_ptr(ctx, count + 1), edge_ptr(ctx, nodes + 1);
    Buffer<std::int32_t> const source(ctx, count * max_edges(hits));
    Buffer<float> const x(ctx, nodes * kHitFeatures), position(ctx, nodes * 2);
    event_graph(ctx, {.adc = adc.ref({count, kNumChannels}),
                      .rows = row.ref(),
                      .channels = channel.ref(),
                      .pedestal = pedestal.ref(),
                      .options = hits,
                      .row_ptr = row_ptr.ref(),
                      .x = x.ref({nodes, kHitFeatures}),
                      .position = position.ref({nodes, 2}),
                      .edge_ptr = edge_ptr.ref(),
                      .source = source.ref()});
    return {row_ptr.download(), edge_ptr.download(), source.download(), x.download()};
}

HitGraphs simulated_graphs(std::int64_t count)
{
    Tensor const adc = simulated_adc(count), targets = simulated_targets(adc.size(0));
    RaggedGraphs const all =
        make_graphs({adc.data_ptr<std::int16_t>(), adc.data_ptr<std::int16_t>() + adc.numel()});
    HitGraphs out;
    std::vector<float> target;
    std::vector<std::int64_t> near(static_cast<std::size_t>(all.row_ptr.back()) * kGatNeighbours,
                                   -1);
    for (std::size_t b = 0; b + 1 < all.row_ptr.size(); ++b) {
        std::int32_t const begin = all.row_ptr[b], end = all.row_ptr[b + 1];
        for (std::int32_t i = begin; i < end; ++i) {
            auto const node = static_cast<std::size_t>(i);
            auto* to = near.data() + node * kGatNeighbours;
            for (std::int32_t e = all.edge_ptr[node]; e < all.edge_ptr[node + 1]; ++e)
                *to++ = all.source[static_cast<std::size_t>(e)] - begin;
        }
        if (begin == end) continue;
        out.start.push_back(end);
        target.push_back(targets[static_cast<std::int64_t>(b)].item<float>());
    }
    out.x = torch::tensor(
                std::vector<float>(all.x.begin(), all.x.begin() + out.start.back() * kHitFeatures))
                .view({-1, kHitFeatures});
    out.neighbour = torch::tensor(near).view({-1, kGatNeighbours});
    out.target = torch::tensor(target);
    return out;
}

/// One tensor an event, as data sets of graphs are kept, joined for every batch.
class EdgeLists {
  public:
    explicit EdgeLists(HitGraphs const& g)
    {
        for (std::int64_t i = 0; i < g.events(); ++i) {
            auto const first = g.start[static_cast<std::size_t>(i)], count = g.size(i);
            x_.push_back(g.x.narrow(0, first, count).clone());
            Tensor const near = g.neighbour.narrow(0, first, count);
            Tensor const place = (near >= 0).nonzero();
            edges_.push_back(torch::stack({near.masked_select(near >= 0), place.select(1, 0)}));
        }
    }
    EdgeBatch join(Tensor const& index) const
    {
        std::vector<Tensor> xs, edges, events;
        std::int64_t nodes = 0;
        auto const* rows = index.data_ptr<std::int64_t>();
        for (std::int64_t i = 0; i < index.size(0); ++i) {
            Tensor const& x = x_[static_cast<std::size_t>(rows[i])];
            xs.push_back(x);
            edges.push_back(edges_[static_cast<std::size_t>(rows[i])] + nodes);
            events.push_back(torch::full({x.size(0)}, i, torch::kInt64));
            nodes += x.size(0);
        }
        Tensor const self = torch::arange(nodes, torch::kInt64), e = torch::cat(edges, 1);
        return {torch::cat(xs), torch::cat({e[0], self}), torch::cat({e[1], self}),
                torch::cat(events), index.size(0)};
    }

  private:
    std::vector<Tensor> x_, edges_;
};

/// All hits in one tensor; a batch is cut out of it by index.
class DenseCutter {
  public:
    explicit DenseCutter(HitGraphs const& g) : x_(g.x), neighbour_(g.neighbour)
    {
        Tensor const start = torch::tensor(g.start);
        start_ = start.narrow(0, 0, g.events()).clone();
        size_ = start.narrow(0, 1, g.events()) - start_;
    }
    DenseBatch cut(Tensor const& index, std::int64_t nodes) const
    {
        auto const events = index.size(0);
        Tensor const slot = torch::arange(nodes, torch::kInt64);
        Tensor const present = slot.unsqueeze(0) < size_.index_select(0, index).unsqueeze(1);
        Tensor const row =
            (start_.index_select(0, index).unsqueeze(1) + slot).clamp_max(x_.size(0) - 1).flatten();
        Tensor const x = x_.index_select(0, row).view({events, nodes, -1}) * present.unsqueeze(2);
        Tensor near = neighbour_.index_select(0, row).view({events, nodes, -1});
        near = near.masked_fill((near < 0) | present.logical_not().unsqueeze(2), nodes);
        // loops, for the padding too: a softmax over nothing is not a number
        Tensor const self = slot.view({1, nodes, 1}).expand({events, nodes, 1});
        Tensor const closed = torch::ones({events, nodes, nodes + 1}, torch::kBool)
                                  .scatter_(2, torch::cat({near, self}, 2), false)
                                  .narrow(2, 0, nodes);
        return {x, closed.unsqueeze(1), present.unsqueeze(2)};
    }

  private:
    Tensor x_, neighbour_, start_, size_;
};

/// Batches of events of similar size; each class is used as often as it is large.
class SizeClasses {
  public:
    SizeClasses(HitGraphs const& g, std::int64_t batch) : batch_(batch)
    {
        std::map<std::int64_t, std::vector<std::int64_t>> classes;
        for (std::int64_t i = 0; i < g.events(); ++i)
            classes[(g.size(i) + 7) / 8 * 8].push_back(i);
        std::vector<std::int64_t> waiting;  // of classes too small for a batch: they join the next
        for (auto& [nodes, events] : classes) {
            events.insert(events.end(), waiting.begin(), waiting.end());
            waiting.clear();
            bool const last = nodes == classes.rbegin()->first;
            if (static_cast<std::int64_t>(events.size()) < batch && !last)
                waiting = events;
            else
                add(nodes, events);
        }
    }
    /// Events and padded size of the next batch.
    std::pair<Tensor, std::int64_t> next()
    {
        auto const& [events, nodes] = plan_[at_++ % plan_.size()];
        Tensor const order = torch::randperm(events.size(0), torch::kInt64);
        return {events.index_select(0, order.narrow(0, 0, batch_)), nodes};
    }
    std::int64_t batches() const { return static_cast<std::int64_t>(plan_.size()); }

  private:
    void add(std::int64_t nodes, std::vector<std::int64_t> events)
    {
        auto const size = events.size();
        while (static_cast<std::int64_t>(events.size()) < batch_)  // the largest: fill up
            events.push_back(events[events.size() % size]);
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(size) / batch_ || i == 0; ++i)
            plan_.emplace_back(torch::tensor(events), nodes);
    }
    std::int64_t batch_;
    std::vector<std::pair<Tensor, std::int64_t>> plan_;
    std::size_t at_ = 0;
};

template <class Batch, class Adam>
double train(TorchGat& model, Adam& adam, Batch const& batch, Tensor const& target)
{
    adam.zero_grad();
    Tensor const loss = F::binary_cross_entropy_with_logits(model.logits(batch), target);
    loss.backward();
    adam.step();
    return loss.item<double>();
}

void check()
{
    HitGraphs const graphs = simulated_graphs(32);
    Tensor const index = torch::arange(graphs.events(), torch::kInt64);
    Tensor const target = graphs.target.to(torch::kDouble);
    std::int64_t largest = 0;
    for (std::int64_t i = 0; i < graphs.events(); ++i)
        largest = std::max(largest, graphs.size(i));
    EdgeBatch edges = EdgeLists(graphs).join(index);
    DenseBatch dense = DenseCutter(graphs).cut(index, largest + 3);
    edges.x = edges.x.to(torch::kDouble);
    dense.x = dense.x.to(torch::kDouble);
    torch::manual_seed(3);
    TorchGat plain(false, false);
    torch::manual_seed(3);
    TorchGat tuned(false, true);
    plain.to(torch::kDouble);
    tuned.to(torch::kDouble);
    torch::optim::Adam adam(plain.parameters(),
                            torch::optim::AdamOptions(kGatAdamRate).eps(kGatAdamEps));
    TunedAdam tuned_adam(tuned.parameters(), kGatAdamRate, kGatAdamEps);
    double worst = 0;
    for (int step = 0; step < 4; ++step)
        worst = std::max(worst, std::abs(train(plain, adam, edges, target)
                                         - train(tuned, tuned_adam, dense, target)));
    torch::NoGradGuard const no_grad;
    double const logit = (plain.logits(edges) - tuned.logits(dense)).abs().max().item<double>();
    fmt::print("largest difference of the losses {:.1e}, of the logits {:.1e}\n", worst, logit);
    require(worst < 1e-9 && logit < 1e-8, "the two forms differ");
}

/// Enough events that the size classes of the tuned form fill batches.
HitGraphs graphs_for(Run& run)
{
    HitGraphs graphs = simulated_graphs(8 * run.batch);
    run.more =
        fmt::format(", \"nodes_per_event\": {:.1f}", static_cast<double>(graphs.start.back())
                                                         / static_cast<double>(graphs.events()));
    return graphs;
}

void measure_plain(Run run)
{
    HitGraphs const graphs = graphs_for(run);
    EdgeLists const lists(graphs);
    TorchGat model(true, false);
    require(count_parameters(model) == kGatParameters, "not the network of CaloFuse");
    torch::optim::Adam adam(model.parameters(),
                            torch::optim::AdamOptions(kGatAdamRate).eps(kGatAdamEps));
    measure_steps(run, kGatParameters, [&] {
        Tensor const index = torch::randint(graphs.events(), {run.batch},
                                            torch::TensorOptions().dtype(torch::kInt64));
        return train(model, adam, lists.join(index), graphs.target.index_select(0, index));
    });
}

void measure_tuned(Run run)
{
    HitGraphs const graphs = graphs_for(run);
    keep_memory();
    DenseCutter const cutter(graphs);
    SizeClasses classes(graphs, run.batch);
    // whole rounds over the classes, so that every size counts as often as it occurs
    run.steps = (run.steps + classes.batches() - 1) / classes.batches() * classes.batches();
    run.warmup = std::max(run.warmup, classes.batches());
    TorchGat model(true, true);
    require(count_parameters(model) == kGatParameters, "not the network of CaloFuse");
    TunedAdam adam(model.parameters(), kGatAdamRate, kGatAdamEps);
    measure_steps(run, kGatParameters, [&] {
        auto const [index, nodes] = classes.next();
        return train(model, adam, cutter.cut(index, nodes), graphs.target.index_select(0, index));
    });
}

}  // namespace
}  // namespace calofuse::bench

int main(int argc, char** argv)
{
    using namespace calofuse::bench;
    return run_program({"compare_gat_libtorch", check, measure_plain, measure_tuned}, argc, argv);
}
