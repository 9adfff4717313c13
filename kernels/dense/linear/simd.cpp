#include "kernels/dense/linear/simd.hpp"

#include "kernels/vector/micro_kernel.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
int panel_width_of(int columns)
{
    return panel_width(columns);
}

struct AddBias {
    float const* bias;
    Vector operator()(Vector, Vector sum, int column) const { return sum + load(bias + column); }
    static constexpr bool kReads = false;
};

void multiply_panel(LinearPanel const& panel)
{
    Factors const factors{panel.a, panel.b};
    Product const product{.factors = &factors,
                          .num_factors = 1,
                          .depth = panel.depth,
                          .row_stride = panel.row_stride,
                          .depth_stride = panel.depth_stride,
                          .ldb = panel.ldb,
                          .c = panel.c,
                          .ldc = panel.ldc};
    if (panel.accumulate)
        multiply(product, panel.rows, panel.width, Accumulate{});
    else if (panel.bias != nullptr)
        multiply(product, panel.rows, panel.width, AddBias{panel.bias});
    else
        multiply(product, panel.rows, panel.width, Assign{});
}

void add_column_sums(float const* dy,
                     std::int64_t rows,
                     std::int64_t columns,
                     std::int64_t ld,
                     float* __restrict sum)
{
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t j = 0; j < columns; ++j)
            sum[j] += dy[r * ld + j];
}
}  // namespace

extern LinearKernels const linear_kernels;
LinearKernels const linear_kernels = {panel_width_of, multiply_panel, add_column_sums};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
