#include "tests/support/operator_case.hpp"

#include <memory>
#include <numeric>

#include "tests/support/gradcheck.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr float kBefore = 0.5F;  ///< in gradients before backward adds to them

std::size_t elements(std::vector<std::int64_t> const& shape)
{
    return static_cast<std::size_t>(
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
}

/// As expect_close, but what should be NaN must be.
void expect_written(std::vector<float> const& got,
                    std::vector<double> const& want,
                    double abs,
                    double rel)
{
    ASSERT_EQ(got.size(), want.size());
    std::vector<float> written;
    std::vector<double> wanted;
    for (std::size_t i = 0; i < got.size(); ++i) {
        if (std::isnan(want[i])) {
            EXPECT_TRUE(std::isnan(got[i])) << "element " << i << " was written: " << got[i];
            continue;
        }
        written.push_back(got[i]);
        wanted.push_back(want[i]);
    }
    if (!written.empty()) expect_close(written, wanted, abs, rel);
}
}  // namespace

/// All tensors of a case on a backend.
class OperatorCase::Memory {
  public:
    Memory(Context& ctx, OperatorCase const& of)
    {
        for (auto const& [name, t] : of.tensors_) {
            if (t.is_integer)
                integers_[name] =
                    std::make_unique<OnDevice<std::int32_t>>(ctx, t.integers, t.shape);
            else
                floats_[name] = std::make_unique<OnDevice<float>>(ctx, t.floats, t.shape);
        }
    }
    TensorRef operator()(std::string const& name) const
    {
        if (auto const at = integers_.find(name); at != integers_.end()) return at->second->ref();
        return floats_.at(name)->ref();
    }
    std::vector<float> floats(std::string const& name) const { return floats_.at(name)->fetch(); }
    std::vector<std::int32_t> integers(std::string const& name) const
    {
        return integers_.at(name)->fetch();
    }

  private:
    std::map<std::string, std::unique_ptr<OnDevice<float>>> floats_;
    std::map<std::string, std::unique_ptr<OnDevice<std::int32_t>>> integers_;
};

OperatorCase& OperatorCase::input(std::string const& name, Shape shape, std::vector<float> values)
{
    CALOFUSE_CHECK(values.size() == elements(shape), name << " has " << values.size() << " values");
    tensors_[name] = {std::move(shape), std::move(values), {}, false};
    return *this;
}

OperatorCase& OperatorCase::indices(std::string const& name,
                                    Shape shape,
                                    std::vector<std::int32_t> values)
{
    CALOFUSE_CHECK(values.size() == elements(shape), name << " has " << values.size() << " values");
    tensors_[name] = {std::move(shape), {}, std::move(values), true};
    return *this;
}

OperatorCase& OperatorCase::output(std::string const& name, Shape shape, double abs, double rel)
{
    std::size_t const n = elements(shape);
    tensors_["d" + name] = {
        shape, random_values(n, 77 + static_cast<std::uint32_t>(outputs_.size())), {}, false};
    tensors_[name] = {std::move(shape), std::vector<float>(n, std::nanf("")), {}, false};
    outputs_[name] = {abs, rel};
    return *this;
}

OperatorCase& OperatorCase::gradient(std::string const& input, double abs, double rel)
{
    Tensor const& x = tensors_.at(input);
    tensors_["d" + input] = {x.shape, std::vector<float>(x.floats.size(), kBefore), {}, false};
    gradients_[input] = {abs, rel};
    return *this;
}

OperatorCase& OperatorCase::constant(std::string const& output)
{
    constant_.insert(output);
    return *this;
}
OperatorCase& OperatorCase::free(std::string const& name, std::size_t d)
{
    free_.emplace(name, d);
    return *this;
}
OperatorCase& OperatorCase::forward(Call call)
{
    forward_ = std::move(call);
    return *this;
}
OperatorCase& OperatorCase::backward(Call call)
{
    backward_ = std::move(call);
    return *this;
}
OperatorCase& OperatorCase::oracle(Oracle oracle)
{
    oracle_ = std::move(oracle);
    return *this;
}

void OperatorCase::check() const
{
    OperatorCase poisoned = *this;
    poisoned.poison_what_is_not_written();
    poisoned.check_values();
    check_same_bits();
    check_refusals(forward_, "forward");
    if (backward_) check_refusals(backward_, "backward");
}

Doubles OperatorCase::inputs() const
{
    Doubles out;
    for (auto const& [name, t] : tensors_)
        if (!t.is_integer && !outputs_.contains(name))
            out[name].assign(t.floats.begin(), t.floats.end());
    return out;
}

void OperatorCase::poison_what_is_not_written()
{
    for (auto const& [name, y] : oracle_(inputs())) {
        auto& dy = tensors_.at("d" + name).floats;
        for (std::size_t i = 0; i < y.size(); ++i)
            if (std::isnan(y[i])) dy[i] = std::nanf("");
    }
}

Doubles OperatorCase::wanted_gradients(Doubles const& inputs) const
{
    Doubles want;
    for (auto const& [name, allowance] : gradients_) {
        auto const loss = [&, name = name](std::vector<double> const& x) {
            Doubles moved = inputs;
            moved.at(name) = x;
            double sum = 0;
            for (auto const& [output, y] : oracle_(moved)) {
                if (constant_.contains(output)) continue;
                auto const& dy = tensors_.at("d" + output).floats;
                for (std::size_t i = 0; i < y.size(); ++i)
                    if (!std::isnan(y[i])) sum += y[i] * static_cast<double>(dy[i]);
            }
            return sum;
        };
        want[name] = numeric_gradient(loss, inputs.at(name));
        for (double& g : want[name])
            g += static_cast<double>(kBefore);
    }
    return want;
}

void OperatorCase::check_values() const
{
    Context ctx = make_context();
    Memory const memory(ctx, *this);
    auto const tensors = [&](std::string const& name) {
        return memory(name);
    };
    forward_(ctx, tensors);
    if (backward_) backward_(ctx, tensors);

    Doubles const given = inputs(), want = oracle_(given);
    for (auto const& [name, allowance] : outputs_) {
        SCOPED_TRACE(name);
        expect_written(memory.floats(name), want.at(name), allowance.abs, allowance.rel);
    }
    for (auto const& [name, gradient] : wanted_gradients(given)) {
        SCOPED_TRACE("d" + name);
        Allowance const& allowance = gradients_.at(name);
        expect_close(memory.floats("d" + name), gradient, allowance.abs, allowance.rel);
    }
    for (auto const& [name, t] : tensors_) {
        SCOPED_TRACE(name);
        bool const of_input = !name.empty() && gradients_.contains(name.substr(1));
        if (t.is_integer)
            EXPECT_TRUE(same_bits(memory.integers(name), t.integers)) << "an input has changed";
        else if (!outputs_.contains(name) && !of_input)
            EXPECT_TRUE(same_bits(memory.floats(name), t.floats)) << "an input has changed";
    }
}

void OperatorCase::check_same_bits() const
{
    expect_same_for_any_threads([&](Context& ctx) {
        Memory const memory(ctx, *this);
        auto const tensors = [&](std::string const& name) {
            return memory(name);
        };
        forward_(ctx, tensors);
        if (backward_) backward_(ctx, tensors);
        std::vector<float> all;
        auto const take = [&](std::string const& name) {
            auto const values = memory.floats(name);
            all.insert(all.end(), values.begin(), values.end());
        };
        for (auto const& [name, allowance] : outputs_)
            take(name);
        for (auto const& [name, allowance] : gradients_)
            take("d" + name);
        return all;
    });
}

void OperatorCase::check_refusals(Call const& call, char const* what) const
{
    Context ctx = make_context(1);
    Memory const memory(ctx, *this);
    std::set<std::string> taken;
    call(ctx, [&](std::string const& name) {
        taken.insert(name);
        return memory(name);
    });
    // All spoiled tensors lie in the memory of the good one, so that a missing check harms nothing else.
    auto const expect_refused = [&](std::string const& name, TensorRef const& bad) {
        EXPECT_THROW(call(ctx, [&](std::string const& n) { return n == name ? bad : memory(n); }),
                     Error)
            << what << " takes " << name << " = " << bad.describe() << " instead of "
            << memory(name).describe();
    };
    for (std::string const& name : taken) {
        TensorRef const good = memory(name);
        TensorRef bad = good;
        bad.dtype = good.dtype == DType::f32 ? DType::i32 : DType::f32;
        expect_refused(name, bad);
        bad = good;
        bad.shape[static_cast<std::size_t>(bad.rank++)] = 1;
        expect_refused(name, bad);
        for (std::size_t d = 0; d < static_cast<std::size_t>(good.rank); ++d) {
            if (good.shape[d] == 0 || free_.contains({name, d})) continue;
            bad = good;
            --bad.shape[d];
            expect_refused(name, bad);
        }
    }
}
}  // namespace calofuse::test
