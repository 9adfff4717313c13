#include "models/layers/points.hpp"

#include "kernels/graph/csr.hpp"
#include "kernels/graph/knn.hpp"

namespace calofuse::layers {
TensorRef nearest(
    Tape& tape, TensorRef row_ptr, TensorRef position, std::int64_t k, bool itself_first)
{
    TensorRef const neighbours = tape.make_value(DType::i32, {position.shape[0], k});
    record(tape, "knn", knn,
           {.x = position,
            .row_ptr = row_ptr,
            .self = itself_first ? KnnSelf::first : KnnSelf::exclude,
            .neighbours = neighbours});
    return neighbours;
}

PointCloud with_edges(Tape& tape, PointCloud cloud, TensorRef neighbours)
{
    cloud.edge_ptr = tape.make_value(DType::i32, {cloud.points() + 1});
    cloud.source = tape.make_value(DType::i32, {neighbours.size()});
    cloud.edge_x = {};
    record(tape, "csr", csr_from_neighbours,
           {.row_ptr = cloud.row_ptr,
            .neighbours = neighbours,
            .edge_ptr = cloud.edge_ptr,
            .source = cloud.source});
    return cloud;
}
}  // namespace calofuse::layers
