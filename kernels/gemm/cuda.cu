// Tiles of 64 x 64, 128 threads, 32 sums a thread. Bound by the multiply-adds (2 m n k flop) where n and
// k exceed about 64; below that by reading A and writing C once for every 64 columns.
#include "kernels/gemm/gemm.cuh"
#include "kernels/gemm/gemm.hpp"

namespace calofuse::cuda {
namespace {
/// Partial sums: (parts, size), in which product i begins at begin[i].
struct Parts {
    float* data = nullptr;
    std::int64_t size = 0;
    std::array<std::int64_t, kMaxProducts> begin = {};
};

__device__ std::int64_t existing(std::int32_t const* count, std::int64_t capacity)
{
    return count == nullptr ? capacity : std::int64_t{*count};
}

template <Order kA, Order kB>
__global__ void __launch_bounds__(kGemmThreads)
    gemm_kernel(__grid_constant__ GemmArgs const args, __grid_constant__ Parts const parts)
{
    __shared__ __align__(16) GemmShared shared;
    Product const& p = args.product[blockIdx.z % args.count];
    std::int64_t const part = blockIdx.z / args.count;
    std::int64_t const m = existing(args.rows, p.m), k = existing(args.depth, p.k);
    std::int64_t const first_row = std::int64_t{blockIdx.x} * kGemmRows;
    std::int64_t const first_column = std::int64_t{blockIdx.y} * kTileColumns;
    std::int64_t const begin = part * args.part;
    if (first_row >= m || first_column >= p.n || (part > 0 && begin >= k)) return;
    std::int64_t const end = args.part > 0 ? min(begin + args.part, k) : k;
    FmaTile tile;
    multiply_block(MatrixFactor<kA == Order::rows>{p.a, args.a_stride, m, end},
                   MatrixFactor<kB == Order::columns>{p.b, args.b_stride, p.n, end}, first_row,
                   first_column, begin, end, shared, tile);
    bool const split = parts.data != nullptr;
    float* const c =
        split ? parts.data + part * parts.size + parts.begin[blockIdx.z % args.count] : p.c;
    std::int64_t const stride = split ? p.n : args.c_stride;
    bool const add = !split && args.write == GemmWrite::add;
#pragma unroll
    for (int r = 0; r < kThreadRows; ++r) {
        std::int64_t const i = first_row + FmaTile::first_row() + r;
        if (i >= m) return;
#pragma unroll
        for (int j = 0; j < kThreadColumns; ++j) {
            std::int64_t const column = first_column + FmaTile::first_column() + j;
            if (column >= p.n) continue;
            float& out = c[i * stride + column];
            float const before = add ? out : (p.bias == nullptr ? 0.0F : p.bias[column]);
            out = before + tile.sum[r][j];
        }
    }
}

constexpr int kAddThreads = 256;

/// c += its products in order, and of each the parts in order.
__global__ void __launch_bounds__(kAddThreads)
    add_parts_kernel(__grid_constant__ GemmArgs const args, __grid_constant__ Parts const parts)
{
    Product const& p = args.product[blockIdx.y];
    for (int i = 0; i < static_cast<int>(blockIdx.y); ++i)
        if (args.product[i].c == p.c) return;
    std::int64_t const at = std::int64_t{blockIdx.x} * kAddThreads + threadIdx.x;
    if (at >= p.m * p.n) return;
    std::int64_t const count = (existing(args.depth, p.k) + args.part - 1) / args.part;
    double sum = 0;
    for (int i = static_cast<int>(blockIdx.y); i < args.count; ++i) {
        if (args.product[i].c != p.c) continue;
        float const* const part = parts.data + parts.begin[i] + at;
        for (std::int64_t j = 0; j < count; ++j)
            sum += double{part[j * parts.size]};
    }
    p.c[at] += static_cast<float>(sum);
}

template <class F>
void dispatch_order(Order order, F&& f)
{
    order == Order::rows ? f.template operator()<Order::rows>()
                         : f.template operator()<Order::columns>();
}
}  // namespace

void gemm_own(Context& ctx, GemmArgs const& args)
{
    std::int64_t m = 0, n = 0, k = 0, largest = 0;
    Parts parts;
    for (int i = 0; i < args.count; ++i) {
        Product const& p = args.product[static_cast<std::size_t>(i)];
        m = std::max(m, p.m);
        n = std::max(n, p.n);
        k = std::max(k, p.k);
        largest = std::max(largest, p.m * p.n);
        parts.begin[static_cast<std::size_t>(i)] = parts.size;
        parts.size += p.m * p.n;
    }
    std::int64_t const num_parts = args.part > 0 ? (k + args.part - 1) / args.part : 1;
    auto const partial = ctx.scratch<float>(args.part > 0 ? num_parts * parts.size : 0);
    parts.data = args.part > 0 ? partial.data() : nullptr;
    dim3 const grid(blocks_for(m, kGemmRows), blocks_for(n, kTileColumns),
                    static_cast<unsigned>(num_parts * args.count));
    dispatch_order(args.a_order, [&]<Order kA> {
        dispatch_order(args.b_order, [&]<Order kB> {
            launch(ctx, {"gemm", grid, kGemmThreads}, gemm_kernel<kA, kB>, args, parts);
        });
    });
    if (args.part > 0)
        launch(ctx,
               {"gemm_add_parts",
                dim3(blocks_for(largest, kAddThreads), static_cast<unsigned>(args.count)),
                kAddThreads},
               add_parts_kernel, args, parts);
}
}  // namespace calofuse::cuda
