#include "kernels/focalh/pedestal.hpp"

#include "kernels/check.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
namespace {

void check(PedestalArgs const& args)
{
    auto const adc = args.adc.view<std::uint16_t const, 2>();
    auto const rows = args.rows.view<std::int32_t const, 1>();
    auto const channels = args.channels.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(adc.shape[1] == kNumChannels, "adc is " << args.adc.describe());
    CALOFUSE_CHECK(channels.size() <= kNumChannels, "channels is " << args.channels.describe());
    check_tensor(args.pedestal, DType::f32, {kNumChannels}, "pedestal");
    check_tensor(args.a, DType::f32, {rows.size(), channels.size()}, "a");
}
}  // namespace

void subtract_pedestal(Context& ctx, PedestalArgs const& args)
{
    check(args);
    on_backend(
        ctx, "pedestal", [&] { cpu::subtract_pedestal(ctx, args); },
        [&] { cuda::subtract_pedestal(ctx, args); });
}
}  // namespace calofuse
