#include "driver/cli/version.hpp"

#include <fmt/format.h>
#include <hdf5.h>
#include <openssl/crypto.h>

#include "runtime/config.hpp"

namespace calofuse {
std::string program_version()
{
    return CALOFUSE_VERSION;
}

std::string git_hash()
{
    return CALOFUSE_GIT_HASH;
}

std::vector<std::pair<std::string, std::string>> library_versions()
{
    unsigned major = 0;
    unsigned minor = 0;
    unsigned release = 0;
    H5get_libversion(&major, &minor, &release);
    return {
        {"compiler", CALOFUSE_COMPILER},
        {"hdf5", fmt::format("{}.{}.{}", major, minor, release)},
        {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)},
        {"fmt",
         fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
    };
}

std::string version_text()
{
    std::string const hash = git_hash();
    std::string text = fmt::format("calofuse {}{}\n", program_version(),
                                   hash.empty() ? "" : fmt::format(" (git {})", hash));
    for (auto const& [name, version] : library_versions())
        text += fmt::format("  {:<9} {}\n", name, version);
    return text + fmt::format("  {:<9} {}\n", "cuda", kHasCuda ? "built" : "not built");
}
}  // namespace calofuse
