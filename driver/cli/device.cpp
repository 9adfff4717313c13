#include "driver/cli/device.hpp"

#include <fmt/format.h>
#include <string_view>

#include "runtime/device/device.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace calofuse {
namespace {
constexpr std::string_view kCudaIndex = "cuda:";

int device_number(std::string const& name)
{
    return name.size() > kCudaIndex.size() ? std::stoi(name.substr(kCudaIndex.size())) : 0;
}
}  // namespace

bool is_device_name(std::string const& name)
{
    if (name == "auto" || name == "cpu" || name == "cuda") return true;
    if (name.compare(0, kCudaIndex.size(), kCudaIndex) != 0) return false;
    std::string const digits = name.substr(kCudaIndex.size());
    return !digits.empty() && digits.size() <= 3
           && digits.find_first_not_of("0123456789") == std::string::npos;
}

Context make_context(Options const& settings)
{
    std::string const& name = settings.get_string("general.device");
    if (!is_device_name(name))
        throw Error(Exit::config, "CF-CFG-21", "general.device is " + quoted(name),
                    "auto, cpu, cuda or cuda:N");
    std::string const& precision = settings.get_string("general.precision");
    if (precision != "auto" && precision != "fp32")
        throw Error(Exit::config, "CF-CFG-22",
                    fmt::format("this build computes in fp32 only, not in {}", precision),
                    "leave --precision out");
    if (name.compare(0, 4, "cuda") == 0) return Context::cuda(device_number(name));
    std::string reason;
    if (name == "auto" && is_available(Backend::cuda, &reason)) {
        try {
            Context ctx = Context::cuda();
            log::info("running on the GPU: {}", cuda_devices().devices.front().name);
            return ctx;
        } catch (Error const& e) {  // in use by others, say
            reason = e.what();
        }
    }
    if (name == "auto") log::info("running on the CPU: {}", reason);
    return Context::cpu(static_cast<int>(settings.get_int("general.threads")));
}

DataOn data_on(Options const& settings, Context const& ctx, Dataset const& data)
{
    std::string const& wanted = settings.get_string("general.data_on");
    if (wanted != "auto") return wanted == "device" ? DataOn::device : DataOn::host;
    if (ctx.backend() == Backend::cpu) return DataOn::device;
    std::int64_t bytes = 0;
    for (auto const& [name, column] : data.columns)
        bytes += std::ssize(column.bytes);
    return bytes <= free_device_memory() / 2 ? DataOn::device : DataOn::host;
}

std::string precision_of(Options const& settings, Context const&)
{
    std::string const& precision = settings.get_string("general.precision");
    return precision == "auto" ? "fp32" : precision;
}
}  // namespace calofuse
