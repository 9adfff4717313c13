/// \file tests/emulator/tests/defects.hpp
/// A seeded defect is reported under every schedule, its correct twin is not.
#pragma once

#include <functional>

#include "tests/emulator/tests/common.hpp"

namespace calofuse::emulator::test {

/// Runs `f(true)` (with the defect) and `f(false)` under all schedules.
inline void expect_caught(char const* message,
                          std::function<void(bool)> const& f,
                          std::vector<char const*> schedules = {"forward", "reverse", "random"})
{
    for (char const* schedule : schedules)
        for (char const* async : {"late", "early"}) {
            cuda_emulator::set_option("schedule", schedule);
            cuda_emulator::set_option("async", async);
            cuda_emulator::clear_reports();
            f(false);
            ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
            ASSERT_EQ(cuda_emulator::report_count(), 0)
                << schedule << "/" << async
                << ": the correct version is reported: " << cuda_emulator::report_text();
            testing::internal::CaptureStderr();
            f(true);
            cudaDeviceSynchronize();
            testing::internal::GetCapturedStderr();
            EXPECT_NE(std::string(cuda_emulator::report_text()).find(message), std::string::npos)
                << schedule << "/" << async << ": reports are: " << cuda_emulator::report_text();
            cudaDeviceReset();
            cuda_emulator::clear_reports();
        }
    cuda_emulator::set_option("schedule", "forward");
    cuda_emulator::set_option("async", "late");
}

inline int* zeros(size_t n)
{
    int* p;
    EXPECT_EQ(cudaSuccess, cudaMalloc(&p, n * 4));
    EXPECT_EQ(cudaSuccess, cudaMemset(p, 0, n * 4));
    return p;
}

static __global__ void copy_kernel(int const* in, int* out)
{
    out[threadIdx.x] = in[threadIdx.x];
}

}  // namespace calofuse::emulator::test
