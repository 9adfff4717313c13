#include "kernels/gemm/gemm.hpp"

#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
using cuda::GemmArgs, cuda::GemmWrite, cuda::Order;

struct Shape {
    std::int64_t m, n, k;
};

/// Element (i, j) of a matrix of `columns` columns, stored without gaps.
std::size_t at(Order order, std::int64_t i, std::int64_t j, std::int64_t rows, std::int64_t columns)
{
    return static_cast<std::size_t>(order == Order::rows ? i * columns + j : j * rows + i);
}

struct Problem {
    Shape shape;
    Order a_order, b_order;
    std::vector<float> a, b, bias, c;

    Problem(Shape s, Order of_a, Order of_b)
        : shape(s)
        , a_order(of_a)
        , b_order(of_b)
        , a(random_values(static_cast<std::size_t>(s.m * s.k), 1))
        , b(random_values(static_cast<std::size_t>(s.k * s.n), 2))
        , bias(random_values(static_cast<std::size_t>(s.n), 3))
        , c(random_values(static_cast<std::size_t>(s.m * s.n), 4))
    {}
    std::vector<double> oracle(GemmWrite write, std::int64_t depth) const
    {
        auto const [m, n, k] = shape;
        std::vector<double> out;
        for (std::int64_t i = 0; i < m; ++i)
            for (std::int64_t j = 0; j < n; ++j) {
                double sum = write == GemmWrite::add ? c[static_cast<std::size_t>(i * n + j)]
                                                     : bias[static_cast<std::size_t>(j)];
                for (std::int64_t l = 0; l < depth; ++l)
                    sum += double{a[at(a_order, i, l, m, k)]} * b[at(b_order, l, j, k, n)];
                out.push_back(sum);
            }
        return out;
    }
    double allowed() const { return 4 * 1.2e-7 * std::sqrt(static_cast<double>(shape.k + 1)); }
};

template <class Run>
std::vector<float> run(Problem const& p, GemmWrite write, Run&& gemm)
{
    auto const [m, n, k] = p.shape;
    Context ctx = make_context();
    OnDevice<float> const a(ctx, p.a, {m, k}), b(ctx, p.b, {k, n}), bias(ctx, p.bias, {n});
    OnDevice<float> const c(ctx, p.c, {m, n});
    GemmArgs args{.a_order = p.a_order,
                  .b_order = p.b_order,
                  .a_stride = p.a_order == Order::rows ? k : m,
                  .b_stride = p.b_order == Order::rows ? n : k,
                  .c_stride = n,
                  .write = write};
    args.product[0] = {
        .a = static_cast<float*>(a.ref().data),
        .b = static_cast<float*>(b.ref().data),
        .bias = write == GemmWrite::add ? nullptr : static_cast<float*>(bias.ref().data),
        .c = static_cast<float*>(c.ref().data),
        .m = m,
        .n = n,
        .k = k};
    gemm(ctx, args);
    return c.fetch();
}

template <class F>
void each_problem(F&& f)
{
    for (Shape const shape : {Shape{1, 1, 1}, Shape{65, 63, 17}, Shape{64, 130, 32}})
        for (Order const a : {Order::rows, Order::columns})
            for (Order const b : {Order::rows, Order::columns})
                for (GemmWrite const write : {GemmWrite::assign, GemmWrite::add})
                    f(Problem(shape, a, b), write);
}
}  // namespace

TEST(Gemm, agrees_with_oracle_in_all_orders)
{
    if (!on_cuda()) GTEST_SKIP() << "a building block of CUDA operators";
    if constexpr (kHasCuda)
        each_problem([](Problem const& p, GemmWrite write) {
            expect_close(run(p, write, cuda::gemm_own), p.oracle(write, p.shape.k), p.allowed(),
                         p.allowed());
        });
}

TEST(Gemm, parts_and_extents_that_only_the_device_knows)
{
    if (!on_cuda()) GTEST_SKIP() << "a building block of CUDA operators";
    if constexpr (kHasCuda)
        for (std::int32_t const depth : {0, 15, 16, 41, 48}) {
            Problem const p({20, 9, 48}, Order::columns, Order::rows);
            auto const got = run(p, GemmWrite::add, [&](Context& ctx, GemmArgs args) {
                OnDevice<std::int32_t> const exist(ctx, {depth}, {1});
                args.part = 16;
                args.depth = static_cast<std::int32_t*>(exist.ref().data);
                cuda::gemm_own(ctx, args);
            });
            expect_close(got, p.oracle(GemmWrite::add, depth), p.allowed(), p.allowed());
        }
}

TEST(Gemm, cublaslt_agrees_with_the_own_kernel)
{
    if (!on_cuda()) GTEST_SKIP() << "a building block of CUDA operators";
    if constexpr (kHasCuda) {
        std::string reason;
        if (!cuda::has_gemm_library(&reason)) GTEST_SKIP() << reason;
        each_problem([](Problem const& p, GemmWrite write) {
            auto const own = run(p, write, cuda::gemm_own);
            expect_close(run(p, write, cuda::gemm_library), own, 2 * p.allowed(), 2 * p.allowed());
        });
        Problem const deep({128, 128, 4096}, Order::columns, Order::rows);
        auto const own = run(deep, GemmWrite::add, cuda::gemm_own);
        expect_close(run(deep, GemmWrite::add, cuda::gemm_library), own, 2 * deep.allowed(),
                     2 * deep.allowed());
    }
}
}  // namespace calofuse::test
