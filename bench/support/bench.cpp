#include "bench/support/bench.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "runtime/config.hpp"
#include "runtime/device/capture.hpp"

#if CALOFUSE_HAS_CUDA
#    include "runtime/device/cuda_check.cuh"
#endif

namespace calofuse::bench {
namespace {
[[noreturn]] void give_up(Exit code, std::string const& message)
{
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(static_cast<int>(code));
}

#if CALOFUSE_HAS_CUDA
class DeviceClock {
  public:
    explicit DeviceClock(Context& ctx) : stream_(ctx.stream())
    {
        CALOFUSE_CUDA_CHECK(cudaEventCreate(&begin_));
        CALOFUSE_CUDA_CHECK(cudaEventCreate(&end_));
    }
    DeviceClock(DeviceClock const&) = delete;
    DeviceClock& operator=(DeviceClock const&) = delete;
    ~DeviceClock()
    {
        cudaEventDestroy(begin_);
        cudaEventDestroy(end_);
    }
    void start() { CALOFUSE_CUDA_CHECK(cudaEventRecord(begin_, stream_)); }
    double seconds()
    {
        float milliseconds = 0;
        CALOFUSE_CUDA_CHECK(cudaEventRecord(end_, stream_));
        CALOFUSE_CUDA_CHECK(cudaEventSynchronize(end_));
        CALOFUSE_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, begin_, end_));
        return milliseconds * 1e-3;
    }

  private:
    cudaStream_t stream_;
    cudaEvent_t begin_{}, end_{};
};
#endif
}  // namespace

bool on_cuda()
{
    char const* const device = std::getenv("CALOFUSE_BENCH_DEVICE");
    std::string_view const name = device == nullptr ? "cpu" : device;
    if (name != "cpu" && name != "cuda")
        give_up(Exit::usage, "CALOFUSE_BENCH_DEVICE is cpu or cuda, not " + quoted(device));
    return name == "cuda";
}

Context bench_context()
{
    if (!on_cuda()) return Context::cpu(1);
    try {
        return Context::cuda();
    } catch (Error const& e) {
        give_up(e.exit(), std::string("not run: ") + e.what());
    }
}

void time_on_device([[maybe_unused]] benchmark::State& state,
                    [[maybe_unused]] Context& ctx,
                    [[maybe_unused]] std::function<void()> const& work)
{
#if CALOFUSE_HAS_CUDA
    constexpr int kCalls = 16;  // far longer together than the resolution of an event, 0.5 us
    try {
        work();
        Capture graph(ctx, [&] {
            for (int i = 0; i < kCalls; ++i)
                work();
        });
        graph.replay();
        DeviceClock clock(ctx);
        while (state.KeepRunningBatch(kCalls)) {
            clock.start();
            graph.replay();
            state.SetIterationTime(clock.seconds());
        }
    } catch (Error const& e) {
        state.SkipWithError(e.what());
    }
#endif
}

void copy_reference(benchmark::State& state)
{
    Context ctx = bench_context();
    std::int64_t const count = state.range(0);
    auto const from = random_buffer(ctx, count, 1);
    Buffer<float> const to(ctx, count);
    timed(state, ctx, [&, bytes = static_cast<std::size_t>(count) * sizeof(float)] {
#if CALOFUSE_HAS_CUDA
        if (ctx.backend() == Backend::cuda) {
            CALOFUSE_CUDA_CHECK(cudaMemcpyAsync(to.data(), from.data(), bytes,
                                                cudaMemcpyDeviceToDevice, ctx.stream()));
            return;
        }
#endif
        std::memcpy(to.data(), from.data(), bytes);
        benchmark::ClobberMemory();
    });
    report_bytes(state, 8.0 * static_cast<double>(count));
}
}  // namespace calofuse::bench
