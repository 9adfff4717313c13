/// \file models/engine/feed.hpp
/// Leads a program through a list of events, batch by batch, whatever their columns are. The list, the
/// place in it and the results lie on the backend, so that a GPU goes through many batches without a
/// word from the host: several batches are captured as one CUDA graph. Where the columns do not lie on
/// the device, the next batches are uploaded while these compute (column_ring.hpp).
/// Shapes are static: a ragged table has room for the longest events that a batch can have.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "models/engine/column_ring.hpp"
#include "runtime/device/capture.hpp"

namespace calofuse {
class Feed {
  public:
    /// From about eight batches a launch on, the host has nothing to do (design: one graph of eight
    /// resident steps beat one-step graphs by 60 % where it was published).
    static constexpr std::int64_t kBatchesPerGraph = 8;
    /// Pinned memory of a streamed feed. Where as many batches per graph need more, as those of images
    /// do, there are fewer, but at least one: that costs launches, of which such batches need few.
    static constexpr std::int64_t kRingBytes = 256 << 20;

    /// Batches of `batch_size` events, each in parts of at most `part_size`.
    Feed(Context& ctx,
         Placed const& data,
         std::int64_t part_size,
         std::int64_t batch_size,
         std::int64_t batches_per_graph = kBatchesPerGraph);

    // What the program of a part reads; fixed addresses.
    Batch const& batch() const { return batch_; }
    TensorRef step() const { return tensor_ref(position_.data(), {1}); }

    /// Says that outputs have so many columns; if not called: one. Before the first pass.
    void set_output_width(std::int64_t width);

    // What a program calls: once before and once after each part of a batch.
    void take();
    /// Keeps the outputs (P, W) of the part's events, and adds its loss (1) to that of the batch.
    void finish(TensorRef output, TensorRef loss = {});

    /// The events of a pass in this order, from the batch `batches_done` on, as training steps from
    /// number `first_step` (of 1) on. With a ragged column no event may be there twice: there might be
    /// no room for it.
    void begin(std::span<std::int32_t const> order,
               std::int64_t first_step = 1,
               std::int64_t batches_done = 0);
    /// As `begin`, in the order of an epoch (kernels/data/shuffle.hpp).
    void begin_epoch(std::span<std::int32_t const> events,
                     std::uint64_t seed,
                     std::int64_t epoch,
                     std::int64_t first_step,
                     std::int64_t batches_done);

    /// Runs the program `one_batch` for the next batches.
    void run(std::int64_t batches, std::function<void()> const& one_batch);
    /// The first batch of a pass of `batches`, and all that comes before its first launch: then this
    /// pass, begun again, and every shorter one ask for no more memory.
    void rehearse(std::int64_t batches, std::function<void()> const& one_batch);
    /// Without captured graphs, so that every call can be timed.
    void set_eager() { eager_ = true; }

    std::int64_t parts_of_batch() const { return (batch_size_ + row_.size() - 1) / row_.size(); }
    std::int64_t batches_done() const { return batches_done_; }
    /// Batches in one launch, if so many are left.
    std::int64_t batches_per_graph() const { return per_graph_; }

    // Results of the pass, on the host.
    std::vector<std::int32_t> order() const;
    /// (count, W) of the events from place `first_event` of the order on.
    std::vector<float> outputs(std::int64_t first_event, std::int64_t count) const;
    void losses(std::int64_t first_batch, std::span<double> out) const;

  private:
    void check_events(std::span<std::int32_t const> events) const;
    void reserve(std::int64_t events);
    void start(std::int64_t events, std::int64_t first_step, std::int64_t batches_done);
    void capture(std::function<void()> const& one_batch);

    Context* ctx_;
    Placed const* data_;
    std::int64_t batch_size_, per_graph_, output_width_ = 1;
    Buffer<std::int32_t> row_;
    Buffer<std::int64_t> num_valid_, position_, cursor_;
    std::unique_ptr<Buffer<std::int32_t>> events_, order_;  ///< as given, and as taken
    std::unique_ptr<Buffer<float>> outputs_;
    std::unique_ptr<Buffer<double>> losses_;
    std::int64_t capacity_ = 0, num_events_ = 0, batches_done_ = 0;
    std::unique_ptr<Capture> graph_;
    bool warm_ = false, eager_ = false;
    std::unique_ptr<ColumnRing> ring_;  ///< of streamed columns
    Batch batch_;
};
}  // namespace calofuse
