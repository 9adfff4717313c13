/// \file tests/support/short_training.hpp
/// A few steps of a model and a pass of its scorer, in every way that they can be run; and how near a
/// GPU has to come to the CPU.
#pragma once

#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "models/engine/training_step.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
struct How {
    char const* optimizer = "sgd";
    DataOn data_on = DataOn::device;
    std::int64_t steps_per_graph = 2;
    bool eager = false, rehearsed = false;
    std::uint32_t nudge =
        0;  ///< > 0: every initial weight is moved by one ulp up, down or not at all
};

struct Trained {
    std::vector<float> before, after, logits;
    std::vector<double> losses;
    std::vector<float> scores;
    std::int64_t allocations = 0;  ///< while it trained and scored
};

/// The smallest change that weights can have, one of three at random for each.
inline std::vector<float> nudged(std::vector<float> weights, std::uint32_t seed)
{
    std::mt19937 random(seed);
    for (float& w : weights)
        if (auto const draw = random() % 3; draw < 2)
            w = std::nextafter(w, draw == 0 ? -1e30F : 1e30F);
    return weights;
}

/// Rehearses, and puts back what a step moves.
inline void rehearse(Model& model,
                     Optimizer& optimizer,
                     TrainingStep& step,
                     Scorer& scorer,
                     std::span<std::int32_t const> rows)
{
    std::vector<std::vector<float>> values;
    for (auto const& entry : model.parameters().entries())
        values.push_back(model.parameters().download(entry));
    auto const slots = optimizer.download();
    step.rehearse(rows);
    scorer.rehearse(rows);
    for (std::size_t i = 0; i < values.size(); ++i)
        model.parameters().upload(model.parameters().entries()[i], values[i]);
    optimizer.restore(slots, 0);
}

/// Two epochs of `rows` in batches of `batch`, and the outputs of the `scored` rows after them.
inline Trained train_shortly(Context& ctx,
                             Model& model,
                             Placed const& placed,
                             Task const& task,
                             std::span<std::int32_t const> rows,
                             std::int64_t batch,
                             std::span<std::int32_t const> scored,
                             How const& how)
{
    std::int64_t const steps = std::ssize(rows) / batch;
    Optimizer optimizer(ctx, model.parameters(),
                        {.name = how.optimizer, .learning_rate = 1e-3, .momentum = 0.9});
    TrainingStep step(ctx, model, placed, task, optimizer, batch, how.steps_per_graph);
    if (how.eager) step.set_timer([](std::string const&, double) {});
    Scorer scorer(ctx, model, placed, task.width(), 5, Mode::evaluate, 2);
    if (how.rehearsed) rehearse(model, optimizer, step, scorer, rows);
    auto const allocations = ctx.num_allocations();
    Trained out;
    out.before = fetch(ctx, model.parameters().values());
    if (how.nudge > 0) put(ctx, model.parameters().values(), nudged(out.before, how.nudge));
    for (int epoch = 0; epoch < 2; ++epoch) {
        step.begin_epoch(rows, 1, epoch, 0);
        step.run(steps);
        out.losses.insert(out.losses.end(), step.losses().begin(), step.losses().end());
    }
    out.logits = step.outputs(steps);
    out.after = fetch(ctx, model.parameters().values());
    out.scores = scorer.run(scored);
    out.allocations = ctx.num_allocations() - allocations;
    return out;
}

/// What a training on the CPU comes to, and how far its figures move when the initial weights move by
/// one ulp: the precision that they have. A GPU rounds other sums differently, in each step, and has to
/// stay within kTimes as much. A fixed bound would be a guess: Adam divides by the size of a
/// gradient, and weights without influence (biases under a batch norm) may move either way.
class Reference {
  public:
    Reference(std::function<Trained(Context&, How const&)> const& train, How how)
    {
        Context ctx = Context::cpu();
        exact_ = train(ctx, how);
        for (how.nudge = 1; how.nudge <= 3; ++how.nudge)
            near_.push_back(train(ctx, how));
    }
    void expect_near(Trained const& got) const
    {
        EXPECT_EQ(got.before, exact_.before);
        expect_near(&Trained::losses, got, "losses", true);
        expect_near(&Trained::logits, got, "logits", false);
        expect_near(&Trained::scores, got, "scores", false);
        expect_near(&Trained::after, got, "weights", false);
        double const moved = distance(exact_.after, exact_.before, exact_.after.size());
        EXPECT_GT(moved, 1e-4);
    }

  private:
    static constexpr double kTimes = 16, kLeast = 1e-7;

    template <class T>
    static double distance(std::vector<T> const& a, std::vector<T> const& b, std::size_t count)
    {
        double most = 0;
        for (std::size_t i = 0; i < count; ++i)
            most = std::max(most, std::abs(double{a[i]} - double{b[i]}));
        return most;
    }
    /// In order of time: the first values must agree better than the last.
    template <class T>
    void expect_near(std::vector<T> Trained::*part,
                     Trained const& got,
                     char const* what,
                     bool in_order) const
    {
        std::size_t const all = (exact_.*part).size();
        ASSERT_EQ((got.*part).size(), all);
        for (std::size_t n = in_order ? 1 : all; n <= all; ++n) {
            double precision = kLeast;
            for (Trained const& near : near_)
                precision = std::max(precision, distance(near.*part, exact_.*part, n));
            double const apart = distance(got.*part, exact_.*part, n);
            EXPECT_LE(apart, kTimes * precision)
                << what << ", first " << n << ", precision " << precision;
        }
    }

    Trained exact_;
    std::vector<Trained> near_;
};
}  // namespace calofuse::test
