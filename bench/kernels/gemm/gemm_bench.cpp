/// \file bench/kernels/gemm/gemm_bench.cpp
/// Products of dense layers at batch 1,024 on a GPU, the own kernel and cuBLASLt side by side (both fp32
/// without tensor cores). Counted: 2 m n k FLOP. Predicted for an H100 (67 TFLOP/s of fp32): the largest
/// is 0.5 GFLOP and fills half of the processors, so that both stay below a third of the peak, and
/// launches weigh more than either for the smallest.
#include "bench/support/bench.hpp"
#include "kernels/gemm/gemm.hpp"

namespace calofuse::bench {
namespace {
void product(benchmark::State& state, bool library)
{
    std::string reason = "only on CUDA";
    if constexpr (kHasCuda) {
        if (on_cuda() && (!library || cuda::has_gemm_library(&reason))) {
            std::int64_t const m = state.range(0), n = state.range(1), k = state.range(2);
            Context ctx = bench_context();
            auto const a = random_buffer(ctx, m * k, 1), b = random_buffer(ctx, k * n, 2);
            Buffer<float> c(ctx, m * n);
            cuda::GemmArgs args{.a_stride = k, .b_stride = n, .c_stride = n};
            args.product[0] = {.a = a.data(), .b = b.data(), .c = c.data(), .m = m, .n = n, .k = k};
            timed(state, ctx,
                  [&] { library ? cuda::gemm_library(ctx, args) : cuda::gemm_own(ctx, args); });
            report_flop(state, 2.0 * static_cast<double>(m * n * k));
            return;
        }
    }
    state.SkipWithError(("not run: " + reason).c_str());
}

void shapes(benchmark::internal::Benchmark* bench)
{
    device_time(bench);
    bench->ArgNames({"m", "n", "k"})
        ->Args({1024, 64, 64})
        ->Args({9216, 64, 64})
        ->Args({1024, 128, 256})
        ->Args({1024, 128, 2048})
        ->Args({128, 128, 9216});
}
BENCHMARK_CAPTURE(product, own, false)->Apply(shapes);
BENCHMARK_CAPTURE(product, cublaslt, true)->Apply(shapes);
}  // namespace
}  // namespace calofuse::bench
