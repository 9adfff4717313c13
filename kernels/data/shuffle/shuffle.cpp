#include "kernels/data/shuffle.hpp"

#include <limits>

#include "kernels/check.hpp"

namespace calofuse {
void shuffle(Context& ctx, ShuffleArgs const& args)
{
    std::int64_t const n = args.events.size();
    CALOFUSE_CHECK(n <= std::numeric_limits<std::int32_t>::max(), n << " events");
    check_tensor(args.events, DType::i32, {n}, "events");
    check_tensor(args.order, DType::i32, {n}, "order");
    on_backend(
        ctx, "shuffle", [&] { cpu::shuffle(ctx, args); }, [&] { cuda::shuffle(ctx, args); });
}
}  // namespace calofuse
