#include "kernels/graph/gcn/simd.hpp"

#include "kernels/vector/micro_kernel.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
/// V vectors of the sum stay in registers over all rows.
template <int V>
void gather_block(GcnRows const& rows, float const* in, std::int64_t channels, float* out)
{
    Vector sum[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
        sum[v] = load(out + v * kLanes);
    for (int t = 0; t < rows.count; ++t) {
        float const* const row = in + rows.row[t] * channels;
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v)
            sum[v] += rows.factor[t] * load(row + v * kLanes);
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
        store(out + v * kLanes, sum[v]);
}

void gather(GcnRows const& rows, float const* in, std::int64_t channels, float* out)
{
    std::int64_t c = 0;
    for (; c + 4 * kLanes <= channels; c += 4 * kLanes)
        gather_block<4>(rows, in + c, channels, out + c);
    for (; c + kLanes <= channels; c += kLanes)
        gather_block<1>(rows, in + c, channels, out + c);
    for (; c < channels; ++c)
        for (int t = 0; t < rows.count; ++t)
            out[c] += rows.factor[t] * in[rows.row[t] * channels + c];
}

void scatter(GcnRows const& rows, float const* in, std::int64_t channels, float* out)
{
    for (int t = 0; t < rows.count; ++t) {
        float* const row = out + rows.row[t] * channels;
        std::int64_t c = 0;
        for (; c + kLanes <= channels; c += kLanes)
            store(row + c, load(row + c) + rows.factor[t] * load(in + c));
        for (; c < channels; ++c)
            row[c] += rows.factor[t] * in[c];
    }
}

float dot(float const* a, float const* b, std::int64_t channels)
{
    Vector sums{};
    std::int64_t c = 0;
    for (; c + kLanes <= channels; c += kLanes)
        sums += load(a + c) * load(b + c);
    float sum = 0;
    for (; c < channels; ++c)
        sum += a[c] * b[c];
    for (int l = 0; l < kLanes; ++l)
        sum += sums[l];
    return sum;
}
}  // namespace

extern GcnKernels const gcn_kernels;
GcnKernels const gcn_kernels = {gather, scatter, dot};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
