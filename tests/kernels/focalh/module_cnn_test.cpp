#include "runtime/isa.hpp"
#include "tests/kernels/focalh/module_cnn_run.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
/// Sizes on CUDA only cross the borders of its tiles and slices, since the emulator is slow.
std::size_t here(std::size_t on_cpu, std::size_t on_gpu)
{
    return on_cuda() ? on_gpu : on_cpu;
}
}  // namespace

class ModuleCnn : public testing::TestWithParam<CnnCase> {};

TEST_P(ModuleCnn, agrees_with_oracle_and_any_number_of_threads)
{
    CnnCase const& c = GetParam();
    CnnProblem const p = make_problem(c);
    Values const dy = random_doubles(p.factors.size(), 10, -1.0F, 1.0F);
    CnnState const state = forward(p);
    CnnWeights const want = backward(p, state, dy);
    double const terms = 9.0 * static_cast<double>(p.channels);
    double const gradient_terms = 49.0 * static_cast<double>(p.batch);
    std::vector<Isa> isas = {Isa::avx2};
    if (cpu_has(Isa::avx512)) isas.push_back(Isa::avx512);
    for (Isa const isa : isas) {
        SCOPED_TRACE(name_of(isa));
        ForcedIsa const forced(isa);
        Outputs const got = train(p, c.rate, dy, 1);
        expect_sums(got.y, state.y, terms);
        expect_sums(got.stats[0], state.mean1, 9);
        expect_sums(got.stats[1], state.var1, 9);
        expect_sums(got.stats[2], state.mean2, terms);
        expect_sums(got.stats[3], state.var2, terms);
        Values const* const gradients[] = {&want.w1, &want.b1, &want.gamma1, &want.beta1,
                                           &want.w2, &want.b2, &want.gamma2, &want.beta2};
        for (std::size_t i = 0; i < 8; ++i) {
            SCOPED_TRACE("gradient " + std::to_string(i));
            // Two layers of sums feed a gradient, so their roundings add up.
            expect_sums(got.gradients[i], *gradients[i], terms + gradient_terms, 0.25);
        }
        if (!on_cuda() || c.same_events) {
            EXPECT_TRUE(train(p, c.rate, dy, 1) == got) << "second run";
        }
        if (on_cuda()) break;  // neither instruction sets nor threads
        for (int threads : {2, 3})
            EXPECT_TRUE(train(p, c.rate, dy, threads) == got) << threads << " threads";
    }
}

INSTANTIATE_TEST_SUITE_P(Cases,
                         ModuleCnn,
                         testing::Values(CnnCase{"one_event", 1, 16},
                                         CnnCase{"two_events_few_channels", 2, 4},
                                         CnnCase{"shared_sets", here(7, 3), 16, true},
                                         CnnCase{"full_width", here(7, 1), 64},
                                         CnnCase{"wider_than_a_tile", 1, 65},
                                         CnnCase{"dropout", here(33, 6), here(32, 16), false, 0.3F},
                                         CnnCase{"odd_channels_dropout", here(25, 6), 7, true,
                                                 0.5F},
                                         CnnCase{"several_slices", here(130, 9), 16},
                                         CnnCase{"same_events", here(9, 3), 16, false, 0.0F, true}),
                         [](auto const& test) { return std::string(test.param.name); });

TEST(ModuleCnnInference, uses_given_statistics_and_any_number_of_threads)
{
    CnnProblem const p = make_problem({"", here(31, 3), 16, true});
    CnnState given = forward(p);
    EXPECT_EQ(infer(p, nullptr), train(p, 0.0F, Values(p.factors.size(), 0.0), 1).y);
    for (Values* v : {&given.mean1, &given.mean2})
        for (double& m : *v)
            m = static_cast<float>(m + 0.125);
    for (Values* v : {&given.var1, &given.var2})
        for (double& s : *v)
            s = static_cast<float>(s * 1.5);
    auto const got = infer(p, &given);
    expect_sums(got, forward(p, &given).y, 9 * 16);
    if (on_cuda()) return;
    EXPECT_EQ(infer(p, &given, 2), got);
    EXPECT_EQ(infer(p, &given, 3), got);
}

/// An event's features do not depend on the events beside it.
TEST(ModuleCnnInference, event_alone_gives_the_same_bits)
{
    CnnProblem p = make_problem({"", here(31, 8), 16});
    CnnState const given = forward(p);
    auto const all = infer(p, &given);
    std::size_t const width = kNumPooledCells * p.channels;
    std::size_t const last = p.batch - 1;
    std::vector<std::size_t> const some = on_cuda() ? std::vector<std::size_t>{1, 5, last}
                                                    : std::vector<std::size_t>{0, 23, 24, last};
    for (std::size_t const b : some) {
        CnnProblem one = p;
        one.batch = 1;
        one.x.assign(p.x.begin() + static_cast<std::ptrdiff_t>(b * kNumCells),
                     p.x.begin() + static_cast<std::ptrdiff_t>((b + 1) * kNumCells));
        auto const begin = all.begin() + static_cast<std::ptrdiff_t>(b * width);
        EXPECT_EQ(infer(one, &given),
                  std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(width)));
    }
}

/// All-zero images tie in every window and give variance 0 to the first norm.
TEST(ModuleCnnTies, first_cell_of_a_window_gets_the_gradient)
{
    CnnProblem p = make_problem({"", 3, 16, false, 0.0F, false, true});
    Values const dy = random_doubles(p.factors.size(), 10, -1.0F, 1.0F);
    CnnState const state = forward(p);
    CnnWeights const want = backward(p, state, dy);
    Outputs const got = train(p, 0.0F, dy, 1);
    expect_sums(got.y, state.y, 9 * 16);
    for (float const v : got.stats[1])
        EXPECT_EQ(v, 0.0F);
    // Cells under the same taps are equal in exact arithmetic, and in ours too, bit for bit.
    expect_sums(got.gradients[7], want.beta2, 200, 0.25);
    expect_sums(got.gradients[6], want.gamma2, 200, 0.25);
    expect_sums(got.gradients[4], want.w2, 400, 0.25);
}

/// Moments of ADC counts are sums of integers, so exact on both backends whatever their order.
TEST(ModuleCnnMoments, of_integers_give_the_same_statistics_on_both_backends)
{
    CnnProblem p = make_problem({"", here(40, 9), 4});
    for (double& v : p.x)
        v = std::floor((v + 0.5) * 1600.0);
    Values const dy(p.factors.size(), 0.0);
    Context cpu = Context::cpu();
    auto const want = train(cpu, p, 0.0F, dy).stats, got = train(p, 0.0F, dy, 1).stats;
    EXPECT_TRUE(same_bits(got[0], want[0]));
    EXPECT_TRUE(same_bits(got[1], want[1]));
}

TEST(ModuleCnnDropout, keeps_the_stated_share)
{
    CnnProblem const p = make_problem({"", here(40, 4), 16});
    Values const dy(p.factors.size(), 1.0);
    auto const y = train(p, 0.3F, dy, 2).y;
    auto const dropped = static_cast<double>(std::count(y.begin(), y.end(), 0.0F));
    double const share = dropped / static_cast<double>(y.size());
    EXPECT_NEAR(share, 0.3, 5 * std::sqrt(0.3 * 0.7 / static_cast<double>(y.size())));
}

/// Also where an event's first element is not the first of its block of random words.
TEST(ModuleCnnDropout, mask_follows_the_number_of_the_event)
{
    CnnProblem const p = make_problem({"", 5, 7});
    CnnState const given = forward(p);
    CnnProblem last = p;
    last.batch = 2;
    last.x.erase(last.x.begin(), last.x.end() - 2 * kNumCells);
    auto const all = infer(p, &given, 1, 0.5F);
    auto const got = infer(last, &given, 1, 0.5F, 3);
    EXPECT_TRUE(same_bits(got, {all.end() - static_cast<std::ptrdiff_t>(got.size()), all.end()}));
}

TEST(ModuleCnnGradient, oracle_agrees_with_finite_differences)
{
    CnnProblem const p = make_problem({"", 2, 2, true});
    Values const dy = random_doubles(p.factors.size(), 10, -1.0F, 1.0F);
    CnnWeights const analytic = backward(p, forward(p), dy);
    using Field = Values CnnWeights::*;
    for (Field const field :
         {&CnnWeights::w1, &CnnWeights::gamma1, &CnnWeights::beta1, &CnnWeights::w2,
          &CnnWeights::b2, &CnnWeights::gamma2, &CnnWeights::beta2}) {
        auto const loss = [&](Values const& v) {
            CnnProblem moved = p;
            moved.w.*field = v;
            Values const y = forward(moved).y;
            double sum = 0;
            for (std::size_t i = 0; i < y.size(); ++i)
                sum += y[i] * dy[i];
            return sum;
        };
        expect_close(numeric_gradient(loss, p.w.*field), analytic.*field, 1e-6, 1e-6);
    }
}

TEST(ModuleCnnCheck, refuses_wrong_shapes)
{
    Context ctx = make_context(1);
    CnnProblem const p = make_problem({"", 2, 4});
    Tensors const t(ctx, p, p.w, 0.0F);
    ModuleCnnArgs const good{.x = t.x.ref(),
                             .weights = t.weights(),
                             .options = options_of(p, 0.0F),
                             .norm = NormMode::batch,
                             .step = {},
                             .stats = t.stats(),
                             .y = t.y.ref(),
                             .saved = t.saved()};
    EXPECT_NO_THROW(module_cnn_forward(ctx, good));
    auto const refuses = [&](auto&& change) {
        ModuleCnnArgs bad = good;
        change(bad);
        EXPECT_THROW(module_cnn_forward(ctx, bad), Error);
    };
    refuses([&](ModuleCnnArgs& a) { a.x = t.y.ref(); });
    refuses([&](ModuleCnnArgs& a) { a.weights.w2 = t.w1.ref(); });
    refuses([&](ModuleCnnArgs& a) { a.weights.b2 = t.w1.ref(); });
    refuses([&](ModuleCnnArgs& a) { a.stats.var2 = {}; });
    refuses([&](ModuleCnnArgs& a) { a.saved.z2 = {}; });
    refuses([&](ModuleCnnArgs& a) { a.norm = NormMode::given; });
    refuses([&](ModuleCnnArgs& a) { a.options.dropout_rate = 0.5F; });
    refuses([&](ModuleCnnArgs& a) { a.options.dropout_rate = 1.0F; });
    refuses([&](ModuleCnnArgs& a) { a.options.slope = -0.1F; });
    refuses([&](ModuleCnnArgs& a) { a.options.eps = 0.0F; });
    refuses([&](ModuleCnnArgs& a) { a.options.set_of_module[3] = 9; });
    refuses([&](ModuleCnnArgs& a) { a.options.set_of_module[3] = 2; });
}
}  // namespace calofuse::test
