#include "kernels/dense/linear.hpp"
#include "kernels/graph/gravnet.hpp"
#include "kernels/graph/knn.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
/// A dense layer of the file, y = x w + b, and its gradients.
class GoldenLinear {
  public:
    GoldenLinear(GoldenRun const& run, std::string name, TensorRef x)
        : run_(run)
        , name_(std::move(name))
        , bias_(run.golden.has("param." + name_ + ".bias"))
        , x_(x)
        , w_file_(run, "param." + name_ + ".weight", {1, 0})
        , w_(w_file_.load())
        , b_(bias_ ? run.tensor("param." + name_ + ".bias") : run.zeros({outputs()}))
        , y_(run.zeros({x.shape[0], outputs()}))
        , dy_(run.zeros({x.shape[0], outputs()}))
    {
        linear_forward(run_.ctx,
                       {.x = x_, .w = w_.ref(), .b = optional(b_), .groups = {}, .y = y_.ref()});
    }
    std::int64_t outputs() const { return w_file_.shape()[1]; }
    OnDevice<float> const& y() const { return y_; }
    OnDevice<float> const& dy() const { return dy_; }  ///< to be added to

    /// Adds to dx and compares the parameters' gradients.
    void backward(TensorRef dy, TensorRef dx) const
    {
        auto const dw = run_.zeros(w_file_.shape()), db = run_.zeros({outputs()});
        linear_backward(run_.ctx, {.x = x_,
                                   .w = w_.ref(),
                                   .dy = dy,
                                   .groups = {},
                                   .dx = dx,
                                   .dw = dw.ref(),
                                   .db = optional(db)});
        run_.golden.compare("grad.param." + name_ + ".weight", w_file_.stored(dw.fetch()));
        if (bias_) run_.golden.compare("grad.param." + name_ + ".bias", db.fetch());
    }

  private:
    TensorRef optional(OnDevice<float> const& b) const { return bias_ ? b.ref() : TensorRef{}; }

    GoldenRun run_;
    std::string name_;
    bool bias_;
    TensorRef x_;
    Reordered w_file_;
    OnDevice<float> w_, b_, y_, dy_;
};
}  // namespace

/// y = lin_out1(x) + lin_out2([mean, max] of lin_h(x) over the neighbours in lin_s(x))
void golden_gravnet_conv(GoldenRun const& run)
{
    auto const shape = run.golden.shape("in.x");
    auto const k = run.attr("k").get<std::int64_t>() - 1;  // theirs counts the node itself
    auto const x = run.tensor("in.x");
    GoldenLinear const s(run, "lin_s", x.ref()), h(run, "lin_h", x.ref());
    OnDevice<std::int32_t> const row_ptr(run.ctx, run.golden.ints("in.row_ptr"),
                                         run.golden.shape("in.row_ptr"));
    OnDevice<std::int32_t> const neighbour(
        run.ctx, std::vector<std::int32_t>(static_cast<std::size_t>(shape[0] * k)), {shape[0], k});
    knn(run.ctx, {.x = s.y().ref(), .row_ptr = row_ptr.ref(), .neighbours = neighbour.ref()});
    OnDevice<std::int32_t> const winner(
        run.ctx, std::vector<std::int32_t>(static_cast<std::size_t>(shape[0] * h.outputs())),
        {shape[0], h.outputs()});
    auto const gathered = run.zeros({shape[0], 2 * h.outputs()});
    gravnet_forward(run.ctx, {.s = s.y().ref(),
                              .h = h.y().ref(),
                              .row_ptr = row_ptr.ref(),
                              .neighbour = neighbour.ref(),
                              .variant = GravNetVariant::pyg,
                              .y = gathered.ref(),
                              .winner = winner.ref()});
    GoldenLinear const own(run, "lin_out1", x.ref()), others(run, "lin_out2", gathered.ref());
    auto y = own.y().fetch();
    auto const added = others.y().fetch();
    for (std::size_t e = 0; e < y.size(); ++e)
        y[e] += added[e];

    auto const dy = run.tensor("grad_out.y");
    auto const dx = run.zeros(shape);
    auto const dgathered = run.zeros({shape[0], 2 * h.outputs()});
    others.backward(dy.ref(), dgathered.ref());
    gravnet_backward(run.ctx, {.s = s.y().ref(),
                               .h = h.y().ref(),
                               .row_ptr = row_ptr.ref(),
                               .neighbour = neighbour.ref(),
                               .variant = GravNetVariant::pyg,
                               .winner = winner.ref(),
                               .dy = dgathered.ref(),
                               .ds = s.dy().ref(),
                               .dh = h.dy().ref()});
    own.backward(dy.ref(), dx.ref());
    s.backward(s.dy().ref(), dx.ref());
    h.backward(h.dy().ref(), dx.ref());
    run.golden.compare("out.y", y);
    run.golden.compare("grad.in.x", dx.fetch());
}
}  // namespace calofuse::test
