/// \file models/engine/tape.hpp
/// A forward pass as a program. The forward function of a model is called twice: once to plan (sizes
/// are added up, nothing runs), once to record into the one block that the plan asked for. From then
/// on `run()` and `backward()` replay the recorded calls on the same memory: a warm step builds
/// nothing and allocates nothing, and on a GPU it is what a CUDA graph captures.
#pragma once

#include <array>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "models/engine/parameters.hpp"

namespace calofuse {
/// What a pass is for.
enum class Mode : std::uint8_t {
    train,      ///< dropout on, batch statistics, gradients
    calibrate,  ///< dropout off, batch statistics, which are accumulated for evaluation
    evaluate,   ///< dropout off, stored statistics
};

class Tape {
  public:
    /// Plans and records `forward` with the weights of `parameters`. `position` (2) i64 is read by
    /// dropout: number of the training step, and of the part's first event in its batch.
    Tape(Context& ctx,
         Parameters const& parameters,
         Mode mode,
         TensorRef position,
         std::function<void(Tape&)> const& forward);

    Context& ctx() const { return *ctx_; }
    Parameters const& parameters() const { return *parameters_; }
    Var var(ParameterGroup weights) const { return parameters_->var(weights); }
    Mode mode() const { return mode_; }
    TensorRef position() const { return position_; }

    /// Stream of the random words of the next dropout: they are numbered in the order of these calls.
    /// A dropout that drops nothing takes its number too, so that a rate does not move the others.
    std::uint32_t next_dropout();

    /// A value with a gradient (in train mode), or without one.
    Var make(std::initializer_list<std::int64_t> shape);
    TensorRef make_value(DType dtype, std::initializer_list<std::int64_t> shape);
    /// Rows of a ragged batch: (capacity, width), of which the rows below row_ptr[B] exist.
    Var make_ragged(TensorRef row_ptr, std::int64_t capacity, std::int64_t width);

    /// Records one call under the name of its operator. `backward` may be empty; it is dropped
    /// unless the mode is train.
    void record(char const* name,
                std::function<void()> forward,
                std::function<void()> backward = {});

    void run();       ///< forward
    void backward();  ///< zeroes the gradients of all values, then plays back; the caller seeds
                      ///< through the last recorded call (a loss writes its own gradient)
    /// Memory set aside: of ragged rows for the largest batch, of which a pass touches what exists.
    std::int64_t bytes() const { return arena_bytes_[0] + arena_bytes_[1] + arena_bytes_[2]; }

    /// Called with the name and the wall time of each call, synchronised; for profiles.
    using Timer = std::function<void(std::string const& name, double seconds)>;
    void set_timer(Timer timer) { timer_ = std::move(timer); }

  private:
    struct Ragged {
        TensorRef row_ptr, grad;
    };
    enum class Arena : std::uint8_t { value, grad, ragged_grad };
    struct Call {
        char const* name;
        std::function<void()> forward, backward;
    };
    void play(Call const& call, std::function<void()> const& function, char const* suffix);
    TensorRef place(DType dtype, std::initializer_list<std::int64_t> shape, Arena arena);

    Context* ctx_;
    Parameters const* parameters_;
    Mode mode_;
    TensorRef position_;
    std::uint32_t dropouts_ = 0;
    bool planning_ = true;
    std::array<std::int64_t, 3> arena_bytes_ = {};
    std::array<std::unique_ptr<Block<std::uint8_t>>, 3> arenas_;
    std::vector<Ragged> ragged_;  ///< gradients that are zeroed as far as their rows exist
    std::vector<Call> calls_;
    Timer timer_;
};

/// Records an operator without gradient, say `record(tape, "knn", knn, {.x = x, ..})`.
template <class Args>
void record(Tape& tape,
            char const* name,
            void (*forward)(Context&, Args const&),
            std::type_identity_t<Args> const& args)
{
    Context* const ctx = &tape.ctx();
    tape.record(name, [=] { forward(*ctx, args); });
}

/// Records an operator and its gradient.
template <class Args, class GradArgs>
void record(Tape& tape,
            char const* name,
            void (*forward)(Context&, Args const&),
            std::type_identity_t<Args> const& args,
            void (*backward)(Context&, GradArgs const&),
            std::type_identity_t<GradArgs> const& grad_args)
{
    Context* const ctx = &tape.ctx();
    tape.record(
        name, [=] { forward(*ctx, args); }, [=] { backward(*ctx, grad_args); });
}
}  // namespace calofuse
