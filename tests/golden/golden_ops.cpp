#include "tests/golden/golden_ops.hpp"

#include <numeric>

namespace calofuse::test {
std::int64_t num_elements(std::vector<std::int64_t> const& shape)
{
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

OnDevice<float> GoldenRun::tensor(std::string const& key) const
{
    return tensor(key, golden.shape(key));
}
OnDevice<float> GoldenRun::tensor(std::string const& key, std::vector<std::int64_t> shape) const
{
    return {ctx, golden.floats(key), std::move(shape)};
}
OnDevice<float> GoldenRun::zeros(std::vector<std::int64_t> shape) const
{
    auto const count = static_cast<std::size_t>(num_elements(shape));
    return {ctx, std::vector<float>(count), std::move(shape)};
}

std::vector<std::int64_t> permuted_shape(std::vector<std::int64_t> const& shape,
                                         std::vector<std::size_t> const& order)
{
    std::vector<std::int64_t> out;
    for (std::size_t const axis : order)
        out.push_back(shape.at(axis));
    return out;
}

std::vector<float> permuted(std::vector<float> const& values,
                            std::vector<std::int64_t> const& shape,
                            std::vector<std::size_t> const& order)
{
    std::vector<std::size_t> stride(shape.size(), 1);
    for (std::size_t d = shape.size(); d-- > 1;)
        stride[d - 1] = stride[d] * static_cast<std::size_t>(shape[d]);
    auto const out_shape = permuted_shape(shape, order);
    std::vector<float> out(values.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
        std::size_t rest = i;
        std::size_t from = 0;
        for (std::size_t d = order.size(); d-- > 0;) {
            auto const extent = static_cast<std::size_t>(out_shape[d]);
            from += rest % extent * stride[order[d]];
            rest /= extent;
        }
        out[i] = values[from];
    }
    return out;
}

Reordered::Reordered(GoldenRun const& run, std::string key, std::vector<std::size_t> order)
    : run_(run), key_(std::move(key)), order_(std::move(order))
{
    auto const shape = run.golden.shape(key_);
    if (order_.empty()) {
        order_.resize(shape.size());
        std::iota(order_.begin(), order_.end(), std::size_t{0});
    }
    shape_ = permuted_shape(shape, order_);
}

OnDevice<float> Reordered::load() const
{
    return {run_.ctx, permuted(run_.golden.floats(key_), run_.golden.shape(key_), order_), shape_};
}

std::vector<float> Reordered::stored(std::vector<float> const& values) const
{
    std::vector<std::size_t> back(order_.size());
    for (std::size_t d = 0; d < order_.size(); ++d)
        back[order_[d]] = d;
    return permuted(values, shape_, back);
}

OnDevice<std::int32_t> int_tensor(GoldenRun const& run, std::string const& key)
{
    return {run.ctx, run.golden.ints(key), run.golden.shape(key)};
}

Csr csr_of(GoldenRun const& run, std::int64_t nodes)
{
    auto const index = run.golden.ints("in.edge_index");
    std::size_t const edges = index.size() / 2;
    Csr out{{0}, {}, {}};
    for (std::int64_t i = 0; i < nodes; ++i) {
        for (std::size_t e = 0; e < edges; ++e) {
            if (index[edges + e] != i) continue;
            out.source.push_back(index[e]);
            out.edge.push_back(e);
        }
        out.edge_ptr.push_back(static_cast<std::int32_t>(out.source.size()));
    }
    return out;
}
}  // namespace calofuse::test
