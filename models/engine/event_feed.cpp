#include "models/engine/event_feed.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/data/batch.hpp"
#include "kernels/data/shuffle.hpp"
#include "runtime/device/range.hpp"

namespace calofuse {
namespace {
constexpr std::size_t kRowBytes = kNumChannels * sizeof(std::uint16_t);
}

EventFeed::EventFeed(Context& ctx,
                     EventInput const& input,
                     std::int64_t part_size,
                     std::int64_t batch_size,
                     std::int64_t batches_per_graph)
    : ctx_(&ctx)
    , input_(&input)
    , batch_size_(batch_size)
    , per_graph_(ctx.backend() == Backend::cpu ? 1 : batches_per_graph)
    , row_(ctx, part_size)
    , target_(ctx, part_size)
    , num_valid_(ctx, 1)
    , position_(ctx, 2)
    , cursor_(ctx, 4)
{
    if (input.streamed())
        ring_ = std::make_unique<UploadRing>(
            ctx, kSlots, static_cast<std::size_t>(per_graph_ * batch_size) * kRowBytes);
}

EventBatch EventFeed::batch() const
{
    if (!ring_) return input_->batch(row_.ref());
    return input_->batch(row_.ref(),
                         tensor_ref(reinterpret_cast<std::uint16_t*>(ring_->device_data()),
                                    {ring_rows(), kNumChannels}));
}

void EventFeed::take()
{
    take_batch(*ctx_, {.order = order_->ref(),
                       .label = input_->labels(),
                       .cursor = cursor_.ref(),
                       .batch_size = batch_size_,
                       .ring_rows = ring_ ? ring_rows() : 0,
                       .row = row_.ref(),
                       .target = target_.ref(),
                       .num_valid = num_valid_.ref(),
                       .position = position_.ref()});
}

void EventFeed::finish(TensorRef logits, TensorRef loss)
{
    finish_batch(*ctx_, {.num_valid = num_valid_.ref(),
                         .logits = logits.reshaped({logits.size()}),
                         .loss = loss,
                         .batch_size = batch_size_,
                         .cursor = cursor_.ref(),
                         .kept_logits = logits_->ref(),
                         .kept_losses = losses_->ref()});
}

/// Room for a pass; what was captured read the old room.
void EventFeed::reserve(std::int64_t events)
{
    if (events <= capacity_ && order_) return;
    ctx_->synchronize();
    graph_.reset();
    capacity_ = events;
    events_ = std::make_unique<Buffer<std::int32_t>>(*ctx_, events);
    order_ = std::make_unique<Buffer<std::int32_t>>(*ctx_, events);
    logits_ = std::make_unique<Buffer<float>>(*ctx_, events);
    losses_ = std::make_unique<Buffer<double>>(*ctx_, (events + batch_size_ - 1) / batch_size_);
}

void EventFeed::start(std::int64_t events, std::int64_t first_step, std::int64_t batches_done)
{
    num_events_ = events;
    batches_done_ = batches_done;
    std::int64_t const cursor[4] = {first_step, 0, batches_done * batch_size_, events};
    cursor_.upload(cursor);
    losses_->zero();
    if (!ring_) return;
    if (used_ >= 0) ring_->release(static_cast<int>(used_ % kSlots));
    used_ = -1;
    host_order_ = order();
    streamed_ = batches_done / per_graph_;
}

void EventFeed::begin(std::span<std::int32_t const> order,
                      std::int64_t first_step,
                      std::int64_t batches_done)
{
    auto const n = static_cast<std::int64_t>(order.size());
    reserve(n);
    order_->upload(order);
    start(n, first_step, batches_done);
}

void EventFeed::begin_epoch(std::span<std::int32_t const> events,
                            std::uint64_t seed,
                            std::int64_t epoch,
                            std::int64_t first_step,
                            std::int64_t batches_done)
{
    auto const n = static_cast<std::int64_t>(events.size());
    reserve(n);
    events_->upload(events);
    shuffle(*ctx_, {.events = tensor_ref(events_->data(), {n}),
                    .seed = seed,
                    .epoch = static_cast<std::uint32_t>(epoch),
                    .order = tensor_ref(order_->data(), {n})});
    start(n, first_step, batches_done);
}

/// Chunk c, the rows of per_graph_ batches, goes into slot c mod kSlots.
void EventFeed::stream_chunk(std::int64_t chunk)
{
    std::int64_t const rows = per_graph_ * batch_size_, first = chunk * rows;
    if (chunk < streamed_ || first >= num_events_) return;
    auto const slot = static_cast<int>(chunk % kSlots);
    std::int64_t const count = std::min(rows, num_events_ - first);
    std::byte* const to = ring_->stage(slot);
    auto const* const from = reinterpret_cast<std::byte const*>(input_->host_adc().data());
    for (std::int64_t i = 0; i < count; ++i)
        std::memcpy(to + static_cast<std::size_t>(i) * kRowBytes,
                    from
                        + static_cast<std::size_t>(host_order_[static_cast<std::size_t>(first + i)])
                              * kRowBytes,
                    kRowBytes);
    ring_->upload(slot, static_cast<std::size_t>(count) * kRowBytes);
    streamed_ = chunk + 1;
}

void EventFeed::use_chunk(std::int64_t chunk)
{
    if (chunk == used_) return;
    if (used_ >= 0) ring_->release(static_cast<int>(used_ % kSlots));
    stream_chunk(chunk);
    ring_->acquire(static_cast<int>(chunk % kSlots));
    used_ = chunk;
}

void EventFeed::capture(std::function<void()> const& one_batch)
{
    graph_ = std::make_unique<Capture>(*ctx_, [one_batch, count = per_graph_] {
        for (std::int64_t i = 0; i < count; ++i)
            one_batch();
    });
}

void EventFeed::rehearse(std::int64_t batches, std::function<void()> const& one_batch)
{
    run(1, one_batch);
    if (batches >= per_graph_) capture(one_batch);
}

void EventFeed::run(std::int64_t batches, std::function<void()> const& one_batch)
{
    std::int64_t const end = batches_done_ + batches;
    while (batches_done_ < end) {
        Range const range("batches");
        if (ring_) use_chunk(batches_done_ / per_graph_);
        bool const whole_graph = ctx_->backend() == Backend::cuda && !eager_ && warm_
                                 && batches_done_ % per_graph_ == 0
                                 && end - batches_done_ >= per_graph_;
        if (whole_graph && !graph_) capture(one_batch);
        whole_graph ? graph_->replay() : one_batch();
        warm_ = true;
        batches_done_ += whole_graph ? per_graph_ : 1;
        if (ring_) stream_chunk((batches_done_ - 1) / per_graph_ + 1);
    }
}

std::vector<std::int32_t> EventFeed::order() const
{
    std::vector<std::int32_t> out(static_cast<std::size_t>(num_events_));
    ctx_->copy_back(out.data(), order_->data(), out.size() * sizeof(std::int32_t));
    return out;
}

std::vector<float> EventFeed::logits(std::int64_t first_event, std::int64_t count) const
{
    std::vector<float> out(static_cast<std::size_t>(count));
    ctx_->copy_back(out.data(), logits_->data() + first_event, out.size() * sizeof(float));
    return out;
}

void EventFeed::losses(std::int64_t first_batch, std::span<double> out) const
{
    ctx_->copy_back(out.data(), losses_->data() + first_batch, out.size_bytes());
}
}  // namespace calofuse
