// CPU and GPU train the same network: from the same weights, on the same events in the same order.
// On the emulator the networks are small and the steps few, on a device they are the published ones.
#include <memory>
#include <numeric>

#include "models/focalh/hits.hpp"
#include "models/focalh/hybrid.hpp"
#include "models/hit_network.hpp"
#include "tests/support/same_bits.hpp"
#include "tests/support/short_training.hpp"
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

Convolution convolution_of(Network n)
{
    switch (n) {
        case Network::edge_conv:
            return Convolution::edge_conv;
        case Network::gcn:
            return Convolution::gcn;
        case Network::gravnet:
            return Convolution::gravnet;
        default:
            return Convolution::gat;
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
    c.convolution = convolution_of(network);
    if (small) {
        c.propagate = 6;
        c.heads = 2;
        c.channels = 8;
        c.width = 16;
        c.layers = 2;
        c.head = 8;
    }
    return std::make_unique<HitNetwork>(ctx, c, std::make_unique<FocalHits>(HitOptions{}));
}

std::int64_t batch_size()
{
    return on_cuda() && !small_cases() ? 256 : 8;
}
std::int64_t num_steps()
{
    return on_cuda() && !small_cases() ? 20 : 4;
}

Trained train(Context& ctx, Network network, How const& how)
{
    ToyEvents const events(static_cast<std::size_t>(batch_size() * num_steps()));
    auto const model = make_model(ctx, network);
    ToyInput const input(ctx, *model, events, how.data_on);
    std::vector<std::int32_t> scored(23);
    std::iota(scored.begin(), scored.end(), 0);
    return train_shortly(ctx, *model, input.placed, input.task, events.rows, batch_size(), scored,
                         how);
}

Reference reference(Network network, How const& how)
{
    return Reference([&](Context& ctx, How const& h) { return train(ctx, network, h); }, how);
}

class Backends : public testing::TestWithParam<Network> {};
}  // namespace

TEST_P(Backends, gpu_follows_the_cpu)
{
    Context ctx = make_context();
    for (char const* optimizer : {"sgd", "adam"}) {
        SCOPED_TRACE(optimizer);
        How const how{.optimizer = optimizer};
        reference(GetParam(), how).expect_near(train(ctx, GetParam(), how));
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
        reference(network, {}).expect_near(train(ctx, network, {}));
    }
}
}  // namespace calofuse::test
