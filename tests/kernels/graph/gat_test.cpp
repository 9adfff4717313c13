#include "kernels/graph/gat.hpp"

#include <numeric>

#include "runtime/isa.hpp"
#include "tests/kernels/graph/attention_case.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
Tensors tensors_of(AttentionCase const& c)
{
    auto const nodes = at(c.graph.nodes());
    auto const edges = at(c.graph.edges() * c.features);
    return {{"h", random_values(nodes * at(c.step()), 1)},
            {"att_source", random_values(at(c.step()), 2)},
            {"att_target", random_values(at(c.step()), 3)},
            {"bias", random_values(at(c.width()), 4)},
            {"edge", random_values(edges, 5)},
            {"edge_weight", random_values(at(c.features * c.step()), 6)},
            {"att_edge", random_values(at(c.step()), 7)},
            {"dy", random_values(nodes * at(c.width()), 8)}};
}

/// The definition: y, with alpha as a by-product.
Values oracle(AttentionCase const& c,
              WideTensors const& t,
              Values* alpha = nullptr,
              Values* loop = nullptr)
{
    auto const dot = [&](Values const& a, std::int64_t node, std::int64_t k) {
        double sum = 0;
        for (std::int64_t f = 0; f < c.channels; ++f)
            sum += a[at(k * c.channels + f)] * t.at("h")[at((node * c.heads + k) * c.channels + f)];
        return sum;
    };
    auto const exponent = [&](Incoming const& e, std::int32_t i, std::int64_t k) {
        double p = dot(t.at("att_source"), e.from, k) + dot(t.at("att_target"), i, k);
        for (std::int64_t g = 0; g < c.features; ++g)
            for (std::int64_t f = 0; f < c.channels; ++f)
                p += e.features[at(g)] * t.at("edge_weight")[at((g * c.heads + k) * c.channels + f)]
                     * t.at("att_edge")[at(k * c.channels + f)];
        return p > 0 ? p : static_cast<double>(kSlope) * p;
    };
    return attention_oracle(c, t.at("h"), t.at("edge"), t.at("bias"), exponent, alpha, loop);
}

struct Result {
    std::vector<float> y, alpha, alpha_loop;
    Tensors gradient;
};

Result run(Context& ctx, AttentionCase const& c, Tensors const& t, float start = 0)
{
    std::int64_t const n = c.node_capacity(), e = c.edge_capacity();
    std::vector<std::int64_t> const h_shape{n, c.heads, c.channels}, att_shape{c.heads, c.channels};
    auto const row_ptr = int_rows(ctx, c.graph.row_ptr, 0);
    auto const edge_ptr = int_rows(ctx, c.graph.edge_ptr, c.spare);
    auto const source = int_rows(ctx, c.graph.source, c.spare);
    OnDevice<std::int64_t> const step(ctx, {kStep, c.first_event}, {2});
    auto const h = with_spare(ctx, t.at("h"), h_shape);
    auto const edge = with_spare(ctx, t.at("edge"), {e, c.features});
    auto const dy = with_spare(ctx, t.at("dy"), {n, c.width()});
    OnDevice<float> const s(ctx, t.at("att_source"), att_shape);
    OnDevice<float> const d(ctx, t.at("att_target"), att_shape);
    OnDevice<float> const bias(ctx, t.at("bias"), {c.width()});
    std::vector<std::int64_t> const weight_shape{c.features, c.heads, c.channels};
    OnDevice<float> const edge_weight(ctx, t.at("edge_weight"), weight_shape);
    OnDevice<float> const att_edge(ctx, t.at("att_edge"), att_shape);
    auto const saved = rows_of(ctx, c.graph.nodes(), 9, {n, 3, padded_heads(c.heads)});
    auto const y = rows_of(ctx, c.graph.nodes(), 9, {n, c.width()});
    auto const alpha = rows_of(ctx, c.graph.edges(), 9, {e, c.heads});
    auto const alpha_loop = rows_of(ctx, c.graph.nodes(), 9, {n, c.heads});
    bool const edges = c.features > 0;
    auto const if_edges = [&](OnDevice<float> const& v) {
        return edges ? v.ref() : TensorRef{};
    };
    GatInputs const in{.h = h.ref(),
                       .att_source = s.ref(),
                       .att_target = d.ref(),
                       .row_ptr = row_ptr.ref(),
                       .edge_ptr = edge_ptr.ref(),
                       .source = source.ref(),
                       .edge = if_edges(edge),
                       .edge_weight = if_edges(edge_weight),
                       .att_edge = if_edges(att_edge)};
    GatOptions const options{
        .loops = c.loops,
        .merge = c.merge,
        .slope = kSlope,
        .dropout = {.step = step.ref(), .seed = kSeed, .stream = kStream, .rate = c.rate}};
    gat_forward(ctx, {.in = in,
                      .bias = bias.ref(),
                      .options = options,
                      .saved = saved.ref(),
                      .y = y.ref(),
                      .alpha = alpha.ref(),
                      .alpha_loop = alpha_loop.ref()});
    auto const like = [&](std::string const& name, std::vector<std::int64_t> const& shape) {
        return OnDevice<float>(ctx, std::vector<float>(t.at(name).size(), start), shape);
    };
    auto const dh = rows_of(ctx, c.graph.nodes(), start, h_shape);
    auto const dedge = rows_of(ctx, c.graph.edges(), start, {e, c.features});
    auto const ds = like("att_source", att_shape), dt = like("att_target", att_shape);
    auto const dbias = like("bias", {c.width()}), datt_edge = like("att_edge", att_shape);
    auto const dedge_weight = like("edge_weight", weight_shape);
    gat_backward(ctx, {.in = in,
                       .options = options,
                       .saved = saved.ref(),
                       .dy = dy.ref(),
                       .dh = dh.ref(),
                       .datt_source = ds.ref(),
                       .datt_target = dt.ref(),
                       .dbias = dbias.ref(),
                       .dedge = if_edges(dedge),
                       .dedge_weight = if_edges(dedge_weight),
                       .datt_edge = if_edges(datt_edge)});
    Result out{fetch_rows(y, c.graph.nodes()),
               fetch_rows(alpha, c.graph.edges()),
               fetch_rows(alpha_loop, c.graph.nodes()),
               {{"h", fetch_rows(dh, c.graph.nodes())},
                {"att_source", ds.fetch()},
                {"att_target", dt.fetch()},
                {"bias", dbias.fetch()}}};
    fetch_rows(saved, c.graph.nodes());
    if (edges) {
        out.gradient["edge"] = fetch_rows(dedge, c.graph.edges());
        out.gradient["edge_weight"] = dedge_weight.fetch();
        out.gradient["att_edge"] = datt_edge.fetch();
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
    // exp amplifies the rounding of its argument, a sum of 2 C products up to 2 C large.
    double const eps = 4 * 1.2e-7 * std::sqrt(2.0 * static_cast<double>(c.channels)) * 2;
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

/// The nodes of every graph in reverse order; edges of a node keep theirs.
AttentionCase reversed(AttentionCase const& c, Tensors const& t, Tensors& out)
{
    AttentionCase r = c;
    r.graph.edge_ptr = {0};
    r.graph.source.clear();
    out = t;
    for (std::size_t b = 0; b + 1 < c.graph.row_ptr.size(); ++b) {
        std::int32_t const begin = c.graph.row_ptr[b], end = c.graph.row_ptr[b + 1];
        for (std::int32_t i = begin; i < end; ++i) {
            std::int32_t const from = begin + end - 1 - i;
            std::copy_n(t.at("h").begin() + from * c.step(), c.step(),
                        out["h"].begin() + i * c.step());
            for (std::int32_t e = c.graph.edge_ptr[at(from)]; e < c.graph.edge_ptr[at(from) + 1];
                 ++e)
                r.graph.source.push_back(begin + end - 1 - c.graph.source[at(e)]);
            r.graph.edge_ptr.push_back(static_cast<std::int32_t>(r.graph.source.size()));
        }
    }
    return r;
}
}  // namespace

TEST(Gat, agrees_with_the_definition_and_its_finite_differences)
{
    for (AttentionCase const& c : shapes())
        expect_definition(c);
}

TEST(Gat, agrees_with_the_definition_without_avx512)
{
    if (on_cuda()) GTEST_SKIP() << "instruction sets of the CPU";
    ForcedIsa const narrow(Isa::avx2);
    for (AttentionCase const& c : shapes())
        expect_definition(c);
}

TEST(Gat, same_bits_for_any_number_of_threads)
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

TEST(Gat, an_event_alone_has_the_bits_that_it_has_in_a_batch)
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
        part["h"] = rows(t.at("h"), all.step());
        part["dy"] = rows(t.at("dy"), all.width());
        Result const alone = run(ctx, one, part);
        EXPECT_TRUE(same_bits(alone.y, rows(whole.y, all.width()))) << "event " << b;
        EXPECT_TRUE(same_bits(alone.gradient.at("h"), rows(whole.gradient.at("h"), all.step())));
    }
}

TEST(Gat, the_order_of_the_nodes_does_not_matter)
{
    AttentionCase const c{
        .graph = random_graph({0, 20, 31}, 5), .heads = 4, .channels = 32, .spare = 0};
    Tensors const t = tensors_of(c);
    Tensors turned_tensors;
    AttentionCase const turned = reversed(c, t, turned_tensors);
    Context ctx = make_context(1);
    auto const y = run(ctx, c, t).y, other = run(ctx, turned, turned_tensors).y;
    for (std::size_t b = 0; b < 2; ++b) {
        std::int64_t const begin = c.graph.row_ptr[b], end = c.graph.row_ptr[b + 1];
        for (std::int64_t i = begin; i < end; ++i) {
            std::vector<float> const a(y.begin() + i * 128, y.begin() + (i + 1) * 128);
            auto const first = other.begin() + (begin + end - 1 - i) * 128;
            expect_close(a, std::vector<float>(first, first + 128), 1e-6, 1e-6);
        }
    }
}

TEST(GatLimits, huge_scores_stay_finite)
{
    AttentionCase const c{
        .graph = {{0, 2}, {0, 1, 2}, {1, 0}}, .heads = 1, .channels = 1, .spare = 0};
    Tensors t = tensors_of(c);
    t["h"] = {3e4F, -3e4F};
    t["att_source"] = t["att_target"] = {2};
    t["bias"] = {0};
    Context ctx = make_context(1);
    Result const got = run(ctx, c, t);
    EXPECT_EQ(got.alpha_loop, (std::vector<float>{1, 0}));
    EXPECT_EQ(got.y, (std::vector<float>{3e4F, 3e4F}));
    for (auto const& [name, gradient] : got.gradient)
        for (float const g : gradient)
            EXPECT_TRUE(std::isfinite(g)) << name;
}

TEST(GatChecks, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> const h(ctx, std::vector<float>(12), {2, 2, 3});
    OnDevice<float> const att(ctx, std::vector<float>(6), {2, 3}), bad(ctx, {1, 2}, {2});
    OnDevice<float> const y(ctx, std::vector<float>(12), {2, 6}),
        bias(ctx, {1, 2, 3, 4, 5, 6}, {6});
    OnDevice<float> const saved(ctx, std::vector<float>(24), {2, 3, 4});
    OnDevice<float> const edge(ctx, {1}, {1, 1}), weight(ctx, std::vector<float>(6), {1, 2, 3});
    OnDevice<float> const alpha(ctx, {1, 2}, {1, 2}), loop(ctx, {1, 2, 3, 4}, {2, 2});
    OnDevice<std::int32_t> const row_ptr(ctx, {0, 2}, {2}), edge_ptr(ctx, {0, 1, 1}, {3});
    OnDevice<std::int32_t> const source(ctx, {1}, {1});
    GatInputs const in{.h = h.ref(),
                       .att_source = att.ref(),
                       .att_target = att.ref(),
                       .row_ptr = row_ptr.ref(),
                       .edge_ptr = edge_ptr.ref(),
                       .source = source.ref(),
                       .edge = edge.ref(),
                       .edge_weight = weight.ref(),
                       .att_edge = att.ref()};
    GatArgs const good{.in = in,
                       .bias = bias.ref(),
                       .saved = saved.ref(),
                       .y = y.ref(),
                       .alpha = alpha.ref(),
                       .alpha_loop = loop.ref()};
    gat_forward(ctx, good);
    for (TensorRef GatInputs::*field :
         {&GatInputs::h, &GatInputs::att_source, &GatInputs::att_target, &GatInputs::row_ptr,
          &GatInputs::edge_ptr, &GatInputs::source, &GatInputs::edge, &GatInputs::edge_weight,
          &GatInputs::att_edge}) {
        GatArgs wrong = good;
        wrong.in.*field = bad.ref();
        EXPECT_THROW(gat_forward(ctx, wrong), Error);
    }
    for (TensorRef GatArgs::*field :
         {&GatArgs::bias, &GatArgs::saved, &GatArgs::y, &GatArgs::alpha, &GatArgs::alpha_loop}) {
        GatArgs wrong = good;
        wrong.*field = bad.ref();
        EXPECT_THROW(gat_forward(ctx, wrong), Error);
    }
    GatArgs wrong = good;  // y is too wide for the mean of the heads
    wrong.options.merge = HeadMerge::mean;
    EXPECT_THROW(gat_forward(ctx, wrong), Error);
    wrong = good;
    wrong.options.slope = -1;
    EXPECT_THROW(gat_forward(ctx, wrong), Error);
    wrong = good;
    wrong.options.dropout.rate = 1;
    EXPECT_THROW(gat_forward(ctx, wrong), Error);
    wrong = good;
    wrong.options.dropout.rate = 0.5F;  // without step
    EXPECT_THROW(gat_forward(ctx, wrong), Error);
    wrong = good;
    wrong.in.edge = {};  // weights without edge features
    EXPECT_THROW(gat_forward(ctx, wrong), Error);

    GatGradArgs const good_grad{.in = in,
                                .saved = saved.ref(),
                                .dy = y.ref(),
                                .dh = h.ref(),
                                .datt_source = att.ref(),
                                .datt_target = att.ref(),
                                .dbias = bias.ref(),
                                .dedge = edge.ref(),
                                .dedge_weight = weight.ref(),
                                .datt_edge = att.ref()};
    for (TensorRef GatGradArgs::*field :
         {&GatGradArgs::saved, &GatGradArgs::dy, &GatGradArgs::dh, &GatGradArgs::datt_source,
          &GatGradArgs::datt_target, &GatGradArgs::dbias, &GatGradArgs::dedge,
          &GatGradArgs::dedge_weight, &GatGradArgs::datt_edge}) {
        GatGradArgs bad_grad = good_grad;
        bad_grad.*field = bad.ref();
        EXPECT_THROW(gat_backward(ctx, bad_grad), Error);
    }
}
}  // namespace calofuse::test
