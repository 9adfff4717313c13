#include "kernels/focalh/unpack.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kChannels = 256;

void check(UnpackArgs const& args)
{
    auto const adc = args.adc.view<std::uint16_t const, 2>();
    auto const rows = args.rows.view<std::int32_t const, 1>();
    auto const channels = args.channels.view<std::int32_t const, 1>();
    auto const pedestal = args.pedestal.view<float const, 1>();
    auto const x = args.x.view<float, 2>();
    auto const total = args.total.view<float, 1>();
    CALOFUSE_CHECK(adc.shape[1] == kChannels, "adc is " << args.adc.describe());
    CALOFUSE_CHECK(pedestal.shape[0] == kChannels, "pedestal is " << args.pedestal.describe());
    CALOFUSE_CHECK(channels.shape[0] <= kChannels, "channels is " << args.channels.describe());
    CALOFUSE_CHECK(x.shape[0] == rows.shape[0] && x.shape[1] == channels.shape[0],
                   "x is " << args.x.describe() << " for " << rows.shape[0] << " rows of "
                           << channels.shape[0] << " cells");
    CALOFUSE_CHECK(total.shape[0] == rows.shape[0], "total is " << args.total.describe());
    if (!args.energy.empty())
        CALOFUSE_CHECK((args.energy.view<float const, 1>()).size() == 6,
                       "energy is " << args.energy.describe());
    CALOFUSE_CHECK(args.asinh_scale > 0.0F, "asinh_scale = " << args.asinh_scale);
}
}  // namespace

std::array<float, 3> split_double(double value)
{
    std::array<float, 3> parts;
    for (float& part : parts) {
        part = static_cast<float>(value);
        value -= static_cast<double>(part);
    }
    return parts;
}

void unpack(Context& ctx, UnpackArgs const& args)
{
    check(args);
    on_backend(
        ctx, "unpack", [&] { cpu::unpack(ctx, args); }, [&] { cuda::unpack(ctx, args); });
}
}  // namespace calofuse
