#include "runtime/device/device.hpp"

#include <fmt/format.h>

#include "runtime/config.hpp"

#if CALOFUSE_HAS_CUDA
#    include <cuda_runtime_api.h>
#endif

namespace calofuse {
namespace {
std::string version_text(int version)
{
    return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}
}  // namespace

std::string no_device_reason(int cuda_error, int driver_version, int runtime_version)
{
    switch (cuda_error) {
        case 34:  // cudaErrorStubLibrary
            return "the library path has the CUDA driver's stub in place of the driver";
        case 35:  // cudaErrorInsufficientDriver
            if (driver_version == 0) return "no NVIDIA driver was found";
            return fmt::format("the driver supports CUDA {}, this program needs CUDA {}",
                               version_text(driver_version), version_text(runtime_version));
        case 0:
        case 38:   // cudaErrorNoDevice of old drivers
        case 100:  // cudaErrorNoDevice
            return "the driver finds no NVIDIA GPU";
        default:
            return fmt::format("the CUDA driver fails with error {}", cuda_error);
    }
}

std::int64_t free_device_memory()
{
#if CALOFUSE_HAS_CUDA
    std::size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) == cudaSuccess) return static_cast<std::int64_t>(free);
    cudaGetLastError();
#endif
    return 0;
}

DeviceList cuda_devices()
{
    DeviceList out;
#if CALOFUSE_HAS_CUDA
    int count = 0, driver = 0, runtime = 0;  // a failing call may leave its output untouched
    cudaError_t const code = cudaGetDeviceCount(&count);
    for (int device = 0; code == cudaSuccess && device < count; ++device) {
        cudaDeviceProp p{};
        if (cudaGetDeviceProperties(&p, device) != cudaSuccess)
            break;  // numbers stay those of CUDA
        if (10 * p.major + p.minor < CALOFUSE_OLDEST_SM) {
            if (out.devices.empty())
                out.reason = fmt::format(
                    "GPU {}, {}, has compute capability {}.{}, this program was "
                    "built for {}.{} and newer",
                    device, p.name, p.major, p.minor, CALOFUSE_OLDEST_SM / 10,
                    CALOFUSE_OLDEST_SM % 10);
            break;
        }
        out.devices.push_back({p.name, p.major, p.minor, p.multiProcessorCount,
                               static_cast<std::int64_t>(p.totalGlobalMem)});
    }
    cudaGetLastError();  // a failed query must not show up in a later call
    if (!out.devices.empty() || !out.reason.empty()) return out;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    cudaGetLastError();
    out.reason = no_device_reason(static_cast<int>(code), driver, runtime);
#else
    out.reason = "built without CUDA";
#endif
    return out;
}
}  // namespace calofuse
