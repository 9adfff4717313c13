#include "models/tape.hpp"

#include <chrono>

namespace calofuse {
namespace {
constexpr std::int64_t kAlignment = 64;
}

Tape::Tape(Context& ctx, Mode mode, TensorRef step, std::function<void(Tape&)> const& forward)
    : ctx_(&ctx), mode_(mode), step_(step)
{
    forward(*this);
    values_ = std::make_unique<Buffer<std::uint8_t>>(ctx, value_bytes_);
    grads_ = std::make_unique<Buffer<std::uint8_t>>(ctx, grad_bytes_);
    std::int64_t const planned = bytes();
    planning_ = false;
    value_bytes_ = grad_bytes_ = 0;
    forward(*this);
    CALOFUSE_CHECK(bytes() == planned, "the forward pass asked for other sizes than it planned");
}

TensorRef Tape::place(DType dtype, std::initializer_list<std::int64_t> shape, bool grad)
{
    TensorRef ref{nullptr, dtype, static_cast<int>(shape.size()), {}};
    std::size_t d = 0;
    for (auto extent : shape)
        ref.shape[d++] = extent;
    std::int64_t& end = grad ? grad_bytes_ : value_bytes_;
    // While planning, any address will do as long as it is not null: nothing is run.
    static std::uint8_t planned = 0;
    ref.data = planning_ ? &planned : (grad ? grads_ : values_)->data() + end;
    end += (ref.size() * size_of(dtype) + kAlignment - 1) / kAlignment * kAlignment;
    return ref;
}

Var Tape::make(std::initializer_list<std::int64_t> shape)
{
    Var out{place(DType::f32, shape, false), {}};
    if (mode_ == Mode::train) out.grad = place(DType::f32, shape, true);
    return out;
}

TensorRef Tape::make_value(DType dtype, std::initializer_list<std::int64_t> shape)
{
    return place(dtype, shape, false);
}

void Tape::record(char const* name, std::function<void()> forward, std::function<void()> backward)
{
    if (planning_) return;
    if (mode_ != Mode::train) backward = {};
    calls_.push_back({name, std::move(forward), std::move(backward)});
}

void Tape::play(Call const& call, std::function<void()> const& function, char const* suffix)
{
    if (!timer_) return function();
    auto const begin = std::chrono::steady_clock::now();
    function();
    ctx_->synchronize();
    std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - begin;
    timer_(std::string(call.name) + suffix, seconds.count());
}

void Tape::run()
{
    for (Call const& call : calls_)
        play(call, call.forward, "");
}

void Tape::backward()
{
    CALOFUSE_CHECK(mode_ == Mode::train, "backward of a tape that was not recorded for training");
    grads_->zero();
    for (auto call = calls_.rbegin(); call != calls_.rend(); ++call)
        if (call->backward) play(*call, call->backward, " backward");
}
}  // namespace calofuse
