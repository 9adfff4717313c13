/// \file kernels/optim/update/update.cuh
/// What optimisers do on a GPU: the same small formula for every parameter of one flat vector.
#pragma once

#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
inline constexpr int kUpdateThreads = 256;
inline constexpr int kUpdatesPerThread = 4;

/// rule.factors(), what all parameters have in common, is worked out once a block, because it takes
/// powers in double and reads the step and the rate from device memory; then rule(factors, i).
template <class Rule>
__global__ void __launch_bounds__(kUpdateThreads) update_kernel(std::int64_t count, Rule rule)
{
    using Factors = typename Rule::Factors;
    __shared__ Factors of_block;
    if (threadIdx.x == 0) of_block = rule.factors();
    __syncthreads();
    Factors const factors = of_block;
    std::int64_t i = std::int64_t{blockIdx.x} * (kUpdateThreads * kUpdatesPerThread) + threadIdx.x;
    for (int k = 0; k < kUpdatesPerThread && i < count; ++k, i += kUpdateThreads)
        rule(factors, i);
}

template <class Rule>
void update_all(Context& ctx, char const* name, std::int64_t count, Rule const& rule)
{
    launch(ctx, {name, blocks_for(count, kUpdateThreads * kUpdatesPerThread), kUpdateThreads},
           update_kernel<Rule>, count, rule);
}

template <class T>
__device__ T read_scalar(TensorRef const& t)
{
    return *static_cast<T const*>(t.data);
}
}  // namespace calofuse::cuda
