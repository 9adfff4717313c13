#include <limits>

#include "kernels/conv/conv2d/cudnn.hpp"
#include "tests/kernels/conv/conv2d_case.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
/// What cuDNN's plans depend on, in its own words; figures of CUDA's device attributes.
std::string description(char const* name, int version, int processors, int shared_memory, int l2)
{
    std::ostringstream out;
    out << R"({"deviceName":")" << name << R"(","cudaDeviceId":0,"deviceVer":)" << version
        << R"(,"driverVer":13000,"multiProcessorCount":)" << processors
        << R"(,"maxSharedMemoryPerBlockOptin":)" << shared_memory << R"(,"l2CacheSize":)" << l2
        << R"(,"totalGlobalMem":85000000000,"smClockRateKHz":1980000,"memClockRateKHz":2619000,)"
           R"("warpSize":32,"maxSharedMemoryPerBlock":49152,"reservedSharedMemoryPerBlock":1024,)"
           R"("maxRegistersPerSM":65536,"regsPerBlock":65536,"pciDeviceId":0,"maxCtasPerSM":32,)"
           R"("maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"isTccDriver":0,)"
           R"("supportCoopLaunch":1,"maxGridSize":[2147483647,65535,65535],)"
           R"("maxBlockSize":[1024,1024,64]})";
    return out.str();
}
std::vector<std::string> descriptions()
{
    return {description("H100", 900, 132, 232448, 52428800),
            description("A100", 800, 108, 166912, 41943040)};
}

std::vector<Case> cases()
{
    std::vector<Case> out = small_windows();
    for (Case const& c : wide_cases())
        out.push_back(c);
    out.push_back(
        {"module", 256, 7, 7, 32, 64, {same_axis_keras(3, 1, 7), same_axis_keras(3, 1, 7)}});
    if (!small_cases())
        out.push_back({"jet", 64, 125, 125, 3, 32, {padded_axis(7, 2, 3), padded_axis(7, 2, 3)}});
    return out;
}

cuda::ConvProblem problem(Case const& c, cuda::ConvDirection direction, bool add, int alignment)
{
    WindowAxis const &h = c.window.h, &v = c.window.w;
    return {.direction = direction,
            .x = {c.events, c.height, c.width, c.inputs},
            .y = {c.events, h.outputs(c.height), v.outputs(c.width), c.outputs},
            .kernel = {h.kernel, v.kernel},
            .stride = {h.stride, v.stride},
            .before = {h.before, v.before},
            .after = {h.after, v.after},
            .accumulate = add,
            .alignment = alignment};
}
}  // namespace

TEST(Conv2dCudnn, has_a_plan_for_every_shape_on_gpus_that_are_not_here)
{
    if constexpr (kHasCuda) {
        std::string reason;
        if (!cuda::has_conv2d_library(&reason)) GTEST_SKIP() << reason;
        using enum cuda::ConvDirection;
        for (std::string const& gpu : descriptions())
            for (Case const& c : cases())
                for (cuda::ConvDirection const direction :
                     {forward, data_gradient, weight_gradient})
                    for (int const alignment : {4, 16}) {
                        if (c.events == 0) continue;
                        SCOPED_TRACE(std::string(c.name) + " direction "
                                     + std::to_string(static_cast<int>(direction)) + " on " + gpu);
                        bool const add = direction != weight_gradient;
                        auto const wanted = problem(c, direction, add, alignment);
                        auto const plan = cuda::plan_conv2d(wanted, gpu);
                        ASSERT_TRUE(plan.has_value());
                        EXPECT_LT(plan->workspace_bytes, std::int64_t{1} << 30);
                        auto const again = cuda::plan_conv2d(wanted, gpu);
                        EXPECT_EQ(plan->engine, again->engine);
                    }
    }
}

TEST(Conv2dCudnn, a_shape_that_cannot_be_is_left_to_the_own_kernel)
{
    if constexpr (kHasCuda) {
        std::string reason;
        if (!cuda::has_conv2d_library(&reason)) GTEST_SKIP() << reason;
        auto wrong = problem(small_windows().at(2), cuda::ConvDirection::forward, false, 16);
        ++wrong.y[1];
        EXPECT_FALSE(cuda::plan_conv2d(wrong, descriptions().front()).has_value());
    }
}

TEST(Conv2dCudnn, agrees_with_the_own_kernels)
{
    if (!on_cuda()) GTEST_SKIP() << "needs a GPU";
    if constexpr (kHasCuda) {
        std::string reason;
        if (!cuda::has_conv2d_library(&reason)) GTEST_SKIP() << reason;
        Implementation const own{cuda::conv2d_forward_own, cuda::conv2d_backward_own};
        Implementation const library{cuda::conv2d_forward_library, cuda::conv2d_backward_library};
        Context ctx = make_context();
        for (Case const& c : cases()) {
            SCOPED_TRACE(c.name);
            Problem const p(c);
            Results const want = run(ctx, c, p, 0.5F, own), got = run(ctx, c, p, 0.5F, library);
            auto const expect = [](std::vector<float> const& a, std::vector<float> const& b,
                                   std::int64_t terms) {
                constexpr double kEps = std::numeric_limits<float>::epsilon();
                double const allowed = 2 * 4 * kEps * std::sqrt(static_cast<double>(terms + 1));
                expect_close(a, b, allowed, allowed);
            };
            std::int64_t const taps = c.window.h.kernel * c.window.w.kernel;
            expect(got.y, want.y, taps * c.inputs);
            expect(got.dx, want.dx, taps * c.outputs);
            expect(got.dw, want.dw, std::ssize(p.dy) / c.outputs);
            EXPECT_TRUE(same_bits(got.dbias, want.dbias));
            Results const again = run(ctx, c, p, 0.5F, library);
            EXPECT_TRUE(same_bits(got.y, again.y) && same_bits(got.dx, again.dx)
                        && same_bits(got.dw, again.dw));
        }
    }
}

TEST(Conv2dCudnn, filters_go_there_and_back)
{
    if (!on_cuda()) GTEST_SKIP() << "a part of a CUDA operator";
    if constexpr (kHasCuda) {
        constexpr std::int64_t kTaps = 6, kInputs = 5, kOutputs = 67;
        auto const w = random_values(kTaps * kInputs * kOutputs, 1);
        Context ctx = make_context();
        OnDevice<float> const ours(ctx, w, {kTaps, kInputs, kOutputs});
        OnDevice<float> const theirs(ctx, std::vector<float>(w.size()), {kOutputs, kTaps, kInputs});
        cuda::filters_to_cudnn(ctx, ours.ref().view<float const, 3>(),
                               static_cast<float*>(theirs.ref().data));
        auto const there = theirs.fetch();
        for (std::int64_t t = 0; t < kTaps; ++t)
            for (std::int64_t i = 0; i < kInputs; ++i)
                for (std::int64_t o = 0; o < kOutputs; ++o)
                    ASSERT_EQ(there[static_cast<std::size_t>((o * kTaps + t) * kInputs + i)],
                              w[static_cast<std::size_t>((t * kInputs + i) * kOutputs + o)]);
        cuda::add_filters_from_cudnn(ctx, static_cast<float*>(theirs.ref().data),
                                     ours.ref().view<float, 3>());
        auto const back = ours.fetch();
        for (std::size_t i = 0; i < w.size(); ++i)
            ASSERT_EQ(back[i], 2 * w[i]);
    }
}

TEST(Conv2dCudnn, rows_get_the_bias)
{
    if (!on_cuda()) GTEST_SKIP() << "a part of a CUDA operator";
    if constexpr (kHasCuda) {
        auto const bias = random_values(33, 1);
        Context ctx = make_context();
        OnDevice<float> const b(ctx, bias, {33}), y(ctx, std::vector<float>(33 * 9), {9, 33});
        cuda::fill_rows(ctx, static_cast<float*>(b.ref().data), y.ref().view<float, 2>());
        auto const got = y.fetch();
        for (std::size_t i = 0; i < got.size(); ++i)
            ASSERT_EQ(got[i], bias[i % 33]);
    }
}
}  // namespace calofuse::test
