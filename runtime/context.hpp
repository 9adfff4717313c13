/// \file runtime/context.hpp
/// Where work runs: backend, device, stream, threads. Every operator takes one first.
/// Work is asynchronous on `stream()`; only drivers, tests and benches synchronise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/tensor.hpp"

struct CUstream_st;  // cudaStream_t, without the CUDA headers

namespace calofuse {
enum class Backend : std::uint8_t { cpu, cuda };
constexpr char const* name_of(Backend b)
{
    return b == Backend::cpu ? "cpu" : "cuda";
}

/// What memory is for: objects that last, or scratch, which an operator gives back before it returns.
enum class Memory : std::uint8_t { lasting, scratch };

template <class T>
class Block;

class Context {
  public:
    /// `threads` <= 0: all cores. The number of threads never changes a result bit.
    static Context cpu(int threads = 0);
    /// Throws (exit 69) where GPU `device` is not usable.
    static Context cuda(int device = 0);
    Context(Context&& other) noexcept;
    Context& operator=(Context&&) = delete;
    Context(Context const&) = delete;
    Context& operator=(Context const&) = delete;
    ~Context();

    Backend backend() const { return backend_; }
    int threads() const { return threads_; }
    int device() const { return device_; }
    CUstream_st* stream() const { return stream_; }
    void synchronize();

    /// Uninitialised memory on this backend (64-byte aligned) for the length of one operator. It comes
    /// from a pool that keeps what it once got, so a warm step asks neither system nor driver for
    /// memory. All work of a context is in one order, so all operators share these blocks, also those
    /// of captured graphs, which remember the addresses: they are never used for anything else.
    template <class T>
    Block<T> scratch(std::int64_t count);

    void* allocate(std::size_t bytes, Memory kind);
    void release(void* data) noexcept;
    /// Whether an operator is under way.
    bool scratch_in_use() const;
    void copy_to(void* dst, void const* host_src, std::size_t bytes);
    void copy_back(void* host_dst, void const* src, std::size_t bytes);
    void fill_zero(void* dst, std::size_t bytes);

    /// What is made while this lives counts as memory for `purpose` (a literal) in `memory_use`;
    /// scratch does not.
    class Purpose {
      public:
        Purpose(Context& ctx, char const* purpose);
        Purpose(Purpose const&) = delete;
        Purpose& operator=(Purpose const&) = delete;
        ~Purpose();

      private:
        Context* ctx_;
        char const* outer_;
    };
    struct MemoryUse {
        std::string purpose;
        std::int64_t bytes = 0;
    };
    /// Memory that this context has got, by purpose (the last one of each block); at the end that of
    /// the last request, if it failed.
    std::vector<MemoryUse> memory_use() const;

    /// How often this context has asked the system or the driver for memory.
    std::int64_t num_allocations() const;

  private:
    struct Pool;
    explicit Context(Backend backend);

    Backend backend_;
    int threads_ = 1;
    int device_ = 0;
    CUstream_st* stream_ = nullptr;
    std::unique_ptr<Pool> pool_;
};

/// Move-only owner of `count` uninitialised elements.
template <class T>
class Block {
  public:
    Block(Context& ctx, std::int64_t count, Memory kind = Memory::lasting)
        : ctx_(&ctx)
        , count_(count)
        , data_(static_cast<T*>(ctx.allocate(static_cast<std::size_t>(count) * sizeof(T), kind)))
    {}
    Block(Block&& other) noexcept : ctx_(other.ctx_), count_(other.count_), data_(other.data_)
    {
        other.data_ = nullptr;
    }
    Block& operator=(Block&&) = delete;
    Block(Block const&) = delete;
    Block& operator=(Block const&) = delete;
    ~Block()
    {
        if (data_ != nullptr) ctx_->release(data_);
    }

    T* data() const { return data_; }
    std::int64_t size() const { return count_; }
    View<T, 1> view() const { return {data_, {count_}}; }

  private:
    Context* ctx_;
    std::int64_t count_;
    T* data_;
};

template <class T>
Block<T> Context::scratch(std::int64_t count)
{
    return Block<T>(*this, count, Memory::scratch);
}

/// Whether work can run there now; `reason` (if given) receives why not, in one line.
bool is_available(Backend backend, std::string* reason = nullptr);

/// Runs the operator's twin for the context's backend: the one place that dispatches.
template <class Cpu, class Cuda>
void on_backend(Context& ctx, char const* op, Cpu&& cpu, Cuda&& cuda)
{
    if (ctx.backend() == Backend::cpu) return cpu();
    if constexpr (kHasCuda) return cuda();
    throw_not_built(op, name_of(ctx.backend()));
}
}  // namespace calofuse
