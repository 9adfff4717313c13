#include "kernels/graph/gatv2.hpp"

#include <numeric>

#include "runtime/isa.hpp"
#include "tests/kernels/graph/attention_case.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
Tensors tensors_of(AttentionCase const& c)
{
    auto const nodes = at(c.graph.nodes());
    return {{"left", random_values(nodes * at(c.step()), 1)},
            {"right", random_values(nodes * at(c.step()), 2)},
            {"att", random_values(at(c.step()), 3)},
            {"bias", random_values(at(c.width()), 4)},
            {"edge", random_values(at(c.graph.edges() * c.features), 5)},
            {"edge_weight", random_values(at(c.features * c.step()), 6)},
            {"dy", random_values(nodes * at(c.width()), 8)}};
}

/// The definition: y, with alpha as a by-product.
Values oracle(AttentionCase const& c,
              WideTensors const& t,
              Values* alpha = nullptr,
              Values* loop = nullptr)
{
    auto const exponent = [&](Incoming const& e, std::int32_t i, std::int64_t k) {
        double p = 0;
        for (std::int64_t f = 0; f < c.channels; ++f) {
            double u = t.at("left")[at((e.from * c.heads + k) * c.channels + f)]
                       + t.at("right")[at((i * c.heads + k) * c.channels + f)];
            for (std::int64_t g = 0; g < c.features; ++g)
                u +=
                    e.features[at(g)] * t.at("edge_weight")[at((g * c.heads + k) * c.channels + f)];
            p +=
                t.at("att")[at(k * c.channels + f)] * (u > 0 ? u : static_cast<double>(kSlope) * u);
        }
        return p;
    };
    return attention_oracle(c, t.at("left"), t.at("edge"), t.at("bias"), exponent, alpha, loop);
}

struct Result {
    std::vector<float> y, alpha, alpha_loop;
    Tensors gradient;
};

Result run(Context& ctx, AttentionCase const& c, Tensors const& t, float start = 0)
{
    std::int64_t const n = c.node_capacity(), e = c.edge_capacity(), nodes = c.graph.nodes();
    std::vector<std::int64_t> const shape{n, c.heads, c.channels}, att_shape{c.heads, c.channels};
    std::vector<std::int64_t> const weight_shape{c.features, c.heads, c.channels};
    auto const row_ptr = int_rows(ctx, c.graph.row_ptr, 0);
    auto const edge_ptr = int_rows(ctx, c.graph.edge_ptr, c.spare);
    auto const source = int_rows(ctx, c.graph.source, c.spare);
    OnDevice<std::int64_t> const step(ctx, {kStep, c.first_event}, {2});
    auto const left = with_spare(ctx, t.at("left"), shape);
    auto const right = with_spare(ctx, t.at("right"), shape);
    auto const edge = with_spare(ctx, t.at("edge"), {e, c.features});
    auto const dy = with_spare(ctx, t.at("dy"), {n, c.width()});
    OnDevice<float> const att(ctx, t.at("att"), att_shape), bias(ctx, t.at("bias"), {c.width()});
    OnDevice<float> const edge_weight(ctx, t.at("edge_weight"), weight_shape);
    auto const saved = rows_of(ctx, nodes, 9, {n, padded_heads(c.heads)});
    auto const y = rows_of(ctx, nodes, 9, {n, c.width()});
    auto const alpha = rows_of(ctx, c.graph.edges(), 9, {e, c.heads});
    auto const alpha_loop = rows_of(ctx, nodes, 9, {n, c.heads});
    bool const edges = c.features > 0;
    auto const if_edges = [&](OnDevice<float> const& v) {
        return edges ? v.ref() : TensorRef{};
    };
    Gatv2Inputs const in{.left = left.ref(),
                         .right = right.ref(),
                         .att = att.ref(),
                         .row_ptr = row_ptr.ref(),
                         .edge_ptr = edge_ptr.ref(),
                         .source = source.ref(),
                         .edge = if_edges(edge),
                         .edge_weight = if_edges(edge_weight)};
    Gatv2Options const options{
        .loops = c.loops,
        .merge = c.merge,
        .slope = kSlope,
        .dropout = {.step = step.ref(), .seed = kSeed, .stream = kStream, .rate = c.rate}};
    gatv2_forward(ctx, {.in = in,
                        .bias = bias.ref(),
                        .options = options,
                        .saved = saved.ref(),
                        .y = y.ref(),
                        .alpha = alpha.ref(),
                        .alpha_loop = alpha_loop.ref()});
    auto const dleft = rows_of(ctx, nodes, start, shape),
               dright = rows_of(ctx, nodes, start, shape);
    auto const dedge = rows_of(ctx, c.graph.edges(), start, {e, c.features});
    auto const like = [&](std::string const& name, std::vector<std::int64_t> const& to) {
        return OnDevice<float>(ctx, std::vector<float>(t.at(name).size(), start), to);
    };
    auto const datt = like("att", att_shape), dbias = like("bias", {c.width()});
    auto const dedge_weight = like("edge_weight", weight_shape);
    gatv2_backward(ctx, {.in = in,
                         .options = options,
                         .saved = saved.ref(),
                         .dy = dy.ref(),
                         .dleft = dleft.ref(),
                         .dright = dright.ref(),
                         .datt = datt.ref(),
                         .dbias = dbias.ref(),
                         .dedge = if_edges(dedge),
                         .dedge_weight = if_edges(dedge_weight)});
    Result out{fetch_rows(y, nodes),
               fetch_rows(alpha, c.graph.edges()),
               fetch_rows(alpha_loop, nodes),
               {{"left", fetch_rows(dleft, nodes)},
                {"right", fetch_rows(dright, nodes)},
                {"att", datt.fetch()},
                {"bias", dbias.fetch()}}};
    fetch_rows(saved, nodes);
    if (edges) {
        out.gradient["edge"] = fetch_rows(dedge, c.graph.edges());
        out.gradient["edge_weight"] = dedge_weight.fetch();
    }
    return out;
}

void expect_definition(AttentionCase const& c)
{
    SCOPED_TRACE(testing::Message()
                 << c.graph.nodes() << " nodes, " << c.heads << " x " << c.channels << ", "
                 << c.features << " features, loops " << (c.loops == SelfLoops::add) << ", mean "
                 << (c.merge == HeadMerge::mean) << ", dropout " << c.rate);
    Tensors const t = tensors_of(c);
    WideTensors const wide = widened(t);
    Context ctx = make_context(2);
    Result const got = run(ctx, c, t, 0.5F);
    Values alpha, loop;
    Values const y = oracle(c, wide, &alpha, &loop);
    // exp amplifies the rounding of its argument, a sum of C products of sums
    double const eps = 4 * 1.2e-7 * std::sqrt(2.0 * static_cast<double>(c.channels)) * 4;
    expect_close(got.y, y, eps * 4, eps * 4);
    expect_close(got.alpha, alpha, eps, eps);
    if (c.loops == SelfLoops::add) expect_close(got.alpha_loop, loop, eps, eps);
    auto const loss = [&](WideTensors const& v) {
        Values const out = oracle(c, v);
        return std::inner_product(out.begin(), out.end(), wide.at("dy").begin(), 0.0);
    };
    for (auto const& [name, gradient] : got.gradient)
        expect_gradient(loss, wide, name, gradient);
    if (!on_cuda()) return;
    Context cpu = Context::cpu();
    expect_gradients_of_cpu(got.gradient, run(cpu, c, t, 0.5F).gradient);
}

std::vector<AttentionCase> shapes()
{
    auto const g = [](std::uint32_t seed) {
        return random_graph({0, 0, 1, 3, 3, 12, 20}, seed);
    };
    auto const mean = HeadMerge::mean;
    auto const given = SelfLoops::as_given;
    std::vector<AttentionCase> out{
        {.graph = g(1), .heads = 1, .channels = 1},
        {.graph = g(2), .heads = 2, .channels = 3, .features = 3},
        {.graph = g(3), .heads = 4, .channels = 32},
        {.graph = g(4), .heads = 4, .channels = 32, .features = 2, .merge = mean, .rate = 0.3F},
        {.graph = g(5), .heads = 3, .channels = 5, .loops = given, .rate = 0.5F},
        {.graph = g(6), .heads = 8, .channels = 8, .features = 4, .merge = mean},
        {.graph = g(7), .heads = 7, .channels = 17, .loops = given, .merge = mean},
        {.graph = g(8), .heads = 5, .channels = 16, .features = 1, .loops = given},
        {.graph = g(9), .heads = 2, .channels = 64, .rate = 0.2F, .first_event = 5},
        {.graph = g(10), .heads = 1, .channels = 125, .features = 1},
        {.graph = g(11), .heads = 3, .channels = 50, .features = 6},
        {.graph = random_graph({0}, 1), .heads = 2, .channels = 4, .features = 2},
        {.graph = random_graph({0, 0, 0}, 1), .heads = 2, .channels = 4},
        {.graph = random_graph({0, 7}, 2, 700), .heads = 4, .channels = 4, .rate = 0.1F},
        {.graph = random_graph({0, 700}, 3, 4),
         .heads = 2,
         .channels = 2,
         .features = 1,
         .loops = given},
        {.graph = random_graph({0, 300, 310}, 4, 8), .heads = 4, .channels = 3, .rate = 0.4F}};
    if (on_cuda())  // more than a warp has side by side
        out.insert(out.end(), {{.graph = random_graph({0, 3, 9}, 13), .heads = 3, .channels = 70},
                               {.graph = random_graph({0, 2, 8}, 11),
                                .heads = 40,
                                .channels = 3,
                                .features = 2,
                                .rate = 0.2F},
                               {.graph = random_graph({0, 1, 6}, 12),
                                .heads = 33,
                                .channels = 5,
                                .loops = given,
                                .merge = mean}});
    return out;
}

}  // namespace

TEST(Gatv2, agrees_with_the_definition_and_its_finite_differences)
{
    for (AttentionCase const& c : shapes())
        expect_definition(c);
}

TEST(Gatv2, agrees_with_the_definition_without_avx512)
{
    if (on_cuda()) GTEST_SKIP() << "instruction sets of the CPU";
    ForcedIsa const narrow(Isa::avx2);
    for (AttentionCase const& c : shapes())
        expect_definition(c);
}

TEST(Gatv2, same_bits_for_any_number_of_threads)
{
    AttentionCase const c{.graph = random_graph({0, 9, 9, 30, 31, 60, 61, 75, 80, 99, 120, 150}, 7),
                          .heads = 4,
                          .channels = 8,
                          .features = 2,
                          .rate = 0.2F};
    Tensors const t = tensors_of(c);
    expect_same_for_any_threads([&](Context& ctx) {
        Result const r = run(ctx, c, t);
        std::vector<float> all = r.y;
        for (auto const& [name, gradient] : r.gradient)
            all.insert(all.end(), gradient.begin(), gradient.end());
        return all;
    });
}

TEST(Gatv2, an_event_alone_has_the_bits_that_it_has_in_a_batch)
{
    AttentionCase const all{.graph = random_graph({0, 9, 9, 30, 31, 60}, 7),
                            .heads = 4,
                            .channels = 32,
                            .rate = 0.2F,
                            .first_event = 40};
    Tensors const t = tensors_of(all);
    Context ctx = make_context(1);
    Result const whole = run(ctx, all, t);
    for (std::size_t b = 0; b + 1 < all.graph.row_ptr.size(); ++b) {
        AttentionCase one = all;
        one.graph = one_of(all.graph, b);
        one.first_event = 40 + static_cast<std::int64_t>(b);
        std::int32_t const begin = all.graph.row_ptr[b];
        auto const rows = [&](std::vector<float> const& v, std::int64_t width) {
            auto const first = v.begin() + begin * width;
            return std::vector<float>(first, first + one.graph.nodes() * width);
        };
        Tensors part = t;
        part["left"] = rows(t.at("left"), all.step());
        part["right"] = rows(t.at("right"), all.step());
        part["dy"] = rows(t.at("dy"), all.width());
        Result const alone = run(ctx, one, part);
        EXPECT_TRUE(same_bits(alone.y, rows(whole.y, all.width()))) << "event " << b;
        for (char const* name : {"left", "right"})
            EXPECT_TRUE(
                same_bits(alone.gradient.at(name), rows(whole.gradient.at(name), all.step())));
    }
}

TEST(Gatv2Limits, huge_scores_stay_finite)
{
    AttentionCase const c{
        .graph = {{0, 2}, {0, 1, 2}, {1, 0}}, .heads = 1, .channels = 1, .spare = 0};
    Tensors t = tensors_of(c);
    t["left"] = t["right"] = {3e18F, -3e18F};
    t["att"] = {2};
    Context ctx = make_context(1);
    Result const got = run(ctx, c, t);
    EXPECT_EQ(got.alpha_loop, (std::vector<float>{1, 0}));
    for (auto const& [name, gradient] : got.gradient)
        for (float const g : gradient)
            EXPECT_TRUE(std::isfinite(g)) << name;
}

TEST(Gatv2Checks, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> const h(ctx, std::vector<float>(12), {2, 2, 3}), bad(ctx, {1, 2}, {2});
    OnDevice<float> const att(ctx, std::vector<float>(6), {2, 3});
    OnDevice<float> const y(ctx, std::vector<float>(12), {2, 6});
    OnDevice<float> const bias(ctx, {1, 2, 3, 4, 5, 6}, {6}),
        saved(ctx, std::vector<float>(8), {2, 4});
    OnDevice<float> const edge(ctx, {1}, {1, 1}), weight(ctx, std::vector<float>(6), {1, 2, 3});
    OnDevice<float> const alpha(ctx, {1, 2}, {1, 2}), loop(ctx, {1, 2, 3, 4}, {2, 2});
    OnDevice<std::int32_t> const row_ptr(ctx, {0, 2}, {2}), edge_ptr(ctx, {0, 1, 1}, {3});
    OnDevice<std::int32_t> const source(ctx, {1}, {1});
    Gatv2Inputs const in{.left = h.ref(),
                         .right = h.ref(),
                         .att = att.ref(),
                         .row_ptr = row_ptr.ref(),
                         .edge_ptr = edge_ptr.ref(),
                         .source = source.ref(),
                         .edge = edge.ref(),
                         .edge_weight = weight.ref()};
    Gatv2Args const good{.in = in,
                         .bias = bias.ref(),
                         .saved = saved.ref(),
                         .y = y.ref(),
                         .alpha = alpha.ref(),
                         .alpha_loop = loop.ref()};
    gatv2_forward(ctx, good);
    for (TensorRef Gatv2Inputs::*field :
         {&Gatv2Inputs::left, &Gatv2Inputs::right, &Gatv2Inputs::att, &Gatv2Inputs::row_ptr,
          &Gatv2Inputs::edge_ptr, &Gatv2Inputs::source, &Gatv2Inputs::edge,
          &Gatv2Inputs::edge_weight}) {
        Gatv2Args wrong = good;
        wrong.in.*field = bad.ref();
        EXPECT_THROW(gatv2_forward(ctx, wrong), Error);
    }
    for (TensorRef Gatv2Args::*field : {&Gatv2Args::bias, &Gatv2Args::saved, &Gatv2Args::y,
                                        &Gatv2Args::alpha, &Gatv2Args::alpha_loop}) {
        Gatv2Args wrong = good;
        wrong.*field = bad.ref();
        EXPECT_THROW(gatv2_forward(ctx, wrong), Error);
    }
    Gatv2Args wrong = good;
    wrong.options.slope = -1;
    EXPECT_THROW(gatv2_forward(ctx, wrong), Error);
    wrong = good;
    wrong.options.dropout.rate = 0.5F;  // without step
    EXPECT_THROW(gatv2_forward(ctx, wrong), Error);
    wrong = good;
    wrong.in.edge = {};  // weights without edge features
    EXPECT_THROW(gatv2_forward(ctx, wrong), Error);
    Gatv2GradArgs const good_grad{.in = in,
                                  .saved = saved.ref(),
                                  .dy = y.ref(),
                                  .dleft = h.ref(),
                                  .dright = h.ref(),
                                  .datt = att.ref(),
                                  .dbias = bias.ref(),
                                  .dedge = edge.ref(),
                                  .dedge_weight = weight.ref()};
    for (TensorRef Gatv2GradArgs::*field :
         {&Gatv2GradArgs::saved, &Gatv2GradArgs::dy, &Gatv2GradArgs::dleft, &Gatv2GradArgs::dright,
          &Gatv2GradArgs::datt, &Gatv2GradArgs::dbias, &Gatv2GradArgs::dedge,
          &Gatv2GradArgs::dedge_weight}) {
        Gatv2GradArgs bad_grad = good_grad;
        bad_grad.*field = bad.ref();
        EXPECT_THROW(gatv2_backward(ctx, bad_grad), Error);
    }
}
}  // namespace calofuse::test
