/// \file runtime/device/capture.hpp
/// A fixed sequence of work that runs again and again: on a GPU a CUDA graph, recorded once and
/// replayed with one launch; on the CPU a plain call. What it reads and writes must stay where it is.
#pragma once

#include <functional>

#include "runtime/context.hpp"

struct CUgraphExec_st;  // cudaGraphExec_t, without the CUDA headers

namespace calofuse {
class Capture {
  public:
    /// On a GPU `work` is called here, but runs only in `replay`. It must have run once before, and
    /// must not synchronise. If so, neither this nor `replay` asks for memory.
    Capture(Context& ctx, std::function<void()> work);
    Capture(Capture const&) = delete;
    Capture& operator=(Capture const&) = delete;
    ~Capture();

    /// Not while an operator is under way: it and the work share scratch.
    void replay();

  private:
    Context* ctx_;
    std::function<void()> work_;
    CUgraphExec_st* graph_ = nullptr;
};
}  // namespace calofuse
