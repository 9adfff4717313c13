/// \file io/block_queue.hpp
/// Hands blocks of raw events from a reading thread to the thread that owns the queue. A few blocks
/// go round and round, so memory does not grow with the input.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "io/focalh/npy_events.hpp"

namespace calofuse {
/// Events of one file, or (digest not empty) its end.
struct RawBlock {
    std::size_t file = 0;  ///< index of the input
    std::int64_t first = 0, count = 0;
    std::shared_ptr<NpyEventReader> reader;
    std::vector<char> raw;
    std::string digest;
};

class BlockQueue {
  public:
    /// Starts `produce` in a thread of its own.
    explicit BlockQueue(std::function<void(BlockQueue&)> produce)
        : thread_([this, produce = std::move(produce)] { run(produce); })
    {}
    BlockQueue(BlockQueue const&) = delete;
    BlockQueue& operator=(BlockQueue const&) = delete;
    /// Stops the producer at its next push and waits for it.
    ~BlockQueue()
    {
        {
            std::lock_guard const lock(mutex_);
            stopped_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

    /// For the producer: waits for room; false if nobody wants more.
    bool push(RawBlock block)
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopped_ || full_.size() < kMaxBlocks; });
        if (stopped_) return false;
        full_.push_back(std::move(block));
        changed_.notify_all();
        return true;
    }
    /// For the producer: a block with memory that was used before, or a new one.
    RawBlock recycled()
    {
        std::lock_guard const lock(mutex_);
        if (free_.empty()) return {};
        RawBlock block = std::move(free_.back());
        free_.pop_back();
        return block;
    }
    /// For the owner: the next block; nothing at the end; throws what the producer threw.
    std::optional<RawBlock> pop()
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return done_ || !full_.empty(); });
        if (full_.empty()) {
            if (error_) std::rethrow_exception(error_);
            return std::nullopt;
        }
        RawBlock block = std::move(full_.front());
        full_.pop_front();
        changed_.notify_all();
        return block;
    }
    /// For the owner: gives the memory of a block back.
    void recycle(RawBlock block)
    {
        block.reader.reset();
        block.digest.clear();
        std::lock_guard const lock(mutex_);
        free_.push_back(std::move(block));
    }

  private:
    static constexpr std::size_t kMaxBlocks = 3;

    void run(std::function<void(BlockQueue&)> const& produce)
    {
        std::exception_ptr error;
        try {
            produce(*this);
        } catch (...) {
            error = std::current_exception();
        }
        std::lock_guard const lock(mutex_);
        error_ = error;
        done_ = true;
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<RawBlock> full_;
    std::vector<RawBlock> free_;
    std::exception_ptr error_;
    bool done_ = false, stopped_ = false;
    std::thread thread_;  ///< last: it uses all the others
};
}  // namespace calofuse
