/// \file tests/models/engine/tape_test.cpp
#include "models/engine/tape.hpp"

#include <algorithm>

#include "kernels/dense/activation.hpp"
#include "kernels/dense/zero_rows.hpp"
#include "runtime/error.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
/// What every tape needs, and a tape without weights.
struct Rig {
    Context ctx = make_context(1);
    Parameters parameters;
    Buffer<std::int64_t> position{ctx, 2};

    Rig() { parameters.allocate(ctx, 7); }
    Tape tape(Mode mode, std::function<void(Tape&)> const& forward)
    {
        return Tape(ctx, parameters, mode, position.ref(), forward);
    }
    void add(TensorRef const& to, float amount)
    {
        std::vector<float> values = fetch(ctx, to);
        for (float& v : values)
            v += amount;
        put(ctx, to, values);
    }
};

struct Range {
    std::uintptr_t begin, end;
};
Range range_of(TensorRef const& t)
{
    auto const begin = reinterpret_cast<std::uintptr_t>(t.data);
    return {begin, begin + static_cast<std::size_t>(t.size()) * size_of(t.dtype)};
}
}  // namespace

TEST(Tape, plans_once_and_records_into_memory_of_that_size)
{
    Rig rig;
    int passes = 0;
    std::vector<TensorRef> made;
    std::int64_t const before = rig.ctx.num_allocations();
    Tape const tape = rig.tape(Mode::train, [&](Tape& t) {
        ++passes;
        made.clear();
        Var const a = t.make({3, 5}), b = t.make({1});
        made = {a.value,
                b.value,
                a.grad,
                b.grad,
                t.make_value(DType::u16, {7}),
                t.make_value(DType::f64, {2, 2})};
    });
    EXPECT_EQ(passes, 2);
    // 60 -> 64, 4 -> 64 bytes, values and gradients; 14 and 32 bytes of values.
    EXPECT_EQ(tape.bytes(), 2 * (64 + 64) + 64 + 64);
    EXPECT_EQ(made[0].dtype, DType::f32);
    EXPECT_EQ(made[4].dtype, DType::u16);
    EXPECT_LE(rig.ctx.num_allocations() - before, 3) << "one block per arena";
    std::vector<Range> ranges;
    for (TensorRef const& t : made) {
        ranges.push_back(range_of(t));
        EXPECT_EQ(ranges.back().begin % 64, 0U);
    }
    std::sort(ranges.begin(), ranges.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
    for (std::size_t i = 0; i + 1 < ranges.size(); ++i)
        EXPECT_LE(ranges[i].end, ranges[i + 1].begin) << i;
}

TEST(Tape, a_pass_that_asks_for_other_sizes_than_it_planned_is_a_bug)
{
    Rig rig;
    std::int64_t rows = 64;
    EXPECT_THROW(rig.tape(Mode::train,
                          [&](Tape& t) {
                              t.make({rows});
                              rows /= 2;
                          }),
                 Error);
}

TEST(Tape, replays_forward_in_order_and_backward_in_reverse)
{
    Rig rig;
    std::string log;
    auto const forward = [&](Tape& t) {
        t.record(
            "a", [&] { log += 'a'; }, [&] { log += 'A'; });
        t.record("b", [&] { log += 'b'; });
        t.record(
            "c", [&] { log += 'c'; }, [&] { log += 'C'; });
    };
    Tape train = rig.tape(Mode::train, forward);
    EXPECT_EQ(log, "") << "nothing runs while a pass is recorded";
    train.run();
    train.backward();
    train.run();
    EXPECT_EQ(log, "abcCAabc");
    for (Mode const mode : {Mode::calibrate, Mode::evaluate}) {
        log.clear();
        Tape other = rig.tape(mode, forward);
        other.run();
        EXPECT_EQ(log, "abc");
        EXPECT_THROW(other.backward(), Error);
    }
}

TEST(Tape, gradients_exist_in_training_only_and_start_at_zero_in_every_step)
{
    Rig rig;
    Var x;
    Tape train = rig.tape(Mode::train, [&](Tape& t) {
        x = t.make({3});
        t.record(
            "add", [] {}, [&rig, x] { rig.add(x.grad, 2.5F); });
    });
    for (int step = 0; step < 2; ++step) {
        train.run();
        train.backward();
        EXPECT_EQ(fetch(rig.ctx, x.grad), std::vector<float>(3, 2.5F)) << step;
    }
    for (Mode const mode : {Mode::calibrate, Mode::evaluate}) {
        rig.tape(mode, [&](Tape& t) { x = t.make({3}); });
        EXPECT_TRUE(x.grad.empty());
        EXPECT_FALSE(x.value.empty());
    }
}

TEST(Tape, of_ragged_gradients_the_rows_that_exist_are_zeroed)
{
    Rig rig;
    Buffer<std::int32_t> row_ptr(rig.ctx, std::vector<std::int32_t>{0, 2, 2, 3});
    Var x;
    Tape train = rig.tape(Mode::train, [&](Tape& t) { x = t.make_ragged(row_ptr.ref(), 5, 2); });
    EXPECT_EQ(x.value.describe(), x.grad.describe());
    put(rig.ctx, x.grad, std::vector<float>(10, 9.0F));
    train.backward();
    EXPECT_EQ(fetch(rig.ctx, x.grad), (std::vector<float>{0, 0, 0, 0, 0, 0, 9, 9, 9, 9}));
    row_ptr.upload(std::vector<std::int32_t>{0, 0, 5, 5});
    train.backward();
    EXPECT_EQ(fetch(rig.ctx, x.grad), std::vector<float>(10, 0.0F));
    rig.tape(Mode::evaluate, [&](Tape& t) { x = t.make_ragged(row_ptr.ref(), 5, 2); });
    EXPECT_TRUE(x.grad.empty());
}

TEST(Tape, dropouts_are_numbered_in_the_order_of_the_calls)
{
    Rig rig;
    for (Mode const mode : {Mode::train, Mode::calibrate, Mode::evaluate}) {
        std::vector<std::vector<std::uint32_t>> of_pass;
        rig.tape(mode, [&](Tape& t) {
            of_pass.push_back({t.next_dropout(), t.next_dropout(), t.next_dropout()});
        });
        std::vector<std::uint32_t> const want{16, 17, 18};  // RandomStream::dropout and on
        ASSERT_EQ(of_pass.size(), 2U);
        EXPECT_EQ(of_pass[0], want);
        EXPECT_EQ(of_pass[1], want) << "planning and recording see the same";
    }
}

TEST(Tape, operators_are_recorded_with_their_gradients)
{
    Rig rig;
    Buffer<std::int32_t> const row_ptr(rig.ctx, std::vector<std::int32_t>{0, 1});
    Buffer<float> const input(rig.ctx, std::vector<float>{-1, 0.5F, 2});
    Var x, y;
    Tape tape = rig.tape(Mode::train, [&](Tape& t) {
        x = {input.ref(), t.make({3}).grad};
        y = t.make({3});
        record(t, "activation", activation_forward,
               {.x = x.value, .kind = Activation::relu, .y = y.value}, activation_backward,
               {.saved = y.value, .dy = y.grad, .kind = Activation::relu, .dx = x.grad});
        record(t, "zero_rows", zero_rows,
               {.row_ptr = row_ptr.ref(), .x = y.value.reshaped({3, 1})});
        t.record(
            "seed", [] {}, [&rig, y = y] { rig.add(y.grad, 1); });
    });
    std::vector<std::string> names;
    tape.set_timer([&](std::string const& name, double seconds) {
        names.push_back(name);
        EXPECT_GE(seconds, 0);
    });
    tape.run();
    EXPECT_EQ(fetch(rig.ctx, y.value), (std::vector<float>{0, 0.5F, 2}));
    tape.backward();
    EXPECT_EQ(fetch(rig.ctx, x.grad), (std::vector<float>{0, 1, 1}));
    EXPECT_EQ(names, (std::vector<std::string>{"activation", "zero_rows", "seed", "seed backward",
                                               "activation backward"}));
}

TEST(Tape, carries_weights_and_position)
{
    Context ctx = make_context(1);
    Parameters parameters;
    ParameterGroup const w = parameters.add({"w", {4}, Init::ones});
    parameters.allocate(ctx, 3);
    Buffer<std::int64_t> const position(ctx, 2);
    Tape const tape(ctx, parameters, Mode::train, position.ref(), [&](Tape& t) {
        EXPECT_EQ(t.var(w).value.data, parameters.values().data);
        EXPECT_EQ(t.var(w).grad.data, parameters.gradients().data);
    });
    EXPECT_EQ(&tape.parameters(), &parameters);
    EXPECT_EQ(tape.position().data, position.data());
}
}  // namespace calofuse::test
