#include "models/engine/tape.hpp"

#include <chrono>

#include "kernels/dense/zero_rows.hpp"
#include "runtime/device/range.hpp"
#include "runtime/random.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kAlignment = 64;
}

Tape::Tape(Context& ctx,
           Parameters const& parameters,
           Mode mode,
           TensorRef position,
           std::function<void(Tape&)> const& forward)
    : ctx_(&ctx), parameters_(&parameters), mode_(mode), position_(position)
{
    forward(*this);
    for (std::size_t i = 0; i < arenas_.size(); ++i)
        arenas_[i] = std::make_unique<Block<std::uint8_t>>(ctx, arena_bytes_[i]);
    std::int64_t const planned = bytes();
    planning_ = false;
    arena_bytes_ = {};
    dropouts_ = 0;
    forward(*this);
    CALOFUSE_CHECK(bytes() == planned, "the forward pass asked for other sizes than it planned");
}

std::uint32_t Tape::next_dropout()
{
    return static_cast<std::uint32_t>(RandomStream::dropout) + dropouts_++;
}

TensorRef Tape::place(DType dtype, std::initializer_list<std::int64_t> shape, Arena arena)
{
    TensorRef ref{nullptr, dtype, static_cast<int>(shape.size()), {}};
    std::size_t d = 0;
    for (auto extent : shape)
        ref.shape[d++] = extent;
    auto const i = static_cast<std::size_t>(arena);
    std::int64_t& end = arena_bytes_[i];
    // While planning, any address will do as long as it is not null: nothing is run.
    static std::uint8_t planned = 0;
    ref.data = planning_ ? &planned : arenas_[i]->data() + end;
    end += (ref.size() * size_of(dtype) + kAlignment - 1) / kAlignment * kAlignment;
    return ref;
}

Var Tape::make(std::initializer_list<std::int64_t> shape)
{
    Var out{place(DType::f32, shape, Arena::value), {}};
    if (mode_ == Mode::train) out.grad = place(DType::f32, shape, Arena::grad);
    return out;
}

Var Tape::make_ragged(TensorRef row_ptr, std::int64_t capacity, std::int64_t width)
{
    Var out{place(DType::f32, {capacity, width}, Arena::value), {}};
    if (mode_ != Mode::train) return out;
    out.grad = place(DType::f32, {capacity, width}, Arena::ragged_grad);
    if (!planning_) ragged_.push_back({row_ptr, out.grad});
    return out;
}

TensorRef Tape::make_value(DType dtype, std::initializer_list<std::int64_t> shape)
{
    return place(dtype, shape, Arena::value);
}

void Tape::record(char const* name, std::function<void()> forward, std::function<void()> backward)
{
    if (planning_) return;
    if (mode_ != Mode::train) backward = {};
    calls_.push_back({name, std::move(forward), std::move(backward)});
}

void Tape::play(Call const& call, std::function<void()> const& function, char const* suffix)
{
    Range const range(call.name);
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
    Block<std::uint8_t> const& grads = *arenas_[static_cast<std::size_t>(Arena::grad)];
    ctx_->fill_zero(grads.data(), static_cast<std::size_t>(grads.size()));
    for (Ragged const& r : ragged_)
        zero_rows(*ctx_, {.row_ptr = r.row_ptr, .x = r.grad});
    for (auto call = calls_.rbegin(); call != calls_.rend(); ++call)
        if (call->backward) play(*call, call->backward, " backward");
}
}  // namespace calofuse
