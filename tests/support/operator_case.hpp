/// \file tests/support/operator_case.hpp
/// One description of an operator, many promises. A case names tensors, calls and an oracle in double:
///
///     OperatorCase{}
///         .input("x", {7, 5}, random_values(35, 1))
///         .output("y", {7, 5}, 1e-30, 4 * kEps)
///         .gradient("x", 2e-6, 2e-6)
///         .forward([](Context& ctx, Tensors const& t) { op(ctx, {.x = t("x"), .y = t("y")}); })
///         .backward([](Context& ctx, Tensors const& t) {
///             op_backward(ctx, {.x = t("x"), .dy = t("dy"), .dx = t("dx")}); })
///         .oracle([](Doubles const& v) { return Doubles{{"y", definition(v.at("x"))}}; })
///         .check();
///
/// `check` expects on the backend of the program, that
///  - outputs agree with the oracle; they start as NaN, so that each element must be written
///  - gradients agree with finite differences of the oracle, and are added to what is there
///  - elements for which the oracle says NaN (rows of a capacity that do not exist, columns of others)
///    stay NaN, and their gradient, NaN too, is not read
///  - inputs keep their bits, and nothing is written behind a tensor
///  - all results have the same bits when computed again, and on 1, 2 and 3 threads
///  - each call throws Error when one of the tensors that it takes has another type, another rank, or
///    one row fewer in one dimension, except in those that `free` names
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/backend_test.hpp"

namespace calofuse::test {
using Doubles = std::map<std::string, std::vector<double>>;
/// The tensor of a name: inputs and outputs by their own, "dy" the gradient of output y, "dx" that of
/// input x.
using Tensors = std::function<TensorRef(std::string const& name)>;

class OperatorCase {
  public:
    using Call = std::function<void(Context&, Tensors const&)>;
    using Oracle = std::function<Doubles(Doubles const& inputs)>;
    using Shape = std::vector<std::int64_t>;

    OperatorCase& input(std::string const& name, Shape shape, std::vector<float> values);
    /// The oracle captures what it needs of them.
    OperatorCase& indices(std::string const& name, Shape shape, std::vector<std::int32_t> values);
    /// Allowed: |got - want| <= abs + rel |want|.
    OperatorCase& output(std::string const& name, Shape shape, double abs, double rel);
    /// `backward` adds to d`input`, the gradient of the sum over outputs y of y * dy.
    OperatorCase& gradient(std::string const& input, double abs, double rel);
    /// Output y is saved for backward only: it has no gradient dy.
    OperatorCase& constant(std::string const& output);
    /// Dimension `d` of a tensor stands alone: no other tensor has to follow it.
    OperatorCase& free(std::string const& name, std::size_t d);
    OperatorCase& forward(Call call);
    OperatorCase& backward(Call call);
    OperatorCase& oracle(Oracle oracle);

    void check() const;
    /// Only the bits for other numbers of threads: for cases that are large.
    void check_same_bits() const;

  private:
    struct Tensor {
        Shape shape;
        std::vector<float> floats;
        std::vector<std::int32_t> integers;
        bool is_integer = false;
    };
    struct Allowance {
        double abs = 0, rel = 0;
    };
    class Memory;
    void check_values() const;
    void poison_what_is_not_written();
    void check_refusals(Call const& call, char const* what) const;
    Doubles inputs() const;
    Doubles wanted_gradients(Doubles const& inputs) const;

    std::map<std::string, Tensor> tensors_;
    std::map<std::string, Allowance> outputs_, gradients_;
    std::set<std::string> constant_;
    std::set<std::pair<std::string, std::size_t>> free_;
    Call forward_, backward_;
    Oracle oracle_;
};
}  // namespace calofuse::test
