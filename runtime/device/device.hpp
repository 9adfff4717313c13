/// \file runtime/device/device.hpp
/// Which GPUs this program can use, and if none, why. Never throws: a machine without a driver is
/// an ordinary machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace calofuse {
struct DeviceInfo {
    std::string name;
    int major = 0, minor = 0;  ///< compute capability
    int multiprocessors = 0;
    std::int64_t memory_bytes = 0;
};

struct DeviceList {
    /// In the order of their numbers, up to the first that this program was not built for.
    std::vector<DeviceInfo> devices;
    std::string reason;  ///< why there is none, in one line; empty if there is one
};

DeviceList cuda_devices();

/// Code of the Error of a device that has no memory left.
inline constexpr char kOutOfDeviceMemory[] = "CF-DEV-03";

/// Of the device that this thread uses; 0 without one.
std::int64_t free_device_memory();

/// What cudaGetDeviceCount's error means to a user; versions as the CUDA runtime writes them (13000).
std::string no_device_reason(int cuda_error, int driver_version, int runtime_version);
}  // namespace calofuse
