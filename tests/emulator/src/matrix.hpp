/// \file tests/emulator/src/matrix.hpp
/// Element types of mma (ops_matrix.cpp) and wgmma (ops_wgmma.cpp).
#pragma once

#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {

enum Element : u8 { kBf16, kF16, kTf32 };

inline f32 tf32_value(u32 v)
{
    return std::bit_cast<f32>(v & 0xffffe000u);
}

void decode_wgmma(Op& o);

}  // namespace calofuse::emulator
