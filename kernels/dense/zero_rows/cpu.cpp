#include <cstring>

#include "kernels/dense/zero_rows.hpp"
#include "kernels/ragged.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
void zero_rows(Context& ctx, ZeroRowsArgs const& args)
{
    constexpr std::int64_t kRowsPerItem = 4096;
    auto const x = args.x.view<float, 2>();
    std::int64_t const width = x.shape[1];
    parallel_chunks(ctx, ragged_rows(args.row_ptr, x.shape[0]), kRowsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        std::memset(
                            x.data + begin * width, 0,
                            static_cast<std::size_t>((end - begin) * width) * sizeof(float));
                    });
}
}  // namespace calofuse::cpu
