#include "kernels/graph/csr.hpp"
#include "kernels/graph/knn.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
OnDevice<std::int32_t> int_tensor(GoldenRun const& run, std::string const& key)
{
    return {run.ctx, run.golden.ints(key), run.golden.shape(key)};
}
OnDevice<std::int32_t> int_zeros(GoldenRun const& run, std::vector<std::int64_t> shape)
{
    auto const count = static_cast<std::size_t>(num_elements(shape));
    return {run.ctx, std::vector<std::int32_t>(count), std::move(shape)};
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
}  // namespace calofuse::test
