// Events of three columns, and hits of two, go through a small program: every way to bring them must
// give the bits that the host reckons. All values are such that their sums are exact.
#include "models/engine/feed.hpp"

#include <cmath>
#include <functional>
#include <numeric>

#include "kernels/data/take.hpp"
#include "kernels/data/take_ragged.hpp"
#include "kernels/graph/readout.hpp"
#include "kernels/loss/bce.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
constexpr std::int64_t kAdc = 5, kX = 3;

/// Hits of event e: none, a few, or very many.
std::int64_t num_hits(std::int64_t e)
{
    if (e % 4 == 1) return 0;
    return e % 11 == 7 ? 40 : e % 6;
}

Dataset events_of(std::int64_t n,
                  std::function<std::int64_t(std::int64_t)> const& hits_of = num_hits)
{
    Dataset data;
    std::vector<std::int64_t> start{0};
    for (std::int64_t e = 0; e < n; ++e) {
        data.file_id.push_back(0);
        data.event_index.push_back(static_cast<std::uint32_t>(e));
        start.push_back(start.back() + hits_of(e));
    }
    std::int64_t const hits = start.back();
    data.start.emplace("hits", start);
    auto const add = [&]<class T>(char const* name, std::vector<std::int64_t> shape,
                                  std::int64_t count, T (*value)(std::int64_t)) {
        std::vector<T> values;
        for (std::int64_t i = 0; i < count; ++i)
            values.push_back(value(i));
        data.columns.emplace(name, make_column<T>({.name = name,
                                                   .dtype = kDTypeOf<T>,
                                                   .shape = std::move(shape),
                                                   .unit = {},
                                                   .names = {}},
                                                  values));
    };
    add.operator()<std::uint16_t>("adc", {kAdc}, n * kAdc, [](std::int64_t i) {
        return static_cast<std::uint16_t>(i * 13 % 8191);
    });
    add.operator()<std::uint8_t>(
        "label", {}, n, [](std::int64_t i) { return static_cast<std::uint8_t>(i * 5 % 7); });
    add.operator()<float>("energy", {}, n,
                          [](std::int64_t i) { return static_cast<float>(i % 17) / 4 - 2; });
    add.operator()<float>("hits.x", {kX}, hits * kX,
                          [](std::int64_t i) { return static_cast<float>(i * 37 % 501) / 8 - 30; });
    add.operator()<std::int32_t>("hits.layer", {}, hits, [](std::int64_t i) {
        return static_cast<std::int32_t>(i * 31 % 1000);
    });
    return data;
}

std::vector<std::string> const kColumns{"adc", "label", "energy", "hits.x", "hits.layer", "label"};

/// Output of an event: adc, label, energy, sum of hits.x, sum of hits.layer.
constexpr std::int64_t kWidth = kAdc + 1 + 1 + kX + 1;
std::vector<float> output_of(Dataset const& data, std::int64_t event)
{
    std::vector<double> out(kWidth);
    for (std::int64_t c = 0; c < kAdc; ++c)
        out[c] = data.columns.at("adc").value(event * kAdc + c);
    out[kAdc] = data.columns.at("label").value(event);
    out[kAdc + 1] = data.columns.at("energy").value(event);
    auto const& start = data.start.at("hits");
    for (std::int64_t h = start[event]; h < start[event + 1]; ++h) {
        for (std::int64_t c = 0; c < kX; ++c)
            out[kAdc + 2 + c] += data.columns.at("hits.x").value(h * kX + c);
        out[kWidth - 1] += data.columns.at("hits.layer").value(h);
    }
    return {out.begin(), out.end()};
}

/// What a model would do with a batch.
class Program {
  public:
    Program(Context& ctx, Feed& feed)
        : ctx_(ctx)
        , feed_(feed)
        , part_(feed.batch().size())
        , capacity_(feed.batch().capacity_of("hits.x"))
        , adc_(ctx, part_ * kAdc)
        , label_(ctx, part_)
        , energy_(ctx, part_)
        , x_(ctx, capacity_ * kX)
        , layer_(ctx, capacity_)
        , zeros_(ctx, part_)
        , out_(ctx, part_ * kWidth)
        , loss_(ctx, 1)
        , ptr_(ctx, part_ + 1)
    {
        feed.set_output_width(kWidth);
    }

    void operator()()
    {
        for (std::int64_t part = 0; part < feed_.parts_of_batch(); ++part) {
            feed_.take();
            run_part();
            feed_.finish(out_.ref({part_, kWidth}), loss_.ref());
        }
    }

  private:
    void take_fixed(char const* name, TensorRef y, std::int64_t column)
    {
        Batch const& batch = feed_.batch();
        std::int64_t const width = y.size() / part_;
        take(ctx_, {.row = batch.row, .data = batch.at(name).data, .y = y});
        readout_forward(ctx_, {.x = y.reshaped({part_, 1, width}),
                               .kind = ReadoutKind::sum,
                               .column = column,
                               .y = out_.ref({part_, kWidth})});
    }
    void take_hits(char const* name, TensorRef y, std::int64_t column)
    {
        Batch const& batch = feed_.batch();
        take_ragged(ctx_, {.row = batch.row,
                           .first = batch.at(name).first,
                           .row_ptr = ptr_.ref(),
                           .data = batch.at(name).data,
                           .y = y});
        readout_forward(ctx_, {.x = y.reshaped({capacity_, y.size() / capacity_}),
                               .row_ptr = ptr_.ref(),
                               .kind = ReadoutKind::sum,
                               .column = column,
                               .y = out_.ref({part_, kWidth})});
    }
    void run_part()
    {
        Batch const& batch = feed_.batch();
        take_fixed("adc", adc_.ref({part_, kAdc}), 0);
        take_fixed("label", label_.ref(), kAdc);
        take_fixed("energy", energy_.ref(), kAdc + 1);
        take_row_ptr(ctx_,
                     {.row = batch.row, .count = batch.at("hits.x").count, .row_ptr = ptr_.ref()});
        take_hits("hits.x", x_.ref({capacity_, kX}), kAdc + 2);
        take_hits("hits.layer", layer_.ref(), kWidth - 1);
        bce_forward(ctx_, {.x = energy_.ref(),
                           .target = zeros_.ref(),
                           .num_valid = batch.num_valid,
                           .reduction = Reduction::sum,
                           .loss = loss_.ref()});
    }

    Context& ctx_;
    Feed& feed_;
    std::int64_t part_, capacity_;
    Buffer<float> adc_, label_, energy_, x_, layer_, zeros_, out_, loss_;
    Buffer<std::int32_t> ptr_;
};

struct How {
    std::int64_t part, batch, per_graph = 2;
    DataOn data_on = DataOn::device;
    bool eager = false;
};

struct Result {
    std::vector<std::int32_t> order;
    std::vector<float> outputs;
    std::vector<double> losses;
};

std::int64_t batches_of(std::int64_t events, std::int64_t batch)
{
    return (events + batch - 1) / batch;
}

/// Two epochs of all events, the last batches of which are partly empty; of the second one.
Result run(Dataset const& data, How const& how)
{
    Context ctx = make_context(1);
    Placed const placed(ctx, data, kColumns, how.data_on);
    Feed feed(ctx, placed, how.part, how.batch, how.per_graph);
    if (how.eager) feed.set_eager();
    Program program(ctx, feed);
    std::vector<std::int32_t> events(static_cast<std::size_t>(data.size()));
    std::iota(events.begin(), events.end(), 0);
    std::int64_t const batches = batches_of(data.size(), how.batch);
    Result out;
    feed.begin_epoch(events, 1, 0, 1, 0);
    feed.rehearse(batches, [&] { program(); });
    auto const allocations = ctx.num_allocations();
    std::int64_t calls = 0;
    for (int epoch = 0; epoch < 2; ++epoch) {
        feed.begin_epoch(events, 1, epoch, 1, 0);
        feed.run(batches, [&] {
            ++calls;
            program();
        });
    }
    EXPECT_EQ(ctx.num_allocations(), allocations) << "a warm step asks for no memory";
    bool const captured = on_cuda() && !how.eager;
    EXPECT_EQ(calls, 2 * (captured ? batches % how.per_graph : batches))
        << "what fills a graph is one launch, without a call";
    out.order = feed.order();
    out.outputs = feed.outputs(0, data.size());
    out.losses.resize(static_cast<std::size_t>(batches));
    feed.losses(0, out.losses);
    return out;
}

void expect_right(Dataset const& data, How const& how, Result const& got)
{
    std::vector<float> want;
    std::vector<double> losses(got.losses.size());
    for (std::size_t i = 0; i < got.order.size(); ++i) {
        auto const event = output_of(data, got.order[i]);
        want.insert(want.end(), event.begin(), event.end());
        losses[i / static_cast<std::size_t>(how.batch)] +=
            std::log1p(std::exp(data.columns.at("energy").value(got.order[i])));
    }
    EXPECT_EQ(got.outputs, want);
    expect_close(got.losses, losses, 1e-6, 1e-5);
}

class FeedOf : public testing::TestWithParam<std::tuple<std::int64_t, How>> {};
}  // namespace

TEST_P(FeedOf, resident_streamed_captured_and_eager_are_the_same_bits)
{
    auto const [events, shape] = GetParam();
    Dataset const data = events_of(events);
    Result const first = run(data, shape);
    expect_right(data, shape, first);
    How how = shape;
    for (DataOn const data_on : {DataOn::device, DataOn::host})
        for (bool const eager : {false, true}) {
            how.data_on = data_on;
            how.eager = eager;
            Result const other = run(data, how);
            EXPECT_EQ(other.order, first.order);
            EXPECT_EQ(other.outputs, first.outputs);
            EXPECT_EQ(other.losses, first.losses);
        }
}
INSTANTIATE_TEST_SUITE_P(
    Shapes,
    FeedOf,
    testing::Values(std::tuple{std::int64_t{1}, How{1, 1}},
                    std::tuple{std::int64_t{1}, How{8, 8}},       // a batch that is never full
                    std::tuple{std::int64_t{45}, How{4, 4}},      // the ring goes round twice
                    std::tuple{std::int64_t{45}, How{4, 4, 1}},   // and four times
                    std::tuple{std::int64_t{45}, How{3, 7, 2}},   // parts of a batch
                    std::tuple{std::int64_t{64}, How{16, 16, 4}}  // one graph is the epoch
                    ));

TEST(Feed, every_event_may_be_empty)
{
    Dataset const data = events_of(9, [](std::int64_t) { return 0; });
    for (DataOn const data_on : {DataOn::device, DataOn::host}) {
        How const how{.part = 4, .batch = 4, .data_on = data_on};
        expect_right(data, how, run(data, how));
    }
}

/// The longest events all in one batch: the capacity is theirs, to the row.
TEST(Feed, the_longest_events_fit_a_batch)
{
    auto const hits = [](std::int64_t e) {
        return e < 4 ? 100 + e : e % 3;
    };
    Dataset const data = events_of(40, hits);
    for (DataOn const data_on : {DataOn::device, DataOn::host}) {
        Context ctx = make_context(1);
        Placed const placed(ctx, data, kColumns, data_on);
        Feed feed(ctx, placed, 4, 4, 2);
        EXPECT_EQ(feed.batch().capacity_of("hits.x"), 100 + 101 + 102 + 103);
        EXPECT_EQ(placed.capacity("hits", 1000), data.start.at("hits").back());
        Program program(ctx, feed);
        std::vector<std::int32_t> const order{9, 8, 7, 6, 5, 4, 10, 11, 3, 2, 1, 0, 20, 30};
        feed.begin(order);
        feed.run(4, [&] { program(); });
        std::vector<float> want;
        for (std::int32_t const e : order) {
            auto const event = output_of(data, e);
            want.insert(want.end(), event.begin(), event.end());
        }
        EXPECT_EQ(feed.outputs(0, std::ssize(order)), want);
    }
}

/// From the middle of an epoch on, as after an interruption, and within a graph's batches.
TEST(Feed, a_pass_may_begin_at_any_batch)
{
    Dataset const data = events_of(45);
    How const how{.part = 4, .batch = 4, .per_graph = 3};
    Result const whole = run(data, how);
    for (DataOn const data_on : {DataOn::device, DataOn::host})
        for (std::int64_t const done : {1, 3, 10}) {
            Context ctx = make_context(1);
            Placed const placed(ctx, data, kColumns, data_on);
            Feed feed(ctx, placed, 4, 4, 3);
            Program program(ctx, feed);
            feed.begin(whole.order, 1 + done, done);
            feed.run(batches_of(45, 4) - done, [&] { program(); });
            EXPECT_EQ(
                feed.outputs(4 * done, 45 - 4 * done),
                std::vector<float>(whole.outputs.begin() + 4 * done * kWidth, whole.outputs.end()));
        }
}

TEST(Feed, what_cannot_be_is_refused)
{
    Context ctx = make_context();
    Dataset const data = events_of(6);
    EXPECT_THROW(Placed(ctx, data, {"adc", "nothing"}), Error);
    Placed const placed(ctx, data, kColumns);
    Feed feed(ctx, placed, 2, 2);
    EXPECT_THROW(feed.batch().at("hits.y"), Error);
    EXPECT_THROW(feed.batch().capacity_of("adc"), Error);
    EXPECT_THROW(feed.begin(std::vector<std::int32_t>{1, 6}), Error);
    EXPECT_THROW(feed.begin(std::vector<std::int32_t>{1, 2, 1}), Error) << "no room for it twice";
    Placed const fixed(ctx, data, {"adc"});
    Feed of_fixed(ctx, fixed, 2, 2);
    EXPECT_NO_THROW(of_fixed.begin(std::vector<std::int32_t>{1, 2, 1}));
    EXPECT_THROW(of_fixed.set_output_width(3), Error) << "room was made for one";
    Dataset long_event = events_of(2);
    long_event.start.at("hits") = {0, 1, std::int64_t{1} << 32};
    try {
        Placed const refused(ctx, long_event, {"hits.x"});
        FAIL() << "an event of so many rows";
    } catch (Error const& e) {
        EXPECT_EQ(e.code(), "CF-FED-01") << e.what();
    }
}

/// Pictures of 4 MB: eight batches of eight would pin 768 MB.
TEST(Feed, large_rows_make_fewer_batches_per_graph)
{
    if (!on_cuda()) GTEST_SKIP() << "on the CPU data are used where they lie";
    Context ctx = make_context();
    Dataset data;
    data.file_id = {0};
    data.event_index = {0};
    constexpr std::int64_t kPixels = 1 << 20;
    data.columns.emplace(
        "image", make_column<float>({.name = "image", .shape = {kPixels}, .unit = {}, .names = {}},
                                    std::vector<float>(kPixels)));
    Placed const placed(ctx, data, {"image"}, DataOn::host);
    EXPECT_EQ(ColumnRing::bytes(placed, 8), 3 * 8 * 4 * kPixels);
    EXPECT_EQ(Feed(ctx, placed, 8, 8, 8).batches_per_graph(), 2);
    EXPECT_EQ(Feed(ctx, placed, 22, 22, 8).batches_per_graph(), 1);
}
}  // namespace calofuse::test
