#include "driver/device.hpp"

#include <fmt/format.h>
#include <string_view>

#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace calofuse {
namespace {
constexpr std::string_view kCudaIndex = "cuda:";

Context cpu_context(Options const& settings)
{
    std::string const& precision = settings.get_string("general.precision");
    if (precision != "auto" && precision != "fp32")
        throw Error(Exit::config, "CF-CFG-22",
                    fmt::format("the CPU computes in fp32 only, not in {}", precision),
                    "leave --precision out, or use a GPU");
    return Context::cpu(static_cast<int>(settings.get_int("general.threads")));
}

/// Operators have CPU twins only, so a usable GPU does not help yet.
[[noreturn]] void refuse_cuda(std::string const& name)
{
    std::string reason;
    if (is_available(Backend::cuda, &reason)) throw_not_built("calofuse", "CUDA");
    throw Error(Exit::unavailable, "CF-DEV-01",
                fmt::format("--device {} is not usable: {}", name, reason),
                "use --device cpu or auto; calofuse doctor tells more");
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
    if (name.compare(0, 4, "cuda") == 0) refuse_cuda(name);
    std::string reason;
    if (name == "auto" && is_available(Backend::cuda, &reason))
        log::info("there is a GPU, but this build has no CUDA kernels: running on the CPU");
    else if (name == "auto")
        log::detail("running on the CPU: {}", reason);
    return cpu_context(settings);
}

std::string precision_of(Options const& settings, Context const& ctx)
{
    std::string const& precision = settings.get_string("general.precision");
    if (precision != "auto") return precision;
    return ctx.backend() == Backend::cpu ? "fp32" : "bf16";
}
}  // namespace calofuse
