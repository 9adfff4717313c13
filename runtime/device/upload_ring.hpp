/// \file runtime/device/upload_ring.hpp
/// Data that follow a computation onto the GPU: `slots` pieces of device memory in a ring, each with
/// pinned host memory behind it, filled by a copy stream while the context's stream computes.
///   host: stage(s), write, upload(s)      compute: acquire(s), launch what reads slot s, release(s)
/// Needs a CUDA context: on the CPU data are used where they lie.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "runtime/context.hpp"

struct CUevent_st;

namespace calofuse {
class UploadRing {
  public:
    UploadRing(Context& ctx, int slots, std::size_t bytes_per_slot);
    UploadRing(UploadRing const&) = delete;
    UploadRing& operator=(UploadRing const&) = delete;
    ~UploadRing();

    /// A part of a slot's stage and its place in the device's memory, which is slots * bytes long: slot
    /// s has its own bytes from s * bytes on, or what the caller agrees with itself.
    struct Piece {
        std::size_t from = 0, to = 0, bytes = 0;
    };

    std::byte* device_data() const { return device_.data(); }
    /// Pinned memory of a slot, once its last upload has left it. Waits for that on the host.
    std::byte* stage(int slot);
    /// Copies pieces of the stage, once the slot's last reader has been released.
    void upload(int slot, std::span<Piece const> pieces);
    /// Copies the first `bytes` of the stage to slot * bytes per slot.
    void upload(int slot, std::size_t bytes);
    void acquire(int slot);  ///< what is launched next may read the slot
    void release(int slot);  ///< what was launched so far were the slot's last readers

  private:
    /// Give back what CUDA handed out, also where the constructor throws.
    struct Release {
        void operator()(std::byte* pinned) const noexcept;
        void operator()(CUevent_st* event) const noexcept;
        void operator()(CUstream_st* stream) const noexcept;
    };
    struct Slot {
        std::unique_ptr<std::byte, Release> pinned;
        std::unique_ptr<CUevent_st, Release> uploaded, released;
    };
    Context* ctx_;
    std::size_t bytes_;
    Block<std::byte> device_;
    std::unique_ptr<CUstream_st, Release> copies_;
    std::vector<Slot> slots_;
};
}  // namespace calofuse
