#include "runtime/context.hpp"

#include <atomic>

#include <gtest/gtest.h>

#include "runtime/buffer.hpp"
#include "runtime/device.hpp"
#include "runtime/parallel.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
TEST(Context, pool_hands_the_same_memory_out_again)
{
    Context ctx = make_context(1);
    {
        auto a = ctx.scratch<float>(1000);
    }
    auto const before = ctx.num_allocations();
    for (int i = 0; i < 10; ++i)
        auto a = ctx.scratch<float>(1000);
    EXPECT_EQ(ctx.num_allocations(), before);
    auto a = ctx.scratch<float>(1000);
    auto b = ctx.scratch<float>(1000);
    EXPECT_NE(a.data(), b.data());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.data()) % 64, 0U);
}

TEST(Context, memory_is_counted_by_purpose_also_where_there_was_too_little)
{
    Context ctx = make_context(1);
    {
        Context::Purpose const purpose(ctx, "events");
        auto a = ctx.scratch<float>(1024);
        Context::Purpose const inner(ctx, "weights");
        auto b = ctx.scratch<float>(2048);
        auto c = ctx.scratch<float>(2048);
    }
    auto d = ctx.scratch<double>(4096);
    auto const use = ctx.memory_use();
    ASSERT_EQ(use.size(), 3U);
    EXPECT_EQ(use[0].purpose + use[1].purpose + use[2].purpose, "eventsweightsother");
    EXPECT_EQ(use[0].bytes, 4096);
    EXPECT_EQ(use[1].bytes, 16384);
    EXPECT_EQ(use[2].bytes, 32768);
    if (!on_cuda()) return;
    Context::Purpose const purpose(ctx, "too much");
    try {
        ctx.scratch<double>(std::int64_t{1} << 40);
        FAIL() << "8 TiB";
    } catch (Error const& e) {
        EXPECT_EQ(e.code(), kOutOfDeviceMemory);
        EXPECT_EQ(e.exit(), Exit::unavailable);
    }
    EXPECT_EQ(ctx.memory_use().back().bytes, std::int64_t{1} << 43);
    auto again = ctx.scratch<float>(100);  // the context is as good as before
}

TEST(Context, zero_elements_are_no_memory)
{
    Context ctx = make_context(1);
    Buffer<float> const empty(ctx, 0);
    EXPECT_EQ(empty.data(), nullptr);
    EXPECT_TRUE(empty.download().empty());
}

TEST(Parallel, every_item_once)
{
    Context ctx = Context::cpu(4);
    std::vector<std::atomic<int>> seen(1001);
    parallel_chunks(ctx, 1001, 10, [&](std::int64_t begin, std::int64_t end, std::int64_t chunk) {
        EXPECT_EQ(begin, chunk * 10);
        for (std::int64_t i = begin; i < end; ++i)
            ++seen[static_cast<std::size_t>(i)];
    });
    for (auto const& s : seen)
        EXPECT_EQ(s, 1);
}

TEST(Tensor, view_checks_type_and_rank)
{
    float data[6] = {0, 1, 2, 3, 4, 5};
    TensorRef const t = tensor_ref(data, {2, 3});
    EXPECT_EQ((t.view<float, 2>()(1, 2)), 5.0F);
    EXPECT_THROW((t.view<float, 1>()), Error);
    EXPECT_THROW((t.view<double, 2>()), Error);
    EXPECT_EQ(t.describe(), "(2, 3) f32");
    EXPECT_THROW(t.reshaped({4}), Error);
    EXPECT_EQ((t.reshaped({3, 2}).view<float, 2>()(2, 1)), 5.0F);
}
}  // namespace calofuse::test
