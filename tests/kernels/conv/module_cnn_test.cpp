#include "kernels/conv/module_cnn.hpp"

#include "kernels/common/dropout_mask.hpp"
#include "runtime/isa.hpp"
#include "tests/kernels/conv/module_cnn_oracle.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
struct Case {
    char const* name;
    std::size_t batch, channels;
    bool shared = false;  // one set for the outer modules, one for the centre
    float rate = 0.0F;
    bool same_events = false;
    bool empty_events = false;
};
void PrintTo(Case const& c, std::ostream* os)
{
    *os << c.name;
}

/// Sizes on CUDA only cross the borders of its tiles and slices, since the emulator is slow.
std::size_t here(std::size_t on_cpu, std::size_t on_gpu)
{
    return on_cuda() ? on_gpu : on_cpu;
}

constexpr std::uint64_t kSeed = 77;
constexpr std::uint32_t kStream = 19;
constexpr std::int64_t kStep = 5;

Values random_doubles(std::size_t count, std::uint32_t seed, float low, float high)
{
    auto const v = random_values(count, seed, low, high);
    return {v.begin(), v.end()};
}

CnnProblem make_problem(Case const& c)
{
    CnnProblem p{};
    p.batch = c.batch;
    p.channels = c.channels;
    p.sets = c.shared ? 2 : kNumModules;
    for (std::size_t m = 0; m < kNumModules; ++m)
        p.set_of_module[m] = c.shared ? (m == kCentreModule ? 1 : 0) : static_cast<int>(m);
    p.eps = static_cast<double>(1e-3F);
    p.slope = static_cast<double>(0.3F);
    p.x = random_doubles(p.batch * kNumCells, 1, -0.5F, 2.0F);
    for (std::size_t i = 0; i < p.x.size(); ++i) {
        if (c.same_events) p.x[i] = p.x[i % kNumCells];
        if (c.empty_events) p.x[i] = 0.0;
    }
    std::size_t const vector = p.sets * p.channels;
    float const spread = 1.0F / std::sqrt(9.0F * static_cast<float>(p.channels));
    p.w.w1 = random_doubles(9 * vector, 2, -0.5F, 0.5F);
    p.w.b1 = random_doubles(vector, 3, -0.5F, 0.5F);
    p.w.gamma1 = random_doubles(vector, 4, -1.5F, 1.5F);
    p.w.beta1 = random_doubles(vector, 5, -0.5F, 0.5F);
    p.w.w2 = random_doubles(9 * vector * p.channels, 6, -2 * spread, 2 * spread);
    p.w.b2 = random_doubles(vector, 7, -0.5F, 0.5F);
    p.w.gamma2 = random_doubles(vector, 8, -1.5F, 1.5F);
    p.w.beta2 = random_doubles(vector, 9, -0.5F, 0.5F);
    p.factors.resize(p.batch * kNumPooledCells * p.channels);
    for (std::size_t i = 0; i < p.factors.size(); ++i) {
        bool const kept =
            (dropout_keep4(kSeed, kStream, kStep, i / 4, dropout_threshold(c.rate)) >> (i % 4) & 1U)
            != 0;
        p.factors[i] = kept ? 1.0 / (1.0 - static_cast<double>(c.rate)) : 0.0;
    }
    return p;
}

std::vector<float> floats(Values const& v)
{
    return {v.begin(), v.end()};
}

/// All tensors of a pass on a context.
struct Tensors {
    using Floats = OnDevice<float>;
    std::int64_t b, c, s, padded;
    Floats x, w1, b1, gamma1, beta1, w2, b2, gamma2, beta2, mean1, var1, mean2, var2, y;
    Floats z2, pooled;
    OnDevice<std::uint8_t> choice;
    OnDevice<std::int64_t> step;

    Tensors(Context& ctx, CnnProblem const& p, CnnWeights const& w, float fill)
        : b(static_cast<std::int64_t>(p.batch))
        , c(static_cast<std::int64_t>(p.channels))
        , s(static_cast<std::int64_t>(p.sets))
        , padded(module_cnn_saved_channels(c))
        , x(ctx, floats(p.x), {b, kNumCells})
        , w1(ctx, floats(w.w1), {s, 9, c})
        , b1(ctx, floats(w.b1), {s, c})
        , gamma1(ctx, floats(w.gamma1), {s, c})
        , beta1(ctx, floats(w.beta1), {s, c})
        , w2(ctx, floats(w.w2), {s, 9, c, c})
        , b2(ctx, floats(w.b2), {s, c})
        , gamma2(ctx, floats(w.gamma2), {s, c})
        , beta2(ctx, floats(w.beta2), {s, c})
        , mean1(ctx, filled(s * c, fill), {s, c})
        , var1(ctx, filled(s * c, fill), {s, c})
        , mean2(ctx, filled(s * c, fill), {s, c})
        , var2(ctx, filled(s * c, fill), {s, c})
        , y(ctx, filled(b * kNumPooledCells * c, fill), {b, kNumPooledCells * c})
        , z2(ctx, filled(b * kNumCells * padded, NAN), {b, kNumCells, padded})
        , pooled(ctx, filled(b * kNumPooledCells * padded, NAN), {b, kNumPooledCells, padded})
        , choice(ctx,
                 std::vector<std::uint8_t>(
                     p.batch * kNumPooledCells * static_cast<std::size_t>(padded), 255),
                 {b, kNumPooledCells, padded})
        , step(ctx, {kStep, 0}, {2})
    {}
    static std::vector<float> filled(std::int64_t count, float value)
    {
        return std::vector<float>(static_cast<std::size_t>(count), value);
    }
    ModuleCnnWeights weights() const
    {
        return {w1.ref(), b1.ref(), gamma1.ref(), beta1.ref(),
                w2.ref(), b2.ref(), gamma2.ref(), beta2.ref()};
    }
    ModuleCnnStats stats() const { return {mean1.ref(), var1.ref(), mean2.ref(), var2.ref()}; }
    ModuleCnnSaved saved() const { return {z2.ref(), pooled.ref(), choice.ref()}; }
    /// Weights or gradients as one list.
    std::vector<std::vector<float>> fetch_weights() const
    {
        return {w1.fetch(), b1.fetch(), gamma1.fetch(), beta1.fetch(),
                w2.fetch(), b2.fetch(), gamma2.fetch(), beta2.fetch()};
    }
};

ModuleCnnOptions options_of(CnnProblem const& p, float rate)
{
    return {.set_of_module = p.set_of_module,
            .eps = static_cast<float>(p.eps),
            .slope = static_cast<float>(p.slope),
            .dropout_rate = rate,
            .seed = kSeed,
            .stream = kStream};
}

struct Outputs {
    std::vector<float> y;
    std::vector<std::vector<float>> stats, gradients;
    bool operator==(Outputs const&) const = default;
};

/// Gradients start at 0.25, since operators add to them.
Outputs train(Context& ctx, CnnProblem const& p, float rate, Values const& dy)
{
    Tensors const t(ctx, p, p.w, 9.0F);
    CnnWeights start = p.w;
    for (Values* v : {&start.w1, &start.b1, &start.gamma1, &start.beta1, &start.w2, &start.b2,
                      &start.gamma2, &start.beta2})
        v->assign(v->size(), 0.25);
    Tensors const d(ctx, p, start, 0.0F);
    OnDevice<float> const d_dy(ctx, floats(dy), {t.b, kNumPooledCells * t.c});
    module_cnn(ctx, {.x = t.x.ref(),
                     .weights = t.weights(),
                     .options = options_of(p, rate),
                     .norm = NormMode::batch,
                     .step = t.step.ref(),
                     .stats = t.stats(),
                     .y = t.y.ref(),
                     .saved = t.saved()});
    module_cnn_backward(ctx, {.x = t.x.ref(),
                              .weights = t.weights(),
                              .options = options_of(p, rate),
                              .stats = t.stats(),
                              .saved = t.saved(),
                              .dy = d_dy.ref(),
                              .d = d.weights()});
    t.z2.fetch();
    t.pooled.fetch();
    return {t.y.fetch(),
            {t.mean1.fetch(), t.var1.fetch(), t.mean2.fetch(), t.var2.fetch()},
            d.fetch_weights()};
}

Outputs train(CnnProblem const& p, float rate, Values const& dy, int threads)
{
    Context ctx = make_context(threads);
    return train(ctx, p, rate, dy);
}

/// A pass without backward; `given` statistics or those of the batch.
std::vector<float> infer(CnnProblem const& p,
                         CnnState const* given,
                         int threads = 1,
                         float rate = 0.0F,
                         std::int64_t first_event = 0)
{
    Context ctx = make_context(threads);
    OnDevice<std::int64_t> const step(ctx, {kStep, first_event}, {2});
    Tensors const t(ctx, p, p.w, 9.0F);
    Values const* const stats[] = {
        given != nullptr ? &given->mean1 : nullptr, given != nullptr ? &given->var1 : nullptr,
        given != nullptr ? &given->mean2 : nullptr, given != nullptr ? &given->var2 : nullptr};
    Tensors::Floats const* const tensors[] = {&t.mean1, &t.var1, &t.mean2, &t.var2};
    for (int i = 0; i < 4 && given != nullptr; ++i) {
        auto const v = floats(*stats[i]);
        ctx.copy_to(tensors[i]->ref().data, v.data(), v.size() * sizeof(float));
    }
    module_cnn(ctx, {.x = t.x.ref(),
                     .weights = t.weights(),
                     .options = options_of(p, rate),
                     .norm = given != nullptr ? NormMode::given : NormMode::batch,
                     .step = step.ref(),
                     .stats = t.stats(),
                     .y = t.y.ref(),
                     .saved = {}});
    return t.y.fetch();
}

/// Allowance of a sum of `terms`, relative to the largest element.
void expect_sums(std::vector<float> const& got, Values want, double terms, double offset = 0.0)
{
    double scale = 0;
    for (double& v : want) {
        v += offset;
        scale = std::max(scale, std::abs(v));
    }
    expect_close(got, want, 4 * 1.2e-7 * std::sqrt(terms) * scale + 1e-9, 0.0);
}
}  // namespace

class ModuleCnn : public testing::TestWithParam<Case> {};

TEST_P(ModuleCnn, agrees_with_oracle_and_any_number_of_threads)
{
    Case const& c = GetParam();
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
                         testing::Values(Case{"one_event", 1, 16},
                                         Case{"two_events_few_channels", 2, 4},
                                         Case{"shared_sets", here(7, 3), 16, true},
                                         Case{"full_width", here(7, 1), 64},
                                         Case{"wider_than_a_tile", 1, 65},
                                         Case{"dropout", here(33, 6), here(32, 16), false, 0.3F},
                                         Case{"odd_channels_dropout", here(25, 6), 7, true, 0.5F},
                                         Case{"several_slices", here(130, 9), 16},
                                         Case{"same_events", here(9, 3), 16, false, 0.0F, true}),
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
    EXPECT_NO_THROW(module_cnn(ctx, good));
    auto const refuses = [&](auto&& change) {
        ModuleCnnArgs bad = good;
        change(bad);
        EXPECT_THROW(module_cnn(ctx, bad), Error);
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
