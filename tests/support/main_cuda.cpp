// main of the programs that run their cases on CUDA: on a device, or on the emulator, which also fails
// every test in which it found a race, a bad access or a misused barrier.
#include <cstdio>
#include <cstdlib>

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include "tests/emulator/cuda_emulator.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
Backend backend()
{
    return Backend::cuda;
}
bool small_cases()
{
    return cuda_emulator::active() || std::getenv("CALOFUSE_TEST_TINY") != nullptr;
}

namespace {
class NoFindings : public testing::EmptyTestEventListener {
    void OnTestStart(testing::TestInfo const&) override { cuda_emulator::clear_reports(); }
    void OnTestEnd(testing::TestInfo const&) override
    {
        cudaDeviceSynchronize();
        EXPECT_EQ(cuda_emulator::report_count(), 0) << cuda_emulator::report_text();
    }
};
}  // namespace
}  // namespace calofuse::test

int main(int argc, char** argv)
{
    constexpr int kNotRun = 77;  // ctest's SKIP_RETURN_CODE
    testing::InitGoogleTest(&argc, argv);
    std::string reason;
    if (!calofuse::is_available(calofuse::Backend::cuda, &reason)) {
        std::printf("not run: %s\n", reason.c_str());
        return kNotRun;
    }
    testing::UnitTest::GetInstance()->listeners().Append(new calofuse::test::NoFindings);
    return RUN_ALL_TESTS();
}
