#include "kernels/focalh/unpack.hpp"

#include <numeric>

#include "kernels/math/asinh.hpp"
#include "runtime/focalh/channel_map.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
struct Events {
    std::vector<std::uint16_t> adc;  // (N, 256)
    std::vector<std::int32_t> channels;
    std::vector<float> pedestal;
};

Events make_events(std::int64_t count)
{
    Events out;
    std::mt19937 rng(7);
    for (std::int64_t i = 0; i < count * kNumChannels; ++i)
        out.adc.push_back(static_cast<std::uint16_t>(rng() % (i % 5 == 0 ? 8192 : 200)));
    auto const order = ChannelMap::focalh_prototype2().channels();
    out.channels.assign(order.begin(), order.end());
    out.pedestal = random_values(kNumChannels, 3, 20.0F, 60.0F);
    return out;
}

struct Result {
    std::vector<float> x, total;
};

Result run(Context& ctx,
           Events const& events,
           std::vector<std::int32_t> const& rows,
           InputScale scale)
{
    auto const batch = static_cast<std::int64_t>(rows.size());
    auto const cells = static_cast<std::int64_t>(events.channels.size());
    OnDevice<std::uint16_t> const adc(
        ctx, events.adc, {static_cast<std::int64_t>(events.adc.size()) / kNumChannels, 256});
    OnDevice<std::int32_t> const d_rows(ctx, rows, {batch});
    OnDevice<std::int32_t> const channels(ctx, events.channels, {cells});
    OnDevice<float> const pedestal(ctx, events.pedestal, {kNumChannels});
    OnDevice<float> x(ctx, std::vector<float>(static_cast<std::size_t>(batch * cells), 9.0F),
                      {batch, cells});
    OnDevice<float> total(ctx, std::vector<float>(rows.size(), 9.0F), {batch});
    std::vector<float> mean_and_scale;
    for (double const value : {5000.0, 1.0 / 3000.0})
        for (float const part : split_double(value))
            mean_and_scale.push_back(part);
    OnDevice<float> const energy(ctx, mean_and_scale, {6});
    unpack(ctx, {.adc = adc.ref(),
                 .rows = d_rows.ref(),
                 .channels = channels.ref(),
                 .pedestal = pedestal.ref(),
                 .scale = scale,
                 .asinh_scale = 20.0F,
                 .energy = energy.ref(),
                 .x = x.ref(),
                 .total = total.ref()});
    return {x.fetch(), total.fetch()};
}

Result run(Events const& events,
           std::vector<std::int32_t> const& rows,
           InputScale scale,
           int threads = 1)
{
    Context ctx = make_context(threads);
    return run(ctx, events, rows, scale);
}

double oracle(InputScale scale, double adc, double pedestal)
{
    if (scale == InputScale::asinh) return std::asinh((adc - pedestal) / 20.0);
    return scale == InputScale::log1p ? std::log1p(adc) : adc;
}

/// Error in units of the last place of the float nearest to `want`.
double ulps(float got, double want)
{
    double const unit = std::ldexp(1.0, std::max(std::ilogb(want), -126) - 23);
    return want == 0.0 ? std::abs(got) / 0x1p-149 : std::abs(got - want) / unit;
}
}  // namespace

TEST(Unpack, agrees_with_oracle)
{
    Events const events = make_events(100);
    std::vector<std::int32_t> rows(130);
    for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i] = static_cast<std::int32_t>((i * 37) % 100);
    rows[5] = -1;
    rows[129] = -1;
    for (InputScale const scale : {InputScale::asinh, InputScale::log1p, InputScale::raw}) {
        Result const got = run(events, rows, scale);
        std::vector<double> x(rows.size() * kNumCells, 0.0);
        std::vector<double> total(rows.size(), 0.0);
        for (std::size_t b = 0; b < rows.size(); ++b) {
            if (rows[b] < 0) continue;
            double sum = 0;
            for (std::size_t k = 0; k < kNumCells; ++k) {
                auto const c = static_cast<std::size_t>(events.channels[k]);
                double const adc = events.adc[static_cast<std::size_t>(rows[b]) * 256 + c];
                x[b * kNumCells + k] = oracle(scale, adc, events.pedestal[c]);
                sum += adc - events.pedestal[c];
            }
            total[b] = (sum - 5000.0) / 3000.0;
        }
        // adc - pedestal and the division each round once, before asinh's own two units.
        expect_close(got.x, x, 1e-7, 6e-7);
        expect_close(got.total, total, 1e-7, 1e-7);
    }
}

TEST(Unpack, empty_batch_and_any_number_of_threads)
{
    Events const events = make_events(3);
    EXPECT_TRUE(run(events, {}, InputScale::asinh).x.empty());
    std::vector<std::int32_t> rows(200, 1);
    Result const one = run(events, rows, InputScale::asinh, 1);
    for (int threads : {2, 3}) {
        Result const other = run(events, rows, InputScale::asinh, threads);
        EXPECT_EQ(one.x, other.x);
        EXPECT_EQ(one.total, other.total);
    }
}

TEST(Unpack, backends_agree_to_the_bit)
{
    Events events = make_events(60);
    events.channels.resize(200);  // any number of cells, any channels
    std::vector<std::int32_t> const rows{3, 0, -1, 59, 7, 7, 12, 33, 58, 21};
    Context ctx = make_context(), cpu = Context::cpu(2);
    for (InputScale const scale : {InputScale::asinh, InputScale::log1p, InputScale::raw}) {
        Result const got = run(ctx, events, rows, scale), want = run(cpu, events, rows, scale);
        EXPECT_TRUE(same_bits(got.x, want.x));
        EXPECT_TRUE(same_bits(got.total, want.total));
    }
}

TEST(Unpack, log_is_within_two_units)
{
    double worst = 0;
    for (float v = 1e-30F; v < 1e30F; v *= 1.00173F)
        worst = std::max(worst, ulps(log_positive(v), std::log(double{v})));
    for (float v = 0.6F; v < 1.6F; v += 0.00037F)
        worst = std::max(worst, ulps(log_positive(v), std::log(double{v})));
    EXPECT_LE(worst, 2.0);
    EXPECT_EQ(log_positive(1.0F), 0.0F);
    RecordProperty("worst_log_ulp", std::to_string(worst));
}

TEST(Unpack, asinh_is_within_two_units_over_every_adc_value)
{
    double worst_asinh = 0;
    double worst_log1p = 0;
    for (float const pedestal : {0.0F, 29.25F, 40.7F, 55.123F, 512.5F})
        for (int adc = 0; adc < 8192; ++adc) {
            float const v = (static_cast<float>(adc) - pedestal) * 0.05F;
            worst_asinh = std::max(worst_asinh, ulps(asinh_f32(v), std::asinh(double{v})));
            auto const a = static_cast<float>(adc);
            worst_log1p = std::max(worst_log1p, ulps(log1p_nonnegative(a), std::log1p(double{a})));
        }
    for (float v = 1e-20F; v < 1e15F; v *= 1.0137F) {
        worst_asinh = std::max(worst_asinh, ulps(asinh_f32(-v), std::asinh(-double{v})));
        worst_log1p = std::max(worst_log1p, ulps(log1p_nonnegative(v), std::log1p(double{v})));
    }
    EXPECT_LE(worst_asinh, 2.0);
    EXPECT_LE(worst_log1p, 1.5);
    EXPECT_EQ(asinh_f32(0.0F), 0.0F);
    RecordProperty("worst_asinh_ulp", std::to_string(worst_asinh));
    RecordProperty("worst_log1p_ulp", std::to_string(worst_log1p));
}

TEST(Unpack, refuses_wrong_shapes)
{
    Events events = make_events(3);
    events.pedestal.pop_back();
    EXPECT_ANY_THROW({
        Context ctx = make_context(1);
        OnDevice<float> const bad(ctx, events.pedestal, {255});
        OnDevice<std::uint16_t> const adc(ctx, events.adc, {3, 256});
        OnDevice<std::int32_t> const rows(ctx, {0}, {1});
        OnDevice<std::int32_t> const channels(ctx, {1, 2}, {2});
        OnDevice<float> const x(ctx, {0, 0}, {1, 2});
        OnDevice<float> const total(ctx, {0}, {1});
        unpack(ctx, {.adc = adc.ref(),
                     .rows = rows.ref(),
                     .channels = channels.ref(),
                     .pedestal = bad.ref(),
                     .x = x.ref(),
                     .total = total.ref()});
    });
}
}  // namespace calofuse::test
