/// \file runtime/buffer.hpp
/// Owns memory of one kind; `TensorRef` and `View` borrow from it.
#pragma once

#include <span>
#include <vector>

#include "runtime/context.hpp"

namespace calofuse {
/// `count` zeroed elements on the context's backend; move-only, lives no longer than its context.
template <class T>
class Buffer {
  public:
    Buffer(Context& ctx, std::int64_t count) : ctx_(&ctx), memory_(ctx, count)
    {
        ctx.fill_zero(memory_.data(), bytes());
    }
    Buffer(Context& ctx, std::span<T const> host)
        : ctx_(&ctx), memory_(ctx, static_cast<std::int64_t>(host.size()))
    {
        upload(host);
    }

    T* data() const { return memory_.data(); }
    std::int64_t size() const { return memory_.size(); }
    TensorRef ref(std::initializer_list<std::int64_t> shape) const
    {
        TensorRef const r = tensor_ref(memory_.data(), shape);
        CALOFUSE_CHECK(r.size() <= size(), r.describe() << " exceeds a buffer of " << size());
        return r;
    }
    TensorRef ref() const { return tensor_ref(memory_.data(), {size()}); }

    void upload(std::span<T const> host)
    {
        CALOFUSE_CHECK(static_cast<std::int64_t>(host.size()) <= size(),
                       "upload exceeds the buffer");
        ctx_->copy_to(memory_.data(), host.data(), host.size_bytes());
    }
    std::vector<T> download() const
    {
        std::vector<T> host(static_cast<std::size_t>(size()));
        ctx_->copy_back(host.data(), memory_.data(), bytes());
        return host;
    }
    void zero() { ctx_->fill_zero(memory_.data(), bytes()); }

  private:
    std::size_t bytes() const { return static_cast<std::size_t>(size()) * sizeof(T); }
    Context* ctx_;
    Block<T> memory_;
};
}  // namespace calofuse
