#include "kernels/dense/linear_simd.hpp"

#include "kernels/common/micro_kernel_simd.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
int panel_width_of(int columns)
{
    return panel_width(columns);
}

void multiply_panel(LinearPanel const& panel)
{
    Factors const factors{panel.a, panel.b};
    Product const product{.factors = &factors,
                          .num_factors = 1,
                          .depth = panel.depth,
                          .row_stride = panel.row_stride,
                          .depth_stride = panel.depth_stride,
                          .ldb = panel.width,
                          .c = panel.c,
                          .ldc = panel.width};
    if (panel.accumulate)
        multiply(product, panel.rows, panel.width, Accumulate{});
    else
        multiply(product, panel.rows, panel.width, Assign{});
}
}  // namespace

extern LinearKernels const linear_kernels;
LinearKernels const linear_kernels = {panel_width_of, multiply_panel};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
