#include "kernels/dense/gather_rows.hpp"

namespace calofuse::cpu {
void gather_rows_forward(Context& /*ctx*/, GatherRowsArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    auto const index = args.index.view<std::int32_t const, 1>();
    auto const y = args.y.view<float, 2>();
    for (std::int64_t r = 0; r < y.shape[0]; ++r)
        for (std::int64_t c = 0; c < y.shape[1]; ++c)
            y(r, c) = x(index[r], c);
}

void gather_rows_backward(Context& /*ctx*/, GatherRowsGradArgs const& args)
{
    auto const dy = args.dy.view<float const, 2>();
    auto const index = args.index.view<std::int32_t const, 1>();
    auto const dx = args.dx.view<float, 2>();
    for (std::int64_t r = 0; r < dy.shape[0]; ++r)
        for (std::int64_t c = 0; c < dy.shape[1]; ++c)
            dx(index[r], c) += dy(r, c);
}
}  // namespace calofuse::cpu
