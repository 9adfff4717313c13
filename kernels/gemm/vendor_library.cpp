#include "kernels/gemm/vendor_library.hpp"

#include <cstdlib>
#include <string_view>

#include "runtime/error.hpp"

extern "C" int cudaEmulatorReportCount() __attribute__((weak));  // tests/emulator

namespace calofuse::cuda {
VendorLibrary::VendorLibrary(std::initializer_list<char const*> names)
{
    if (cudaEmulatorReportCount != nullptr) {
        refuse("the PTX emulator runs own kernels only");
        return;
    }
    for (char const* name : names)
        if (file_ == nullptr) file_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (file_ == nullptr) refuse(std::string(*names.begin()) + " was not found");
}

bool vendor_library_wanted(char const* choice,
                           char const* library,
                           bool (*usable)(std::string* reason))
{
    char const* const wanted = std::getenv(choice);
    if (wanted == nullptr || std::string_view(wanted) == "own") return false;
    if (std::string_view(wanted) != library)
        throw Error(Exit::config, "CF-CFG-23", std::string(choice) + " is " + quoted(wanted),
                    std::string("own or ") + library);
    std::string reason;
    if (!usable(&reason))
        throw Error(Exit::unavailable, "CF-DEV-05",
                    std::string(choice) + "=" + library + ", but " + reason,
                    std::string("leave ") + choice + " out: the program has kernels of its own");
    return true;
}
}  // namespace calofuse::cuda
