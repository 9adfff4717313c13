/// \file tests/emulator/src/convert.hpp
/// Conversions: their forms and their rounding (ops_convert.cpp, ops_convert_small.cpp).
#pragma once

#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {

enum Rounding : u8 { kDefault, kNearest, kTowardZero, kDown, kUp };  // of the result

template <class A>
A round_to_integer(A a, u8 r)
{
    switch (r) {
        case kNearest:
            return std::nearbyint(a);
        case kTowardZero:
            return std::trunc(a);
        case kDown:
            return std::floor(a);
        case kUp:
            return std::ceil(a);
        default:
            return a;
    }
}

template <class D>
D clamp_integer(f64 r)
{  // out of range: nearest bound; NaN: 0
    if (r != r) return 0;
    constexpr f64 lo = f64(std::numeric_limits<D>::min()), hi = f64(std::numeric_limits<D>::max());
    return r <= lo ? std::numeric_limits<D>::min() : r >= hi ? std::numeric_limits<D>::max() : D(r);
}

/// One form of cvt: types and modifiers.
struct Conversion {
    string to, from;
    u8 rounding = kDefault;
    bool ties_away = false;  // .rna
    bool integral = false;   // .rni and friends: to an integral value
    bool sat = false, ftz = false, relu = false, finite = false;
};

/// Decodes the conversions from and to tf32, 8-bit and 16-bit types. False: there is no such type.
bool decode_small_conversion(Op& o, Conversion const& c);

}  // namespace calofuse::emulator
