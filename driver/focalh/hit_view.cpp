#include "driver/focalh/hit_view.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "driver/focalh/run_conditions.hpp"
#include "driver/judge/head_rows.hpp"
#include "models/registry.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kBatch = 64;  // of counting; a view is one event

HitNetwork const* as_hit_network(Model const& model)
{
    auto const* const network = dynamic_cast<HitNetwork const*>(&model);
    CALOFUSE_CHECK(network != nullptr, "the model makes no hits");
    return network;
}

FocalHits const* hits_of(HitNetwork const& network)
{
    auto const* const hits = dynamic_cast<FocalHits const*>(&network.points());
    CALOFUSE_CHECK(hits != nullptr, "the points of the model are no hits");
    return hits;
}

/// What the model subtracts under the conditions that hold.
std::vector<float> conditions(Model& model,
                              Checkpoint const& checkpoint,
                              Dataset const& data,
                              Session const* session)
{
    Parameters& parameters = model.parameters();
    if (session != nullptr) focalh::adopt(*session, checkpoint, data, parameters);
    return parameters.download(parameters.find(kPedestalState));
}
}  // namespace

bool is_hit_network(std::string const& model)
{
    for (ModelEntry const& entry : all_models()) {
        if (entry.name != model) continue;
        OptionSchema const schema = entry.schema();
        return std::any_of(schema.begin(), schema.end(),
                           [](OptionSpec const& spec) { return spec.key == "hits.rule"; });
    }
    return false;
}

HitViewer::HitViewer(Context& ctx,
                     Checkpoint const& checkpoint,
                     Dataset const& data,
                     Session const* session)
    : model_(restore_model(ctx, checkpoint, data))
    , network_(as_hit_network(*model_))
    , hits_(hits_of(*network_))
    , events_(data)
    , placed_(ctx, data, model_->columns())
    , pedestals_(conditions(*model_, checkpoint, data, session))
    , builder_(ctx, events_, pedestals_, hits_->options(), kBatch)
    , row_(ctx, 1)
    , position_(ctx, 2)
{
    Batch batch;
    batch.row = row_.ref();
    batch.position = position_.ref();
    batch.columns = placed_.columns();
    tape_ = std::make_unique<Tape>(
        ctx, model_->parameters(), Mode::evaluate, batch.position, [&](Tape& tape) {
            layers::PointCloud const cloud = network_->points()(tape, batch, network_->edges());
            logit_ = network_->forward_cloud(tape, cloud, nullptr, &attention_).value;
        });
}

bool HitViewer::has_attention() const
{
    return network_->has_attention();
}

bool HitViewer::learns_edges() const
{
    return network_->edges() == layers::Edges::none;
}

HitView HitViewer::view(std::int32_t row)
{
    CALOFUSE_CHECK(row >= 0 && row < events_.size(), "row " << row << " of " << events_.size());
    row_.upload({&row, 1});
    tape_->run();
    HitView out;
    out.logit = *static_cast<float const*>(logit_.data);
    out.score = static_cast<float>(probability(static_cast<double>(out.logit)));
    out.overlay = hit_overlay(builder_, row);
    if (has_attention()) attend(out);
    if (learns_edges()) out.overlay.edges.clear();
    return out;
}

void HitViewer::attend(HitView& view) const
{
    // The tape and the builder make the same graph with the same operator: edge e is edge e.
    std::size_t const hits = view.overlay.position.size(), edges = view.overlay.edges.size();
    std::vector<double> sum(edges), loop(hits);
    double heads = 0;
    for (layers::AttentionOutput const& layer : attention_) {
        std::int64_t const h = layer.alpha.shape[1];
        auto const* const alpha = static_cast<float const*>(layer.alpha.data);
        auto const* const alpha_loop = static_cast<float const*>(layer.alpha_loop.data);
        heads += static_cast<double>(h);
        for (std::size_t i = 0; i < edges * static_cast<std::size_t>(h); ++i)
            sum[i / static_cast<std::size_t>(h)] += static_cast<double>(alpha[i]);
        for (std::size_t i = 0; i < hits * static_cast<std::size_t>(h); ++i)
            loop[i / static_cast<std::size_t>(h)] += static_cast<double>(alpha_loop[i]);
    }
    for (double const weight : sum)
        view.attention.push_back(static_cast<float>(weight / heads));
    for (double const weight : loop)
        view.loop.push_back(static_cast<float>(weight / heads));
    std::vector<double> const shares = even_shares(view);
    double const largest = edges == 0 ? 0 : *std::max_element(shares.begin(), shares.end());
    for (std::size_t e = 0; e < edges; ++e)
        view.overlay.edges[e].weight = shares[e] > 1 ? (shares[e] - 1) / (largest - 1) : 0;
}

std::vector<double> even_shares(HitView const& view)
{
    std::vector<double> inputs(view.loop.size(), 1);  // the loop
    for (HitOverlay::Edge const& edge : view.overlay.edges)
        if (!inputs.empty()) inputs[static_cast<std::size_t>(edge.to)] += 1;
    std::vector<double> out;
    for (std::size_t e = 0; e < view.attention.size(); ++e)
        out.push_back(static_cast<double>(view.attention[e])
                      * inputs[static_cast<std::size_t>(view.overlay.edges[e].to)]);
    return out;
}

std::vector<std::int32_t> HitViewer::num_hits(std::span<std::int32_t const> rows)
{
    std::vector<std::int32_t> out;
    for (std::size_t begin = 0; begin < rows.size(); begin += kBatch) {
        auto const count = std::min<std::size_t>(kBatch, rows.size() - begin);
        HitGraphs const graphs = builder_.build(rows.subspan(begin, count));
        for (std::size_t b = 0; b < count; ++b)
            out.push_back(graphs.row_ptr[b + 1] - graphs.row_ptr[b]);
    }
    return out;
}

std::vector<std::string> hit_captions(HitView const& view, HitViewer const& viewer)
{
    std::size_t const hits = view.overlay.position.size(), edges = view.overlay.edges.size();
    std::string const counted = fmt::format("{} hit{}", hits, hits == 1 ? "" : "s");
    if (viewer.learns_edges()) return {counted + ", each layer finds its edges"};
    std::vector<std::string> out = {fmt::format("{}, {} edges", counted, edges)};
    std::vector<double> const shares = even_shares(view);
    if (!shares.empty())
        out.push_back(fmt::format("attention up to {:.2f} × even share",
                                  *std::max_element(shares.begin(), shares.end())));
    return out;
}
}  // namespace calofuse
