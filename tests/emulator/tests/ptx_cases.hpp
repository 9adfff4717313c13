/// \file tests/emulator/tests/ptx_cases.hpp
/// Snippets of PTX against host arithmetic, on random and on special operands.
#pragma once

#include <bit>
#include <cfenv>
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "tests/emulator/tests/ptx_run.hpp"

namespace calofuse::emulator::test {

using Host = std::function<u64(u64, u64, u64)>;

struct Case {
    char const *ptx, *result;
    Host host;
};

inline f32 as_f32(u64 v)
{
    return std::bit_cast<f32>(u32(v));
}

inline f64 as_f64(u64 v)
{
    return std::bit_cast<f64>(v);
}

inline u64 bits(f32 v)
{
    return std::bit_cast<u32>(v);
}

inline u64 bits(f64 v)
{
    return std::bit_cast<u64>(v);
}

enum class Kind { integer, f32, f64, half };

/// 32 operands, reproducible; `which` of the instruction (1, 2, 3), `round` of the test.
Words operands(Kind kind, int which, int round);

/// Runs every case six times on 32 random lanes (some operands special: limits, denormals, NaN) and compares with its host
/// function. Operand a is of `kind`, b and c too unless `other2`, then they are of `kind2`. ulp: allowed difference of f32.
void check(Kind kind,
           std::vector<Case> const& cases,
           f64 ulp = 0,
           Kind kind2 = Kind::integer,
           bool other2 = false);

}  // namespace calofuse::emulator::test
