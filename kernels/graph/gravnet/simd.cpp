#include "kernels/graph/gravnet/simd.hpp"

#include "kernels/vector/lanes.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
void distances(GravNetPoints const& points, std::int64_t const* row, int count, float* d2)
{
    std::int64_t const dimensions = points.dimensions;
    float const* const own = points.s + points.node * dimensions;
    for (int k = 0; k < count; ++k) {
        float const* const other = points.s + row[k] * dimensions;
        float sum = 0;
        each_block(dimensions, [&]<int L>(std::int64_t d) {
            Floats<L> const step = load_as<Floats<L>>(own + d) - load_as<Floats<L>>(other + d);
            sum += sum_lanes(Floats<L>(step * step));
        });
        d2[k] = sum;
    }
}

void distances_backward(
    GravNetPoints const& points, std::int64_t const* row, int count, float const* slope, float* ds)
{
    std::int64_t const dimensions = points.dimensions;
    std::int64_t const own = points.node * dimensions;
    each_block(dimensions, [&]<int L>(std::int64_t d) {
        auto const at_node = load_as<Floats<L>>(points.s + own + d);
        auto sum = load_as<Floats<L>>(ds + own + d);
        for (int k = 0; k < count; ++k) {
            std::int64_t const other = row[k] * dimensions + d;
            Floats<L> const step = slope[k] * (at_node - load_as<Floats<L>>(points.s + other));
            sum += step;
            store_as(ds + other, load_as<Floats<L>>(ds + other) - step);
        }
        store_as(ds + own + d, sum);
    });
}

void aggregate(GravNetList const& list, float* mean, float* max, std::int32_t* winner)
{
    std::int64_t const features = list.features;
    int const count = list.count;
    float const scale = list.scale;
    each_block(features, [&]<int L>(std::int64_t c) {
        auto const weighted = [&](int k) {
            return list.weight[k] * load_as<Floats<L>>(list.h + list.row[k] * features + c);
        };
        Floats<L> largest = weighted(0);
        Floats<L> sum = largest;
        Ints<L> place = {};
        for (int k = 1; k < count; ++k) {
            Floats<L> const v = weighted(k);
            sum += v;
            place = v > largest ? k - Ints<L>{} : place;
            largest = v > largest ? v : largest;
        }
        store_as(mean + c, scale * sum);
        store_as(max + c, largest);
        store_as(winner + c, place);
    });
}

void scatter(GravNetList const& list,
             float const* dmean,
             float const* dmax,
             std::int32_t const* winner,
             float* dh,
             float* dweight)
{
    std::int64_t const features = list.features;
    int const count = list.count;
    float const scale = list.scale;
    for (int k = 0; k < count; ++k) {
        float const* const h = list.h + list.row[k] * features;
        float* const out = dh + list.row[k] * features;
        float const weight = list.weight[k];
        DotProduct dot;
        each_block(features, [&]<int L>(std::int64_t c) {
            auto const place = load_as<Ints<L>>(winner + c);
            auto const of_max = load_as<Floats<L>>(dmax + c);
            Floats<L> const u = scale * load_as<Floats<L>>(dmean + c)
                                + (place == k - Ints<L>{} ? of_max : Floats<L>{});
            store_as(out + c, load_as<Floats<L>>(out + c) + weight * u);
            dot.template add<L>(u * load_as<Floats<L>>(h + c));
        });
        dweight[k] = dot.sum();
    }
}

float sum_times(GravNetList const& list, float const* dmean)
{
    DotProduct dot;
    each_block(list.features, [&]<int L>(std::int64_t c) {
        Floats<L> sum = {};
        for (int k = 0; k < list.count; ++k)
            sum += list.weight[k] * load_as<Floats<L>>(list.h + list.row[k] * list.features + c);
        dot.template add<L>(sum * load_as<Floats<L>>(dmean + c));
    });
    return dot.sum();
}

void subtract(std::int64_t features, float const* b, float* a)
{
    each_block(features, [&]<int L>(std::int64_t c) {
        store_as(a + c, load_as<Floats<L>>(a + c) - load_as<Floats<L>>(b + c));
    });
}
}  // namespace

extern GravNetKernels const gravnet_kernels;
GravNetKernels const gravnet_kernels = {distances, distances_backward, aggregate,
                                        scatter,   sum_times,          subtract};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
