#include "kernels/dense/linear.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
/// Where a group's columns and weights begin.
struct Group {
    std::int64_t width = 0, in_begin = 0, w_begin = 0, b_begin = 0, out_begin = 0;
};

Group group_at(LinearGroups const& groups, int g, std::int64_t outputs)
{
    Group out;
    out.width = groups.width[static_cast<std::size_t>(g)];
    out.out_begin = g * outputs;
    std::int32_t const set = groups.set[static_cast<std::size_t>(g)];
    out.b_begin = set * outputs;
    std::array<std::int64_t, kMaxLinearGroups> width_of_set = {};
    for (std::size_t h = 0; h < static_cast<std::size_t>(groups.count); ++h) {
        if (static_cast<int>(h) < g) out.in_begin += groups.width[h];
        width_of_set[static_cast<std::size_t>(groups.set[h])] = groups.width[h];
    }
    for (std::size_t s = 0; s < static_cast<std::size_t>(set); ++s)
        out.w_begin += width_of_set[s] * outputs;
    return out;
}
}  // namespace

void linear(Context& ctx, LinearArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    auto const y = args.y.view<float, 2>();
    auto const w = args.w.flat<float const>();
    std::int64_t const outputs = y.shape[1] / args.groups.count;
    parallel_chunks(ctx, x.shape[0], 32, [&](auto begin, auto end, auto) {
        for (int g = 0; g < args.groups.count; ++g) {
            Group const at = group_at(args.groups, g, outputs);
            for (std::int64_t n = begin; n < end; ++n)
                for (std::int64_t o = 0; o < outputs; ++o) {
                    float sum = args.b.empty() ? 0.0F : args.b.flat<float const>()[at.b_begin + o];
                    for (std::int64_t i = 0; i < at.width; ++i)
                        sum += x(n, at.in_begin + i) * w[at.w_begin + i * outputs + o];
                    y(n, at.out_begin + o) = sum;
                }
        }
    });
}

void linear_backward(Context& ctx, LinearGradArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    auto const dy = args.dy.view<float const, 2>();
    auto const w = args.w.flat<float const>();
    auto const dw = args.dw.flat<float>();
    std::int64_t const outputs = dy.shape[1] / args.groups.count;
    std::int64_t const rows = x.shape[0];
    for (int g = 0; g < args.groups.count; ++g) {
        Group const at = group_at(args.groups, g, outputs);
        parallel_for(ctx, at.width, [&](std::int64_t i) {
            for (std::int64_t o = 0; o < outputs; ++o) {
                float sum = 0.0F;
                for (std::int64_t n = 0; n < rows; ++n)
                    sum += x(n, at.in_begin + i) * dy(n, at.out_begin + o);
                dw[at.w_begin + i * outputs + o] += sum;
            }
        });
        if (!args.db.empty())
            for (std::int64_t n = 0; n < rows; ++n)
                for (std::int64_t o = 0; o < outputs; ++o)
                    args.db.flat<float>()[at.b_begin + o] += dy(n, at.out_begin + o);
        if (args.dx.empty()) continue;
        auto const dx = args.dx.view<float, 2>();
        parallel_for(ctx, rows, [&](std::int64_t n) {
            for (std::int64_t i = 0; i < at.width; ++i)
                for (std::int64_t o = 0; o < outputs; ++o)
                    dx(n, at.in_begin + i) +=
                        dy(n, at.out_begin + o) * w[at.w_begin + i * outputs + o];
        });
    }
}
}  // namespace calofuse::cpu
