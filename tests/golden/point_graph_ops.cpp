#include "kernels/dense/linear.hpp"
#include "kernels/graph/csr.hpp"
#include "kernels/graph/edge_conv.hpp"
#include "kernels/graph/gcn.hpp"
#include "kernels/graph/knn.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
OnDevice<std::int32_t> int_zeros(GoldenRun const& run, std::vector<std::int64_t> shape)
{
    auto const count = static_cast<std::size_t>(num_elements(shape));
    return {run.ctx, std::vector<std::int32_t>(count), std::move(shape)};
}
/// torch weight (out, in) as our (in, out).
Reordered weight_of(GoldenRun const& run, std::string const& key)
{
    return {run, key, {1, 0}};
}
}  // namespace

/// Lists, distances and the CSR made of them; `edge_index` row 0 is the source of each edge.
void golden_knn_graph(GoldenRun const& run)
{
    auto const shape = run.golden.shape("out.neighbours");
    auto const x = run.tensor("in.pos");
    auto const row_ptr = int_tensor(run, "in.row_ptr");
    auto const neighbours = int_zeros(run, shape);
    auto const squared_distance = run.zeros(shape);
    knn(run.ctx, {.x = x.ref(),
                  .row_ptr = row_ptr.ref(),
                  .neighbours = neighbours.ref(),
                  .squared_distance = squared_distance.ref()});
    auto const edge_ptr = int_zeros(run, {shape[0] + 1});
    auto const source = int_zeros(run, {shape[0] * shape[1]});
    csr_from_neighbours(run.ctx, {.row_ptr = row_ptr.ref(),
                                  .neighbours = neighbours.ref(),
                                  .edge_ptr = edge_ptr.ref(),
                                  .source = source.ref()});
    run.golden.compare("out.neighbours", neighbours.fetch());
    run.golden.compare("out.squared_distance", squared_distance.fetch());
    auto const ends = edge_ptr.fetch();
    run.golden.compare("out.edge_ptr", ends);
    auto edge_index = source.fetch();
    edge_index.resize(static_cast<std::size_t>(ends.back()));
    for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(ends.size()); ++i)
        for (std::int32_t e = ends[static_cast<std::size_t>(i)];
             e < ends[static_cast<std::size_t>(i) + 1]; ++e)
            edge_index.push_back(i);
    run.golden.compare("out.edge_index", edge_index);
}

void golden_gcn_conv(GoldenRun const& run)
{
    auto const shape = run.golden.shape("out.y");
    Csr const csr = csr_of(run, shape[0]);
    auto const edges = static_cast<std::int64_t>(csr.source.size());
    bool const weighted = run.attr("edge_weight").get<bool>();
    OnDevice<std::int32_t> const edge_ptr(run.ctx, csr.edge_ptr, {shape[0] + 1});
    OnDevice<std::int32_t> const source(run.ctx, csr.source, {edges});
    auto const row_ptr = int_tensor(run, "in.row_ptr");
    std::vector<float> edge_weights;
    if (weighted)
        for (std::size_t const e : csr.edge)
            edge_weights.push_back(run.golden.floats("in.edge_weight")[e]);
    OnDevice<float> const edge_weight(run.ctx, edge_weights, {weighted ? edges : 0});
    auto const weight = weight_of(run, "param.lin.weight");
    auto const w = weight.load();
    bool const has_bias = run.golden.has("param.bias");
    auto const x = run.tensor("in.x");
    auto const bias = has_bias ? run.tensor("param.bias") : run.zeros({shape[1]});
    auto const u = run.zeros(shape), y = run.zeros(shape);
    SelfLoops const loops =
        run.attr("add_self_loops").get<bool>() ? SelfLoops::add : SelfLoops::as_given;
    TensorRef const weight_ref = weighted ? edge_weight.ref() : TensorRef{};
    linear_forward(run.ctx, {.x = x.ref(), .w = w.ref(), .b = {}, .groups = {}, .y = u.ref()});
    gcn_forward(run.ctx, {.u = u.ref(),
                          .row_ptr = row_ptr.ref(),
                          .edge_ptr = edge_ptr.ref(),
                          .source = source.ref(),
                          .edge_weight = weight_ref,
                          .bias = has_bias ? bias.ref() : TensorRef{},
                          .loops = loops,
                          .y = y.ref()});
    auto const dy = run.tensor("grad_out.y");
    auto const du = run.zeros(shape), dbias = run.zeros({shape[1]});
    auto const dx = run.zeros(run.golden.shape("in.x")), dw = run.zeros(weight.shape());
    auto const dedge_weight = run.zeros({weighted ? edges : 0});
    gcn_backward(run.ctx, {.u = u.ref(),
                           .row_ptr = row_ptr.ref(),
                           .edge_ptr = edge_ptr.ref(),
                           .source = source.ref(),
                           .edge_weight = weight_ref,
                           .loops = loops,
                           .dy = dy.ref(),
                           .du = du.ref(),
                           .dedge_weight = weighted ? dedge_weight.ref() : TensorRef{},
                           .dbias = has_bias ? dbias.ref() : TensorRef{}});
    linear_backward(run.ctx, {.x = x.ref(),
                              .w = w.ref(),
                              .dy = du.ref(),
                              .groups = {},
                              .dx = dx.ref(),
                              .dw = dw.ref(),
                              .db = {}});
    run.golden.compare("out.y", y.fetch());
    run.golden.compare("grad.in.x", dx.fetch());
    run.golden.compare("grad.param.lin.weight", weight.stored(dw.fetch()));
    if (has_bias) run.golden.compare("grad.param.bias", dbias.fetch());
    if (!weighted) return;
    std::vector<float> in_file_order(csr.edge.size());
    auto const gradient = dedge_weight.fetch();
    for (std::size_t e = 0; e < csr.edge.size(); ++e)
        in_file_order[csr.edge[e]] = gradient[e];
    run.golden.compare("grad.in.edge_weight", in_file_order);
}

namespace {
EdgeAggregate aggregate_of(GoldenRun const& run)
{
    std::string const name = run.attr("aggr");
    return name == "max"   ? EdgeAggregate::max
           : name == "add" ? EdgeAggregate::sum
                           : EdgeAggregate::mean;
}

/// W_a (0) or W_b (1) of the first layer.
TensorRef half(OnDevice<float> const& w, std::int64_t which)
{
    TensorRef out = w.ref();
    out.shape[0] /= 2;
    out.data = static_cast<float*>(out.data) + which * out.size();
    return out;
}

/// linear, EdgeConv, linear as a layer; `edge_ptr`, `source`: which neighbours.
void run_edge_conv(GoldenRun const& run, TensorRef edge_ptr, TensorRef source)
{
    auto const shape = run.golden.shape("in.x");
    std::int64_t const nodes = shape[0];
    EdgeAggregate const aggregate = aggregate_of(run);
    auto const weight0 = weight_of(run, "param.nn.0.weight");
    auto const weight2 = weight_of(run, "param.nn.2.weight");
    std::int64_t const hidden = weight0.shape()[1];
    auto const x = run.tensor("in.x"), bias0 = run.tensor("param.nn.0.bias"),
               bias2 = run.tensor("param.nn.2.bias");
    auto const w0 = weight0.load(), w2 = weight2.load();
    auto const row_ptr = int_tensor(run, "in.row_ptr");
    auto const t = run.zeros({nodes, hidden}), s = run.zeros({nodes, hidden});
    auto const y = run.zeros(run.golden.shape("out.y"));
    auto const winner = int_zeros(run, run.golden.shape("out.y"));
    linear_forward(run.ctx,
                   {.x = x.ref(), .w = half(w0, 0), .b = bias0.ref(), .groups = {}, .y = t.ref()});
    linear_forward(run.ctx, {.x = x.ref(), .w = half(w0, 1), .b = {}, .groups = {}, .y = s.ref()});
    edge_conv_forward(run.ctx, {.target = t.ref(),
                                .neighbour = s.ref(),
                                .row_ptr = row_ptr.ref(),
                                .edge_ptr = edge_ptr,
                                .source = source,
                                .w = w2.ref(),
                                .bias = bias2.ref(),
                                .aggregate = aggregate,
                                .y = y.ref(),
                                .winner = winner.ref()});
    auto const dy = run.tensor("grad_out.y");
    auto const dt = run.zeros({nodes, hidden}), ds = run.zeros({nodes, hidden});
    auto const dx = run.zeros(shape), dw0 = run.zeros(weight0.shape());
    auto const dw2 = run.zeros(weight2.shape()), dbias0 = run.zeros({hidden});
    auto const dbias2 = run.zeros(run.golden.shape("param.nn.2.bias"));
    edge_conv_backward(run.ctx, {.target = t.ref(),
                                 .neighbour = s.ref(),
                                 .row_ptr = row_ptr.ref(),
                                 .edge_ptr = edge_ptr,
                                 .source = source,
                                 .w = w2.ref(),
                                 .aggregate = aggregate,
                                 .winner = winner.ref(),
                                 .dy = dy.ref(),
                                 .dtarget = dt.ref(),
                                 .dneighbour = ds.ref(),
                                 .dw = dw2.ref(),
                                 .dbias = dbias2.ref()});
    for (std::int64_t const which : {0, 1})
        linear_backward(run.ctx, {.x = x.ref(),
                                  .w = half(w0, which),
                                  .dy = which == 0 ? dt.ref() : ds.ref(),
                                  .groups = {},
                                  .dx = dx.ref(),
                                  .dw = half(dw0, which),
                                  .db = which == 0 ? dbias0.ref() : TensorRef{}});
    run.golden.compare("out.y", y.fetch());
    run.golden.compare("grad.in.x", dx.fetch());
    run.golden.compare("grad.param.nn.0.weight", weight0.stored(dw0.fetch()));
    run.golden.compare("grad.param.nn.0.bias", dbias0.fetch());
    run.golden.compare("grad.param.nn.2.weight", weight2.stored(dw2.fetch()));
    run.golden.compare("grad.param.nn.2.bias", dbias2.fetch());
}
}  // namespace

void golden_edge_conv(GoldenRun const& run)
{
    std::int64_t const nodes = run.golden.shape("in.x")[0];
    Csr const csr = csr_of(run, nodes);
    OnDevice<std::int32_t> const edge_ptr(run.ctx, csr.edge_ptr, {nodes + 1});
    OnDevice<std::int32_t> const source(run.ctx, csr.source,
                                        {static_cast<std::int64_t>(csr.source.size())});
    run_edge_conv(run, edge_ptr.ref(), source.ref());
}

/// kNN on x itself, the node first, then EdgeConv.
void golden_dynamic_edge_conv(GoldenRun const& run)
{
    std::int64_t const nodes = run.golden.shape("in.x")[0];
    auto const k = run.attr("k").get<std::int64_t>();
    auto const x = run.tensor("in.x");
    auto const row_ptr = int_tensor(run, "in.row_ptr");
    auto const neighbours = int_zeros(run, {nodes, k});
    auto const edge_ptr = int_zeros(run, {nodes + 1});
    auto const source = int_zeros(run, {nodes * k});
    knn(run.ctx, {.x = x.ref(),
                  .row_ptr = row_ptr.ref(),
                  .self = KnnSelf::first,
                  .neighbours = neighbours.ref()});
    csr_from_neighbours(run.ctx, {.row_ptr = row_ptr.ref(),
                                  .neighbours = neighbours.ref(),
                                  .edge_ptr = edge_ptr.ref(),
                                  .source = source.ref()});
    run_edge_conv(run, edge_ptr.ref(), source.ref());
}
}  // namespace calofuse::test
