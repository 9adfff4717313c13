#include "kernels/metric/auc.hpp"

#include <algorithm>
#include <numeric>

#include "runtime/buffer.hpp"
#include "runtime/device/capture.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
struct Events {
    std::vector<float> score, weight;
    std::vector<std::uint8_t> label;
};

/// Signal scores a little higher; `steps` > 0 puts scores on a grid, so that many are equal.
Events make_events(std::size_t count, std::uint32_t seed, float steps)
{
    Events e{random_values(count, seed), random_values(count, seed + 1, 0, 2), {}};
    auto const draw = random_values(count, seed + 2);
    for (std::size_t i = 0; i < count; ++i) {
        e.label.push_back(draw[i] > 0.2F ? 1 : 0);
        e.score[i] += 0.3F * static_cast<float>(e.label[i]);
        if (steps > 0) e.score[i] = std::round(e.score[i] * steps) / steps;
    }
    return e;
}

double run(Context& ctx, Events const& e, bool weighted)
{
    auto const n = static_cast<std::int64_t>(e.score.size());
    OnDevice<float> score(ctx, e.score, {n}), weight(ctx, e.weight, {n});
    OnDevice<std::uint8_t> label(ctx, e.label, {n});
    OnDevice<double> area(ctx, {-1}, {1});
    auc(ctx, {.score = score.ref(),
              .label = label.ref(),
              .weight = weighted ? weight.ref() : TensorRef{},
              .auc = area.ref()});
    return area.fetch()[0];
}
double run(Events const& e, bool weighted)
{
    Context ctx = make_context(2);
    return run(ctx, e, weighted);
}

/// Every pair of a signal and a background event.
double oracle(Events const& e, bool weighted)
{
    double won = 0;
    double all = 0;
    for (std::size_t s = 0; s < e.score.size(); ++s)
        for (std::size_t b = 0; b < e.score.size(); ++b) {
            if (e.label[s] != 1 || e.label[b] != 0) continue;
            double const pair =
                weighted ? static_cast<double>(e.weight[s]) * static_cast<double>(e.weight[b]) : 1;
            all += pair;
            won += pair * (e.score[s] > e.score[b] ? 1 : e.score[s] == e.score[b] ? 0.5 : 0);
        }
    return won / all;
}
}  // namespace

TEST(Auc, equals_the_count_over_all_pairs)
{
    for (std::size_t const count : {2, 3, 17, 500, 2049}) {
        for (float const steps : {0.0F, 4.0F}) {
            Events e = make_events(count, 7, steps);
            e.label[0] = 0;
            e.label[1] = 1;
            EXPECT_DOUBLE_EQ(run(e, false), oracle(e, false)) << count << " " << steps;
            EXPECT_NEAR(run(e, true), oracle(e, true), 1e-13) << count << " " << steps;
        }
    }
}

TEST(Auc, every_backend_gives_the_same_bits)
{
    Context ctx = make_context();
    Context cpu = Context::cpu();
    for (std::size_t const count : {1, 2, 31, 4097, 30'000})
        for (float const steps : {0.0F, 7.0F}) {
            Events const e = make_events(count, 11, steps);
            double const on_cpu = run(cpu, e, false);
            EXPECT_TRUE(same_bits(std::vector{run(ctx, e, false)}, std::vector{on_cpu})
                        || (std::isnan(on_cpu) && std::isnan(run(ctx, e, false))))
                << count << " " << steps;
        }
}

TEST(Auc, can_be_captured)
{
    Context ctx = make_context();
    Events const first = make_events(3000, 1, 9), second = make_events(3000, 2, 9);
    Buffer<float> score(ctx, first.score), weight(ctx, first.weight);
    Buffer<std::uint8_t> label(ctx, first.label);
    Buffer<double> area(ctx, 2);
    auto const work = [&] {
        TensorRef const both = area.ref();
        for (bool const weighted : {false, true})
            auc(ctx, {.score = score.ref(),
                      .label = label.ref(),
                      .weight = weighted ? weight.ref() : TensorRef{},
                      .auc = tensor_ref(static_cast<double*>(both.data) + weighted, {1})});
    };
    work();
    Capture captured(ctx, work);
    score.upload(second.score);
    weight.upload(second.weight);
    label.upload(second.label);
    captured.replay();
    EXPECT_TRUE(same_bits(area.download(), {run(second, false), run(second, true)}));
}

TEST(Auc, order_of_events_does_not_matter)
{
    Events const e = make_events(1000, 3, 8);
    Events shuffled = e;
    std::vector<std::size_t> order(e.score.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    for (std::size_t i = 0; i < order.size(); ++i) {
        shuffled.score[i] = e.score[order[i]];
        shuffled.label[i] = e.label[order[i]];
    }
    EXPECT_EQ(run(e, false), run(shuffled, false));
}

TEST(Auc, swapping_the_classes_gives_one_minus_auc)
{
    Events e = make_events(777, 5, 6);
    double const area = run(e, false);
    for (std::uint8_t& l : e.label)
        l = static_cast<std::uint8_t>(1 - l);
    EXPECT_NEAR(run(e, false), 1 - area, 1e-15);
}

TEST(Auc, extreme_scores)
{
    float const inf = std::numeric_limits<float>::infinity();
    EXPECT_EQ(run({{-inf, -1e-40F, -0.0F, 0.0F, 1e-40F, inf}, {}, {0, 0, 0, 1, 1, 1}}, false),
              (9 - 0.5) / 9);  // -0 and 0 are equal, denormals are not
    EXPECT_EQ(run({{inf, -3.0F}, {}, {0, 1}}, false), 0.0);
    EXPECT_EQ(run({{2, 2, 2}, {}, {0, 1, 1}}, false), 0.5);
}

TEST(Auc, one_class_only_is_not_a_number)
{
    EXPECT_TRUE(std::isnan(run({{1, 2}, {}, {1, 1}}, false)));
    EXPECT_TRUE(std::isnan(run({{1, 2}, {}, {0, 0}}, false)));
    EXPECT_TRUE(std::isnan(run({{}, {}, {}}, false)));
    EXPECT_TRUE(std::isnan(run({{1, 2}, {0, 1}, {0, 1}}, true)));
}

TEST(Auc, bad_scores_and_labels_are_refused)
{
    Events const not_a_number{{1, std::nanf(""), -1}, {}, {0, 1, 1}};
    Events const no_label{{1, 2, 3}, {}, {0, 255, 1}};
    if (on_cuda()) {
        EXPECT_TRUE(std::isnan(run(not_a_number, false)));
        EXPECT_TRUE(std::isnan(run(no_label, false)));
    }
    auto const code_of = [](Events const& e) {
        Context cpu = Context::cpu(1);
        try {
            run(cpu, e, false);
        } catch (Error const& error) {
            return error.code();
        }
        return std::string();
    };
    EXPECT_EQ(code_of(not_a_number), "CF-NUM-01");
    EXPECT_EQ(code_of(no_label), "CF-NUM-02");
    Context ctx = make_context(1);
    OnDevice<float> score(ctx, {1, 2}, {2}), weight(ctx, {1}, {1});
    OnDevice<std::uint8_t> label(ctx, {0, 1}, {2}), short_label(ctx, {0}, {1});
    OnDevice<double> area(ctx, {0}, {1});
    EXPECT_THROW(auc(ctx, {.score = score.ref(), .label = short_label.ref(), .auc = area.ref()}),
                 Error);
    EXPECT_THROW(auc(ctx, {.score = score.ref(), .label = score.ref(), .auc = area.ref()}), Error);
    EXPECT_THROW(auc(ctx, {.score = score.ref(),
                           .label = label.ref(),
                           .weight = weight.ref(),
                           .auc = area.ref()}),
                 Error);
    EXPECT_THROW(auc(ctx, {.score = score.ref(), .label = label.ref(), .auc = score.ref()}), Error);
}
}  // namespace calofuse::test
