#include "kernels/device/reduce.cuh"
#include "kernels/focalh/unpack/math.hpp"

// One warp an event, lanes over cells: writes are coalesced, and the words of an event, 512 bytes, are
// gathered through the L1 cache. Bound by memory: 512 + 4 K bytes an event.
namespace calofuse::cuda {
namespace {
static_assert(kUnpackSums == kWarp);
constexpr int kWarps = 8;

struct Input {
    std::uint16_t const* adc;
    std::int32_t const* rows;
    View<std::int32_t const, 1> channels;
    float const* pedestal;
    float inverse_scale;
    float const* energy;
    std::int64_t batch;
};

template <InputScale kScale>
__global__ __launch_bounds__(kWarps* kWarp) void unpack_kernel(Input in, float* x, float* total)
{
    constexpr int kChannels = 256;
    std::int64_t const b = std::int64_t{blockIdx.x} * kWarps + warp_index();
    int const lane = lane_index();
    if (b >= in.batch) return;
    int const cells = static_cast<int>(in.channels.size());
    std::int32_t const row = in.rows[b];
    float* const out = x + b * cells;
    if (row < 0) {
        for (int k = lane; k < cells; k += kWarp)
            out[k] = 0.0F;
        if (lane == 0) total[b] = 0.0F;
        return;
    }
    std::uint16_t const* const adc = in.adc + std::int64_t{row} * kChannels;
    int adc_sum = 0;
    double pedestal_sum = 0;
    for (int k = lane; k < cells; k += kWarp) {
        int const c = in.channels[k];
        int const word = adc[c];
        float const pedestal = in.pedestal[c];
        out[k] = unpacked<kScale>(static_cast<float>(word), pedestal, in.inverse_scale);
        adc_sum += word;
        pedestal_sum += pedestal;
    }
    adc_sum = warp_sum(adc_sum);
    pedestal_sum = warp_sum(pedestal_sum);
    if (lane == 0) total[b] = standardised_total(adc_sum, pedestal_sum, in.energy);
}

template <InputScale kScale>
void unpack_all(Context& ctx, UnpackArgs const& args)
{
    auto const rows = args.rows.view<std::int32_t const, 1>();
    Input const in{args.adc.flat<std::uint16_t const>().data,
                   rows.data,
                   args.channels.view<std::int32_t const, 1>(),
                   args.pedestal.flat<float const>().data,
                   1.0F / args.asinh_scale,
                   args.energy.empty() ? nullptr : args.energy.flat<float const>().data,
                   rows.size()};
    launch(ctx, {"unpack", blocks_for(rows.size(), kWarps), kWarps * kWarp}, unpack_kernel<kScale>,
           in, args.x.flat<float>().data, args.total.flat<float>().data);
}
}  // namespace

void unpack(Context& ctx, UnpackArgs const& args)
{
    switch (args.scale) {
        case InputScale::asinh:
            return unpack_all<InputScale::asinh>(ctx, args);
        case InputScale::log1p:
            return unpack_all<InputScale::log1p>(ctx, args);
        case InputScale::raw:
            return unpack_all<InputScale::raw>(ctx, args);
    }
}
}  // namespace calofuse::cuda
