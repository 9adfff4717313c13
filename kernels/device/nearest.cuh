/// \file kernels/device/nearest.cuh
/// Sorted lists of the nearest candidates of one target, one list a lane. Candidates are offered in
/// index order and go before the first entry that is farther, so ties keep the smaller index in front
/// (kernels/math/knn_distance.hpp). Distances that are NaN or infinite never enter.
#pragma once

#include <cstdint>

#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
/// In registers: every slot is gone through, so kSlots is small.
template <int kSlots>
class RegisterNearest {
  public:
    static constexpr std::int64_t bytes(int) { return 0; }

    __device__ RegisterNearest(void*, int, int, int)
    {
#pragma unroll
        for (int s = 0; s < kSlots; ++s) {
            distance_[s] = __int_as_float(0x7f800000);
            index_[s] = -1;
        }
    }
    __device__ void offer(float distance, std::int32_t index)
    {
        if (!(distance < distance_[kSlots - 1])) return;
        float carried = distance;
#pragma unroll
        for (int s = 0; s < kSlots; ++s) {
            float const old = distance_[s];
            std::int32_t const old_index = index_[s];
            bool const from_here = distance < old;
            distance_[s] = from_here ? carried : old;
            index_[s] = from_here ? index : old_index;
            carried = from_here ? old : carried;
            index = from_here ? old_index : index;
        }
    }
    /// f(slot, distance, index or -1) of the first `count` slots.
    template <class F>
    __device__ void for_slots(int count, F&& f) const
    {
#pragma unroll
        for (int s = 0; s < kSlots; ++s)
            if (s < count) f(s, distance_[s], index_[s]);
    }

  private:
    float distance_[kSlots];
    std::int32_t index_[kSlots];
};

/// In shared memory, slot by slot: lane t of `lanes` has word t of each slot, so that the lanes of a
/// warp never meet in a bank.
class SharedNearest {
  public:
    static constexpr std::int64_t bytes(int slots) { return 8 * std::int64_t{slots}; }  ///< a lane

    __device__ SharedNearest(void* memory, int lanes, int slots, int lane)
        : distance_(static_cast<float*>(memory) + lane)
        , index_(static_cast<std::int32_t*>(memory) + slots * lanes + lane)
        , stride_(lanes)
        , last_((slots - 1) * lanes)
    {
        for (int s = 0; s <= last_; s += stride_) {
            distance_[s] = __int_as_float(0x7f800000);
            index_[s] = -1;
        }
    }
    __device__ void offer(float distance, std::int32_t index)
    {
        if (!(distance < distance_[last_])) return;
        int s = last_;
        for (; s > 0 && distance < distance_[s - stride_]; s -= stride_) {
            distance_[s] = distance_[s - stride_];
            index_[s] = index_[s - stride_];
        }
        distance_[s] = distance;
        index_[s] = index;
    }
    template <class F>
    __device__ void for_slots(int count, F&& f) const
    {
        for (int s = 0; s < count; ++s)
            f(s, distance_[s * stride_], index_[s * stride_]);
    }

  private:
    float* distance_;
    std::int32_t* index_;
    int stride_, last_;
};
}  // namespace calofuse::cuda
