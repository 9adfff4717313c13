#include "runtime/context.hpp"

#include <atomic>

#include <gtest/gtest.h>

#include "runtime/buffer.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::test {
TEST(Context, pool_hands_the_same_memory_out_again)
{
    Context ctx = Context::cpu(1);
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

TEST(Context, zero_elements_are_no_memory)
{
    Context ctx = Context::cpu(1);
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
