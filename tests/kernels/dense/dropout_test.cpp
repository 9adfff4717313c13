#include "kernels/dense/dropout.hpp"

#include <numeric>

#include "kernels/math/dropout_mask.hpp"
#include "runtime/buffer.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr std::uint64_t kSeed = 0x123456789ABCDEFU;
constexpr std::uint32_t kStream = 19;

/// The definition of the mask.
bool kept(std::size_t i, std::int64_t step, float rate)
{
    PhiloxWords const words = random_words(kSeed, kStream, static_cast<std::uint32_t>(step), i / 4);
    return uniform01(words.w[i % 4]) >= rate;
}

std::vector<float> forward(Context& ctx, std::vector<float> const& x, std::int64_t step, float rate)
{
    auto const n = static_cast<std::int64_t>(x.size());
    OnDevice<float> in(ctx, x, {n}), out(ctx, std::vector<float>(x.size(), 9), {n});
    OnDevice<std::int64_t> s(ctx, {step, 0}, {2});
    dropout_forward(ctx, {.x = in.ref(),
                          .step = s.ref(),
                          .seed = kSeed,
                          .stream = kStream,
                          .rate = rate,
                          .y = out.ref()});
    return out.fetch();
}

std::vector<float> backward(Context& ctx,
                            std::vector<float> const& dy,
                            std::int64_t step,
                            float rate)
{
    auto const n = static_cast<std::int64_t>(dy.size());
    OnDevice<float> g(ctx, dy, {n}), out(ctx, std::vector<float>(dy.size(), 0.25F), {n});
    OnDevice<std::int64_t> s(ctx, {step, 0}, {2});
    dropout_backward(ctx, {.dy = g.ref(),
                           .step = s.ref(),
                           .seed = kSeed,
                           .stream = kStream,
                           .rate = rate,
                           .dx = out.ref()});
    return out.fetch();
}
}  // namespace

TEST(Dropout, agrees_with_the_definition)
{
    Context ctx = make_context();
    for (std::size_t const n : {0U, 1U, 3U, 63U, 65U, 1023U, 1025U, 5003U})
        for (float const rate : {0.0F, 0.1F, 0.25F, 0.999F}) {
            auto const x = random_values(n, 1);
            std::vector<double> y(n), dx(n);
            for (std::size_t i = 0; i < n; ++i) {
                y[i] = kept(i, 7, rate)
                           ? static_cast<double>(x[i]) / (1 - static_cast<double>(rate))
                           : 0.0;
                dx[i] = y[i] + 0.25;
            }
            // 1 - rate and its inverse are rounded once each, magnified by 1 / (1 - rate).
            double const rel = 3e-7 / static_cast<double>(1 - rate);
            expect_close(forward(ctx, x, 7, rate), y, 1e-30, rel);
            expect_close(backward(ctx, x, 7, rate), dx, 1e-6 / static_cast<double>(1 - rate), rel);
        }
}

TEST(Dropout, threshold_is_exact)
{
    for (std::uint32_t const word : {0U, 0x40000000U - 256U, 0x40000000U - 1U, 0x40000000U,
                                     0x4000FFFFU, 0x19999900U, 0x19999A00U, 0xFFFFFFFFU})
        for (float const rate : {0.0F, 0.1F, 0.25F, 0.5F, 1e-8F, 0.99999994F})
            EXPECT_EQ((word >> 8U) >= dropout_threshold(rate), uniform01(word) >= rate)
                << word << " " << rate;
}

TEST(Dropout, keeps_the_expected_share_and_changes_with_step)
{
    Context ctx = make_context();
    std::vector<float> const ones(100'000, 1.0F);
    auto const a = forward(ctx, ones, 1, 0.2F), b = forward(ctx, ones, 2, 0.2F);
    std::size_t zeros = 0, both = 0;
    for (std::size_t i = 0; i < ones.size(); ++i) {
        zeros += a[i] == 0 ? 1U : 0U;
        both += a[i] == 0 && b[i] == 0 ? 1U : 0U;
    }
    EXPECT_NEAR(static_cast<double>(zeros), 20'000, 5 * 126.5);  // 5 sigma
    EXPECT_NEAR(static_cast<double>(both), 4'000, 5 * 62.0);     // independent of each other
}

TEST(Dropout, in_place_and_same_bits_for_any_number_of_threads)
{
    auto const x = random_values(30'011, 3);
    expect_same_for_any_threads([&](Context& ctx) {
        auto all = forward(ctx, x, 5, 0.3F);
        OnDevice<float> v(ctx, x, {30'011});
        OnDevice<std::int64_t> s(ctx, {5, 0}, {2});
        dropout_forward(ctx, {.x = v.ref(),
                              .step = s.ref(),
                              .seed = kSeed,
                              .stream = kStream,
                              .rate = 0.3F,
                              .y = v.ref()});
        EXPECT_TRUE(same_bits(v.fetch(), all));
        auto const dx = backward(ctx, x, 5, 0.3F);
        all.insert(all.end(), dx.begin(), dx.end());
        return all;
    });
}

TEST(Dropout, a_batch_cut_into_passes_drops_the_same_elements)
{
    Context ctx = make_context();
    // The event at 1023 touches 257 Philox blocks: one more than 256, as many as a thread block has.
    constexpr std::int64_t kEvents = 7, kWidth = 1023;
    auto const x = random_values(kEvents * kWidth, 8, 0.5F, 1.5F);
    auto run = [&](Context& where, std::int64_t first, std::int64_t events) {
        OnDevice<float> in(where,
                           {x.begin() + static_cast<std::ptrdiff_t>(first * kWidth),
                            x.begin() + static_cast<std::ptrdiff_t>((first + events) * kWidth)},
                           {events, kWidth});
        OnDevice<float> y(where, std::vector<float>(static_cast<std::size_t>(events * kWidth), 9),
                          {events, kWidth});
        OnDevice<std::int64_t> step(where, {3, first}, {2});
        dropout_forward(where, {.x = in.ref(),
                                .step = step.ref(),
                                .seed = kSeed,
                                .stream = kStream,
                                .rate = 0.4F,
                                .y = y.ref()});
        return y.fetch();
    };
    auto const all = run(ctx, 0, kEvents);
    auto parts = run(ctx, 0, 1);
    for (auto const& [first, events] : {std::pair{1, 1}, {2, 5}})
        for (float const v : run(ctx, first, events))
            parts.push_back(v);
    EXPECT_TRUE(same_bits(parts, all));
    Context cpu = Context::cpu();
    EXPECT_TRUE(same_bits(run(cpu, 0, kEvents), all));
}

TEST(Dropout, same_bits_as_on_the_cpu)
{
    Context ctx = make_context(), cpu = Context::cpu();
    for (std::size_t const n : {6U, 63U, 4096U}) {  // 6: four at a time, then two by themselves
        auto const x = random_values(n, 4);         // what is dropped becomes 0 or -0
        EXPECT_TRUE(same_bits(forward(ctx, x, 9, 0.35F), forward(cpu, x, 9, 0.35F))) << n;
    }
}

TEST(Dropout, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 6), b(ctx, 5);
    Buffer<std::int64_t> step(ctx, 2), one(ctx, 1);
    for (DropoutArgs const& bad :
         {DropoutArgs{.x = step.ref(), .step = step.ref(), .y = step.ref()},
          DropoutArgs{.x = a.ref(), .step = step.ref(), .y = b.ref()},
          DropoutArgs{.x = a.ref(), .step = one.ref(), .y = a.ref()},
          DropoutArgs{.x = a.ref(), .step = step.ref(), .rate = 1, .y = a.ref()},
          DropoutArgs{.x = a.ref(), .step = step.ref(), .rate = -0.1F, .y = a.ref()}})
        EXPECT_THROW(dropout_forward(ctx, bad), Error);
    for (DropoutGradArgs const& bad :
         {DropoutGradArgs{.dy = step.ref(), .step = step.ref(), .dx = step.ref()},
          DropoutGradArgs{.dy = a.ref(), .step = step.ref(), .dx = b.ref()},
          DropoutGradArgs{.dy = a.ref(), .step = one.ref(), .dx = a.ref()},
          DropoutGradArgs{.dy = a.ref(), .step = step.ref(), .rate = 1, .dx = a.ref()}})
        EXPECT_THROW(dropout_backward(ctx, bad), Error);
}
}  // namespace calofuse::test
