#include "driver/focalh/event_graphs.hpp"

#include "kernels/focalh/cluster.hpp"
#include "kernels/focalh/event_graph.hpp"
#include "kernels/focalh/pedestal.hpp"

namespace calofuse {
EventGraphBuilder::EventGraphBuilder(Context& ctx,
                                     FocalhEvents const& events,
                                     std::span<float const> pedestals,
                                     HitOptions const& options,
                                     std::int64_t capacity)
    : ctx_(ctx)
    , events_(events)
    , options_(options)
    , capacity_(capacity)
    , channels_(ctx, std::span<std::int32_t const>(events.map.channels()))
    , pedestal_(ctx, pedestals)
    , row_ptr_(ctx, capacity + 1)
    , edge_ptr_(ctx, capacity * max_hits(options.rule) + 1)
    , source_(ctx, capacity * max_edges(options))
    , x_(ctx, capacity * max_hits(options.rule) * kNumHitFeatures)
    , position_(ctx, capacity * max_hits(options.rule) * 2)
    , energy_(ctx, capacity * max_hits(options.rule))
{
    CALOFUSE_CHECK(ctx.backend() == Backend::cpu, "results are read in place");
}

HitGraphs EventGraphBuilder::build(std::span<std::int32_t const> rows)
{
    auto const batch = std::ssize(rows);
    CALOFUSE_CHECK(batch <= capacity_, batch << " events, room for " << capacity_);
    std::int64_t const nodes = capacity_ * max_hits(options_.rule);
    event_graph(ctx_, {.adc = tensor_ref(events_.adc.data(), {events_.size(), kNumChannels}),
                       .rows = tensor_ref(rows.data(), {batch}),
                       .channels = channels_.ref(),
                       .pedestal = pedestal_.ref(),
                       .options = options_,
                       .row_ptr = row_ptr_.ref({batch + 1}),
                       .x = x_.ref({nodes, kNumHitFeatures}),
                       .position = position_.ref({nodes, 2}),
                       .energy = energy_.ref(),
                       .edge_ptr = edge_ptr_.ref(),
                       .source = source_.ref()});
    auto const n = static_cast<std::size_t>(row_ptr_.data()[batch]);
    auto const e = static_cast<std::size_t>(edge_ptr_.data()[n]);
    return {{row_ptr_.data(), rows.size() + 1}, {x_.data(), n * kNumHitFeatures},
            {position_.data(), n * 2},          {energy_.data(), n},
            {edge_ptr_.data(), n + 1},          {source_.data(), e}};
}

std::vector<std::int32_t> EventGraphBuilder::labels(std::int32_t row)
{
    std::vector<float> a(kNumCells);
    std::vector<std::int32_t> out(kNumCells);
    std::int32_t row_ptr[2];
    TensorRef const a_ref = tensor_ref(a.data(), {1, kNumCells});
    subtract_pedestal(ctx_, {.adc = tensor_ref(events_.adc.data(), {events_.size(), kNumChannels}),
                             .rows = tensor_ref(&row, {1}),
                             .channels = channels_.ref(),
                             .pedestal = pedestal_.ref(),
                             .a = a_ref});
    cluster(ctx_, {.a = a_ref,
                   .channels = channels_.ref(),
                   .options = options_,
                   .label = tensor_ref(out.data(), {1, kNumCells}),
                   .row_ptr = tensor_ref(row_ptr, {2})});
    return out;
}

HitOverlay hit_overlay(EventGraphBuilder& builder, std::int32_t row, std::span<float const> weights)
{
    HitGraphs const g = builder.build({&row, 1});
    CALOFUSE_CHECK(weights.empty() || weights.size() == g.source.size(),
                   weights.size() << " weights for " << g.source.size() << " edges");
    HitOverlay out;
    out.label = builder.labels(row);
    constexpr double kToCm = kMillimetresPerPositionUnit / 10;
    for (std::size_t h = 0; h < g.energy.size(); ++h) {
        out.position.push_back({g.position[2 * h] * kToCm, g.position[2 * h + 1] * kToCm});
        out.energy.push_back(static_cast<double>(g.energy[h]));
        for (auto e = static_cast<std::size_t>(g.edge_ptr[h]);
             e < static_cast<std::size_t>(g.edge_ptr[h + 1]); ++e) {
            HitOverlay::Edge edge{g.source[e], static_cast<std::int32_t>(h)};
            if (!weights.empty()) edge.weight = weights[e];
            out.edges.push_back(edge);
        }
    }
    return out;
}

void HitCounts::add(std::int32_t hits, std::int32_t edges)
{
    ++events_;
    hits_ += hits;
    edges_ += edges;
    ++events_with_[hits];
}

HitCounts& HitCounts::operator+=(HitCounts const& other)
{
    events_ += other.events_;
    hits_ += other.hits_;
    edges_ += other.edges_;
    for (auto const& [hits, events] : other.events_with_)
        events_with_[hits] += events;
    return *this;
}

std::int64_t HitCounts::with(std::int32_t hits) const
{
    auto const found = events_with_.find(hits);
    return found == events_with_.end() ? 0 : found->second;
}

std::int32_t HitCounts::quantile(double q) const
{
    std::int64_t seen = 0;
    for (auto const& [hits, events] : events_with_) {
        seen += events;
        if (static_cast<double>(seen) >= q * static_cast<double>(events_)) return hits;
    }
    return 0;
}

std::vector<std::int64_t> HitCounts::histogram() const
{
    std::vector<std::int64_t> out(events_ == 0 ? 0 : static_cast<std::size_t>(max()) + 1);
    for (auto const& [hits, events] : events_with_)
        out[static_cast<std::size_t>(hits)] = events;
    return out;
}
}  // namespace calofuse
