#include "kernels/graph/gravnet_simd.hpp"

#include "kernels/common/lanes_simd.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
void aggregate(GravNetList const& list, float* mean, float* max, std::uint8_t* winner)
{
    each_block(list.features, [&]<int L>(std::int64_t c) {
        auto const weighted = [&](int k) {
            return list.weight[k] * load_as<Floats<L>>(list.h + list.row[k] * list.features + c);
        };
        Floats<L> largest = weighted(0);
        Floats<L> sum = largest;
        Ints<L> place = {};
        for (int k = 1; k < list.count; ++k) {
            Floats<L> const v = weighted(k);
            sum += v;
            place = v > largest ? k - Ints<L>{} : place;
            largest = v > largest ? v : largest;
        }
        store_as(mean + c, list.scale * sum);
        store_as(max + c, largest);
        store_as(winner + c, __builtin_convertvector(place, Bytes<L>));
    });
}

void scatter(GravNetList const& list,
             float const* dmean,
             float const* dmax,
             std::uint8_t const* winner,
             float* dh,
             float* dweight)
{
    for (int k = 0; k < list.count; ++k) {
        float const* const h = list.h + list.row[k] * list.features;
        float* const out = dh + list.row[k] * list.features;
        float const weight = list.weight[k];
        DotProduct dot;
        each_block(list.features, [&]<int L>(std::int64_t c) {
            auto const place = __builtin_convertvector(load_as<Bytes<L>>(winner + c), Ints<L>);
            auto const of_max = load_as<Floats<L>>(dmax + c);
            Floats<L> const u = list.scale * load_as<Floats<L>>(dmean + c)
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
GravNetKernels const gravnet_kernels = {aggregate, scatter, sum_times, subtract};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
