/// \file tests/golden/golden_ops.hpp
/// How a golden case is fed to our operators. One function per op of the format: it runs forward and
/// backward and compares everything that the file expects. A variant that no operator covers yet is
/// skipped by GTEST_SKIP with a reason.
#pragma once

#include "tests/support/backend_test.hpp"
#include "tests/support/golden.hpp"

namespace calofuse::test {
struct GoldenRun {
    Context& ctx;
    GoldenCase& golden;

    bool is_torch() const { return golden.dialect() == "torch"; }
    nlohmann::json const& attr(char const* name) const { return golden.attrs().at(name); }

    OnDevice<float> tensor(std::string const& key) const;
    /// The same values under another shape.
    OnDevice<float> tensor(std::string const& key, std::vector<std::int64_t> shape) const;
    OnDevice<float> zeros(std::vector<std::int64_t> shape) const;
};

std::int64_t num_elements(std::vector<std::int64_t> const& shape);

/// Axis d of the result is axis order[d] of `values`.
std::vector<float> permuted(std::vector<float> const& values,
                            std::vector<std::int64_t> const& shape,
                            std::vector<std::size_t> const& order);
std::vector<std::int64_t> permuted_shape(std::vector<std::int64_t> const& shape,
                                         std::vector<std::size_t> const& order);

/// A tensor whose axes the file keeps in another order than our operators.
class Reordered {
  public:
    /// `order` empty: as stored.
    Reordered(GoldenRun const& run, std::string key, std::vector<std::size_t> order);
    std::vector<std::int64_t> const& shape() const { return shape_; }  ///< in our order
    OnDevice<float> load() const;
    /// Our values of `key`, which has the shape of this tensor, in the order of the file.
    std::vector<float> stored(std::vector<float> const& values) const;

  private:
    GoldenRun run_;
    std::string key_;
    std::vector<std::size_t> order_;
    std::vector<std::int64_t> shape_;
};

OnDevice<std::int32_t> int_tensor(GoldenRun const& run, std::string const& key);

/// The file's edges by target, in the file's order for each.
struct Csr {
    std::vector<std::int32_t> edge_ptr, source;
    std::vector<std::size_t> edge;  ///< which edge of the file
};
Csr csr_of(GoldenRun const& run, std::int64_t nodes);

void golden_activation(GoldenRun const& run);
void golden_dense(GoldenRun const& run);
void golden_batch_norm(GoldenRun const& run);
void golden_conv2d(GoldenRun const& run);
void golden_depthwise_conv2d(GoldenRun const& run);
void golden_pool2d(GoldenRun const& run);
void golden_global_pool2d(GoldenRun const& run);
void golden_graph_conv(GoldenRun const& run);  ///< gcs_conv_dense, gcn_conv_dense, simple_gcn
void golden_dense_gat_conv(GoldenRun const& run);
void golden_gat_conv(GoldenRun const& run);
void golden_gatv2_conv(GoldenRun const& run);
void golden_segment_softmax(GoldenRun const& run);
void golden_layer_norm(GoldenRun const& run);
void golden_readout(GoldenRun const& run);
void golden_garnet(GoldenRun const& run);
void golden_gravnet_conv(GoldenRun const& run);
void golden_gcn_conv(GoldenRun const& run);
void golden_edge_conv(GoldenRun const& run);
void golden_dynamic_edge_conv(GoldenRun const& run);
void golden_knn_graph(GoldenRun const& run);
void golden_loss(GoldenRun const& run);
void golden_binary_metrics(GoldenRun const& run);
void golden_optimizer(GoldenRun const& run);
}  // namespace calofuse::test
