// CPU and GPU train the same network: from the same weights, on the same events in the same order.
// On the emulator the networks are small and the steps few, on a device they are the published ones.
#include <memory>
#include <numeric>

#include "models/hit_network.hpp"
#include "models/hybrid.hpp"
#include "models/training_step.hpp"
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
};

struct How {
    char const* optimizer = "sgd";
    DataOn data_on = DataOn::device;
    std::int64_t steps_per_graph = 2;
    bool eager = false;
};

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
    Trained out;
    out.before = fetch(ctx, model->parameters().values());
    for (int epoch = 0; epoch < 2; ++epoch) {
        step.begin_epoch(events.rows, 1, epoch, 0);
        step.run(steps);
    }
    out.losses.assign(step.losses().begin(), step.losses().end());
    out.logits = step.logits(steps);
    out.after = fetch(ctx, model->parameters().values());
    Scorer scorer(ctx, *model, input, 5, Mode::evaluate);
    std::vector<std::int32_t> rows(23);
    std::iota(rows.begin(), rows.end(), 0);
    out.scores = scorer.run(rows);
    return out;
}

class Backends : public testing::TestWithParam<Network> {};
}  // namespace

/// Gradients of both backends differ by the rounding of their sums: about 1e-6 of their size. With
/// sgd that is all that the weights differ by, relative to how far they have moved; Adam divides by
/// the size of a gradient, so that weights without influence (biases under a batch norm) may move
/// either way, and only losses can be compared.
TEST_P(Backends, gpu_follows_the_cpu)
{
    Context ctx = make_context(), cpu = Context::cpu();
    Trained const got = train(ctx, GetParam(), {}), want = train(cpu, GetParam(), {});
    ASSERT_EQ(got.before, want.before);
    double moved = 0, apart = 0;
    for (std::size_t i = 0; i < got.after.size(); ++i) {
        moved = std::max(moved, std::abs(double{want.after[i]} - want.before[i]));
        apart = std::max(apart, std::abs(double{want.after[i]} - got.after[i]));
    }
    EXPECT_GT(moved, 1e-4);
    EXPECT_LE(apart, 1e-3 * moved);
    expect_close(got.losses, want.losses, 0, 1e-5);
    expect_close(got.logits, want.logits, 1e-4, 1e-4);
    expect_close(got.scores, want.scores, 1e-4, 1e-4);
}

TEST_P(Backends, losses_of_adam_agree)
{
    Context ctx = make_context(), cpu = Context::cpu();
    How const adam{.optimizer = "adam"};
    auto const got = train(ctx, GetParam(), adam), want = train(cpu, GetParam(), adam);
    expect_close(got.losses, want.losses, 0, 1e-3);
}

TEST_P(Backends, streamed_and_captured_steps_give_the_same_bits)
{
    Context ctx = make_context();
    Trained const want = train(ctx, GetParam(), {.eager = true});
    // One batch a slot: the ring of three goes round.
    for (How const& how : {How{}, How{.data_on = DataOn::host, .steps_per_graph = 1}}) {
        Trained const got = train(ctx, GetParam(), how);
        EXPECT_TRUE(same_bits(got.after, want.after));
        EXPECT_TRUE(same_bits(got.logits, want.logits));
        EXPECT_TRUE(same_bits(got.losses, want.losses));
        EXPECT_TRUE(same_bits(got.scores, want.scores));
    }
}

INSTANTIATE_TEST_SUITE_P(Networks,
                         Backends,
                         testing::Values(Network::hybrid, Network::gat),
                         [](auto const& p) { return name_of(p.param); });

TEST(OtherNetworks, follow_the_cpu_on_a_gpu_too)
{
    for (Network const network : {Network::edge_conv, Network::gcn, Network::gravnet}) {
        Context ctx = make_context(), cpu = Context::cpu();
        auto const got = train(ctx, network, {}), want = train(cpu, network, {});
        EXPECT_EQ(got.before, want.before) << name_of(network);
        expect_close(got.losses, want.losses, 0, 1e-4);
        expect_close(got.logits, want.logits, 1e-3, 1e-3);
    }
}
}  // namespace calofuse::test
