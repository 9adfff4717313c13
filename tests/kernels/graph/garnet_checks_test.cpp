#include "tests/kernels/graph/garnet_oracle.hpp"

namespace calofuse::test::garnet {
namespace {
/// A call with every tensor of the right shape: 3 nodes, 2 graphs, P = 4, A = 2, O = 5.
struct Tensors {
    Context ctx = make_context(1);
    OnDevice<float> f{ctx, std::vector<float>(12), {3, 4}}, w{ctx, std::vector<float>(6), {3, 2}};
    OnDevice<float> df{ctx, std::vector<float>(12), {3, 4}}, dd{ctx, std::vector<float>(6), {3, 2}};
    OnDevice<float> agg{ctx, std::vector<float>(48), {2, 2, 12}};
    OnDevice<float> z{ctx, std::vector<float>(20), {2, 2, 5}};
    OnDevice<float> y{ctx, std::vector<float>(15), {3, 5}};
    OnDevice<float> bad{ctx, std::vector<float>(3), {3}};
    OnDevice<float> many{ctx, std::vector<float>(51), {3, 17}};
    OnDevice<std::int32_t> row_ptr{ctx, {0, 2, 3}, {3}};
    OnDevice<std::int32_t> winner{ctx, std::vector<std::int32_t>(24), {2, 2, 6}};
};

template <class Args, class Run>
void expect_throws(Tensors const& t,
                   Args const& good,
                   std::initializer_list<TensorRef Args::*> fields,
                   Run const& run)
{
    run(good);
    for (auto const field : fields) {
        Args wrong = good;
        wrong.*field = t.bad.ref();
        EXPECT_THROW(run(wrong), Error);
    }
}
}  // namespace

TEST(GarNetChecks, wrong_shapes_of_collect_throw)
{
    Tensors t;
    using Args = GarNetCollectArgs;
    Args const good{.f = t.f.ref(),
                    .d = t.w.ref(),
                    .row_ptr = t.row_ptr.ref(),
                    .w = t.w.ref(),
                    .agg = t.agg.ref(),
                    .winner = t.winner.ref()};
    auto const run = [&](Args const& args) {
        garnet_collect(t.ctx, args);
    };
    expect_throws(t, good,
                  {&Args::f, &Args::d, &Args::row_ptr, &Args::w, &Args::agg, &Args::winner}, run);
    Args wrong = good;
    wrong.d = wrong.w = t.many.ref();
    EXPECT_THROW(run(wrong), Error) << "17 aggregators";
    wrong = good;
    wrong.winner = {};
    EXPECT_THROW(run(wrong), Error);
    wrong = good;
    wrong.options = kSimplified;
    EXPECT_THROW(run(wrong), Error) << "agg is too wide";
    wrong = good;
    wrong.options.mean = GarNetMean::padded;
    EXPECT_THROW(run(wrong), Error) << "mean over 0 rows";
    wrong = good;
    wrong.options.padded_nodes = -1;
    EXPECT_THROW(run(wrong), Error);
}

TEST(GarNetChecks, wrong_shapes_of_the_other_calls_throw)
{
    Tensors t;
    using Gradient = GarNetCollectGradArgs;
    expect_throws(t,
                  Gradient{.f = t.f.ref(),
                           .d = t.w.ref(),
                           .row_ptr = t.row_ptr.ref(),
                           .w = t.w.ref(),
                           .winner = t.winner.ref(),
                           .dagg = t.agg.ref(),
                           .df = t.df.ref(),
                           .dd = t.dd.ref()},
                  {&Gradient::w, &Gradient::winner, &Gradient::dagg, &Gradient::dw, &Gradient::df,
                   &Gradient::dd},
                  [&](Gradient const& args) { garnet_collect_backward(t.ctx, args); });
    using Spread = GarNetSpreadArgs;
    expect_throws(
        t, Spread{.w = t.w.ref(), .z = t.z.ref(), .row_ptr = t.row_ptr.ref(), .y = t.y.ref()},
        {&Spread::w, &Spread::z, &Spread::row_ptr, &Spread::base, &Spread::y},
        [&](Spread const& args) { garnet_spread(t.ctx, args); });
    using SpreadGradient = GarNetSpreadGradArgs;
    expect_throws(t,
                  SpreadGradient{.w = t.w.ref(),
                                 .z = t.z.ref(),
                                 .row_ptr = t.row_ptr.ref(),
                                 .dy = t.y.ref(),
                                 .dw = t.w.ref(),
                                 .dz = t.z.ref()},
                  {&SpreadGradient::dy, &SpreadGradient::dw, &SpreadGradient::dz},
                  [&](SpreadGradient const& args) { garnet_spread_backward(t.ctx, args); });
}
}  // namespace calofuse::test::garnet
