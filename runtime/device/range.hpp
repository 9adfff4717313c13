/// \file runtime/device/range.hpp
/// Names a stretch of host time in the timeline of Nsight Systems (NVTX). Costs nanoseconds where no
/// profiler listens; nothing in builds without CUDA.
#pragma once

#include "runtime/config.hpp"

#if CALOFUSE_HAS_CUDA
#    include <nvtx3/nvToolsExt.h>
#endif

namespace calofuse {
class Range {
  public:
#if CALOFUSE_HAS_CUDA
    explicit Range(char const* name)
    {
        nvtxRangePushA(name);
    }
    ~Range()
    {
        nvtxRangePop();
    }
#else
    explicit Range(char const*) {}
#endif
    Range(Range const&) = delete;
    Range& operator=(Range const&) = delete;
};
}  // namespace calofuse
