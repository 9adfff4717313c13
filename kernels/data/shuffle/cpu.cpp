#include <algorithm>

#include "kernels/data/shuffle/math.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
void shuffle(Context& ctx, ShuffleArgs const& args)
{
    struct Keyed {
        std::uint64_t key;
        std::int32_t place;
    };
    constexpr std::int64_t kChunk = 4096;
    auto const events = args.events.flat<std::int32_t const>();
    auto const order = args.order.flat<std::int32_t>();
    auto const scratch = ctx.scratch<Keyed>(events.size());
    Keyed* const keyed = scratch.data();
    parallel_chunks(ctx, events.size(), kChunk,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t i = begin; i < end; ++i)
                            keyed[i] = {shuffle_key(args.seed, args.epoch, events[i]),
                                        static_cast<std::int32_t>(i)};
                    });
    std::sort(keyed, keyed + events.size(), [](Keyed const& a, Keyed const& b) {
        return a.key != b.key ? a.key < b.key : a.place < b.place;
    });
    for (std::int64_t i = 0; i < events.size(); ++i)
        order[i] = events[keyed[i].place];
}
}  // namespace calofuse::cpu
