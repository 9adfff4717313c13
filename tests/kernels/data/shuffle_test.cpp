#include "kernels/data/shuffle.hpp"

#include <algorithm>
#include <numeric>

#include "runtime/random.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
std::vector<std::int32_t> shuffled(Context& ctx,
                                   std::vector<std::int32_t> const& events,
                                   std::uint64_t seed,
                                   std::uint32_t epoch)
{
    auto const n = static_cast<std::int64_t>(events.size());
    OnDevice<std::int32_t> in(ctx, events, {n}),
        out(ctx, std::vector<std::int32_t>(events.size()), {n});
    shuffle(ctx, {.events = in.ref(), .seed = seed, .epoch = epoch, .order = out.ref()});
    return out.fetch();
}

/// 3, 6, 9, ..
std::vector<std::int32_t> some_events(std::size_t n)
{
    std::vector<std::int32_t> out(n);
    for (std::size_t i = 0; i < n; ++i)
        out[i] = static_cast<std::int32_t>(3 * i + 3);
    return out;
}
}  // namespace

TEST(Shuffle, sorts_by_the_words_of_each_event)
{
    Context ctx = make_context();
    for (std::size_t const n : {0U, 1U, 2U, 33U, 1000U, 5000U}) {
        auto const events = some_events(n);
        std::vector<std::pair<std::uint64_t, std::int32_t>> keyed;
        for (std::int32_t const e : events) {
            auto const w = random_words(11, 2, 5, static_cast<std::uint64_t>(e));
            keyed.emplace_back((static_cast<std::uint64_t>(w.w[0]) << 32U) + w.w[1], e);
        }
        std::sort(keyed.begin(), keyed.end());
        std::vector<std::int32_t> want;
        for (auto const& [key, e] : keyed)
            want.push_back(e);
        EXPECT_EQ(shuffled(ctx, events, 11, 5), want) << n;
    }
}

TEST(Shuffle, same_bits_for_any_number_of_threads)
{
    expect_same_for_any_threads(
        [](Context& ctx) { return shuffled(ctx, some_events(20'000), 1, 2); });
}

TEST(Shuffle, every_epoch_and_seed_is_another_even_permutation)
{
    Context ctx = make_context(1);
    auto const events = some_events(4096);
    auto const a = shuffled(ctx, events, 1, 0);
    EXPECT_NE(a, shuffled(ctx, events, 1, 1));
    EXPECT_NE(a, shuffled(ctx, events, 2, 0));
    EXPECT_TRUE(std::is_permutation(a.begin(), a.end(), events.begin()));
    // The mean place of the first half of the events: 2047.5 with a standard deviation of 18.5.
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] <= 3 * 2048) sum += static_cast<double>(i);
    EXPECT_NEAR(sum / 2048, 2047.5, 5 * 18.5);
}

TEST(Shuffle, equal_events_keep_their_order_and_wrong_shapes_are_refused)
{
    Context ctx = make_context(1);
    EXPECT_EQ(shuffled(ctx, {4, 4, 4}, 1, 0), (std::vector<std::int32_t>{4, 4, 4}));
    OnDevice<std::int32_t> in(ctx, {1, 2}, {2}), out(ctx, {0}, {1});
    EXPECT_THROW(shuffle(ctx, {.events = in.ref(), .order = out.ref()}), Error);
}
}  // namespace calofuse::test
