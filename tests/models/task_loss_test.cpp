#include <cmath>
#include <numeric>

#include "tests/models/task_data.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
using Doubles = std::vector<double>;
using std::string;

/// A batch without a network: its output is given.
struct Given {
    std::vector<float> output;  ///< (B, W)
    std::vector<std::int32_t> row;
    std::int64_t num_valid;
    float scale = 1;
};
struct Result {
    float loss;
    std::vector<float> gradient;  ///< of the output
};

Result run(Context& ctx, Task const& task, Dataset const& data, Given const& g)
{
    auto const size = static_cast<std::int64_t>(g.row.size());
    OnDevice<std::int32_t> row(ctx, g.row, {size});
    OnDevice<std::int64_t> valid(ctx, {g.num_valid}, {1}), position(ctx, {1, 0}, {2});
    OnDevice<float> output(ctx, g.output, {size, task.width()}), scale(ctx, {g.scale}, {1});
    OnDevice<float> gradient(ctx, std::vector<float>(g.output.size()), {size, task.width()});
    std::vector<Buffer<std::byte>> memory;
    Batch batch;
    batch.row = row.ref();
    batch.num_valid = valid.ref();
    batch.position = position.ref();
    for (string const& name : task.columns()) {
        Column const& column = data.at(name);
        memory.emplace_back(ctx, std::span(column.bytes));
        TensorRef on_device = column.ref();
        on_device.data = memory.back().data();
        batch.columns[name] = {.data = on_device};
    }
    TensorRef loss;
    Parameters parameters;
    parameters.allocate(ctx, 1);
    Tape tape(ctx, parameters, Mode::train, position.ref(), [&](Tape& t) {
        loss = record_loss(t, task, {output.ref(), gradient.ref()}, batch, scale.ref());
    });
    tape.run();
    tape.backward();
    return {fetch(ctx, loss)[0], gradient.fetch()};
}

double softplus(double x)
{
    return std::log(1 + std::exp(x));
}

double class_weight(Head const& head, std::size_t c)
{
    return head.class_weight.empty() ? 1.0 : static_cast<double>(head.class_weight[c]);
}

/// The loss of an event by the definitions, of outputs x.
double of_event(Head const& head, double const* x, Column const& target, std::int64_t row)
{
    auto const s = static_cast<double>(head.label_smoothing);
    double loss = 0;
    if (head.kind == TaskKind::binary) {
        double const t = target.value(row) * (1 - s) + s / 2;
        return class_weight(head, 1) * t * softplus(-x[0])
               + class_weight(head, 0) * (1 - t) * softplus(x[0]);
    }
    std::size_t const names = head.names.size();
    if (head.kind == TaskKind::classes) {
        double sum = 0;
        for (std::size_t c = 0; c < names; ++c)
            sum += std::exp(x[c]);
        for (std::size_t c = 0; c < names; ++c) {
            double const hit = target.value(row) == static_cast<double>(c) ? 1 - s : 0.0;
            double const q = hit + s / static_cast<double>(names);
            loss -= class_weight(head, c) * q * std::log(std::exp(x[c]) / sum);
        }
        return loss;
    }
    std::size_t const each = std::max<std::size_t>(head.quantiles.size(), 1);
    for (std::size_t i = 0; i < names * each; ++i) {
        double t = target.value(row * static_cast<std::int64_t>(names)
                                + static_cast<std::int64_t>(i / each));
        if (!head.mean.empty())
            t = (t - static_cast<double>(head.mean[i / each]))
                / static_cast<double>(head.scale[i / each]);
        double const e = std::abs(x[i] - t), delta = static_cast<double>(head.delta);
        if (head.loss == RegressionLoss::squared) loss += e * e;
        if (head.loss == RegressionLoss::huber)
            loss += e <= delta ? e * e / 2 : delta * (e - delta / 2);
        if (head.loss == RegressionLoss::quantile) {
            auto const q = static_cast<double>(head.quantiles[i % each]);
            loss += e * (x[i] > t ? 1 - q : q);
        }
    }
    return loss / static_cast<double>(names * each);
}

double oracle(Task const& task, Dataset const& data, Given const& g, Doubles const& x)
{
    double sum = 0;
    for (std::size_t b = 0; b < static_cast<std::size_t>(g.num_valid); ++b) {
        double const weight = task.weight.empty() ? 1.0 : data.at(task.weight).value(g.row[b]);
        for (std::size_t h = 0; h < task.heads.size(); ++h) {
            Head const& head = task.heads[h];
            auto const at = static_cast<std::int64_t>(b) * task.width() + task.first_column(h);
            double const of_head = task.heads.size() > 1 ? head.weight : 1.0;
            sum += of_head * weight * of_event(head, x.data() + at, data.at(head.target), g.row[b]);
        }
    }
    return sum;
}

Task fitted(Changes const& changes, Dataset const& data)
{
    Options const settings = task_settings(changes);
    Task task = make_task(settings, data);
    fit_task(task, settings, data, all_rows(data));
    return task;
}

/// Six events and two of padding.
Given padded(Task const& task)
{
    return {random_values(8 * static_cast<std::size_t>(task.width()), 7, -2, 2),
            {3, 0, 11, 4, 8, 7, -1, -1},
            6,
            0.125F};
}

std::vector<Changes> const kTasks{
    {},
    {{"class_weights", string("balanced")}, {"label_smoothing", 0.1}, {"weight", string("weight")}},
    {{"class_weights", string("3,1")}},
    {{"target", string("flavour")}},
    {{"target", string("flavour")},
     {"class_weights", string("balanced")},
     {"label_smoothing", 0.2},
     {"weight", string("weight")}},
    {{"target", string("energy_gev")}},
    {{"target", string("energy_gev")}, {"scale_target", false}, {"weight", string("weight")}},
    {{"target", string("position")}, {"loss", string("huber")}, {"huber_delta", 0.4}},
    {{"target", string("position")}, {"loss", string("quantile")}, {"weight", string("weight")}},
    {{"target", string("label,flavour,position")},
     {"head_weights", string("1,0.5,3")},
     {"weight", string("weight")}}};
}  // namespace

TEST(RecordLoss, agrees_with_the_definition_and_its_finite_differences)
{
    Dataset const data = task_data();
    for (Changes const& changes : kTasks) {
        Task const task = fitted(changes, data);
        Given const g = padded(task);
        Context ctx = make_context();
        Result const got = run(ctx, task, data, g);
        Doubles const x(g.output.begin(), g.output.end());
        double const want = oracle(task, data, g, x);
        EXPECT_NEAR(got.loss, want, 1e-6 * want) << to_text(task);  // f32 targets and factors
        auto const gradient = numeric_gradient(
            [&](Doubles const& v) { return 0.125 * oracle(task, data, g, v); }, x, 1e-6);
        expect_close(got.gradient, gradient, 1e-6, 2e-6);
    }
}

TEST(RecordLoss, parts_of_a_batch_add_up)
{
    Dataset const data = task_data();
    for (Changes const& changes : kTasks) {
        Task const task = fitted(changes, data);
        Given const all = padded(task);
        auto const width = static_cast<std::size_t>(task.width());
        Given first = all, last = all;
        first.num_valid = 4;
        first.output.resize(4 * width);
        first.row.resize(4);
        last.num_valid = 2;
        last.output.erase(last.output.begin(), last.output.begin() + std::ssize(first.output));
        last.row.erase(last.row.begin(), last.row.begin() + 4);
        Context ctx = make_context();
        Result const whole = run(ctx, task, data, all), a = run(ctx, task, data, first);
        Result const b = run(ctx, task, data, last);
        EXPECT_NEAR(whole.loss, a.loss + b.loss, 4e-7 * std::abs(whole.loss)) << to_text(task);
        std::vector<float> joined = a.gradient;
        joined.insert(joined.end(), b.gradient.begin(), b.gradient.end());
        EXPECT_TRUE(same_bits(whole.gradient, joined)) << to_text(task);
    }
}

TEST(RecordLoss, heads_are_the_sum_of_single_tasks)
{
    Dataset const data = task_data();
    Task const mixed = fitted(kTasks.back(), data);
    Given const g = padded(mixed);
    Context ctx = make_context();
    Result const got = run(ctx, mixed, data, g);
    double loss = 0;
    for (std::size_t h = 0; h < mixed.heads.size(); ++h) {
        Task const single{{mixed.heads[h]}, mixed.weight};
        auto const width = static_cast<std::size_t>(single.width());
        auto const first = static_cast<std::size_t>(mixed.first_column(h));
        auto const all = static_cast<std::size_t>(mixed.width());
        Given of_head = g;
        of_head.output.clear();
        for (std::size_t b = 0; b < 8; ++b)
            for (std::size_t c = 0; c < width; ++c)
                of_head.output.push_back(g.output[b * all + first + c]);
        Result const alone = run(ctx, single, data, of_head);
        loss += mixed.heads[h].weight * static_cast<double>(alone.loss);
        std::vector<float> gradient, want;
        for (std::size_t b = 0; b < 8; ++b)
            for (std::size_t c = 0; c < width; ++c) {
                gradient.push_back(got.gradient[b * all + first + c]);
                want.push_back(static_cast<float>(mixed.heads[h].weight)
                               * alone.gradient[b * width + c]);
            }
        expect_close(gradient, want, 1e-12, 4e-7);
    }
    EXPECT_NEAR(got.loss, loss, 4e-7 * loss);
}

TEST(RecordLoss, events_of_weight_0_change_nothing)
{
    Dataset data = task_data();
    Task const task = fitted({{"weight", string("weight")}}, data);
    Given g = padded(task);
    Context ctx = make_context();
    Result const before = run(ctx, task, data, g);
    g.output[1] = 50;  // rows 0, 4 and 8 have a weight of 0
    g.output[3] = -50;
    Result const after = run(ctx, task, data, g);
    EXPECT_EQ(after.loss, before.loss);
    EXPECT_EQ(after.gradient[1], 0);
    EXPECT_EQ(after.gradient[3], 0);
    EXPECT_NE(after.gradient[0], 0);
}

TEST(RecordLoss, refuses_another_width)
{
    Dataset const data = task_data();
    Task const task = fitted({}, data), wide = fitted(kTasks[3], data);
    Context ctx = make_context();
    Given const g = padded(wide);
    Task wrong = task;
    wrong.heads.push_back(task.heads[0]);
    OnDevice<float> output(ctx, g.output, {8, 3}), gradient(ctx, g.output, {8, 3});
    Parameters parameters;
    parameters.allocate(ctx, 1);
    EXPECT_THROW(Tape(ctx, parameters, Mode::train, {},
                      [&](Tape& t) {
                          record_loss(t, wrong, {output.ref(), gradient.ref()}, {}, {});
                      }),
                 Error);
}
}  // namespace calofuse::test
