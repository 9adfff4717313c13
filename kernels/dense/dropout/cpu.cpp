#include <algorithm>
#include <cstring>

#include "kernels/dense/dropout.hpp"
#include "kernels/dense/dropout/simd.hpp"
#include "kernels/math/dropout_mask.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kElementsPerItem = 1 << 14;

DropoutKernels const& kernels()
{
    return cpu_isa() == Isa::avx512 ? avx512::dropout_kernels : avx2::dropout_kernels;
}

/// What the operator's arguments say of its mask.
struct Mask {
    DropoutKey key;
    std::uint64_t first;  ///< element of the batch that element 0 of the tensor is

    template <class Args>
    Mask(Args const& args, TensorRef const& x)
    {
        auto const step = args.step.template view<std::int64_t const, 1>();
        std::int64_t const of_event = x.size() / std::max<std::int64_t>(1, x.shape[0]);
        key = {.seed = args.seed,
               .stream = args.stream,
               .step = static_cast<std::uint32_t>(step[0]),
               .threshold = dropout_threshold(args.rate),
               .factor = 1.0F / (1.0F - args.rate)};
        first = static_cast<std::uint64_t>(step[1] * of_event);
    }
};
}  // namespace

void dropout_forward(Context& ctx, DropoutArgs const& args)
{
    auto const x = args.x.flat<float const>();
    auto const y = args.y.flat<float>();
    if (args.rate == 0) {
        if (y.data != x.data && x.size() > 0)
            std::memcpy(y.data, x.data, static_cast<std::size_t>(x.size()) * sizeof(float));
        return;
    }
    Mask const mask(args, args.x);
    parallel_chunks(ctx, x.size(), kElementsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        kernels().forward(mask.key, mask.first + static_cast<std::uint64_t>(begin),
                                          end - begin, x.data + begin, y.data + begin);
                    });
}

void dropout_backward(Context& ctx, DropoutGradArgs const& args)
{
    auto const dy = args.dy.flat<float const>();
    auto const dx = args.dx.flat<float>();
    Mask const mask(args, args.dy);
    parallel_chunks(ctx, dy.size(), kElementsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        kernels().backward(mask.key, mask.first + static_cast<std::uint64_t>(begin),
                                           end - begin, dy.data + begin, dx.data + begin);
                    });
}
}  // namespace calofuse::cpu
