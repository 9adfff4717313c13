#include <algorithm>

#include "kernels/dense/concat.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kRowsPerItem = 16;

/// part += columns from .. of dy
void add_part(Context& ctx, TensorRef const& dy, std::int64_t from, TensorRef const& part)
{
    auto const in = dy.view<float const, 2>();
    auto const out = part.view<float, 2>();
    parallel_chunks(ctx, out.shape[0], kRowsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t n = begin; n < end; ++n)
#pragma omp simd
                            for (std::int64_t c = 0; c < out.shape[1]; ++c)
                                out(n, c) += in(n, from + c);
                    });
}
}  // namespace

void concat_forward(Context& ctx, ConcatArgs const& args)
{
    auto const a = args.a.view<float const, 2>(), b = args.b.view<float const, 2>();
    auto const y = args.y.view<float, 2>();
    parallel_chunks(ctx, y.shape[0], kRowsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t n = begin; n < end; ++n) {
                            float* const row = y.data + n * y.shape[1];
                            std::copy_n(a.data + n * a.shape[1], a.shape[1], row);
                            std::copy_n(b.data + n * b.shape[1], b.shape[1], row + a.shape[1]);
                        }
                    });
}

void concat_backward(Context& ctx, ConcatGradArgs const& args)
{
    if (!args.da.empty()) add_part(ctx, args.dy, 0, args.da);
    if (!args.db.empty()) add_part(ctx, args.dy, args.dy.shape[1] - args.db.shape[1], args.db);
}
}  // namespace calofuse::cpu
