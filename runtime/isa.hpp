/// \file runtime/isa.hpp
/// Which vector instructions the CPU kernels use. Sources named `*_simd.cpp` are compiled once per
/// entry, each in its own namespace, and picked at run time.
#pragma once

#include <cstdint>

namespace calofuse {
enum class Isa : std::uint8_t { avx2, avx512 };
constexpr char const* name_of(Isa isa)
{
    return isa == Isa::avx2 ? "avx2" : "avx512";
}

/// The widest one that this processor has; CALOFUSE_ISA=avx2 (or avx512) in the environment
/// overrides it. Read once.
Isa cpu_isa();

/// While one lives, cpu_isa() answers `isa`, so that one process can compare both. Tests and benches
/// only; throws where the processor lacks it.
class ForcedIsa {
  public:
    explicit ForcedIsa(Isa isa);
    ~ForcedIsa();
    ForcedIsa(ForcedIsa const&) = delete;
    ForcedIsa& operator=(ForcedIsa const&) = delete;

  private:
    int previous_;
};
bool cpu_has(Isa isa);
}  // namespace calofuse
