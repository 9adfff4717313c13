/// \file tests/emulator/tests/common.hpp
/// Helpers of the test programs.
#pragma once

#include <string>
#include <vector>

#include <cuda_runtime.h>

#include <gtest/gtest.h>

#include "tests/emulator/cuda_emulator.hpp"

#define CALOFUSE_CUDA_OK(call) ASSERT_EQ(cudaSuccess, (call))

namespace calofuse::emulator::test {

/// Device array that frees itself.
template <class T>
struct Device {
    T* p = nullptr;
    size_t n;
    explicit Device(size_t count) : n(count)
    {
        EXPECT_EQ(cudaSuccess, cudaMalloc(reinterpret_cast<void**>(&p), n * sizeof(T)));
    }
    explicit Device(std::vector<T> const& v) : Device(v.size())
    {
        EXPECT_EQ(cudaSuccess, cudaMemcpy(p, v.data(), n * sizeof(T), cudaMemcpyHostToDevice));
    }
    ~Device() { cudaFree(p); }
    Device(Device const&) = delete;
    Device& operator=(Device const&) = delete;
    std::vector<T> get() const
    {
        std::vector<T> v(n);
        EXPECT_EQ(cudaSuccess, cudaMemcpy(v.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost));
        return v;
    }
};

/// Every test must end without findings of the emulator.
struct Quiet : testing::Test {
    void SetUp() override { cuda_emulator::clear_reports(); }
    void TearDown() override
    {
        cudaDeviceSynchronize();
        EXPECT_EQ(cuda_emulator::report_count(), 0) << cuda_emulator::report_text();
    }
};

}  // namespace calofuse::emulator::test
