#include "models/layers/linear.hpp"

#include <algorithm>

namespace calofuse::layers {
Linear::Linear(Parameters& parameters,
               std::string const& name,
               std::int64_t in,
               std::int64_t out_,
               Init init,
               Bias has_bias_)
    : kernel(parameters.add({name + ".kernel", {in, out_}, init})), has_bias(has_bias_), out(out_)
{
    if (has_bias == Bias::none) return;
    bias = parameters.add({name + ".bias", {out}, init_of_bias(init), in});
}

Linear::Linear(Parameters& parameters,
               std::vector<std::string> const& names,
               LinearGroups const& groups_,
               std::int64_t out_,
               Init init)
    : has_bias(Bias::added), groups(groups_), out(out_)
{
    std::vector<ParameterSpec> kernels, biases;
    for (std::size_t s = 0; s < names.size(); ++s) {
        auto const first =
            std::find(groups.set.begin(), groups.set.end(), static_cast<std::int32_t>(s));
        std::int64_t const in =
            groups.width.at(static_cast<std::size_t>(first - groups.set.begin()));
        kernels.push_back({names[s] + ".kernel", {in, out}, init});
        biases.push_back({names[s] + ".bias", {out}, init_of_bias(init), in});
    }
    kernel = parameters.add(std::move(kernels));
    bias = parameters.add(std::move(biases));
}

Var Linear::operator()(Tape& tape, Var x, TensorRef row_ptr) const
{
    Var const b = has_bias == Bias::added ? tape.var(bias) : Var{};
    return linear(tape, x, tape.var(kernel), b, out, groups, row_ptr);
}

Var linear(Tape& tape,
           Var x,
           Var kernel,
           Var bias,
           std::int64_t out,
           LinearGroups const& groups,
           TensorRef row_ptr)
{
    std::int64_t const rows = x.value.shape[0];
    std::int64_t const columns = std::max(groups.count, 1) * out;
    Var const y =
        row_ptr.empty() ? tape.make({rows, columns}) : tape.make_ragged(row_ptr, rows, columns);
    record(tape, "linear", linear_forward,
           {.x = x.value,
            .w = kernel.value,
            .b = bias.value,
            .groups = groups,
            .row_ptr = row_ptr,
            .y = y.value},
           linear_backward,
           {.x = x.value,
            .w = kernel.value,
            .dy = y.grad,
            .groups = groups,
            .row_ptr = row_ptr,
            .dx = x.grad,
            .dw = kernel.grad,
            .db = bias.grad});
    return y;
}
}  // namespace calofuse::layers
