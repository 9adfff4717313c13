#include "kernels/loss/add_losses.hpp"

#include "runtime/buffer.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
TEST(AddLosses, sums_with_factors_and_gives_every_part_its_share)
{
    Context ctx = make_context();
    LossFactors const factor{{0.5F, 2, 0.25F}};
    OnDevice<float> part(ctx, {1, 3, 8}, {3}), loss(ctx, {-1}, {1}), dloss(ctx, {4}, {1});
    OnDevice<float> dpart(ctx, {1, 1, 1}, {3});
    add_losses_forward(ctx, {.part = part.ref(), .factor = factor, .loss = loss.ref()});
    add_losses_backward(ctx, {.factor = factor, .dloss = dloss.ref(), .dpart = dpart.ref()});
    EXPECT_EQ(loss.fetch(), std::vector<float>{8.5F});
    EXPECT_EQ(dpart.fetch(), (std::vector<float>{3, 9, 2}));
    add_losses_backward(ctx, {.factor = factor, .dpart = dpart.ref()});
    EXPECT_EQ(dpart.fetch(), (std::vector<float>{3.5F, 11, 2.25F}));
}

TEST(AddLosses, small_parts_are_not_lost_beside_large_ones)
{
    Context ctx = make_context();
    OnDevice<float> part(ctx, {3e7F, 1, 1, -3e7F}, {4}), loss(ctx, {-1}, {1});
    add_losses_forward(ctx, {.part = part.ref(), .factor = {{1, 1, 1, 1}}, .loss = loss.ref()});
    EXPECT_EQ(loss.fetch(), std::vector<float>{2});  // 0 if added in f32
}

TEST(AddLosses, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> many(ctx, 17), one(ctx, 1), two(ctx, 2);
    EXPECT_THROW(add_losses_forward(ctx, {.part = many.ref(), .factor = {}, .loss = one.ref()}),
                 Error);
    EXPECT_THROW(add_losses_forward(ctx, {.part = one.ref(), .factor = {}, .loss = two.ref()}),
                 Error);
    EXPECT_THROW(add_losses_backward(ctx, {.factor = {}, .dloss = two.ref(), .dpart = one.ref()}),
                 Error);
    EXPECT_THROW(add_losses_backward(ctx, {.factor = {}, .dpart = many.ref()}), Error);
}
}  // namespace calofuse::test
