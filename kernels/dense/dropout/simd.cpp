#include "kernels/dense/dropout/simd.hpp"

#include "kernels/vector/vector_math.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
constexpr std::int64_t kRun = 16 * kBatchWords;  ///< factors made at a time

/// f(first index, number, factors) over runs; the first element may lie inside a block of four.
template <class F>
void each_run(DropoutKey key, std::uint64_t first, std::int64_t count, F const& f)
{
    alignas(64) float factors[kRun + kBatchWords];
    for (std::int64_t begin = 0; begin < count;) {
        std::uint64_t const element = first + static_cast<std::uint64_t>(begin);
        auto const inside = static_cast<std::int64_t>(element % 4);
        std::int64_t const n = count - begin < kRun - inside ? count - begin : kRun - inside;
        key.event = static_cast<std::uint32_t>(element / 4 >> 32U);
        fill_factors(key, static_cast<std::uint32_t>(element / 4), inside + n, factors);
        f(begin, n, factors + inside);
        begin += n;
    }
}

void forward(
    DropoutKey const& key, std::uint64_t first, std::int64_t count, float const* x, float* y)
{
    each_run(key, first, count, [&](std::int64_t begin, std::int64_t n, float const* factor) {
        for (std::int64_t i = 0; i < n; ++i)
            y[begin + i] = x[begin + i] * factor[i];
    });
}

void backward(
    DropoutKey const& key, std::uint64_t first, std::int64_t count, float const* dy, float* dx)
{
    each_run(key, first, count, [&](std::int64_t begin, std::int64_t n, float const* factor) {
        for (std::int64_t i = 0; i < n; ++i)
            dx[begin + i] += dy[begin + i] * factor[i];
    });
}
}  // namespace

extern DropoutKernels const dropout_kernels;
DropoutKernels const dropout_kernels = {forward, backward};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
