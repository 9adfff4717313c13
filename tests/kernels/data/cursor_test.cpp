#include "kernels/data/cursor.hpp"

#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
struct Case {
    std::int64_t events, part, batch;
    RowRing ring;
    std::int64_t width;
};
class CursorOf : public testing::TestWithParam<Case> {};

}  // namespace

TEST_P(CursorOf, walk_through_the_order_once)
{
    auto const [n, part, batch, ring, width] = GetParam();
    Context ctx = make_context();
    std::vector<std::int32_t> order;
    for (std::int64_t i = 0; i < n; ++i)
        order.push_back(static_cast<std::int32_t>(n - 1 - i));
    std::int64_t const steps = (n + batch - 1) / batch;
    OnDevice<std::int32_t> d_order(ctx, order, {n}),
        row(ctx, std::vector<std::int32_t>(part), {part});
    OnDevice<std::int64_t> cursor(ctx, {7, 0, 0, n}, {4}), valid(ctx, {-1}, {1}),
        position(ctx, {0, 0}, {2});
    OnDevice<float> loss(ctx, {0.5F}, {1}),
        kept(ctx, std::vector<float>(n * width, -1), {n, width});
    OnDevice<double> losses(ctx, std::vector<double>(steps), {steps});
    std::vector<float> want_output;
    std::int64_t place = 0, step = 7, in_batch = 0, parts_of_step = 0;
    std::vector<double> want_losses;
    while (place < n) {
        next_batch(ctx, {.order = d_order.ref(),
                         .cursor = cursor.ref(),
                         .batch_size = batch,
                         .ring = ring,
                         .row = row.ref(),
                         .num_valid = valid.ref(),
                         .position = position.ref()});
        EXPECT_EQ(position.fetch(), (std::vector<std::int64_t>{step, in_batch}));
        std::int64_t const want = std::min({part, batch - in_batch, n - place});
        ASSERT_EQ(valid.fetch()[0], want);
        auto const rows = row.fetch();
        std::vector<float> output;
        for (std::int64_t p = 0; p < part; ++p) {
            std::int64_t const event = n - 1 - (place + p);
            std::int64_t const q = place + p;
            std::int64_t const want_row =
                ring.chunk > 0 ? q / ring.chunk % ring.slots * ring.stride + q % ring.chunk : event;
            EXPECT_EQ(rows[p], p < want ? want_row : -1);
            for (std::int64_t w = 0; w < width; ++w) {
                output.push_back(static_cast<float>(1000 * step + 10 * (in_batch + p) + w));
                if (p < want) want_output.push_back(output.back());
            }
        }
        OnDevice<float> d_output(ctx, output, {part, width});
        keep_batch(ctx, {.num_valid = valid.ref(),
                         .output = d_output.ref(),
                         .loss = loss.ref(),
                         .batch_size = batch,
                         .cursor = cursor.ref(),
                         .kept_output = kept.ref(),
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
    EXPECT_EQ(kept.fetch(), want_output);
    EXPECT_EQ(losses.fetch(), want_losses);
}
INSTANTIATE_TEST_SUITE_P(Shapes,
                         CursorOf,
                         testing::Values(Case{1, 1, 1, {}, 1},
                                         Case{10, 4, 4, {}, 2},
                                         Case{700, 300, 300, {}, 1},
                                         Case{21, 4, 10, {}, 3},         // parts of a batch
                                         Case{21, 4, 10, {4, 3, 5}, 1},  // and in a ring
                                         Case{5, 64, 64, {}, 19},  // a batch that is never full
                                         Case{64, 32, 32, {32, 2, 32}, 1}));

TEST(Cursor, after_the_end_nothing_is_taken)
{
    Context ctx = make_context(1);
    OnDevice<std::int32_t> order(ctx, {3, 1}, {2}), row(ctx, {9, 9}, {2});
    OnDevice<std::int64_t> cursor(ctx, {1, 0, 2, 2}, {4}), valid(ctx, {5}, {1}),
        position(ctx, {0, 0}, {2});
    next_batch(ctx, {.order = order.ref(),
                     .cursor = cursor.ref(),
                     .batch_size = 2,
                     .row = row.ref(),
                     .num_valid = valid.ref(),
                     .position = position.ref()});
    EXPECT_EQ(row.fetch(), (std::vector<std::int32_t>{-1, -1}));
    EXPECT_EQ(valid.fetch()[0], 0);
}

TEST(Cursor, wrong_shapes_are_refused)
{
    Context ctx = make_context(1);
    OnDevice<std::int32_t> order(ctx, {3, 1}, {2}), row(ctx, {9, 9}, {2});
    OnDevice<std::int64_t> cursor(ctx, {1, 0, 2, 2}, {4}), valid(ctx, {5}, {1}),
        position(ctx, {0, 0}, {2});
    NextBatchArgs good{.order = order.ref(),
                       .cursor = cursor.ref(),
                       .batch_size = 2,
                       .row = row.ref(),
                       .num_valid = valid.ref(),
                       .position = position.ref()};
    auto args = good;
    args.batch_size = 0;
    EXPECT_THROW(next_batch(ctx, args), Error);
    args = good;
    args.cursor = valid.ref();
    EXPECT_THROW(next_batch(ctx, args), Error);
    OnDevice<float> const output(ctx, {1, 2, 3, 4}, {2, 2}), flat(ctx, {1, 2, 3, 4}, {4}),
        kept(ctx, {0, 0}, {2, 1});
    KeepBatchArgs keep{.num_valid = valid.ref(),
                       .output = output.ref(),
                       .batch_size = 2,
                       .cursor = cursor.ref(),
                       .kept_output = kept.ref()};
    EXPECT_THROW(keep_batch(ctx, keep), Error) << "two numbers per event where one is kept";
    keep.output = flat.ref();
    EXPECT_THROW(keep_batch(ctx, keep), Error);
}
}  // namespace calofuse::test
