// Every kind of data with every task: a table, images, ragged particles. Whatever is trained learns its
// toy, gives the same bits however it is run, and asks for no memory once it is warm.
#include <algorithm>
#include <memory>
#include <numeric>

#include "models/hit_network.hpp"
#include "models/layers/ragged_points.hpp"
#include "models/registry.hpp"
#include "tests/support/heap_count.hpp"
#include "tests/support/same_bits.hpp"
#include "tests/support/short_training.hpp"
#include "tests/support/toy_data.hpp"

namespace calofuse::test {
namespace {
using Settings = std::map<std::string, OptionValue>;

struct Citizen {
    char const *name, *model;
    Dataset (*data)(std::int64_t events);
    Settings settings;  ///< `model.*` and `points.*`: a small network
    Settings task;      ///< `task.*`
};
void PrintTo(Citizen const& c, std::ostream* os)
{
    *os << c.name;
}

Settings const kTable = {
    {"model.layers", std::int64_t{2}}, {"model.width", std::int64_t{16}}, {"model.dropout", 0.1}};
Settings const kImages = {{"model.filters", std::int64_t{4}},
                          {"model.table_width", std::int64_t{4}},
                          {"model.dense0", std::int64_t{8}},
                          {"model.dense1", std::int64_t{8}}};
Settings const kPoints = {{"model.layers", std::int64_t{2}},
                          {"model.head", std::int64_t{8}},
                          {"model.dropout", 0.1},
                          {"points.neighbours", std::int64_t{3}},
                          {"points.symmetrise", true},
                          {"points.weight", std::string("energy")}};
Settings with(Settings base, Settings const& more)
{
    base.insert(more.begin(), more.end());
    return base;
}
OptionValue text(char const* words)
{
    return std::string(words);
}

Settings const kBinary = {{"task.target", text("label")}};
Settings const kClasses = {{"task.target", text("flavour")},
                           {"task.weight", text("weight")},
                           {"task.class_weights", text("balanced")},
                           {"task.label_smoothing", 0.05}};
Settings const kEnergy = {{"task.target", text("energy_gev")}, {"task.loss", text("huber")}};
Settings const kQuantiles = {{"task.target", text("vertex")}, {"task.loss", text("quantile")}};
Settings const kMixed = {{"task.target", text("flavour,vertex")},
                         {"task.head_weights", text("1,0.5")},
                         {"task.weight", text("weight")}};

std::vector<Citizen> const kCitizens = {
    {"fcn_binary", "fcn", toy_table, kTable, kBinary},
    {"fcn_classes", "fcn", toy_table, kTable, kClasses},
    {"fcn_energy", "fcn", toy_table, kTable, kEnergy},
    {"fcn_quantiles", "fcn", toy_table, kTable, kQuantiles},
    {"fcn_mixed", "fcn", toy_table, kTable, kMixed},
    {"quark_gluon_binary", "quark_gluon", toy_images, kImages, kBinary},
    {"edge_conv_binary", "edge_conv", toy_particles,
     with(kPoints, {{"model.width", std::int64_t{8}}}), kBinary},
    {"edge_conv_dynamic_mixed", "edge_conv", toy_particles,
     with(kPoints, {{"model.width", std::int64_t{8}}, {"model.dynamic", true}}), kMixed},
    {"gravnet_classes", "gravnet", toy_particles,
     with(kPoints, {{"model.width", std::int64_t{8}}, {"model.propagate", std::int64_t{4}}}),
     kClasses},
    {"gat_energy", "gat", toy_particles,
     with(kPoints,
          {{"model.heads", std::int64_t{2}},
           {"model.channels", std::int64_t{4}},
           {"model.edge_features", true}}),
     kEnergy},
};

Options options_of(OptionSchema schema, Settings const& changes)
{
    schema.push_back(
        {.key = "train.bn_statistics", .fallback = std::string("recompute"), .help = ""});
    Options out(schema);
    for (auto const& [key, value] : changes)
        out.set(key, value);
    return out;
}

/// A citizen at home: its events, task, model, and their place on the backend.
struct Home {
    Dataset data;
    Task task;
    std::unique_ptr<Model> model;
    std::unique_ptr<Placed> placed;
    std::vector<std::int32_t> rows;

    Home(Context& ctx, Citizen const& c, std::int64_t events, DataOn data_on = DataOn::device)
        : data(c.data(events)), rows(static_cast<std::size_t>(events))
    {
        std::iota(rows.begin(), rows.end(), 0);
        Options const settings = options_of(task_schema(), c.task);
        task = make_task(settings, data);
        fit_task(task, settings, data, rows);
        ModelEntry const& entry = find_model(c.model);
        model = entry.make(ctx, data, task, options_of(entry.schema(), c.settings), 1);
        place(ctx, data_on);
    }
    /// Another model in its place.
    void settle(Context& ctx, std::unique_ptr<Model> other, DataOn data_on)
    {
        model = std::move(other);
        place(ctx, data_on);
    }

  private:
    void place(Context& ctx, DataOn data_on)
    {
        model->fit(data, rows);
        model->bind(data);
        auto columns = model->columns();
        auto const targets = task.columns();
        columns.insert(columns.end(), targets.begin(), targets.end());
        placed = std::make_unique<Placed>(ctx, data, columns, data_on);
    }
};

constexpr std::int64_t kBatch = 4, kSteps = 4;

Trained train(Context& ctx, Citizen const& c, How const& how)
{
    Home const home(ctx, c, kBatch * kSteps, how.data_on);
    std::span const scored(home.rows.data(), 13);
    return train_shortly(ctx, *home.model, *home.placed, home.task, home.rows, kBatch, scored, how);
}

class Citizens : public testing::TestWithParam<Citizen> {};
std::string name_of(testing::TestParamInfo<Citizen> const& info)
{
    return info.param.name;
}
}  // namespace

TEST_P(Citizens, learn_their_toys)
{
    if (on_cuda()) GTEST_SKIP() << "it follows the CPU, which learns";
    Context ctx = make_context();
    Home const home(ctx, GetParam(), 128);
    Optimizer optimizer(ctx, home.model->parameters(), {.learning_rate = 1e-2});
    TrainingStep step(ctx, *home.model, *home.placed, home.task, optimizer, 16);
    std::vector<double> epochs;
    for (int epoch = 0; epoch < 30; ++epoch) {
        step.begin_epoch(home.rows, 1, epoch, 0);
        step.run(8);
        epochs.push_back(std::accumulate(step.losses().begin(), step.losses().end(), 0.0) / 8);
    }
    EXPECT_LT(epochs.back(), 0.6 * epochs.front());
}

TEST_P(Citizens, number_of_threads_changes_no_bit)
{
    expect_same_for_any_threads([](Context& ctx) {
        Trained got = train(ctx, GetParam(), {.optimizer = "adam"});
        got.after.insert(got.after.end(), got.scores.begin(), got.scores.end());
        return got.after;
    });
}

TEST_P(Citizens, resident_streamed_captured_and_eager_are_the_same_bits)
{
    Context ctx = make_context();
    Trained const want = train(ctx, GetParam(), {.eager = true});
    for (double const loss : want.losses)
        EXPECT_TRUE(std::isfinite(loss));
    for (How const& how :
         {How{.rehearsed = true},
          How{.data_on = DataOn::host, .steps_per_graph = 1, .rehearsed = true},
          How{.data_on = DataOn::host, .steps_per_graph = 3, .eager = true, .rehearsed = true}}) {
        Trained const got = train(ctx, GetParam(), how);
        EXPECT_TRUE(same_bits(got.after, want.after));
        EXPECT_TRUE(same_bits(got.logits, want.logits));
        EXPECT_TRUE(same_bits(got.losses, want.losses));
        EXPECT_TRUE(same_bits(got.scores, want.scores));
        if (on_cuda()) {
            EXPECT_EQ(got.allocations, 0);
        }
    }
}

TEST_P(Citizens, gpu_follows_the_cpu)
{
    if (!on_cuda()) GTEST_SKIP() << "this is the CPU";
    Context ctx = make_context();
    auto const run = [](Context& c, How const& h) {
        return train(c, GetParam(), h);
    };
    Reference(run, {}).expect_near(run(ctx, {}));
}

TEST_P(Citizens, warm_step_asks_for_no_memory)
{
    Context ctx = make_context(1);
    Home const home(ctx, GetParam(), kBatch * kSteps);
    Optimizer optimizer(ctx, home.model->parameters(), {});
    TrainingStep step(ctx, *home.model, *home.placed, home.task, optimizer, kBatch, 2);
    step.begin_epoch(home.rows, 1, 0, 0);
    step.run(kSteps);
    auto const pool = ctx.num_allocations();
    for (int epoch = 1; epoch < 3; ++epoch) {
        step.begin_epoch(home.rows, 1, epoch, 0);
        auto const heap = g_heap_allocations.load();
        step.run(kSteps);
        if (!on_cuda()) {
            EXPECT_EQ(g_heap_allocations.load(), heap);
        }
    }
    EXPECT_EQ(ctx.num_allocations(), pool);
}

TEST_P(Citizens, score_of_an_event_does_not_depend_on_its_batch)
{
    Context ctx = make_context();
    Home const home(ctx, GetParam(), 16);
    auto const width = static_cast<std::size_t>(home.task.width());
    auto const scores = [&](std::int64_t batch, std::span<std::int32_t const> rows) {
        return Scorer(ctx, *home.model, *home.placed, home.task.width(), batch, Mode::evaluate, 2)
            .run(rows);
    };
    auto const want = scores(16, home.rows);
    EXPECT_TRUE(same_bits(scores(5, home.rows), want));
    std::vector<std::int32_t> const backwards(home.rows.rbegin(), home.rows.rend());
    auto const other = scores(7, backwards);
    for (std::size_t e = 0; e < backwards.size(); ++e)
        EXPECT_TRUE(std::equal(other.begin() + static_cast<std::ptrdiff_t>(e * width),
                               other.begin() + static_cast<std::ptrdiff_t>((e + 1) * width),
                               want.end() - static_cast<std::ptrdiff_t>((e + 1) * width)))
            << "event " << backwards[e];
    for (std::int32_t const alone : {3, 5}) {
        auto const got = scores(1, {&alone, 1});
        EXPECT_TRUE(
            std::equal(got.begin(), got.end(),
                       want.begin() + static_cast<std::ptrdiff_t>(alone * home.task.width())))
            << "event " << alone;
    }
}

INSTANTIATE_TEST_SUITE_P(All, Citizens, testing::ValuesIn(kCitizens), name_of);

namespace {
/// Counts how often the host goes through a step of it: a replayed graph does not come here.
class Counted final : public HitNetwork {
  public:
    using HitNetwork::HitNetwork;
    Output forward(Tape& tape, Batch const& batch) const override
    {
        tape.record("count", [this] { ++calls; });
        return HitNetwork::forward(tape, batch);
    }
    mutable std::int64_t calls = 0;
};

constexpr Convolution convolution_of(std::string_view model)
{
    return model == "gat"       ? Convolution::gat
           : model == "gravnet" ? Convolution::gravnet
                                : Convolution::edge_conv;
}

/// Events by their number of particles: the first batch has none at all, the last one nearly all.
std::vector<std::int32_t> by_size(Dataset const& data)
{
    auto const& start = data.start.at("particles");
    std::vector<std::int32_t> out(static_cast<std::size_t>(data.size()));
    std::iota(out.begin(), out.end(), 0);
    std::ranges::stable_sort(out, {}, [&](std::int32_t e) {
        return start[static_cast<std::size_t>(e) + 1] - start[static_cast<std::size_t>(e)];
    });
    return out;
}

class RaggedCitizens : public testing::TestWithParam<Citizen> {};
}  // namespace

TEST_P(RaggedCitizens, warm_steps_of_very_different_sizes_are_replayed_graphs_and_allocate_nothing)
{
    constexpr std::int64_t kEvents = 32, kPerGraph = 2;
    for (DataOn const data_on : {DataOn::device, DataOn::host}) {
        Context ctx = make_context(1);
        Citizen const& c = GetParam();
        Home home(ctx, c, kEvents, data_on);
        Options const options = options_of(find_model(c.model).schema(), c.settings);
        auto const points = read_settings(layers::RaggedPointsConfig{}, options);
        auto made = std::make_unique<Counted>(
            ctx,
            hit_network_config(convolution_of(c.model), options, points.edges.neighbours,
                               home.task.width(), 1),
            std::make_unique<layers::RaggedPoints>(points, home.data));
        Counted const& model = *made;
        home.settle(ctx, std::move(made), data_on);
        Optimizer optimizer(ctx, home.model->parameters(), {});
        TrainingStep step(ctx, *home.model, *home.placed, home.task, optimizer, kBatch, kPerGraph);
        step.rehearse(home.rows);
        auto const order = by_size(home.data);
        ASSERT_EQ(toy_particles_of(order[kBatch - 1]), 0) << "a batch without a row";
        ASSERT_EQ(order.back(), 5) << "the longest event";
        std::int64_t const calls = model.calls;
        auto const pool = ctx.num_allocations();
        step.begin(order);
        step.run(kEvents / kBatch);
        EXPECT_EQ(ctx.num_allocations(), pool);
        if (on_cuda()) {
            EXPECT_EQ(model.calls, calls) << "a launch of " << kPerGraph << " steps, and no call";
        } else {
            EXPECT_GE(model.calls, calls + kEvents / kBatch);
        }
        for (double const loss : step.losses())
            EXPECT_TRUE(std::isfinite(loss));
        step.begin(order);
        auto const heap = g_heap_allocations.load();
        step.run(kEvents / kBatch);
        EXPECT_EQ(ctx.num_allocations(), pool);
        if (!on_cuda()) {
            EXPECT_EQ(g_heap_allocations.load(), heap);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All,
                         RaggedCitizens,
                         testing::Values(kCitizens[6], kCitizens[7], kCitizens[8], kCitizens[9]),
                         name_of);
}  // namespace calofuse::test
