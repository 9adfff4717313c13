#include "kernels/data/batch.hpp"

#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
struct Case {
    std::int64_t events, part, batch, ring;
};
class BatchesOf : public testing::TestWithParam<Case> {};

std::vector<std::uint8_t> labels(std::int64_t n)
{
    std::vector<std::uint8_t> out;
    for (std::int64_t i = 0; i < n; ++i)
        out.push_back(static_cast<std::uint8_t>(i % 3));  // 2: no label
    return out;
}
}  // namespace

TEST_P(BatchesOf, walk_through_the_order_once)
{
    auto const [n, part, batch, ring] = GetParam();
    Context ctx = make_context();
    std::vector<std::int32_t> order;
    for (std::int64_t i = 0; i < n; ++i)
        order.push_back(static_cast<std::int32_t>(n - 1 - i));
    auto const label = labels(n);
    std::int64_t const steps = (n + batch - 1) / batch;
    OnDevice<std::int32_t> d_order(ctx, order, {n}),
        row(ctx, std::vector<std::int32_t>(part), {part});
    OnDevice<std::uint8_t> d_label(ctx, label, {n});
    OnDevice<std::int64_t> cursor(ctx, {7, 0, 0, n}, {4}), valid(ctx, {-1}, {1}),
        position(ctx, {0, 0}, {2});
    OnDevice<float> target(ctx, std::vector<float>(part), {part});
    OnDevice<float> loss(ctx, {0.5F}, {1}), kept(ctx, std::vector<float>(n, -1), {n});
    OnDevice<double> losses(ctx, std::vector<double>(steps), {steps});
    std::vector<float> want_logits;
    std::int64_t place = 0, step = 7, in_batch = 0, parts_of_step = 0;
    std::vector<double> want_losses;
    while (place < n) {
        take_batch(ctx, {.order = d_order.ref(),
                         .label = d_label.ref(),
                         .cursor = cursor.ref(),
                         .batch_size = batch,
                         .ring_rows = ring,
                         .row = row.ref(),
                         .target = target.ref(),
                         .num_valid = valid.ref(),
                         .position = position.ref()});
        EXPECT_EQ(position.fetch(), (std::vector<std::int64_t>{step, in_batch}));
        std::int64_t const want = std::min({part, batch - in_batch, n - place});
        ASSERT_EQ(valid.fetch()[0], want);
        auto const rows = row.fetch();
        auto const targets = target.fetch();
        std::vector<float> logits;
        for (std::int64_t p = 0; p < part; ++p) {
            std::int64_t const event = n - 1 - (place + p);
            std::int64_t const want_row = ring > 0 ? (place + p) % ring : event;
            EXPECT_EQ(rows[p], p < want ? want_row : -1);
            EXPECT_EQ(targets[p], p < want && event % 3 == 1 ? 1.0F : 0.0F);
            logits.push_back(static_cast<float>(1000 * step + in_batch + p));
            if (p < want) want_logits.push_back(logits.back());
        }
        OnDevice<float> d_logits(ctx, logits, {part});
        finish_batch(ctx, {.num_valid = valid.ref(),
                           .logits = d_logits.ref(),
                           .loss = loss.ref(),
                           .batch_size = batch,
                           .cursor = cursor.ref(),
                           .kept_logits = kept.ref(),
                           .kept_losses = losses.ref()});
        place += want;
        in_batch += want;
        ++parts_of_step;
        if (in_batch == batch || place == n) {
            want_losses.push_back(0.5 * static_cast<double>(parts_of_step));
            in_batch = parts_of_step = 0;
            ++step;
        }
        EXPECT_EQ(cursor.fetch(), (std::vector<std::int64_t>{step, in_batch, place, n}));
    }
    EXPECT_EQ(kept.fetch(), want_logits);
    EXPECT_EQ(losses.fetch(), want_losses);
}
INSTANTIATE_TEST_SUITE_P(Shapes,
                         BatchesOf,
                         testing::Values(Case{1, 1, 1, 0},
                                         Case{10, 4, 4, 0},
                                         Case{700, 300, 300, 0},
                                         Case{21, 4, 10, 0},   // parts of a batch
                                         Case{21, 4, 10, 12},  // and in a ring
                                         Case{5, 64, 64, 0},   // a batch that is never full
                                         Case{64, 32, 32, 64}));

TEST(Batch, after_the_end_nothing_is_taken)
{
    Context ctx = make_context(1);
    OnDevice<std::int32_t> order(ctx, {3, 1}, {2}), row(ctx, {9, 9}, {2});
    OnDevice<std::int64_t> cursor(ctx, {1, 0, 2, 2}, {4}), valid(ctx, {5}, {1}),
        position(ctx, {0, 0}, {2});
    take_batch(ctx, {.order = order.ref(),
                     .cursor = cursor.ref(),
                     .batch_size = 2,
                     .row = row.ref(),
                     .num_valid = valid.ref(),
                     .position = position.ref()});
    EXPECT_EQ(row.fetch(), (std::vector<std::int32_t>{-1, -1}));
    EXPECT_EQ(valid.fetch()[0], 0);
}

TEST(Batch, wrong_shapes_are_refused)
{
    Context ctx = make_context(1);
    OnDevice<std::int32_t> order(ctx, {3, 1}, {2}), row(ctx, {9, 9}, {2});
    OnDevice<std::int64_t> cursor(ctx, {1, 0, 2, 2}, {4}), valid(ctx, {5}, {1}),
        position(ctx, {0, 0}, {2});
    TakeBatchArgs good{.order = order.ref(),
                       .cursor = cursor.ref(),
                       .batch_size = 2,
                       .row = row.ref(),
                       .num_valid = valid.ref(),
                       .position = position.ref()};
    auto args = good;
    args.batch_size = 0;
    EXPECT_THROW(take_batch(ctx, args), Error);
    args = good;
    args.cursor = valid.ref();
    EXPECT_THROW(take_batch(ctx, args), Error);
}
}  // namespace calofuse::test
