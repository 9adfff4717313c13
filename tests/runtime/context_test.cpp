#include "runtime/context.hpp"

#include <atomic>

#include <gtest/gtest.h>

#include "runtime/buffer.hpp"
#include "runtime/device/device.hpp"
#include "runtime/parallel.hpp"
#include "tests/emulator/cuda_emulator.hpp"
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
        Block<float> const a(ctx, 1024);
        Context::Purpose const inner(ctx, "weights");
        Block<float> const b(ctx, 2048), c(ctx, 2048);
        auto const d = ctx.scratch<float>(512);
    }
    Block<double> const e(ctx, 4096);
    auto const use = ctx.memory_use();
    ASSERT_EQ(use.size(), 4U);
    char const* const purposes[] = {"events", "weights", "scratch of operators", "other"};
    std::int64_t const bytes[] = {4096, 16384, 2048, 32768};
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(use[i].purpose, purposes[i]);
        EXPECT_EQ(use[i].bytes, bytes[i]) << purposes[i];
    }
    Block<float> const again(ctx, 1024);  // "other" now, no longer "events"
    EXPECT_EQ(ctx.memory_use()[0].purpose, "other");
    if (!on_cuda()) return;
    Context::Purpose const purpose(ctx, "too much");
    try {
        Block<double>(ctx, std::int64_t{1} << 40);
        FAIL() << "8 TiB";
    } catch (Error const& error) {
        EXPECT_EQ(error.code(), kOutOfDeviceMemory);
        EXPECT_EQ(error.exit(), Exit::unavailable);
    }
    EXPECT_EQ(ctx.memory_use().back().bytes, std::int64_t{1} << 43);
    Buffer<float> const good(ctx, 100);  // the context is as good as before
    EXPECT_LT(ctx.memory_use().back().bytes, std::int64_t{1} << 43) << "that is history";
}

/// What a destroyed object leaves is there for another one of any size; scratch stays, because captured
/// graphs know where it was.
TEST(Context, idle_memory_makes_room_and_scratch_stays)
{
    if (!on_cuda()) GTEST_SKIP();
    Context ctx = make_context(1);
    cuda_emulator::set_option("memory_kb", "1000");
    std::int64_t const tenth = free_device_memory() / 10;
    {
        auto const scratch = ctx.scratch<std::byte>(2 * tenth);
    }
    {
        Block<std::byte> const idle(ctx, 5 * tenth);
    }
    auto const before = ctx.num_allocations();
    Block<std::byte> const larger(ctx, 7 * tenth);
    EXPECT_THROW(Block<std::byte>(ctx, 3 * tenth), Error) << "only scratch was idle";
    auto const scratch = ctx.scratch<std::byte>(2 * tenth);
    EXPECT_EQ(ctx.num_allocations(), before + 1);
    cuda_emulator::set_option("memory_kb", "8388608");
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
