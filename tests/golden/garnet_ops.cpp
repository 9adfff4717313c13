#include "kernels/dense/activation.hpp"
#include "kernels/dense/linear.hpp"
#include "kernels/graph/garnet.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
/// The unmasked rows of a padded batch, one graph after the other.
struct Packing {
    std::vector<std::int32_t> row_ptr{0};
    std::vector<std::size_t> from;  ///< row of the padded batch
    std::size_t padded_rows = 0;

    explicit Packing(GoldenRun const& run)
    {
        auto const shape = run.golden.shape("in.mask");
        auto const mask = run.golden.floats("in.mask");
        padded_rows = mask.size();
        for (std::size_t row = 0; row < mask.size(); ++row) {
            if (mask[row] != 0) from.push_back(row);
            if ((row + 1) % static_cast<std::size_t>(shape[1]) == 0)
                row_ptr.push_back(static_cast<std::int32_t>(from.size()));
        }
    }
    std::int64_t rows() const { return static_cast<std::int64_t>(from.size()); }
    OnDevice<float> packed(GoldenRun const& run, std::string const& key) const
    {
        auto const values = run.golden.floats(key);
        std::size_t const width = values.size() / padded_rows;
        std::vector<float> out;
        for (std::size_t const row : from)
            out.insert(out.end(), values.begin() + static_cast<std::ptrdiff_t>(row * width),
                       values.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
        return {run.ctx, out, {rows(), static_cast<std::int64_t>(width)}};
    }
    /// Masked rows are 0.
    std::vector<float> padded(std::vector<float> const& values) const
    {
        std::size_t const width = values.size() / from.size();
        std::vector<float> out(padded_rows * width);
        for (std::size_t i = 0; i < from.size(); ++i)
            std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                        out.begin() + static_cast<std::ptrdiff_t>(from[i] * width));
        return out;
    }
};

GarNetOptions options_of(GoldenRun const& run)
{
    bool const padded = run.attr("mean_by") == "padded";
    return {.kernel = run.attr("kernel") == "exp(-|d|)" ? GarNetKernel::abs : GarNetKernel::square,
            .form = run.attr("simplified").get<bool>() ? GarNetForm::simplified : GarNetForm::full,
            .mean = padded ? GarNetMean::padded : GarNetMean::count,
            .padded_nodes = run.attr("vertices").get<std::int64_t>()};
}

std::vector<float> joined(std::initializer_list<std::vector<float>> parts)
{
    std::vector<float> out;
    for (auto const& part : parts)
        out.insert(out.end(), part.begin(), part.end());
    return out;
}

/// The output kernel in the order [x, aggregators, w], cut into those three (first and last are
/// empty in the simplified form), and their gradients.
struct OutputKernel {
    bool full;
    std::int64_t inputs, aggregators, width, outputs;
    OnDevice<float> x, sums, w, dx, dsums, dw;

    OutputKernel(GoldenRun const& run, std::int64_t num_aggregators, std::int64_t agg_width)
        : full(!run.attr("simplified").get<bool>())
        , inputs(full ? run.attr("in_channels").get<std::int64_t>() : 0)
        , aggregators(num_aggregators)
        , width(agg_width)
        , outputs(run.golden.shape("param.fout.kernel")[1])
        , x(part(run, 0, inputs))
        , sums(part(run, inputs, aggregators * width))
        , w(part(run, inputs + aggregators * width, full ? aggregators : 0))
        , dx(run.zeros({inputs, outputs}))
        , dsums(run.zeros({aggregators * width, outputs}))
        , dw(run.zeros({full ? aggregators : 0, outputs}))
    {}
    LinearGroups groups() const
    {
        LinearGroups out{.count = static_cast<int>(aggregators)};
        for (std::size_t a = 0; a < static_cast<std::size_t>(aggregators); ++a) {
            out.width[a] = static_cast<std::int32_t>(width);
            out.set[a] = static_cast<std::int32_t>(a);
        }
        return out;
    }
    std::vector<float> gradient() const { return joined({dx.fetch(), dsums.fetch(), dw.fetch()}); }

  private:
    OnDevice<float> part(GoldenRun const& run, std::int64_t first, std::int64_t rows) const
    {
        auto const all = run.golden.floats("param.fout.kernel");
        auto const begin = all.begin() + first * outputs;
        return {run.ctx, std::vector<float>(begin, begin + rows * outputs), {rows, outputs}};
    }
};

/// A dense layer of the file.
struct Dense {
    OnDevice<float> w, b, dw, db;

    Dense(GoldenRun const& run, std::string const& name)
        : w(run.tensor("param." + name + ".kernel"))
        , b(run.tensor("param." + name + ".bias"))
        , dw(run.zeros(run.golden.shape("param." + name + ".kernel")))
        , db(run.zeros(run.golden.shape("param." + name + ".bias")))
    {}
    void forward(GoldenRun const& run, TensorRef x, TensorRef y) const
    {
        linear_forward(run.ctx, {.x = x, .w = w.ref(), .b = b.ref(), .groups = {}, .y = y});
    }
    void backward(GoldenRun const& run, TensorRef x, TensorRef dy, TensorRef dx) const
    {
        linear_backward(run.ctx, {.x = x,
                                  .w = w.ref(),
                                  .dy = dy,
                                  .groups = {},
                                  .dx = dx,
                                  .dw = dw.ref(),
                                  .db = db.ref()});
    }
    void compare(GoldenRun const& run, std::string const& name) const
    {
        run.golden.compare("grad.param." + name + ".kernel", dw.fetch());
        run.golden.compare("grad.param." + name + ".bias", db.fetch());
    }
};

/// The layer as kernels/graph/garnet.hpp describes it.
class GarNetLayer {
  public:
    GarNetLayer(GoldenRun const& run, Packing const& packing)
        : run_(run)
        , options_(options_of(run))
        , full_(options_.form == GarNetForm::full)
        , tanh_(run.attr("output_activation") == "tanh")
        , graphs_(run.golden.shape("out.aggregated")[0])
        , kernel_(run, run.golden.shape("out.aggregated")[1], run.golden.shape("out.aggregated")[2])
        , features_(run.golden.shape("param.flr.bias")[0])
        , rows_(packing.rows())
        , to_f_(run, "flr")
        , to_d_(run, "s")
        , bias_(run.tensor("param.fout.bias"))
        , row_ptr_(run.ctx, packing.row_ptr, {graphs_ + 1})
        , winner_(run.ctx,
                  std::vector<std::int32_t>(static_cast<std::size_t>(num_elements(winner_shape()))),
                  winner_shape())
        , x_(packing.packed(run, "in.x"))
        , one_(run.ctx, std::vector<float>(static_cast<std::size_t>(rows_), 1.0F), {rows_, 1})
        , f_(run.zeros({rows_, features_}))
        , d_(run.zeros(w_shape()))
        , w_(run.zeros(w_shape()))
        , agg_(run.zeros(run.golden.shape("out.aggregated")))
        , z_(run.zeros(z_shape()))
        , y_(run.zeros({rows_, kernel_.outputs}))
    {}

    void forward() const
    {
        to_f_.forward(run_, x_.ref(), f_.ref());
        to_d_.forward(run_, x_.ref(), d_.ref());
        garnet_collect(run_.ctx, {.f = f_.ref(),
                                  .d = d_.ref(),
                                  .row_ptr = row_ptr_.ref(),
                                  .options = options_,
                                  .w = w_.ref(),
                                  .agg = agg_.ref(),
                                  .winner = optional(winner_.ref())});
        linear_forward(run_.ctx, {.x = by_graph(agg_, kernel_.width),
                                  .w = kernel_.sums.ref(),
                                  .b = optional(kernel_.w.ref()),
                                  .groups = kernel_.groups(),
                                  .y = by_graph(z_, kernel_.outputs)});
        linear_forward(run_.ctx, {.x = base_input(),
                                  .w = base_kernel(),
                                  .b = optional(bias_.ref()),
                                  .groups = {},
                                  .y = y_.ref()});
        garnet_spread(run_.ctx, {.w = w_.ref(),
                                 .z = z_.ref(),
                                 .row_ptr = row_ptr_.ref(),
                                 .base = y_.ref(),
                                 .y = y_.ref()});
        if (tanh_)
            activation_forward(run_.ctx, {.x = y_.ref(), .kind = Activation::tanh, .y = y_.ref()});
    }

    /// dL/dx from dL/dy; compares the gradients of the parameters.
    std::vector<float> backward(OnDevice<float> const& dy_above) const
    {
        auto const dx = run_.zeros({rows_, x_.ref().shape[1]});
        auto const dbias = run_.zeros({kernel_.outputs});
        auto const dw = run_.zeros(w_shape()), dz = run_.zeros(z_shape());
        auto const dy = before_activation(dy_above);
        garnet_spread_backward(run_.ctx, {.w = w_.ref(),
                                          .z = z_.ref(),
                                          .row_ptr = row_ptr_.ref(),
                                          .dy = dy.ref(),
                                          .dw = dw.ref(),
                                          .dz = dz.ref()});
        TensorRef const dbias_as_kernel = dbias.ref().reshaped({1, kernel_.outputs});
        linear_backward(run_.ctx, {.x = base_input(),
                                   .w = base_kernel(),
                                   .dy = dy.ref(),
                                   .groups = {},
                                   .dx = optional(dx.ref()),
                                   .dw = full_ ? kernel_.dx.ref() : dbias_as_kernel,
                                   .db = optional(dbias.ref())});
        collect_backward(dw, dz, dx);
        to_f_.compare(run_, "flr");
        to_d_.compare(run_, "s");
        run_.golden.compare("grad.param.fout.kernel", kernel_.gradient());
        run_.golden.compare("grad.param.fout.bias", dbias.fetch());
        return dx.fetch();
    }
    std::vector<float> y() const { return y_.fetch(); }
    std::vector<float> aggregated() const { return agg_.fetch(); }

  private:
    void collect_backward(OnDevice<float> const& dw,
                          OnDevice<float> const& dz,
                          OnDevice<float> const& dx) const
    {
        auto const dagg = run_.zeros(run_.golden.shape("out.aggregated"));
        auto const df = run_.zeros({rows_, features_}), dd = run_.zeros(w_shape());
        linear_backward(run_.ctx, {.x = by_graph(agg_, kernel_.width),
                                   .w = kernel_.sums.ref(),
                                   .dy = by_graph(dz, kernel_.outputs),
                                   .groups = kernel_.groups(),
                                   .dx = by_graph(dagg, kernel_.width),
                                   .dw = kernel_.dsums.ref(),
                                   .db = optional(kernel_.dw.ref())});
        garnet_collect_backward(run_.ctx, {.f = f_.ref(),
                                           .d = d_.ref(),
                                           .row_ptr = row_ptr_.ref(),
                                           .w = w_.ref(),
                                           .options = options_,
                                           .winner = optional(winner_.ref()),
                                           .dagg = dagg.ref(),
                                           .dw = dw.ref(),
                                           .df = df.ref(),
                                           .dd = dd.ref()});
        to_f_.backward(run_, x_.ref(), df.ref(), dx.ref());
        to_d_.backward(run_, x_.ref(), dd.ref(), dx.ref());
    }
    OnDevice<float> before_activation(OnDevice<float> const& dy) const
    {
        if (!tanh_) return {run_.ctx, dy.fetch(), {rows_, kernel_.outputs}};
        auto out = run_.zeros({rows_, kernel_.outputs});
        activation_backward(
            run_.ctx,
            {.saved = y_.ref(), .dy = dy.ref(), .kind = Activation::tanh, .dx = out.ref()});
        return out;
    }
    /// Only the full form has it.
    TensorRef optional(TensorRef t) const { return full_ ? t : TensorRef{}; }
    /// The simplified form has no x in the output kernel: y starts as 1 times the bias.
    TensorRef base_input() const { return full_ ? x_.ref() : one_.ref(); }
    TensorRef base_kernel() const
    {
        return full_ ? kernel_.x.ref() : bias_.ref().reshaped({1, kernel_.outputs});
    }
    TensorRef by_graph(OnDevice<float> const& t, std::int64_t columns) const
    {
        return t.ref().reshaped({graphs_, kernel_.aggregators * columns});
    }
    std::vector<std::int64_t> w_shape() const { return {rows_, kernel_.aggregators}; }
    std::vector<std::int64_t> z_shape() const
    {
        return {graphs_, kernel_.aggregators, kernel_.outputs};
    }
    std::vector<std::int64_t> winner_shape() const
    {
        return {graphs_, kernel_.aggregators, features_ + kernel_.aggregators};
    }

    GoldenRun run_;
    GarNetOptions options_;
    bool full_, tanh_;
    std::int64_t graphs_;
    OutputKernel kernel_;
    std::int64_t features_, rows_;
    Dense to_f_, to_d_;
    OnDevice<float> bias_;
    OnDevice<std::int32_t> row_ptr_, winner_;
    OnDevice<float> x_, one_, f_, d_, w_, agg_, z_, y_;
};
}  // namespace

void golden_garnet(GoldenRun const& run)
{
    Packing const packing(run);
    GarNetLayer const layer(run, packing);
    layer.forward();
    auto const dx = layer.backward(packing.packed(run, "grad_out.y"));
    run.golden.compare("out.aggregated", layer.aggregated());
    run.golden.compare("out.y", packing.padded(layer.y()));
    run.golden.compare("grad.in.x", packing.padded(dx));
}
}  // namespace calofuse::test
