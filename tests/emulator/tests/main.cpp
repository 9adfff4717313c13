// main of the emulator's test programs: linked with the CUDA runtime and without a device they say "not run".
#include <cstdio>

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

int main(int argc, char** argv)
{
    constexpr int kNotRun = 77;  // ctest's SKIP_RETURN_CODE
    testing::InitGoogleTest(&argc, argv);
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::printf("not run: no CUDA device\n");
        return kNotRun;
    }
    return RUN_ALL_TESTS();
}
