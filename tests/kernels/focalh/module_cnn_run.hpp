/// \file tests/kernels/focalh/module_cnn_run.hpp
/// Problems for the tests of the module CNN, and the operator's passes over them on a context.
#pragma once

#include "kernels/focalh/module_cnn.hpp"
#include "kernels/math/dropout_mask.hpp"
#include "tests/kernels/focalh/module_cnn_oracle.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
struct CnnCase {
    char const* name;
    std::size_t batch, channels;
    bool shared = false;  // one set for the outer modules, one for the centre
    float rate = 0.0F;
    bool same_events = false;
    bool empty_events = false;
};
inline void PrintTo(CnnCase const& c, std::ostream* os)
{
    *os << c.name;
}

inline constexpr std::uint64_t kSeed = 77;
inline constexpr std::uint32_t kStream = 19;
inline constexpr std::int64_t kStep = 5;

inline Values random_doubles(std::size_t count, std::uint32_t seed, float low, float high)
{
    auto const v = random_values(count, seed, low, high);
    return {v.begin(), v.end()};
}

inline CnnProblem make_problem(CnnCase const& c)
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

inline std::vector<float> floats(Values const& v)
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

inline ModuleCnnOptions options_of(CnnProblem const& p, float rate)
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
inline Outputs train(Context& ctx, CnnProblem const& p, float rate, Values const& dy)
{
    Tensors const t(ctx, p, p.w, 9.0F);
    CnnWeights start = p.w;
    for (Values* v : {&start.w1, &start.b1, &start.gamma1, &start.beta1, &start.w2, &start.b2,
                      &start.gamma2, &start.beta2})
        v->assign(v->size(), 0.25);
    Tensors const d(ctx, p, start, 0.0F);
    OnDevice<float> const d_dy(ctx, floats(dy), {t.b, kNumPooledCells * t.c});
    module_cnn_forward(ctx, {.x = t.x.ref(),
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

inline Outputs train(CnnProblem const& p, float rate, Values const& dy, int threads)
{
    Context ctx = make_context(threads);
    return train(ctx, p, rate, dy);
}

/// A pass without backward; `given` statistics or those of the batch.
inline std::vector<float> infer(CnnProblem const& p,
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
    module_cnn_forward(ctx, {.x = t.x.ref(),
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
inline void expect_sums(std::vector<float> const& got,
                        Values want,
                        double terms,
                        double offset = 0.0)
{
    double scale = 0;
    for (double& v : want) {
        v += offset;
        scale = std::max(scale, std::abs(v));
    }
    expect_close(got, want, 4 * 1.2e-7 * std::sqrt(terms) * scale + 1e-9, 0.0);
}
}  // namespace calofuse::test
