// CUB's radix sort is stable: 12 bytes an event, read and written eight times.
#include <cub/device/device_radix_sort.cuh>

#include "kernels/data/shuffle/math.hpp"
#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
void shuffle(Context& ctx, ShuffleArgs const& args)
{
    auto const events = args.events.flat<std::int32_t const>();
    auto const order = args.order.flat<std::int32_t>();
    std::int64_t const n = events.size();
    if (n == 0) return;
    auto const keys = ctx.scratch<std::uint64_t>(2 * n);
    std::uint64_t* const key = keys.data();
    std::uint64_t const seed = args.seed;
    std::uint32_t const epoch = args.epoch;
    for_each(ctx, "shuffle_keys", n,
             [=] __device__(std::int64_t i) { key[i] = shuffle_key(seed, epoch, events[i]); });
    auto const sort = [&](void* memory, std::size_t& bytes) {
        note_launch("cub::DeviceRadixSort");
        CALOFUSE_CUDA_CHECK(
            cub::DeviceRadixSort::SortPairs(memory, bytes, key, key + n, events.data, order.data,
                                            static_cast<int>(n), 0, 64, ctx.stream()));
    };
    std::size_t bytes = 0;
    sort(nullptr, bytes);
    auto const memory = ctx.scratch<std::byte>(static_cast<std::int64_t>(bytes));
    sort(memory.data(), bytes);
}
}  // namespace calofuse::cuda
