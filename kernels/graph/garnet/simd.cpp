#include "kernels/graph/garnet/simd.hpp"

#include "kernels/vector/lanes.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
template <bool kMax>
void collect_one(GarNetRows const& rows, GarNetSums const& sums, std::int64_t a)
{
    std::int64_t const nodes = rows.nodes;
    std::int64_t const width = rows.width;
    std::int64_t const aggregators = rows.aggregators;
    float const scale = sums.scale;
    std::int32_t const first = sums.first_row;
    each_block(width, [&]<int L>(std::int64_t c) {
        float const* x = rows.x + c;
        float const* w = rows.w + a;
        Floats<L> sum = w[0] * load_as<Floats<L>>(x);
        Floats<L> largest = sum;
        Ints<L> winner = first - Ints<L>{};
        if (kMax && sums.zero_row) {
            winner = sum > Floats<L>{} ? winner : -1 - Ints<L>{};
            largest = sum > Floats<L>{} ? sum : Floats<L>{};
        }
        for (std::int64_t v = 1; v < nodes; ++v) {
            x += width;
            w += aggregators;
            Floats<L> const term = w[0] * load_as<Floats<L>>(x);
            sum += term;
            if (!kMax) continue;
            winner = term > largest ? first + static_cast<std::int32_t>(v) - Ints<L>{} : winner;
            largest = term > largest ? term : largest;
        }
        store_as(sums.mean + a * sums.stride + c, scale * sum);
        if (!kMax) return;
        store_as(sums.max + a * sums.stride + c, largest);
        store_as(sums.winner + a * sums.winner_stride + c, winner);
    });
}

void collect(GarNetRows const& rows, GarNetSums const& sums)
{
    for (std::int64_t a = 0; a < rows.aggregators; ++a) {
        if (sums.max != nullptr)
            collect_one<true>(rows, sums, a);
        else
            collect_one<false>(rows, sums, a);
    }
}

float dot_product(float const* a, float const* b, std::int64_t width)
{
    DotProduct dot;
    each_block(width, [&]<int L>(std::int64_t c) {
        dot.template add<L>(load_as<Floats<L>>(a + c) * load_as<Floats<L>>(b + c));
    });
    return dot.sum();
}

void collect_backward(GarNetRows const& rows,
                      std::int64_t v,
                      float const* dmean,
                      std::int64_t stride,
                      float scale,
                      float* dx,
                      float* dw)
{
    std::int64_t const width = rows.width;
    std::int64_t const aggregators = rows.aggregators;
    float const* const x = rows.x + v * width;
    float const* const w = rows.w + v * aggregators;
    for (std::int64_t a = 0; a < aggregators; ++a)
        dw[a] += scale * dot_product(x, dmean + a * stride, width);
    each_block(width, [&]<int L>(std::int64_t c) {
        Floats<L> sum = {};
        for (std::int64_t a = 0; a < aggregators; ++a)
            sum += w[a] * load_as<Floats<L>>(dmean + a * stride + c);
        store_as(dx + c, load_as<Floats<L>>(dx + c) + scale * sum);
    });
}

void spread(GarNetRows const& rows, float const* z, float* y)
{
    std::int64_t const nodes = rows.nodes;
    std::int64_t const width = rows.width;
    std::int64_t const aggregators = rows.aggregators;
    float const* const base = rows.x;
    for (std::int64_t v = 0; v < nodes; ++v) {
        float const* const w = rows.w + v * aggregators;
        each_block(width, [&]<int L>(std::int64_t c) {
            Floats<L> sum = {};
            if (base != nullptr) sum = load_as<Floats<L>>(base + v * width + c);
            for (std::int64_t a = 0; a < aggregators; ++a)
                sum += w[a] * load_as<Floats<L>>(z + a * width + c);
            store_as(y + v * width + c, sum);
        });
    }
}

void spread_backward(GarNetRows const& rows, float const* z, float* dw, float* dz)
{
    std::int64_t const nodes = rows.nodes;
    std::int64_t const width = rows.width;
    std::int64_t const aggregators = rows.aggregators;
    float const* const dy = rows.x;
    float const* const w = rows.w;
    for (std::int64_t a = 0; a < aggregators; ++a) {
        for (std::int64_t v = 0; v < nodes; ++v)
            dw[v * aggregators + a] += dot_product(dy + v * width, z + a * width, width);
        each_block(width, [&]<int L>(std::int64_t c) {
            Floats<L> sum = {};
            for (std::int64_t v = 0; v < nodes; ++v)
                sum += w[v * aggregators + a] * load_as<Floats<L>>(dy + v * width + c);
            float* const out = dz + a * width + c;
            store_as(out, load_as<Floats<L>>(out) + sum);
        });
    }
}
}  // namespace

extern GarNetKernels const garnet_kernels;
GarNetKernels const garnet_kernels = {collect, collect_backward, spread, spread_backward};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
