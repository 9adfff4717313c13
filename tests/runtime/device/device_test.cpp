#include "runtime/device/device.hpp"

#include "runtime/context.hpp"
#include "runtime/error.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
TEST(Device, every_way_of_having_none_has_its_words)
{
    EXPECT_EQ(no_device_reason(35, 0, 13000), "no NVIDIA driver was found");
    EXPECT_EQ(no_device_reason(35, 12020, 13000),
              "the driver supports CUDA 12.2, this program needs CUDA 13.0");
    EXPECT_NE(no_device_reason(34, 0, 13000).find("stub"), std::string::npos);
    for (int const code : {0, 38, 100})
        EXPECT_EQ(no_device_reason(code, 13000, 13000), "the driver finds no NVIDIA GPU");
    EXPECT_NE(no_device_reason(999, 13000, 13000).find("999"), std::string::npos);
}

TEST(Device, list_and_reason_exclude_each_other)
{
    DeviceList const found = cuda_devices();
    EXPECT_EQ(found.devices.empty(), !found.reason.empty());
    EXPECT_EQ(is_available(Backend::cuda), !found.devices.empty());
    for (DeviceInfo const& device : found.devices) {
        EXPECT_FALSE(device.name.empty());
        EXPECT_GE(device.major, 7);
        EXPECT_GT(device.memory_bytes, 1 << 28);
        EXPECT_GT(device.multiprocessors, 0);
    }
    EXPECT_EQ(on_cuda(), on_cuda() && free_device_memory() > 0);
}

TEST(Device, numbers_out_of_range_are_refused_with_exit_69)
{
    auto const count = static_cast<int>(cuda_devices().devices.size());
    for (int const number : {-1, count, 7000}) {
        try {
            Context::cuda(number);
            FAIL() << "GPU " << number;
        } catch (Error const& e) {
            EXPECT_EQ(e.exit(), Exit::unavailable);
            EXPECT_EQ(e.code(), "CF-DEV-01");
        }
    }
}
}  // namespace calofuse::test
