#include "runtime/isa.hpp"

#include <atomic>
#include <cstdlib>
#include <string_view>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
std::atomic<int> forced{-1};  ///< -1: nothing

Isa choose()
{
    bool const wide = cpu_has(Isa::avx512);
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

bool cpu_has(Isa isa)
{
    return isa == Isa::avx2
           || (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
               && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
}

Isa cpu_isa()
{
    static Isa const isa = choose();
    int const now = forced.load(std::memory_order_relaxed);
    return now < 0 ? isa : static_cast<Isa>(now);
}

ForcedIsa::ForcedIsa(Isa isa) : previous_(forced.load())
{
    CALOFUSE_CHECK(cpu_has(isa), "this processor has no " << name_of(isa));
    forced.store(static_cast<int>(isa));
}

ForcedIsa::~ForcedIsa()
{
    forced.store(previous_);
}
}  // namespace calofuse
