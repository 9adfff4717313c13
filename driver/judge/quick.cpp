#include "driver/judge/quick.hpp"

#include <cmath>

#include "kernels/metric/auc.hpp"
#include "runtime/buffer.hpp"
#include "runtime/error.hpp"

namespace calofuse {
QuickFigures quick_figures(Context& ctx,
                           TensorRef logits,
                           TensorRef labels,
                           std::span<float const> host_logits,
                           std::span<std::uint8_t const> host_labels)
{
    std::size_t const n = host_logits.size();
    CALOFUSE_CHECK(
        host_labels.size() == n && logits.size() == static_cast<std::int64_t>(n),
        n << " logits, " << host_labels.size() << " labels, on the backend " << logits.size());
    if (n == 0) return {std::nan(""), std::nan("")};
    Buffer<double> const area(ctx, 1);
    auc(ctx, {.score = logits, .label = labels, .auc = area.ref()});
    std::int64_t right = 0;
    for (std::size_t i = 0; i < n; ++i)
        right += (host_logits[i] > 0) == (host_labels[i] == 1) ? 1 : 0;
    return {static_cast<double>(right) / static_cast<double>(n), area.download()[0]};
}
}  // namespace calofuse
