#include "models/engine/feed.hpp"

#include "kernels/data/cursor.hpp"
#include "kernels/data/shuffle.hpp"
#include "runtime/device/range.hpp"

namespace calofuse {
namespace {
/// As many as wanted, or as the ring of a streamed feed has room for.
std::int64_t batches_per_graph_of(Context const& ctx,
                                  Placed const& data,
                                  std::int64_t batch_size,
                                  std::int64_t wanted)
{
    if (ctx.backend() == Backend::cpu) return 1;
    while (data.streamed() && wanted > 1
           && ColumnRing::bytes(data, wanted * batch_size) > Feed::kRingBytes)
        --wanted;
    return wanted;
}
}  // namespace

Feed::Feed(Context& ctx,
           Placed const& data,
           std::int64_t part_size,
           std::int64_t batch_size,
           std::int64_t batches_per_graph)
    : ctx_(&ctx)
    , data_(&data)
    , batch_size_(batch_size)
    , per_graph_(batches_per_graph_of(ctx, data, batch_size, batches_per_graph))
    , row_(ctx, part_size)
    , num_valid_(ctx, 1)
    , position_(ctx, 2)
    , cursor_(ctx, 4)
{
    if (data.streamed()) ring_ = std::make_unique<ColumnRing>(ctx, data, per_graph_ * batch_size);
    batch_ = {.row = row_.ref(),
              .num_valid = num_valid_.ref(),
              .position = position_.ref(),
              .columns = ring_ ? ring_->columns() : data.columns(),
              .capacity = {}};
    for (auto const& [table, _] : data.starts())
        batch_.capacity.emplace(table, data.capacity(table, part_size));
}

void Feed::set_output_width(std::int64_t width)
{
    CALOFUSE_CHECK(!outputs_ && width > 0, "width " << width << ", or a pass has begun");
    output_width_ = width;
}

void Feed::take()
{
    next_batch(*ctx_, {.order = order_->ref(),
                       .cursor = cursor_.ref(),
                       .batch_size = batch_size_,
                       .ring = ring_ ? ring_->rows() : RowRing{},
                       .row = row_.ref(),
                       .num_valid = num_valid_.ref(),
                       .position = position_.ref()});
}

void Feed::finish(TensorRef output, TensorRef loss)
{
    keep_batch(*ctx_, {.num_valid = num_valid_.ref(),
                       .output = output,
                       .loss = loss,
                       .batch_size = batch_size_,
                       .cursor = cursor_.ref(),
                       .kept_output = outputs_->ref({capacity_, output_width_}),
                       .kept_losses = losses_->ref()});
}

/// Room for a pass; what was captured read the old room.
void Feed::reserve(std::int64_t events)
{
    if (events <= capacity_ && order_) return;
    ctx_->synchronize();
    graph_.reset();
    capacity_ = events;
    events_ = std::make_unique<Buffer<std::int32_t>>(*ctx_, events);
    order_ = std::make_unique<Buffer<std::int32_t>>(*ctx_, events);
    outputs_ = std::make_unique<Buffer<float>>(*ctx_, events * output_width_);
    losses_ = std::make_unique<Buffer<double>>(*ctx_, (events + batch_size_ - 1) / batch_size_);
}

void Feed::check_events(std::span<std::int32_t const> events) const
{
    bool const once = !data_->starts().empty();
    std::vector<bool> seen(once ? static_cast<std::size_t>(data_->num_events()) : 0);
    for (std::int32_t const e : events) {
        CALOFUSE_CHECK(e >= 0 && e < data_->num_events(),
                       "event " << e << " of " << data_->num_events());
        if (!once) continue;
        CALOFUSE_CHECK(!seen[static_cast<std::size_t>(e)], "event " << e << " is there twice");
        seen[static_cast<std::size_t>(e)] = true;
    }
}

void Feed::start(std::int64_t events, std::int64_t first_step, std::int64_t batches_done)
{
    num_events_ = events;
    batches_done_ = batches_done;
    std::int64_t const cursor[4] = {first_step, 0, batches_done * batch_size_, events};
    cursor_.upload(cursor);
    losses_->zero();
    if (ring_) ring_->begin(order(), batches_done / per_graph_);
}

void Feed::begin(std::span<std::int32_t const> order,
                 std::int64_t first_step,
                 std::int64_t batches_done)
{
    auto const n = static_cast<std::int64_t>(order.size());
    check_events(order);
    reserve(n);
    order_->upload(order);
    start(n, first_step, batches_done);
}

void Feed::begin_epoch(std::span<std::int32_t const> events,
                       std::uint64_t seed,
                       std::int64_t epoch,
                       std::int64_t first_step,
                       std::int64_t batches_done)
{
    auto const n = static_cast<std::int64_t>(events.size());
    check_events(events);
    reserve(n);
    events_->upload(events);
    shuffle(*ctx_, {.events = tensor_ref(events_->data(), {n}),
                    .seed = seed,
                    .epoch = static_cast<std::uint32_t>(epoch),
                    .order = tensor_ref(order_->data(), {n})});
    start(n, first_step, batches_done);
}

void Feed::capture(std::function<void()> const& one_batch)
{
    graph_ = std::make_unique<Capture>(*ctx_, [one_batch, count = per_graph_] {
        for (std::int64_t i = 0; i < count; ++i)
            one_batch();
    });
}

void Feed::rehearse(std::int64_t batches, std::function<void()> const& one_batch)
{
    run(1, one_batch);
    if (batches >= per_graph_ && !eager_) capture(one_batch);
}

void Feed::run(std::int64_t batches, std::function<void()> const& one_batch)
{
    std::int64_t const end = batches_done_ + batches;
    while (batches_done_ < end) {
        Range const range("batches");
        if (ring_) ring_->use(batches_done_ / per_graph_);
        bool const whole_graph = ctx_->backend() == Backend::cuda && !eager_ && warm_
                                 && batches_done_ % per_graph_ == 0
                                 && end - batches_done_ >= per_graph_;
        if (whole_graph && !graph_) capture(one_batch);
        whole_graph ? graph_->replay() : one_batch();
        warm_ = true;
        batches_done_ += whole_graph ? per_graph_ : 1;
        if (ring_) ring_->send((batches_done_ - 1) / per_graph_ + 1);
    }
}

std::vector<std::int32_t> Feed::order() const
{
    std::vector<std::int32_t> out(static_cast<std::size_t>(num_events_));
    ctx_->copy_back(out.data(), order_->data(), out.size() * sizeof(std::int32_t));
    return out;
}

std::vector<float> Feed::outputs(std::int64_t first_event, std::int64_t count) const
{
    std::vector<float> out(static_cast<std::size_t>(count * output_width_));
    ctx_->copy_back(out.data(), outputs_->data() + first_event * output_width_,
                    out.size() * sizeof(float));
    return out;
}

void Feed::losses(std::int64_t first_batch, std::span<double> out) const
{
    ctx_->copy_back(out.data(), losses_->data() + first_batch, out.size_bytes());
}
}  // namespace calofuse
