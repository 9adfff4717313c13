/// \file tests/emulator/src/tensor_map.hpp
/// Our own contents of the 128 bytes of a CUtensorMap (on a device they are opaque).
#pragma once

#include "tests/emulator/src/base.hpp"

namespace calofuse::emulator {

struct TensorMap {
    static constexpr u32 kMagic = 0x544d4150;
    u32 magic;
    u8 element_bytes, rank, swizzle,
        fill_nan;  // swizzle: 0 none, 1 32 B, 2 64 B, 3 128 B (as in the driver API)
    u8 data_type, pad[3];
    u16 box[5], element_stride[5];
    u32 size[5];
    u64 address;
    u64 stride[4];  // bytes, dimensions 1..4
};
static_assert(sizeof(TensorMap) <= 128);

}  // namespace calofuse::emulator
