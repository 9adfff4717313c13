#include "kernels/focalh/event_graph.hpp"

#include <limits>

#include "kernels/check.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
namespace {
void check_edges(EventGraphArgs const& args, std::int64_t batch, std::int64_t nodes)
{
    CALOFUSE_CHECK(args.edge_ptr.empty() == args.source.empty(),
                   "edge_ptr and source belong together");
    CALOFUSE_CHECK(args.edge_x.empty() || !args.source.empty(), "edge_x without edges");
    if (args.source.empty()) return;
    std::int64_t const most = batch * max_edges(args.options);
    std::int64_t const edges = args.source.view<std::int32_t, 1>().size();
    CALOFUSE_CHECK(edges >= most, "source is " << args.source.describe() << ", but " << batch
                                               << " events may have " << most << " edges");
    CALOFUSE_CHECK(
        most <= std::numeric_limits<std::int32_t>::max(),
        batch << " events may have " << most << " edges, which a 32-bit index cannot count");
    check_tensor(args.edge_ptr, DType::i32, {nodes + 1}, "edge_ptr");
    check_tensor(args.source, DType::i32, {edges}, "source");
    if (!args.edge_x.empty())
        check_tensor(args.edge_x, DType::f32, {edges, kNumHitEdgeFeatures}, "edge_x");
}

void check(EventGraphArgs const& args)
{
    auto const adc = args.adc.view<std::uint16_t const, 2>();
    std::int64_t const batch = args.rows.view<std::int32_t const, 1>().size();
    std::int64_t const nodes = args.x.view<float, 2>().shape[0];
    check_tensor(args.adc, DType::u16, {adc.shape[0], kNumChannels}, "adc");
    check_tensor(args.channels, DType::i32, {kNumCells}, "channels");
    check_tensor(args.pedestal, DType::f32, {kNumChannels}, "pedestal");
    if (!args.noise.empty()) check_tensor(args.noise, DType::f32, {kNumChannels}, "noise");
    check_hit_options(args.options);
    CALOFUSE_CHECK(nodes >= batch * max_hits(args.options.rule),
                   "x is " << args.x.describe() << ", but " << batch << " events may have "
                           << batch * max_hits(args.options.rule) << " hits");
    check_tensor(args.row_ptr, DType::i32, {batch + 1}, "row_ptr");
    check_tensor(args.x, DType::f32, {nodes, kNumHitFeatures}, "x");
    check_tensor(args.position, DType::f32, {nodes, 2}, "position");
    if (!args.energy.empty()) check_tensor(args.energy, DType::f32, {nodes}, "energy");
    check_edges(args, batch, nodes);
}
}  // namespace

void event_graph(Context& ctx, EventGraphArgs const& args)
{
    check(args);
    on_backend(
        ctx, "event_graph", [&] { cpu::event_graph(ctx, args); },
        [&] { cuda::event_graph(ctx, args); });
}
}  // namespace calofuse
