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
}  // namespace calofuse
