// Weight gradient of the second convolution: 9 C multiply-adds a cell and channel, bound by fp32
// arithmetic. A block takes the three taps of a kernel row, so it reads z2 three times (12 C bytes a
// cell); dz2 and the first layer are recomputed.
#include "kernels/focalh/module_cnn/tile.cuh"

namespace calofuse::cuda {
namespace {
/// The multiply-add part of the weight gradient: 4 input x 4 output channels of three taps of a row.
struct TapRowTile {
    float sum[3][4][4];

    __device__ void clear()
    {
        for (auto& tap : sum)
            for (auto& row : tap)
                for (float& s : row)
                    s = 0;
    }
    /// For each cell of a row: sum[tap] += a1 under the tap times dz2. a1 (kSide + 2, 64) has a border,
    /// dz2 (kSide, 64); both in shared memory, at this thread's channels.
    template <int kSide>
    __device__ void multiply(float const* a1, float const* dz2)
    {
        float4 left = at(a1, 0), middle = at(a1, 1);
#pragma unroll
        for (int col = 0; col < kSide; ++col) {
            float4 const right = at(a1, col + 2), dz = at(dz2, col);
            add(sum[0], left, dz);
            add(sum[1], middle, dz);
            add(sum[2], right, dz);
            left = middle;
            middle = right;
        }
    }

    /// to (3, C', C') at (row, column), rows below C'
    __device__ void store(float* to, int row, int column, int padded) const
    {
#pragma unroll
        for (int tap = 0; tap < 3; ++tap)
#pragma unroll
            for (int i = 0; i < 4; ++i)
                if (row + i < padded)
                    *reinterpret_cast<float4*>(to + (std::int64_t{tap} * padded + row + i) * padded
                                               + column) =
                        make_float4(sum[tap][i][0], sum[tap][i][1], sum[tap][i][2], sum[tap][i][3]);
    }

  private:
    static __device__ float4 at(float const* p, int col)
    {
        return *reinterpret_cast<float4 const*>(p + col * kTileColumns);
    }
    static __device__ void add(float (&to)[4][4], float4 a, float4 dz)
    {
        float const factor[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            to[i][0] = fmaf(factor[i], dz.x, to[i][0]);
            to[i][1] = fmaf(factor[i], dz.y, to[i][1]);
            to[i][2] = fmaf(factor[i], dz.z, to[i][2]);
            to[i][3] = fmaf(factor[i], dz.w, to[i][3]);
        }
    }
};

struct WeightShared {
    float image[Geometry<7>::kPositions];
    alignas(16) float a1[7 * 9 * kTileColumns];  ///< (row, column with border, input channel)
    alignas(16) float dz2[Geometry<7>::kCells * kTileColumns];
};

/// Part (module, slice of events) of dw2: taps of one row (blockIdx.y), 64 x 64 channels (blockIdx.z).
template <int kSide>
__device__ void weight_gradient_of_slice(CnnPlan const& plan,
                                         View<float const, 2> x,
                                         CnnBackward const& args,
                                         int module,
                                         WeightShared& shared,
                                         float* dw2)
{
    using At = Geometry<kSide>;
    constexpr int kLanes = kConvThreads / kTileColumns;
    int const blocks = (plan.padded + kTileColumns - 1) / kTileColumns;
    int const first_in = static_cast<int>(blockIdx.z) / blocks * kTileColumns;
    int const first_out = static_cast<int>(blockIdx.z) % blocks * kTileColumns;
    int const down = static_cast<int>(blockIdx.y) - 1;
    int const column = threadIdx.x % kTileColumns, lane = threadIdx.x / kTileColumns;
    std::int64_t const set = plan.set_of(module);
    int const in = min(first_in + column, plan.padded - 1),
              out = min(first_out + column, plan.padded - 1);
    FirstLayer const layer(args.w1 + set * kColumnRows * plan.padded, plan.padded, in);
    SecondLayerGradient const gradient(args.factors + set * 4 * plan.padded, plan.padded, out);
    std::int64_t const slice = blockIdx.x - plan.slices.begin(module),
                       slices = plan.slices.of(module);
    for (int i = threadIdx.x; i < kSide * At::kWidth * kTileColumns; i += kConvThreads)
        shared.a1[i] = 0.0F;
    TapRowTile tile;
    tile.clear();
    int const a1_at = static_cast<int>(threadIdx.x) / 16 * 4,
              dz2_at = static_cast<int>(threadIdx.x) % 16 * 4;
    std::int64_t const end = plan.batch * (slice + 1) / slices;
    for (std::int64_t event = plan.batch * slice / slices; event < end; ++event) {
        __syncthreads();
        load_image<kSide>(EventTile{module, 1, event}, x, 1, shared.image);
        std::int64_t const q = pooled_at(plan, module, event) + out;
        for (int cell = lane; cell < At::kCells; cell += kLanes)
            shared.dz2[cell * kTileColumns + column] =
                gradient.value<kSide>(args.z2 + cells_at(plan, module, event) + out, args.g + q,
                                      args.choice + q, cell, plan.padded);
        __syncthreads();
        for (int cell = lane; cell < At::kCells; cell += kLanes) {
            float const u = layer.value<kSide>(shared.image + At::position(cell));
            shared.a1[(cell / kSide * At::kWidth + cell % kSide + 1) * kTileColumns + column] =
                fmaxf(u, u * plan.slope);
        }
        __syncthreads();
#pragma unroll 1
        for (int row = max(0, -down); row < min(kSide, kSide - down); ++row)
            tile.multiply<kSide>(shared.a1 + (row + down) * At::kWidth * kTileColumns + a1_at,
                                 shared.dz2 + row * kSide * kTileColumns + dz2_at);
    }
    int const row = first_in + a1_at, left = first_out + dz2_at;
    float* const part =
        dw2 + (std::int64_t{blockIdx.x} * 3 + blockIdx.y) * 3 * plan.padded * plan.padded;
    if (left < plan.padded) tile.store(part, row, left, plan.padded);
}

/// dw2 (slices, 9, C', C')
__global__ void __launch_bounds__(kConvThreads, 2)
    weight_gradient_kernel(CnnPlan plan, View<float const, 2> x, CnnBackward args, float* dw2)
{
    __shared__ WeightShared shared;
    int const module = plan.slices.module_of(blockIdx.x);
    if (module == kCentreModule)
        weight_gradient_of_slice<7>(plan, x, args, module, shared, dw2);
    else
        weight_gradient_of_slice<5>(plan, x, args, module, shared, dw2);
}

/// d.w2 += the slices' parts, in order.
struct AddWeightGradient {
    CnnPlan plan;
    float const* part;
    float* dw2;  ///< (S, 9, C, C)

    __device__ void operator()(std::int64_t i) const
    {
        std::int64_t const column = i % plan.channels, row = i / plan.channels;
        std::int64_t const in = row % plan.channels, set_tap = row / plan.channels;
        std::int64_t const tap = set_tap % kConvTaps;
        std::int64_t const size = std::int64_t{kConvTaps} * plan.padded * plan.padded;
        float const* const first = part + (tap * plan.padded + in) * plan.padded + column;
        double sum = 0;
        for (int m = 0; m < kNumModules; ++m)
            if (plan.set_of(m) == set_tap / kConvTaps)
                for (std::int64_t s = 0; s < plan.slices.of(m); ++s)
                    sum += double{first[(plan.slices.begin(m) + s) * size]};
        dw2[i] += static_cast<float>(sum);
    }
};
}  // namespace

void add_weight_gradient(Context& ctx,
                         CnnPlan const& plan,
                         ModuleCnnGradArgs const& args,
                         CnnBackward const& work)
{
    unsigned const columns = blocks_for(plan.padded, kTileColumns);
    auto const part =
        ctx.scratch<float>(plan.slices.count() * kConvTaps * plan.padded * plan.padded);
    launch(ctx,
           {"module_cnn_weight_gradient",
            dim3(static_cast<unsigned>(plan.slices.count()), 3, columns * columns), kConvThreads},
           weight_gradient_kernel, plan, args.x.view<float const, 2>(), work, part.data());
    auto const dw2 = args.d.w2.flat<float>();
    for_each(ctx, "module_cnn_add_weight_gradient", dw2.size(),
             AddWeightGradient{plan, part.data(), dw2.data});
}
}  // namespace calofuse::cuda
