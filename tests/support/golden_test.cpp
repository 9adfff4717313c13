#include "tests/support/golden.hpp"

#include <cmath>

#include <gtest/gtest-spi.h>

namespace calofuse::test {
namespace {
/// A case with one whole and one sampled expected tensor, written to a temporary file.
std::filesystem::path write_case()
{
    SafeTensors file;
    file.metadata = {
        {"format", "golden-1"},
        {"op", "toy"},
        {"dialect", "any"},
        {"attrs", R"({"width": 3})"},
        {"gen", R"({"param.w": {"shape": [3], "seed": 12345, "scale": 0.5, "offset": 0.0}})"},
        {"tolerance", R"({"out.y": 0.1, "grad.in.x": 0.1})"},
        {"tolerance_rms", R"({"out.y": 0.01})"}};
    std::vector<double> const y{1, 2};
    file.tensors["out.y"] = stored_tensor(std::span(y), {2});
    std::vector<double> projections(4);
    for (std::size_t i = 0; i < 4; ++i)
        for (unsigned p = 0; p < 4; ++p)
            projections[p] +=
                static_cast<double>(i + 1) * (((golden_hash(0, i) >> (63 - p)) & 1U) == 0 ? 1 : -1);
    std::vector<std::int32_t> const shape{2, 2}, index{1, 3};
    std::vector<double> const samples{2, 4};
    file.tensors["grad.in.x#shape"] = stored_tensor(std::span(shape), {2});
    file.tensors["grad.in.x#idx"] = stored_tensor(std::span(index), {2});
    file.tensors["grad.in.x#val"] = stored_tensor(std::span(samples), {2});
    file.tensors["grad.in.x#proj"] = stored_tensor(std::span<double const>(projections), {4});
    auto const path = std::filesystem::path(testing::TempDir()) / "toy_case.safetensors";
    write_safetensors(path.string(), file, Overwrite::yes);
    return path;
}
}  // namespace

TEST(Golden, hash_and_generated_values_are_those_of_the_format)
{
    EXPECT_EQ(golden_hash(0, 0), 0xe220a8397b1dcdafU);
    EXPECT_EQ(golden_hash(0, 1), 0x6e789e6aa1b965f4U);
    EXPECT_EQ(golden_hash(12345, 0), 0x22118258a9d111a0U);
    EXPECT_EQ(golden_values(12345, 0.5, 0.0, 3),
              (std::vector<float>{-0x1.77b9f8p-2F, -0x1.2e4490p-2F, -0x1.8596a4p-2F}));
}

TEST(Golden, reads_generated_whole_and_sampled_tensors)
{
    GoldenCase golden(write_case());
    EXPECT_EQ(golden.op(), "toy");
    EXPECT_EQ(golden.attrs().at("width"), 3);
    EXPECT_EQ(golden.names("param."), (std::vector<std::string>{"w"}));
    EXPECT_EQ(golden.floats("param.w"), golden_values(12345, 0.5, 0.0, 3));
    EXPECT_EQ(golden.shape("grad.in.x"), (std::vector<std::int64_t>{2, 2}));
    EXPECT_EQ(golden.not_compared().size(), 2U);
    golden.compare("out.y", std::vector<float>{1.05F, 2.0F});
    golden.compare("grad.in.x", std::vector<double>{1, 2, 3, 4});
    EXPECT_TRUE(golden.not_compared().empty());
    EXPECT_NEAR(golden.worst_fraction(), 0.5, 1e-6);
}

TEST(Golden, differences_fail)
{
    static GoldenCase golden(write_case());  // static: gtest's failure catcher runs a free function
    EXPECT_NONFATAL_FAILURE(golden.compare("out.y", std::vector<double>{1.2, 2}), "element 0");
    EXPECT_NONFATAL_FAILURE(golden.compare("out.y", std::vector<double>{1, std::nan("")}),
                            "element 1");
    EXPECT_FATAL_FAILURE(golden.compare("out.y", std::vector<double>{1}), "out.y");
    EXPECT_NONFATAL_FAILURE(golden.compare_rms("out.y", std::vector<double>{1.05, 2}), "rms");
    // Position 2 is not among the samples: only the projections can see it.
    testing::TestPartResultArray failures;
    {
        testing::ScopedFakeTestPartResultReporter collect(&failures);
        golden.compare("grad.in.x", std::vector<double>{1, 2, 9, 4});
    }
    ASSERT_EQ(failures.size(), 4);
    EXPECT_NE(std::string(failures.GetTestPartResult(0).message()).find("projection 0"),
              std::string::npos);
}
}  // namespace calofuse::test
