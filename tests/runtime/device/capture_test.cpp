#include "runtime/device/capture.hpp"

#include <numeric>

#include "kernels/dense/activation.hpp"
#include "runtime/buffer.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
/// y += 2 max(x, 0), through scratch.
struct Work {
    Context& ctx;
    Buffer<float>&x, &y;

    void operator()() const
    {
        auto const half = ctx.scratch<float>(x.size());
        TensorRef const h =
            half.view().data == nullptr ? TensorRef{} : tensor_ref(half.data(), {x.size()});
        activation_forward(ctx, {.x = x.ref(), .kind = Activation::relu, .y = h});
        for (int twice = 0; twice < 2; ++twice)
            activation_backward(ctx,
                                {.saved = h, .dy = h, .kind = Activation::relu, .dx = y.ref()});
    }
};
}  // namespace

TEST(Capture, replays_what_was_recorded_on_new_data)
{
    Context ctx = make_context(1);
    Buffer<float> x(ctx, 300), y(ctx, 300);
    std::vector<float> in(300), want(300);
    Work const work{ctx, x, y};
    work();  // warm
    y.zero();
    auto const pool = ctx.num_allocations();
    Capture capture(ctx, work);
    EXPECT_EQ(y.download(), std::vector<float>(300)) << "nothing runs while it is recorded";
    for (int round = 0; round < 3; ++round) {
        std::iota(in.begin(), in.end(), static_cast<float>(-100 + 10 * round));
        x.upload(in);
        capture.replay();
        for (std::size_t i = 0; i < in.size(); ++i)
            want[i] += 2 * std::max(in[i], 0.0F);
        EXPECT_EQ(y.download(), want) << round;
    }
    EXPECT_EQ(ctx.num_allocations(), pool);
}

TEST(Capture, objects_never_get_its_scratch)
{
    Context ctx = make_context(1);
    Buffer<float> x(ctx, 64), y(ctx, 64);
    x.upload(std::vector<float>(64, 1.0F));
    Work const work{ctx, x, y};
    work();
    Capture capture(ctx, work);
    Buffer<float> bystander(ctx, 64);  // the size of the scratch that is free again
    bystander.upload(std::vector<float>(64, 5.0F));
    capture.replay();
    EXPECT_EQ(bystander.download(), std::vector<float>(64, 5.0F));
}

TEST(Capture, is_not_replayed_inside_an_operator)
{
    Context ctx = make_context(1);
    Buffer<float> x(ctx, 64), y(ctx, 64);
    Work const work{ctx, x, y};
    work();
    Capture capture(ctx, work);
    auto const half = ctx.scratch<float>(64);  // the block that the graph writes to
    if (on_cuda()) {
        EXPECT_THROW(capture.replay(), Error);
    }
}

TEST(Capture, work_that_fails_leaves_a_usable_context)
{
    Context ctx = make_context(1);
    Buffer<float> x(ctx, 8), y(ctx, 8);
    auto const fail = [] {
        throw Error(Exit::internal, "CF-INT-99", "on purpose");
    };
    if (on_cuda()) {
        EXPECT_THROW(Capture(ctx, fail), Error);
    }
    x.upload(std::vector<float>(8, 3.0F));
    Work{ctx, x, y}();
    EXPECT_EQ(y.download(), std::vector<float>(8, 6.0F));
}
}  // namespace calofuse::test
