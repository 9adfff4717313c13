/// \file tests/golden/golden_test.cpp
/// Runs every golden file of a directory (CALOFUSE_GOLDEN_DIR, default tests/golden/data) through our
/// operators, one test a file. Files of ops without an operator are skipped by name.
#include <algorithm>
#include <cctype>

#include "tests/golden/golden_ops.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
struct GoldenOp {
    char const* op;
    void (*run)(GoldenRun const&);
};
constexpr GoldenOp kOps[] = {{"activation", golden_activation},
                             {"avg_pool2d", golden_pool2d},
                             {"batch_norm", golden_batch_norm},
                             {"binary_metrics", golden_binary_metrics},
                             {"conv2d", golden_conv2d},
                             {"dense", golden_dense},
                             {"depthwise_conv2d", golden_depthwise_conv2d},
                             {"garnet", golden_garnet},
                             {"dynamic_edge_conv", golden_dynamic_edge_conv},
                             {"edge_conv", golden_edge_conv},
                             {"gat_conv", golden_gat_conv},
                             {"gat_conv_dense", golden_dense_gat_conv},
                             {"gatv2_conv", golden_gatv2_conv},
                             {"layer_norm", golden_layer_norm},
                             {"segment_softmax", golden_segment_softmax},
                             {"gcn_conv", golden_gcn_conv},
                             {"gcn_conv_dense", golden_graph_conv},
                             {"gcs_conv_dense", golden_graph_conv},
                             {"global_avg_pool2d", golden_global_pool2d},
                             {"global_max_pool2d", golden_global_pool2d},
                             {"gravnet_conv", golden_gravnet_conv},
                             {"knn_graph", golden_knn_graph},
                             {"loss", golden_loss},
                             {"max_pool2d", golden_pool2d},
                             {"optimizer", golden_optimizer},
                             {"readout", golden_readout},
                             {"simple_gcn", golden_graph_conv}};

class GoldenFile : public testing::TestWithParam<std::filesystem::path> {};

std::string test_name(testing::TestParamInfo<std::filesystem::path> const& file)
{
    std::string name = file.param.stem().string();
    std::replace_if(
        name.begin(), name.end(),
        [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
    return name;
}
}  // namespace

TEST_P(GoldenFile, agrees)
{
    GoldenCase golden(GetParam());
    if (golden.op() == "gat_classifier")
        GTEST_SKIP() << golden.name() << ": whole model, see tests/models/gat_golden_test.cpp";
    if (golden.op() == "hybrid")
        GTEST_SKIP() << golden.name()
                     << ": whole model, see tests/models/focalh/hybrid_golden_test.cpp";
    if (golden.op() == "quark_gluon_cnn")
        GTEST_SKIP() << golden.name()
                     << ": whole model, see tests/models/quark_gluon_golden_test.cpp";
    auto const* const found = std::find_if(std::begin(kOps), std::end(kOps),
                                           [&](GoldenOp const& o) { return golden.op() == o.op; });
    if (found == std::end(kOps))
        GTEST_SKIP() << golden.name() << ": no operator for op " << golden.op();
    Context ctx = make_context(1);  // the cases are tiny
    found->run({ctx, golden});
    if (IsSkipped()) return;
    for (std::string const& key : golden.not_compared())
        ADD_FAILURE() << golden.name() << ": " << key << " was not compared";
    RecordProperty("worst_fraction_of_tolerance", std::to_string(golden.worst_fraction()));
}

INSTANTIATE_TEST_SUITE_P(Golden, GoldenFile, testing::ValuesIn(golden_files()), test_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GoldenFile);

TEST(GoldenDirectory, has_files)
{
    EXPECT_FALSE(golden_files().empty()) << golden_directory() << " has no .safetensors file";
}
}  // namespace calofuse::test
