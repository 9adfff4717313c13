#include <algorithm>

#include "kernels/graph/attention_readout.hpp"
#include "kernels/math/float_math.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kGraphsPerItem = 16;
constexpr std::int64_t kLanes = 8;  // partial sums of a dot product, so that it vectorises

/// f(graph, first row, end row)
template <class F>
void each_graph(Context& ctx, TensorRef const& row_ptr, F const& f)
{
    auto const rows = row_ptr.view<std::int32_t const, 1>();
    parallel_chunks(ctx, rows.size() - 1, kGraphsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t b = begin; b < end; ++b)
                            f(b, std::int64_t{rows[b]}, std::int64_t{rows[b + 1]});
                    });
}

float dot(float const* __restrict a, float const* __restrict b, std::int64_t count)
{
    float partial[kLanes] = {};
    std::int64_t c = 0;
    for (; c + kLanes <= count; c += kLanes)
        for (std::int64_t l = 0; l < kLanes; ++l)
            partial[l] += a[c + l] * b[c + l];
    float sum = 0;
    for (; c < count; ++c)
        sum += a[c] * b[c];
    for (float const p : partial)
        sum += p;
    return sum;
}

/// y += factor * x
void add_scaled(float const* __restrict x, float factor, std::int64_t count, float* __restrict y)
{
    for (std::int64_t c = 0; c < count; ++c)
        y[c] += factor * x[c];
}
}  // namespace

void attention_readout_forward(Context& ctx, AttentionReadoutArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    auto const score = args.score.flat<float const>();
    auto const weight = args.weight.flat<float>();
    auto const y = args.y.view<float, 2>();
    std::int64_t const features = x.shape[1];
    each_graph(ctx, args.row_ptr, [&](std::int64_t b, std::int64_t begin, std::int64_t end) {
        float* const out = y.data + b * y.shape[1] + args.column;
        std::fill_n(out, features, 0.0F);
        if (begin == end) return;
        float const top = *std::max_element(score.data + begin, score.data + end);
        float sum = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            weight[i] = exp_float(score[i] - top);
            sum += weight[i];
        }
        for (std::int64_t i = begin; i < end; ++i) {
            weight[i] /= sum;
            add_scaled(x.data + i * features, weight[i], features, out);
        }
    });
}

void attention_readout_backward(Context& ctx, AttentionReadoutGradArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    auto const weight = args.weight.flat<float const>();
    auto const dy = args.dy.view<float const, 2>();
    auto const dx = args.dx.view<float, 2>();
    auto const dscore = args.dscore.flat<float>();
    std::int64_t const features = x.shape[1];
    auto const slope = ctx.scratch<float>(x.shape[0]);  // dy . x of every node
    each_graph(ctx, args.row_ptr, [&](std::int64_t b, std::int64_t begin, std::int64_t end) {
        float const* const in = dy.data + b * dy.shape[1] + args.column;
        float average = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            slope.data()[i] = dot(in, x.data + i * features, features);
            average += weight[i] * slope.data()[i];
            add_scaled(in, weight[i], features, dx.data + i * features);
        }
        for (std::int64_t i = begin; i < end; ++i)
            dscore[i] += weight[i] * (slope.data()[i] - average);
    });
}
}  // namespace calofuse::cpu
