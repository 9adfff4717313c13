#include "tests/support/operator_case.hpp"

#include <gtest/gtest-spi.h>

#include "kernels/check.hpp"

namespace calofuse::test {
namespace {
/// What an operator y = 2 x may do wrong.
enum class Wrong {
    nothing,
    value,
    one_missing,
    gradient_set,
    input_written,
    past_the_end,
    no_check,
    threads
};

void forward(Context& ctx, Tensors const& t, Wrong wrong)
{
    TensorRef const x = t("x"), y = t("y");
    if (wrong != Wrong::no_check) {
        check_tensor(x, DType::f32, {5}, "x");
        check_tensor(y, DType::f32, {5}, "y");
    }
    auto* const in = static_cast<float*>(x.data);
    auto* const out = static_cast<float*>(y.data);
    for (int i = 0; i < (wrong == Wrong::one_missing ? 4 : 5); ++i)
        out[i] = 2 * in[i];
    if (wrong == Wrong::value) out[3] += 0.01F;
    if (wrong == Wrong::input_written) in[0] = 7;
    if (wrong == Wrong::past_the_end) out[5] = 0;
    if (wrong == Wrong::threads) out[0] += 1e-6F * static_cast<float>(ctx.threads());
}

void backward(Tensors const& t, Wrong wrong)
{
    TensorRef const dy = t("dy"), dx = t("dx");
    check_tensor(dy, DType::f32, {5}, "dy");
    check_tensor(dx, DType::f32, {5}, "dx");
    for (int i = 0; i < 5; ++i) {
        float& out = static_cast<float*>(dx.data)[i];
        float const add = 2 * static_cast<float*>(dy.data)[i];
        out = wrong == Wrong::gradient_set ? add : out + add;
    }
}

int failures(Wrong wrong)
{
    testing::TestPartResultArray found;
    testing::ScopedFakeTestPartResultReporter const reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &found);
    OperatorCase{}
        .input("x", {5}, {1, -2, 0.5F, 3, -4})
        .output("y", {5}, 1e-4, 0)
        .gradient("x", 1e-4, 0)
        .forward([&](Context& ctx, Tensors const& t) { forward(ctx, t, wrong); })
        .backward([&](Context&, Tensors const& t) { backward(t, wrong); })
        .oracle([](Doubles const& v) {
            Doubles out{{"y", v.at("x")}};
            for (double& y : out.at("y"))
                y *= 2;
            return out;
        })
        .check();
    return found.size();
}
}  // namespace

TEST(OperatorCaseTest, lets_a_good_operator_pass)
{
    EXPECT_EQ(failures(Wrong::nothing), 0);
}

TEST(OperatorCaseTest, finds_what_is_wrong)
{
    for (Wrong const wrong :
         {Wrong::value, Wrong::one_missing, Wrong::gradient_set, Wrong::input_written,
          Wrong::past_the_end, Wrong::no_check, Wrong::threads})
        EXPECT_GT(failures(wrong), 0) << static_cast<int>(wrong);
}
}  // namespace calofuse::test
