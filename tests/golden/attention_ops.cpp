#include "kernels/dense/layer_norm.hpp"
#include "kernels/dense/linear.hpp"
#include "kernels/graph/edge_softmax.hpp"
#include "kernels/graph/gat.hpp"
#include "kernels/graph/gatv2.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
/// What gat_conv and gatv2_conv have in common: the graph, the edge features, the residual.
class GoldenAttention {
  public:
    explicit GoldenAttention(GoldenRun const& run)
        : run_(run)
        , nodes_(run.golden.shape("in.x")[0])
        , heads(run.attr("heads").get<std::int64_t>())
        , channels(run.attr("out_channels").get<std::int64_t>())
        , features(run.attr("edge_dim").get<std::int64_t>())
        , csr_(csr_of(run, nodes_))
        , x(run.tensor("in.x"))
        , row_ptr(int_tensor(run, "in.row_ptr"))
        , edge_ptr(run.ctx, csr_.edge_ptr, {nodes_ + 1})
        , source(run.ctx, csr_.source, {edges()})
        , edge(run.ctx, sorted_features(), {edges(), features})
        , dedge(run.zeros({edges(), features}))
        , bias(has("bias") ? run.tensor("param.bias") : run.zeros({0}))
        , dbias(run.zeros({bias.ref().size()}))
        , y(run.zeros(run.golden.shape("out.y")))
        , dx(run.zeros(run.golden.shape("in.x")))
        , alpha(run.zeros({edges(), heads}))
        , alpha_loop(run.zeros({nodes_, heads}))
    {}

    std::int64_t nodes() const { return nodes_; }
    std::int64_t edges() const { return static_cast<std::int64_t>(csr_.source.size()); }
    bool has(std::string const& name) const { return run_.golden.has("param." + name); }
    template <class T>
    TensorRef if_edges(T const& t) const
    {
        return features > 0 ? t.ref() : TensorRef{};
    }
    SelfLoops loops() const
    {
        return run_.attr("add_self_loops").get<bool>() ? SelfLoops::add : SelfLoops::as_given;
    }
    HeadMerge merge() const
    {
        return run_.attr("concat").get<bool>() ? HeadMerge::concat : HeadMerge::mean;
    }
    float slope() const { return run_.attr("negative_slope").get<float>(); }
    std::vector<std::int64_t> hidden_shape() const { return {nodes_, heads, channels}; }
    TensorRef rows(OnDevice<float> const& t) const
    {
        return t.ref().reshaped({nodes_, heads * channels});
    }

    /// to (N, outputs) = x w + b of the layer `name`.
    void apply(std::string const& name, TensorRef to) const
    {
        auto const w = weight(name).load();
        bool const with_bias = has(name + ".bias");
        auto const b = with_bias ? run_.tensor("param." + name + ".bias") : run_.zeros({0});
        linear_forward(run_.ctx, {.x = x.ref(),
                                  .w = w.ref(),
                                  .b = with_bias ? b.ref() : TensorRef{},
                                  .groups = {},
                                  .y = to});
    }
    /// Adds to dx and compares the layer's own gradients.
    void apply_backward(std::string const& name, TensorRef dy) const
    {
        auto const order = weight(name);
        auto const w = order.load(), dw = run_.zeros(order.shape());
        auto const db = run_.zeros({order.shape()[1]});
        linear_backward(run_.ctx, {.x = x.ref(),
                                   .w = w.ref(),
                                   .dy = dy,
                                   .groups = {},
                                   .dx = dx.ref(),
                                   .dw = dw.ref(),
                                   .db = db.ref()});
        run_.golden.compare("grad.param." + name + ".weight", order.stored(dw.fetch()));
        if (has(name + ".bias")) run_.golden.compare("grad.param." + name + ".bias", db.fetch());
    }
    /// The file's (H C, G) as our (G, H, C).
    OnDevice<float> edge_weight() const
    {
        auto const shape = edge_weight_shape();
        if (features == 0) return run_.zeros(shape);
        return {run_.ctx,
                permuted(run_.golden.floats("param.lin_edge.weight"), {heads * channels, features},
                         {1, 0}),
                shape};
    }
    std::vector<std::int64_t> edge_weight_shape() const { return {features, heads, channels}; }

    /// y with the residual, alpha, and the gradients that both layers have.
    void compare(OnDevice<float> const& dedge_weight) const
    {
        auto out = y.fetch();
        auto const dy = run_.tensor("grad_out.y");
        if (has("res.weight")) {
            auto const residual = run_.zeros(run_.golden.shape("out.y"));
            apply("res", residual.ref());
            auto const extra = residual.fetch();
            for (std::size_t e = 0; e < out.size(); ++e)
                out[e] += extra[e];
            apply_backward("res", dy.ref());
        }
        run_.golden.compare("out.y", out);
        compare_alpha();
        run_.golden.compare("grad.in.x", dx.fetch());
        if (has("bias")) run_.golden.compare("grad.param.bias", dbias.fetch());
        if (features == 0) return;
        run_.golden.compare("grad.param.lin_edge.weight",
                            permuted(dedge_weight.fetch(), {features, heads * channels}, {1, 0}));
        auto const gradient = dedge.fetch();
        std::vector<float> in_file_order(gradient.size());
        for (std::size_t e = 0; e < csr_.edge.size(); ++e)
            for (std::size_t k = 0; k < static_cast<std::size_t>(features); ++k)
                in_file_order[csr_.edge[e] * static_cast<std::size_t>(features) + k] =
                    gradient[e * static_cast<std::size_t>(features) + k];
        run_.golden.compare("grad.in.edge_attr", in_file_order);
    }

  private:
    Reordered weight(std::string const& name) const
    {
        return {run_, "param." + name + ".weight", {1, 0}};
    }
    std::vector<float> sorted_features() const
    {
        std::vector<float> out;
        if (features == 0) return out;
        auto const all = run_.golden.floats("in.edge_attr");
        for (std::size_t const e : csr_.edge)
            out.insert(out.end(), all.begin() + static_cast<std::int64_t>(e) * features,
                       all.begin() + static_cast<std::int64_t>(e + 1) * features);
        return out;
    }
    /// The file's order: its own edges without the left-out loops, then a loop a node.
    void compare_alpha() const
    {
        auto const index = run_.golden.ints("in.edge_index");
        std::size_t const count = csr_.edge.size();
        auto const width = static_cast<std::size_t>(heads);
        auto const ours = alpha.fetch(), loop = alpha_loop.fetch();
        std::vector<std::size_t> place(count);
        for (std::size_t e = 0; e < count; ++e)
            place[csr_.edge[e]] = e;
        std::vector<float> values;
        std::vector<std::int32_t> from, to;
        for (std::size_t e = 0; e < count; ++e) {
            if (loops() == SelfLoops::add && index[e] == index[count + e]) continue;
            from.push_back(index[e]);
            to.push_back(index[count + e]);
            for (std::size_t h = 0; h < width; ++h)
                values.push_back(ours[place[e] * width + h]);
        }
        if (loops() == SelfLoops::add) {
            values.insert(values.end(), loop.begin(), loop.end());
            for (std::int32_t i = 0; i < nodes_; ++i) {
                from.push_back(i);
                to.push_back(i);
            }
        }
        from.insert(from.end(), to.begin(), to.end());
        run_.golden.compare("out.alpha", values);
        run_.golden.compare("out.alpha_edge_index", from);
    }

    GoldenRun run_;
    std::int64_t nodes_;

  public:
    std::int64_t const heads, channels, features;

  private:
    Csr csr_;

  public:
    OnDevice<float> const x;
    OnDevice<std::int32_t> const row_ptr, edge_ptr, source;
    OnDevice<float> const edge, dedge, bias, dbias, y, dx, alpha, alpha_loop;
};
}  // namespace

void golden_gat_conv(GoldenRun const& run)
{
    GoldenAttention const g(run);
    std::vector<std::int64_t> const att_shape{g.heads, g.channels};
    auto const h = run.zeros(g.hidden_shape()), dh = run.zeros(g.hidden_shape());
    auto const att_source = run.tensor("param.att_src", att_shape);
    auto const att_target = run.tensor("param.att_dst", att_shape);
    auto const att_edge =
        g.features > 0 ? run.tensor("param.att_edge", att_shape) : run.zeros(att_shape);
    auto const edge_weight = g.edge_weight();
    auto const saved = run.zeros({g.nodes(), 3, padded_heads(g.heads)});
    GatInputs const in{.h = h.ref(),
                       .att_source = att_source.ref(),
                       .att_target = att_target.ref(),
                       .row_ptr = g.row_ptr.ref(),
                       .edge_ptr = g.edge_ptr.ref(),
                       .source = g.source.ref(),
                       .edge = g.if_edges(g.edge),
                       .edge_weight = g.if_edges(edge_weight),
                       .att_edge = g.if_edges(att_edge)};
    GatOptions const options{.loops = g.loops(), .merge = g.merge(), .slope = g.slope()};
    g.apply("lin", g.rows(h));
    gat_forward(run.ctx, {.in = in,
                          .bias = g.has("bias") ? g.bias.ref() : TensorRef{},
                          .options = options,
                          .saved = saved.ref(),
                          .y = g.y.ref(),
                          .alpha = g.alpha.ref(),
                          .alpha_loop = g.alpha_loop.ref()});
    auto const dy = run.tensor("grad_out.y");
    auto const dsource = run.zeros(att_shape), dtarget = run.zeros(att_shape);
    auto const datt_edge = run.zeros(att_shape);
    auto const dedge_weight = run.zeros(g.edge_weight_shape());
    gat_backward(run.ctx, {.in = in,
                           .options = options,
                           .saved = saved.ref(),
                           .dy = dy.ref(),
                           .dh = dh.ref(),
                           .datt_source = dsource.ref(),
                           .datt_target = dtarget.ref(),
                           .dbias = g.has("bias") ? g.dbias.ref() : TensorRef{},
                           .dedge = g.if_edges(g.dedge),
                           .dedge_weight = g.if_edges(dedge_weight),
                           .datt_edge = g.if_edges(datt_edge)});
    g.apply_backward("lin", g.rows(dh));
    run.golden.compare("grad.param.att_src", dsource.fetch());
    run.golden.compare("grad.param.att_dst", dtarget.fetch());
    if (g.features > 0) run.golden.compare("grad.param.att_edge", datt_edge.fetch());
    g.compare(dedge_weight);
}

void golden_gatv2_conv(GoldenRun const& run)
{
    GoldenAttention const g(run);
    std::vector<std::int64_t> const att_shape{g.heads, g.channels};
    auto const left = run.zeros(g.hidden_shape()), right = run.zeros(g.hidden_shape());
    auto const att = run.tensor("param.att", att_shape);
    auto const edge_weight = g.edge_weight();
    auto const saved = run.zeros({g.nodes(), padded_heads(g.heads)});
    Gatv2Inputs const in{.left = left.ref(),
                         .right = right.ref(),
                         .att = att.ref(),
                         .row_ptr = g.row_ptr.ref(),
                         .edge_ptr = g.edge_ptr.ref(),
                         .source = g.source.ref(),
                         .edge = g.if_edges(g.edge),
                         .edge_weight = g.if_edges(edge_weight)};
    Gatv2Options const options{.loops = g.loops(), .merge = g.merge(), .slope = g.slope()};
    g.apply("lin_l", g.rows(left));
    g.apply("lin_r", g.rows(right));
    gatv2_forward(run.ctx, {.in = in,
                            .bias = g.has("bias") ? g.bias.ref() : TensorRef{},
                            .options = options,
                            .saved = saved.ref(),
                            .y = g.y.ref(),
                            .alpha = g.alpha.ref(),
                            .alpha_loop = g.alpha_loop.ref()});
    auto const dy = run.tensor("grad_out.y");
    auto const dleft = run.zeros(g.hidden_shape()), dright = run.zeros(g.hidden_shape());
    auto const datt = run.zeros(att_shape), dedge_weight = run.zeros(g.edge_weight_shape());
    gatv2_backward(run.ctx, {.in = in,
                             .options = options,
                             .saved = saved.ref(),
                             .dy = dy.ref(),
                             .dleft = dleft.ref(),
                             .dright = dright.ref(),
                             .datt = datt.ref(),
                             .dbias = g.has("bias") ? g.dbias.ref() : TensorRef{},
                             .dedge = g.if_edges(g.dedge),
                             .dedge_weight = g.if_edges(dedge_weight)});
    g.apply_backward("lin_l", g.rows(dleft));
    g.apply_backward("lin_r", g.rows(dright));
    run.golden.compare("grad.param.att", datt.fetch());
    g.compare(dedge_weight);
}

void golden_segment_softmax(GoldenRun const& run)
{
    auto const shape = run.golden.shape("in.x");
    auto const x = run.tensor("in.x"), dy = run.tensor("grad_out.y");
    auto const segments = int_tensor(run, "in.row_ptr");
    auto const y = run.zeros(shape), dx = run.zeros(shape);
    edge_softmax_forward(run.ctx, {.x = x.ref(), .edge_ptr = segments.ref(), .y = y.ref()});
    edge_softmax_backward(
        run.ctx, {.y = y.ref(), .edge_ptr = segments.ref(), .dy = dy.ref(), .dx = dx.ref()});
    run.golden.compare("out.y", y.fetch());
    run.golden.compare("grad.in.x", dx.fetch());
}

void golden_layer_norm(GoldenRun const& run)
{
    auto const shape = run.golden.shape("in.x");
    std::string const gain = run.is_torch() ? "weight" : "gamma";
    std::string const shift = run.is_torch() ? "bias" : "beta";
    auto const x = run.tensor("in.x"), dy = run.tensor("grad_out.y");
    auto const gamma = run.tensor("param." + gain), beta = run.tensor("param." + shift);
    auto const saved = run.zeros({shape[0], 2}), y = run.zeros(shape), dx = run.zeros(shape);
    auto const dgamma = run.zeros({shape[1]}), dbeta = run.zeros({shape[1]});
    LayerNormOptions const options{.epsilon = run.is_torch() ? kLayerNormTorchEpsilon
                                                             : kLayerNormKerasEpsilon};
    EXPECT_FLOAT_EQ(options.epsilon, run.attr("epsilon").get<float>());
    layer_norm_forward(run.ctx, {.x = x.ref(),
                                 .gamma = gamma.ref(),
                                 .beta = beta.ref(),
                                 .options = options,
                                 .saved = saved.ref(),
                                 .y = y.ref()});
    layer_norm_backward(run.ctx, {.x = x.ref(),
                                  .gamma = gamma.ref(),
                                  .beta = beta.ref(),
                                  .options = options,
                                  .saved = saved.ref(),
                                  .dy = dy.ref(),
                                  .dx = dx.ref(),
                                  .dgamma = dgamma.ref(),
                                  .dbeta = dbeta.ref()});
    run.golden.compare("out.y", y.fetch());
    run.golden.compare("grad.in.x", dx.fetch());
    run.golden.compare("grad.param." + gain, dgamma.fetch());
    run.golden.compare("grad.param." + shift, dbeta.fetch());
}
}  // namespace calofuse::test
