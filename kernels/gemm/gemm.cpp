#include "kernels/gemm/gemm.hpp"

#include <algorithm>

#include <cublasLt.h>

#include "kernels/gemm/vendor_library.hpp"

namespace calofuse::cuda {
namespace {
/// The functions of cuBLASLt that gemm needs.
struct Library : VendorLibrary {
    cublasLtHandle_t handle = nullptr;
    decltype(&::cublasLtCreate) create = nullptr;
    decltype(&::cublasLtMatmul) matmul = nullptr;
    decltype(&::cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
    decltype(&::cublasLtMatmulDescCreate) desc_create = nullptr;
    decltype(&::cublasLtMatmulDescDestroy) desc_destroy = nullptr;
    decltype(&::cublasLtMatmulDescSetAttribute) desc_set = nullptr;
    decltype(&::cublasLtMatrixLayoutCreate) layout_create = nullptr;
    decltype(&::cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
    decltype(&::cublasLtMatmulPreferenceCreate) preference_create = nullptr;
    decltype(&::cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
    decltype(&::cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;

    Library();
};

Library::Library() : VendorLibrary({"libcublasLt.so.13", "libcublasLt.so.12"})
{
    find("cublasLtCreate", create);
    find("cublasLtMatmul", matmul);
    find("cublasLtMatmulAlgoGetHeuristic", heuristic);
    find("cublasLtMatmulDescCreate", desc_create);
    find("cublasLtMatmulDescDestroy", desc_destroy);
    find("cublasLtMatmulDescSetAttribute", desc_set);
    find("cublasLtMatrixLayoutCreate", layout_create);
    find("cublasLtMatrixLayoutDestroy", layout_destroy);
    find("cublasLtMatmulPreferenceCreate", preference_create);
    find("cublasLtMatmulPreferenceDestroy", preference_destroy);
    find("cublasLtMatmulPreferenceSetAttribute", preference_set);
    if (!usable()) return;
    if (auto const status = create(&handle); status != CUBLAS_STATUS_SUCCESS)
        refuse("cublasLtCreate says " + std::to_string(static_cast<int>(status)));
}

Library const& library()
{
    static Library const the_library;
    return the_library;
}

constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20U;

void check_status(cublasStatus_t status, char const* call)
{
    CALOFUSE_CHECK(status == CUBLAS_STATUS_SUCCESS,
                   call << " failed with cuBLAS status " << static_cast<int>(status));
}

/// A descriptor of cuBLASLt with what destroys it.
template <class T>
struct Descriptor {
    T value = nullptr;
    cublasStatus_t (*destroy)(T);

    explicit Descriptor(cublasStatus_t (*how)(T)) : destroy(how) {}
    Descriptor(Descriptor const&) = delete;
    Descriptor& operator=(Descriptor const&) = delete;
    ~Descriptor() { destroy(value); }
};

/// cuBLASLt counts by columns: a row-major matrix (i, j) is a matrix (j, i) there.
struct Layout : Descriptor<cublasLtMatrixLayout_t> {
    Layout(std::int64_t rows, std::int64_t columns, std::int64_t stride)
        : Descriptor(library().layout_destroy)
    {
        check_status(library().layout_create(&value, CUDA_R_32F, static_cast<std::uint64_t>(rows),
                                             static_cast<std::uint64_t>(columns), stride),
                     "cublasLtMatrixLayoutCreate");
    }
};
Layout layout_of(Order order, std::int64_t rows, std::int64_t columns, std::int64_t stride)
{
    return order == Order::rows ? Layout(columns, rows, stride) : Layout(rows, columns, stride);
}

struct Operation : Descriptor<cublasLtMatmulDesc_t> {
    Operation(GemmArgs const& args, Product const& p) : Descriptor(library().desc_destroy)
    {
        check_status(library().desc_create(&value, CUBLAS_COMPUTE_32F, CUDA_R_32F),
                     "cublasLtMatmulDescCreate");
        auto const op = [](Order order) -> std::int32_t {
            return order == Order::rows ? CUBLAS_OP_N : CUBLAS_OP_T;
        };
        set(CUBLASLT_MATMUL_DESC_TRANSA, op(args.b_order));
        set(CUBLASLT_MATMUL_DESC_TRANSB, op(args.a_order));
        if (p.bias == nullptr) return;
        set(CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<std::uint32_t>(CUBLASLT_EPILOGUE_BIAS));
        set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
    }
    template <class T>
    void set(cublasLtMatmulDescAttributes_t what, T v) const
    {
        check_status(library().desc_set(value, what, &v, sizeof v),
                     "cublasLtMatmulDescSetAttribute");
    }
};

struct Preference : Descriptor<cublasLtMatmulPreference_t> {
    explicit Preference(Product const& p) : Descriptor(library().preference_destroy)
    {
        check_status(library().preference_create(&value), "cublasLtMatmulPreferenceCreate");
        set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{kWorkspaceBytes});
        // Not in place: blocks would add to C in an order of their own.
        set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
            static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE
                                       | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE));
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(p.b));
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(p.a));
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(p.c));
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(p.c));
    }

  private:
    static std::uint32_t alignment(float const* data)
    {
        auto const address = reinterpret_cast<std::uintptr_t>(data) | 256U;
        return static_cast<std::uint32_t>(address & (~address + 1U));
    }
    template <class T>
    void set(cublasLtMatmulPreferenceAttributes_t what, T v) const
    {
        check_status(library().preference_set(value, what, &v, sizeof v),
                     "cublasLtMatmulPreferenceSetAttribute");
    }
};

bool library_wanted()
{
    static bool const wanted = vendor_library_wanted("CALOFUSE_GEMM", "cublaslt", has_gemm_library);
    return wanted;
}
}  // namespace

bool has_gemm_library(std::string* reason)
{
    if (reason != nullptr) *reason = library().reason();
    return library().usable();
}

void gemm_library(Context& ctx, GemmArgs const& args)
{
    Product const& p = args.product[0];
    CALOFUSE_CHECK(args.count == 1 && args.rows == nullptr && args.depth == nullptr,
                   "gemm_library takes one product with extents that the host knows");
    if (p.m == 0 || p.n == 0 || p.k == 0) return gemm_own(ctx, args);
    Operation const operation(args, p);
    Layout const a = layout_of(args.a_order, p.m, p.k, args.a_stride);
    Layout const b = layout_of(args.b_order, p.k, p.n, args.b_stride);
    Layout const c = layout_of(Order::rows, p.m, p.n, args.c_stride);
    Preference const preference(p);
    cublasLtMatmulHeuristicResult_t found{};
    int count = 0;
    check_status(library().heuristic(library().handle, operation.value, b.value, a.value, c.value,
                                     c.value, preference.value, 1, &found, &count),
                 "cublasLtMatmulAlgoGetHeuristic");
    CALOFUSE_CHECK(count == 1,
                   "cuBLASLt has no algorithm for " << p.m << " x " << p.n << " x " << p.k);
    auto const workspace = ctx.scratch<float>(kWorkspaceBytes / sizeof(float));
    float const one = 1, old = args.write == GemmWrite::add ? 1 : 0;
    check_status(library().matmul(library().handle, operation.value, &one, p.b, b.value, p.a,
                                  a.value, &old, p.c, c.value, p.c, c.value, &found.algo,
                                  workspace.data(), kWorkspaceBytes, ctx.stream()),
                 "cublasLtMatmul");
}

void gemm(Context& ctx, GemmArgs const& args)
{
    bool const simple = args.count == 1 && args.rows == nullptr && args.depth == nullptr;
    simple&& library_wanted() ? gemm_library(ctx, args) : gemm_own(ctx, args);
}

std::int64_t gemm_part(std::int64_t k)
{
    constexpr std::int64_t kLeast = 256, kMostParts = 64, kStep = 16;
    return std::max(kLeast, (k / kMostParts + kStep) / kStep * kStep);
}
}  // namespace calofuse::cuda
