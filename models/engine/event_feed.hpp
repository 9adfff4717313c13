/// \file models/engine/event_feed.hpp
/// Leads a program through a list of events, batch by batch. The list, the place in it and the results
/// lie on the backend, so that a GPU goes through many batches without a word from the host: several
/// batches are captured as one CUDA graph. Where the raw rows do not lie on the device, the
/// next batches are uploaded while these compute.
#pragma once

#include <functional>

#include "models/engine/event_input.hpp"
#include "runtime/device/capture.hpp"
#include "runtime/device/upload_ring.hpp"

namespace calofuse {
class EventFeed {
  public:
    /// From about eight batches a launch on, the host has nothing to do (design: one graph of eight
    /// resident steps beat one-step graphs by 60 % where it was published).
    static constexpr std::int64_t kBatchesPerGraph = 8;

    /// Batches of `batch_size` events, each in parts of at most `part_size`.
    EventFeed(Context& ctx,
              EventInput const& input,
              std::int64_t part_size,
              std::int64_t batch_size,
              std::int64_t batches_per_graph = kBatchesPerGraph);

    // What the program of a part reads; fixed addresses.
    EventBatch batch() const;
    TensorRef targets() const { return target_.ref(); }       ///< (P) f32
    TensorRef num_valid() const { return num_valid_.ref(); }  ///< (1) i64
    TensorRef position() const { return position_.ref(); }    ///< (2) i64: step, first event
    TensorRef step() const { return tensor_ref(position_.data(), {1}); }

    // What a program calls: once before and once after each part of a batch.
    void take();
    void finish(TensorRef logits, TensorRef loss = {});

    /// The events of a pass in this order, from the batch `batches_done` on, as training steps from
    /// number `first_step` (of 1) on.
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
    std::vector<float> logits(std::int64_t first_event, std::int64_t count) const;
    void losses(std::int64_t first_batch, std::span<double> out) const;

  private:
    static constexpr int kSlots = 3;  ///< of the ring: being read, ready, being filled

    std::int64_t ring_rows() const { return kSlots * per_graph_ * batch_size_; }
    void reserve(std::int64_t events);
    void start(std::int64_t events, std::int64_t first_step, std::int64_t batches_done);
    void stream_chunk(std::int64_t chunk);
    void use_chunk(std::int64_t chunk);
    void capture(std::function<void()> const& one_batch);

    Context* ctx_;
    EventInput const* input_;
    std::int64_t batch_size_, per_graph_;
    Buffer<std::int32_t> row_;
    Buffer<float> target_;
    Buffer<std::int64_t> num_valid_, position_, cursor_;
    std::unique_ptr<Buffer<std::int32_t>> events_, order_;  ///< as given, and as taken
    std::unique_ptr<Buffer<float>> logits_;
    std::unique_ptr<Buffer<double>> losses_;
    std::int64_t capacity_ = 0, num_events_ = 0, batches_done_ = 0;
    std::unique_ptr<Capture> graph_;
    bool warm_ = false, eager_ = false;

    std::unique_ptr<UploadRing> ring_;
    std::vector<std::int32_t> host_order_;  ///< of a streamed pass
    std::int64_t streamed_ = 0;             ///< chunks that were uploaded
    std::int64_t used_ = -1;                ///< chunk that is being read
};
}  // namespace calofuse
