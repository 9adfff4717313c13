/// \file kernels/math/ordered_sum.hpp
/// Sums in double whose order does not depend on the number of threads.
#pragma once

#include "runtime/parallel.hpp"

namespace calofuse::cpu {
/// f(0) + .. + f(count - 1): chunks of 1024 terms, then the chunks in order.
template <class F>
double ordered_sum(Context& ctx, std::int64_t count, F&& f)
{
    constexpr std::int64_t kChunk = 1024;
    auto const partial = ctx.scratch<double>((count + kChunk - 1) / kChunk);
    parallel_chunks(ctx, count, kChunk,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t chunk) {
                        double sum = 0;
                        for (std::int64_t i = begin; i < end; ++i)
                            sum += f(i);
                        partial.data()[chunk] = sum;
                    });
    double sum = 0;
    for (std::int64_t chunk = 0; chunk < partial.size(); ++chunk)
        sum += partial.data()[chunk];
    return sum;
}
}  // namespace calofuse::cpu
