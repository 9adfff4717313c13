// CPU and GPU train the same network: from the same weights, on the same events in the same order.
// On the emulator the networks are small and the steps few, on a device they are the published ones.
#include <cmath>
#include <memory>
#include <numeric>
#include <random>

#include "models/engine/training_step.hpp"
#include "models/focalh/hybrid.hpp"
#include "models/hit_network.hpp"
#include "tests/support/same_bits.hpp"
#include "tests/support/toy_events.hpp"

namespace calofuse::test {
namespace {
enum class Network : std::uint8_t { hybrid, gat, edge_conv, gcn, gravnet };
std::string name_of(Network n)
{
    constexpr char const* kNames[] = {"hybrid", "gat", "edge_conv", "gcn", "gravnet"};
    return kNames[static_cast<int>(n)];
}
void PrintTo(Network n, std::ostream* os)
{
    *os << name_of(n);
}

layers::HitConvolution convolution_of(Network n)
{
    switch (n) {
        case Network::edge_conv:
            return layers::HitConvolution::edge_conv;
        case Network::gcn:
            return layers::HitConvolution::gcn;
        case Network::gravnet:
            return layers::HitConvolution::gravnet;
        default:
            return layers::HitConvolution::gat;
    }
}

std::unique_ptr<Model> make_model(Context& ctx, Network network)
{
    bool const small = small_cases() || !on_cuda();
    if (network == Network::hybrid) {
        HybridConfig c;
        if (small) {
            c.filters = c.dense = c.gnn_units = c.head = 16;
            c.embedding = 8;
        }
        return std::make_unique<Hybrid>(ctx, c);
    }
    HitNetworkConfig c;
    c.convolution.kind = convolution_of(network);
    if (small) {
        c.convolution.propagate = 6;
        c.convolution.heads = 2;
        c.convolution.channels = 8;
        c.layers = 2;
        c.head = 8;
    }
    return std::make_unique<HitNetwork>(ctx, c);
}

std::int64_t batch_size()
{
    return on_cuda() && !small_cases() ? 256 : 8;
}
std::int64_t num_steps()
{
    return on_cuda() && !small_cases() ? 20 : 4;
}

struct Trained {
    std::vector<float> before, after, logits;
    std::vector<double> losses;
    std::vector<float> scores;
    std::int64_t allocations = 0;  ///< while it trained and scored
};

struct How {
    char const* optimizer = "sgd";
    DataOn data_on = DataOn::device;
    std::int64_t steps_per_graph = 2;
    bool eager = false, rehearsed = false;
    std::uint32_t nudge =
        0;  ///< > 0: every initial weight is moved by one ulp up, down or not at all
};

/// The smallest change that weights can have, one of three at random for each.
std::vector<float> nudged(std::vector<float> weights, std::uint32_t seed)
{
    std::mt19937 random(seed);
    for (float& w : weights)
        if (auto const draw = random() % 3; draw < 2)
            w = std::nextafter(w, draw == 0 ? -1e30F : 1e30F);
    return weights;
}

/// Rehearses, and puts back what a step moves.
void rehearse(Model& model,
              Optimizer& optimizer,
              TrainingStep& step,
              Scorer& scorer,
              std::span<int const> rows)
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

Trained train(Context& ctx, Network network, How const& how)
{
    std::int64_t const batch = batch_size(), steps = num_steps();
    ToyEvents const events(static_cast<std::size_t>(batch * steps));
    auto const model = make_model(ctx, network);
    EventInput const input(ctx, toy_scaling(), events.adc, events.label, how.data_on);
    Optimizer optimizer(ctx, model->parameters(),
                        {.name = how.optimizer, .learning_rate = 1e-3, .momentum = 0.9});
    TrainingStep step(ctx, *model, input, optimizer, batch, how.steps_per_graph);
    if (how.eager) step.set_timer([](std::string const&, double) {});
    Scorer scorer(ctx, *model, input, 5, Mode::evaluate, 2);
    if (how.rehearsed) rehearse(*model, optimizer, step, scorer, events.rows);
    auto const allocations = ctx.num_allocations();
    Trained out;
    out.before = fetch(ctx, model->parameters().values());
    if (how.nudge > 0) put(ctx, model->parameters().values(), nudged(out.before, how.nudge));
    for (int epoch = 0; epoch < 2; ++epoch) {
        step.begin_epoch(events.rows, 1, epoch, 0);
        step.run(steps);
        out.losses.insert(out.losses.end(), step.losses().begin(), step.losses().end());
    }
    out.logits = step.logits(steps);
    out.after = fetch(ctx, model->parameters().values());
    std::vector<std::int32_t> rows(23);
    std::iota(rows.begin(), rows.end(), 0);
    out.scores = scorer.run(rows);
    out.allocations = ctx.num_allocations() - allocations;
    return out;
}

class Backends : public testing::TestWithParam<Network> {};
}  // namespace

/// What a training on the CPU comes to, and how far its figures move when the initial weights move by
/// one ulp: the precision that they have. A GPU rounds other sums differently, in each step, and has to
/// stay within kTimes as much. A fixed bound would be a guess: Adam divides by the size of a
/// gradient, and weights without influence (biases under a batch norm) may move either way.
class Reference {
  public:
    Reference(Network network, How how)
    {
        Context ctx = Context::cpu();
        exact_ = train(ctx, network, how);
        for (how.nudge = 1; how.nudge <= 3; ++how.nudge)
            near_.push_back(train(ctx, network, how));
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

TEST_P(Backends, gpu_follows_the_cpu)
{
    Context ctx = make_context();
    for (char const* optimizer : {"sgd", "adam"}) {
        SCOPED_TRACE(optimizer);
        How const how{.optimizer = optimizer};
        Reference(GetParam(), how).expect_near(train(ctx, GetParam(), how));
    }
}

/// And a rehearsed training asks for no more memory.
TEST_P(Backends, streamed_captured_and_rehearsed_steps_give_the_same_bits)
{
    Context ctx = make_context();
    Trained const want = train(ctx, GetParam(), {.eager = true});
    // One batch a slot: the ring of three goes round.
    for (How const& how : {How{.rehearsed = true},
                           How{.data_on = DataOn::host, .steps_per_graph = 1, .rehearsed = true}}) {
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

INSTANTIATE_TEST_SUITE_P(Networks,
                         Backends,
                         testing::Values(Network::hybrid, Network::gat),
                         [](auto const& p) { return name_of(p.param); });

TEST(OtherNetworks, follow_the_cpu_on_a_gpu_too)
{
    for (Network const network : {Network::edge_conv, Network::gcn, Network::gravnet}) {
        SCOPED_TRACE(name_of(network));
        Context ctx = make_context();
        Reference(network, {}).expect_near(train(ctx, network, {}));
    }
}
}  // namespace calofuse::test
