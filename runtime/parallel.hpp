/// \file runtime/parallel.hpp
/// Loops over the threads of a CPU context. Work items are handed out dynamically, so a result may
/// depend on the item only, never on the thread: reductions write one partial per item and are
/// added up in item order. That is what makes results independent of the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/context.hpp"

namespace calofuse {
/// f(item) for item = 0 .. num_items - 1. `f` must not throw.
template <class F>
void parallel_for(Context const& ctx, std::int64_t num_items, F&& f)
{
    int const threads = static_cast<int>(std::min<std::int64_t>(ctx.threads(), num_items));
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (threads > 1)
    for (std::int64_t item = 0; item < num_items; ++item)
        f(item);
}

/// f(begin, end, chunk) over chunks of `chunk_size` consecutive elements.
template <class F>
void parallel_chunks(Context const& ctx, std::int64_t count, std::int64_t chunk_size, F&& f)
{
    std::int64_t const chunks = (count + chunk_size - 1) / chunk_size;
    parallel_for(ctx, chunks, [&](std::int64_t chunk) {
        std::int64_t const begin = chunk * chunk_size;
        f(begin, std::min(begin + chunk_size, count), chunk);
    });
}
}  // namespace calofuse
