/// \file tests/support/same_bits.hpp
/// Results must not depend on the number of threads, nor on when they were computed.
#pragma once

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/backend_test.hpp"

namespace calofuse::test {
/// Bitwise: NaN equals the same NaN, and 0 differs from -0.
template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b)
{
    return a.size() == b.size()
           && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// run(ctx) returns what an operator computed: the same bits when run twice on one context and, on
/// the CPU, on 1, 2 and 3 threads.
template <class F>
void expect_same_for_any_threads(F run)
{
    Context one = make_context(1);
    auto const want = run(one);
    EXPECT_TRUE(same_bits(want, run(one))) << "second run";
    if (on_cuda()) return;
    for (int const threads : {2, 3}) {
        Context ctx = make_context(threads);
        EXPECT_TRUE(same_bits(want, run(ctx))) << threads << " threads";
    }
}
}  // namespace calofuse::test
