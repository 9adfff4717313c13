#include "kernels/focalh/pedestal.hpp"

#include "tests/support/hit_events.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
std::vector<float> run(Context& ctx, HitEvents const& events, std::vector<std::int32_t> const& rows)
{
    auto const batch = static_cast<std::int64_t>(rows.size());
    OnDevice<std::uint16_t> const adc(ctx, events.adc, {events.size(), kNumChannels});
    OnDevice<std::int32_t> const d_rows(ctx, rows, {batch});
    OnDevice<std::int32_t> const channels(ctx, events.channels, {kNumCells});
    OnDevice<float> const pedestal(ctx, events.pedestal, {kNumChannels});
    OnDevice<float> const a(ctx, std::vector<float>(rows.size() * kNumCells, 9.0F),
                            {batch, kNumCells});
    subtract_pedestal(ctx, {adc.ref(), d_rows.ref(), channels.ref(), pedestal.ref(), a.ref()});
    return a.fetch();
}

std::vector<float> run(HitEvents const& events, std::vector<std::int32_t> const& rows, int threads)
{
    Context ctx = make_context(threads);
    return run(ctx, events, rows);
}
}  // namespace

TEST(Pedestal, agrees_with_the_definition_for_any_number_of_threads)
{
    HitEvents events = hit_events(20);
    events.pedestal[static_cast<std::size_t>(events.channels[7])] =
        std::numeric_limits<float>::quiet_NaN();
    std::vector<std::int32_t> rows;
    for (std::int32_t i = 0; i < 150; ++i)
        rows.push_back(i % 13 == 5 ? -1 : static_cast<std::int32_t>((i * 37) % events.size()));
    auto const got = run(events, rows, 1);
    for (std::size_t b = 0; b < rows.size(); ++b)
        for (std::size_t k = 0; k < kNumCells; ++k) {
            auto const c = static_cast<std::size_t>(events.channels[k]);
            float want = 0;
            if (rows[b] >= 0 && k != 7) {
                float const adc = events.adc[static_cast<std::size_t>(rows[b]) * 256 + c];
                want = std::max(0.0F, adc - events.pedestal[c]);
            }
            ASSERT_EQ(got[b * kNumCells + k], want) << "row " << b << " cell " << k;
        }
    for (int const threads : {2, 3})
        EXPECT_EQ(run(events, rows, threads), got);
    EXPECT_TRUE(run(events, {}, 2).empty());
    Context ctx = make_context(), cpu = Context::cpu(2);
    EXPECT_TRUE(same_bits(run(ctx, events, rows), run(cpu, events, rows)));
}

TEST(Pedestal, refuses_wrong_shapes)
{
    Context ctx = make_context(1);
    HitEvents const events = hit_events(1);
    OnDevice<std::uint16_t> const adc(ctx, events.adc, {events.size(), kNumChannels});
    OnDevice<std::int32_t> const rows(ctx, {0}, {1});
    OnDevice<std::int32_t> const channels(ctx, events.channels, {kNumCells});
    OnDevice<float> const pedestal(ctx, events.pedestal, {kNumChannels});
    OnDevice<float> const a(ctx, std::vector<float>(kNumCells), {1, kNumCells});
    PedestalArgs const good{adc.ref(), rows.ref(), channels.ref(), pedestal.ref(), a.ref()};
    EXPECT_NO_THROW(subtract_pedestal(ctx, good));
    PedestalArgs bad = good;
    bad.pedestal = channels.ref();
    EXPECT_ANY_THROW(subtract_pedestal(ctx, bad));
    bad = good;
    bad.a = pedestal.ref();
    EXPECT_ANY_THROW(subtract_pedestal(ctx, bad));
    bad = good;
    bad.adc = adc.ref().reshaped({events.size() * 2, 128});
    EXPECT_ANY_THROW(subtract_pedestal(ctx, bad));
}
}  // namespace calofuse::test
