/// \file bench/kernels/dense/linear_bench.cpp
/// Dense layers of the hybrid at batch 1,024 (rows 9,216 where nodes are rows). Counted: 2 N in out
/// FLOP forward, twice that backward. Predicted: 60-75 % of a core's peak where in >= 256; less for
/// 64 inputs, whose sums are stored after 64 steps already.
#include <random>

#include <benchmark/benchmark.h>

#include "kernels/dense/linear.hpp"
#include "runtime/buffer.hpp"
#include "runtime/isa.hpp"

namespace calofuse::bench {
namespace {
std::vector<float> random_floats(std::int64_t count)
{
    static std::mt19937 rng(1);
    std::uniform_real_distribution<float> draw(-1.0F, 1.0F);
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& v : out)
        v = draw(rng);
    return out;
}

struct Layer {
    std::int64_t rows, outputs;
    int groups;
    std::int32_t width, centre_width;  ///< of group 4 where there are nine
    std::int64_t columns() const
    {
        return std::int64_t{width} * (groups - 1) + (groups == 9 ? centre_width : width);
    }
};

struct Tensors {
    Context ctx = Context::cpu(1);
    Layer layer;
    LinearGroups groups;
    Buffer<float> x, w, b, y, dy, dx, dw, db;

    explicit Tensors(Layer const& l)
        : layer(l)
        , x(ctx, random_floats(l.rows * l.columns()))
        , w(ctx, random_floats(l.columns() * l.outputs))
        , b(ctx, random_floats(l.groups * l.outputs))
        , y(ctx, l.rows * l.groups * l.outputs)
        , dy(ctx, random_floats(l.rows * l.groups * l.outputs))
        , dx(ctx, l.rows * l.columns())
        , dw(ctx, l.columns() * l.outputs)
        , db(ctx, l.groups * l.outputs)
    {
        groups.count = l.groups;
        for (std::size_t g = 0; g < static_cast<std::size_t>(l.groups); ++g) {
            groups.width[g] = g == 4 ? l.centre_width : l.width;
            groups.set[g] = static_cast<std::int32_t>(g);
        }
    }
    void forward()
    {
        linear(ctx, {.x = x.ref({layer.rows, layer.columns()}),
                     .w = w.ref(),
                     .b = b.ref(),
                     .groups = groups,
                     .y = y.ref({layer.rows, layer.groups * layer.outputs})});
    }
    void backward()
    {
        linear_backward(ctx, {.x = x.ref({layer.rows, layer.columns()}),
                              .w = w.ref(),
                              .dy = dy.ref({layer.rows, layer.groups * layer.outputs}),
                              .groups = groups,
                              .dx = dx.ref({layer.rows, layer.columns()}),
                              .dw = dw.ref(),
                              .db = db.ref()});
    }
};

void run(benchmark::State& state, Isa isa, bool backward, Layer const& layer)
{
    if (!cpu_has(isa)) return state.SkipWithError("not on this processor");
    ForcedIsa const forced(isa);
    Tensors t(layer);
    for (auto _ : state)
        backward ? t.backward() : t.forward();
    double const flop = (backward ? 4e-9 : 2e-9)
                        * static_cast<double>(layer.rows * layer.columns() * layer.outputs);
    state.counters["GFLOP/s"] = benchmark::Counter(flop * static_cast<double>(state.iterations()),
                                                   benchmark::Counter::kIsRate);
}

constexpr Layer kDense0{1024, 128, 9, 256, 576};
constexpr Layer kDense1{1024, 64, 9, 128, 128};
constexpr Layer kNodes{9216, 64, 1, 64, 64};
constexpr Layer kHead{1024, 64, 1, 65, 65};
}  // namespace

BENCHMARK_CAPTURE(run, forward_dense0_avx512, Isa::avx512, false, kDense0);
BENCHMARK_CAPTURE(run, forward_dense0_avx2, Isa::avx2, false, kDense0);
BENCHMARK_CAPTURE(run, forward_dense1_avx512, Isa::avx512, false, kDense1);
BENCHMARK_CAPTURE(run, forward_nodes_avx512, Isa::avx512, false, kNodes);
BENCHMARK_CAPTURE(run, forward_head_avx512, Isa::avx512, false, kHead);
BENCHMARK_CAPTURE(run, backward_dense0_avx512, Isa::avx512, true, kDense0);
BENCHMARK_CAPTURE(run, backward_dense0_avx2, Isa::avx2, true, kDense0);
BENCHMARK_CAPTURE(run, backward_dense1_avx512, Isa::avx512, true, kDense1);
BENCHMARK_CAPTURE(run, backward_nodes_avx512, Isa::avx512, true, kNodes);
BENCHMARK_CAPTURE(run, backward_head_avx512, Isa::avx512, true, kHead);
}  // namespace calofuse::bench
