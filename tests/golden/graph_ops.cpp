#include "kernels/dense/linear.hpp"
#include "kernels/graph/adjacency.hpp"
#include "kernels/graph/dense_gat.hpp"
#include "kernels/graph/readout.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
NodeActivation activation_of(GoldenRun const& run)
{
    return run.attr("activation") == "relu" ? NodeActivation::relu : NodeActivation::none;
}
}  // namespace

/// gcs: act(a x W1 + x W2 + b); gcn: act(a x W + b); simple_gcn: act(a (x W + b)).
void golden_graph_conv(GoldenRun const& run)
{
    bool const gcs = run.golden.op() == "gcs_conv_dense";
    bool const bias_first = run.golden.op() == "simple_gcn";
    std::string const first = gcs ? "kernel_1" : "kernel";
    auto const shape = run.golden.shape("in.x");
    std::int64_t const rows = shape[0] * shape[1];
    std::int64_t const inputs = shape[2];
    std::int64_t const outputs = run.golden.shape("param." + first)[1];
    std::vector<std::int64_t> const out_shape{shape[0], shape[1], outputs};
    auto const as_rows = [&](OnDevice<float> const& t) {
        return t.ref().reshaped({rows, outputs});
    };

    auto const a = run.tensor("in.a");
    auto const x = run.tensor("in.x", {rows, inputs});
    auto const w1 = run.tensor("param." + first);
    auto const w2 = gcs ? run.tensor("param.kernel_2") : run.zeros({inputs, outputs});
    auto const bias = run.tensor("param.bias");
    auto const u = run.zeros(out_shape), r = run.zeros(out_shape), y = run.zeros(out_shape);
    TensorRef const linear_bias = bias_first ? bias.ref() : TensorRef{};
    linear_forward(run.ctx,
                   {.x = x.ref(), .w = w1.ref(), .b = linear_bias, .groups = {}, .y = as_rows(u)});
    if (gcs)
        linear_forward(run.ctx,
                       {.x = x.ref(), .w = w2.ref(), .b = {}, .groups = {}, .y = as_rows(r)});
    adjacency_forward(run.ctx, {.a = a.ref(),
                                .u = u.ref(),
                                .r = gcs ? r.ref() : TensorRef{},
                                .bias = bias_first ? TensorRef{} : bias.ref(),
                                .activation = activation_of(run),
                                .y = y.ref()});

    auto const dy = run.tensor("grad_out.y");
    auto const du = run.zeros(out_shape), dr = run.zeros(out_shape);
    auto const dbias = run.zeros({outputs});
    auto const dx = run.zeros({rows, inputs});
    auto const dw1 = run.zeros({inputs, outputs}), dw2 = run.zeros({inputs, outputs});
    adjacency_backward(run.ctx, {.a = a.ref(),
                                 .y = y.ref(),
                                 .dy = dy.ref(),
                                 .activation = activation_of(run),
                                 .du = du.ref(),
                                 .dr = gcs ? dr.ref() : TensorRef{},
                                 .dbias = bias_first ? TensorRef{} : dbias.ref()});
    linear_backward(run.ctx, {.x = x.ref(),
                              .w = w1.ref(),
                              .dy = as_rows(du),
                              .groups = {},
                              .dx = dx.ref(),
                              .dw = dw1.ref(),
                              .db = bias_first ? dbias.ref() : TensorRef{}});
    if (gcs)
        linear_backward(run.ctx, {.x = x.ref(),
                                  .w = w2.ref(),
                                  .dy = as_rows(dr),
                                  .groups = {},
                                  .dx = dx.ref(),
                                  .dw = dw2.ref(),
                                  .db = {}});
    run.golden.compare("out.y", y.fetch());
    run.golden.compare("grad.in.x", dx.fetch());
    run.golden.compare("grad.param." + first, dw1.fetch());
    if (gcs) run.golden.compare("grad.param.kernel_2", dw2.fetch());
    run.golden.compare("grad.param.bias", dbias.fetch());
}

void golden_dense_gat_conv(GoldenRun const& run)
{
    auto const shape = run.golden.shape("in.x");
    std::int64_t const rows = shape[0] * shape[1];
    auto const heads = run.attr("heads").get<std::int64_t>();
    auto const channels = run.attr("channels").get<std::int64_t>();
    auto const out_shape = run.golden.shape("out.y");
    auto const attention_shape = std::vector<std::int64_t>{channels, heads};
    auto const h_shape = std::vector<std::int64_t>{shape[0], shape[1], heads, channels};
    auto const h_rows = [&](OnDevice<float> const& t) {
        return t.ref().reshaped({rows, heads * channels});
    };
    DenseGatOptions const options{
        .loops = run.attr("add_self_loops").get<bool>() ? SelfLoops::add : SelfLoops::as_given,
        .merge = run.attr("concat").get<bool>() ? HeadMerge::concat : HeadMerge::mean,
        .activation = activation_of(run),
        .slope = run.attr("negative_slope").get<float>()};

    auto const a = run.tensor("in.a");
    auto const x = run.tensor("in.x", {rows, shape[2]});
    auto const w = run.tensor("param.kernel", {shape[2], heads * channels});
    auto const self = run.tensor("param.attn_kernel_self", attention_shape);
    auto const neigh = run.tensor("param.attn_kernel_neigh", attention_shape);
    auto const bias = run.tensor("param.bias");
    auto const h = run.zeros(h_shape);
    auto const alpha = run.zeros(run.golden.shape("out.alpha"));
    auto const y = run.zeros(out_shape);
    linear_forward(run.ctx, {.x = x.ref(), .w = w.ref(), .b = {}, .groups = {}, .y = h_rows(h)});
    dense_gat_forward(run.ctx, {.a = a.ref(),
                                .h = h.ref(),
                                .attn_self = self.ref(),
                                .attn_neigh = neigh.ref(),
                                .bias = bias.ref(),
                                .options = options,
                                .alpha = alpha.ref(),
                                .y = y.ref()});

    auto const dy = run.tensor("grad_out.y");
    auto const dh = run.zeros(h_shape);
    auto const dself = run.zeros(attention_shape), dneigh = run.zeros(attention_shape);
    auto const dbias = run.zeros(run.golden.shape("param.bias"));
    auto const dx = run.zeros({rows, shape[2]});
    auto const dw = run.zeros({shape[2], heads * channels});
    dense_gat_backward(run.ctx, {.h = h.ref(),
                                 .attn_self = self.ref(),
                                 .attn_neigh = neigh.ref(),
                                 .alpha = alpha.ref(),
                                 .y = y.ref(),
                                 .options = options,
                                 .dy = dy.ref(),
                                 .dh = dh.ref(),
                                 .dattn_self = dself.ref(),
                                 .dattn_neigh = dneigh.ref(),
                                 .dbias = dbias.ref()});
    linear_backward(run.ctx, {.x = x.ref(),
                              .w = w.ref(),
                              .dy = h_rows(dh),
                              .groups = {},
                              .dx = dx.ref(),
                              .dw = dw.ref(),
                              .db = {}});
    run.golden.compare("out.y", y.fetch());
    run.golden.compare("out.alpha", alpha.fetch());
    run.golden.compare("grad.in.x", dx.fetch());
    run.golden.compare("grad.param.kernel", dw.fetch());
    run.golden.compare("grad.param.attn_kernel_self", dself.fetch());
    run.golden.compare("grad.param.attn_kernel_neigh", dneigh.fetch());
    run.golden.compare("grad.param.bias", dbias.fetch());
}

void golden_readout(GoldenRun const& run)
{
    auto const kind_name = run.attr("kind").get<std::string>();
    ReadoutKind const kind = kind_name == "mean"  ? ReadoutKind::mean
                             : kind_name == "max" ? ReadoutKind::max
                                                  : ReadoutKind::sum;
    auto const shape = run.golden.shape("out.y");
    auto const x = run.tensor("in.x");
    auto const row_ptr_values = run.golden.ints("in.row_ptr");
    OnDevice<std::int32_t> const row_ptr(run.ctx, row_ptr_values, run.golden.shape("in.row_ptr"));
    OnDevice<std::int32_t> const largest(
        run.ctx, std::vector<std::int32_t>(static_cast<std::size_t>(num_elements(shape))), shape);
    auto const y = run.zeros(shape);
    auto const dy = run.tensor("grad_out.y");
    auto const dx = run.zeros(run.golden.shape("in.x"));
    readout_forward(run.ctx, {.x = x.ref(),
                              .row_ptr = row_ptr.ref(),
                              .kind = kind,
                              .column = 0,
                              .y = y.ref(),
                              .largest = largest.ref()});
    readout_backward(run.ctx, {.row_ptr = row_ptr.ref(),
                               .kind = kind,
                               .column = 0,
                               .dy = dy.ref(),
                               .largest = largest.ref(),
                               .dx = dx.ref()});
    run.golden.compare("out.y", y.fetch());
    run.golden.compare("grad.in.x", dx.fetch());
}
}  // namespace calofuse::test
