/// \file kernels/gemm/gemm.hpp
/// Matrix products in float on a GPU: C = A B + bias or C += A B, several of one form in one launch.
/// Everything lies in device memory; bits depend on shapes only. The project's own kernel computes
/// them, unless CALOFUSE_GEMM=cublaslt asks for cuBLASLt (single products without device-side
/// extents). `own` is the default because the two have not been compared on a GPU yet.
#pragma once

#include <array>

#include "runtime/context.hpp"

namespace calofuse::cuda {
inline constexpr int kMaxProducts = 16;

/// Where element (i, j) of a matrix lies.
enum class Order : std::uint8_t {
    rows,    ///< i * stride + j
    columns  ///< j * stride + i
};
enum class GemmWrite : std::uint8_t { assign, add };

/// Plain data, goes by value into kernels.
struct Product {
    float const* a = nullptr;     ///< (m, k)
    float const* b = nullptr;     ///< (k, n)
    float const* bias = nullptr;  ///< (n); null: 0; only with assign
    float* c = nullptr;           ///< (m, n), Order::rows
    std::int64_t m = 0, n = 0, k = 0;
};

struct GemmArgs {
    int count = 1;
    std::array<Product, kMaxProducts> product = {};  ///< the first `count` are computed
    Order a_order = Order::rows, b_order = Order::rows;
    std::int64_t a_stride = 0, b_stride = 0, c_stride = 0;
    GemmWrite write = GemmWrite::assign;
    /// k that is summed at a time; the parts are added in order after that. 0: all of k. With parts
    /// `write` is add, C is dense (c_stride = n), and products that name the same C are added up.
    std::int64_t part = 0;
    std::int32_t const* rows = nullptr;   ///< (1) on the device: so many of m exist; null: all
    std::int32_t const* depth = nullptr;  ///< (1) on the device: so many of k exist; null: all
};

void gemm(Context& ctx, GemmArgs const& args);

/// Parts of k that gives a GPU enough blocks without too much memory for partial sums.
std::int64_t gemm_part(std::int64_t k);

/// The two implementations, for tests.
void gemm_own(Context& ctx, GemmArgs const& args);
/// Whether cuBLASLt can be used now; `reason` (if given) receives why not.
bool has_gemm_library(std::string* reason = nullptr);
void gemm_library(Context& ctx, GemmArgs const& args);
}  // namespace calofuse::cuda
