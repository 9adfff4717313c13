#include "runtime/isa.hpp"

#include <cstdlib>
#include <string_view>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
Isa choose()
{
    bool const wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                      && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    char const* const wish = std::getenv("CALOFUSE_ISA");
    if (wish == nullptr) return wide ? Isa::avx512 : Isa::avx2;
    std::string_view const name = wish;
    if (name == "avx2") return Isa::avx2;
    if (name == "avx512" && wide) return Isa::avx512;
    throw Error(Exit::config, "CF-CFG-20",
                "CALOFUSE_ISA=" + quoted(wish) + " is not available on this processor",
                "unset it, or use avx2");
}
}  // namespace

Isa cpu_isa()
{
    static Isa const isa = choose();
    return isa;
}
}  // namespace calofuse
