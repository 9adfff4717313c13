#include "kernels/data/take_ragged.hpp"

#include <limits>
#include <numeric>

#include "runtime/buffer.hpp"
#include "runtime/device/capture.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();

/// Events of 0 to 2 * mean rows, one after the other in the table, behind `gap` rows of nobody.
struct Table {
    std::vector<std::int64_t> first;
    std::vector<std::int32_t> count;
    std::int64_t rows = 0;

    Table(std::int64_t events, std::int64_t mean, std::int64_t gap) : rows(gap)
    {
        for (std::int64_t e = 0; e < events; ++e) {
            first.push_back(rows);
            count.push_back(static_cast<std::int32_t>(e % 4 == 1 ? 0 : e * 13 % (2 * mean + 1)));
            rows += count.back();
        }
    }
    std::int64_t events() const { return std::ssize(count); }
};

struct Case {
    std::int64_t batch, events, mean, width;
};
class TakeRaggedOf : public testing::TestWithParam<Case> {};

std::vector<std::int32_t> rows_of(Case const& c)
{
    std::vector<std::int32_t> out;
    for (std::int64_t b = 0; b < c.batch; ++b)
        out.push_back(c.events == 0 || b % 5 == 4 ? -1
                                                  : static_cast<std::int32_t>(b * 7 % c.events));
    return out;
}

std::vector<std::int32_t> row_ptr_of(Table const& table, std::vector<std::int32_t> const& row)
{
    std::vector<std::int32_t> out{0};
    for (std::int32_t const r : row)
        out.push_back(out.back() + (r < 0 ? 0 : table.count[static_cast<std::size_t>(r)]));
    return out;
}

template <class T, class Y>
std::vector<Y> expect_taken(Case const& c, std::int64_t columns, int threads)
{
    Context ctx = make_context(threads);
    Table const table(c.events, c.mean, 3);
    auto const row = rows_of(c);
    auto const want_ptr = row_ptr_of(table, row);
    std::int64_t const used = want_ptr.back(), capacity = used + 5;
    std::vector<T> data;
    for (float const v : random_values(static_cast<std::size_t>(table.rows * c.width), 5, 0, 250))
        data.push_back(static_cast<T>(v));
    auto const mean = random_values(static_cast<std::size_t>(columns), 1, -30, 30);
    auto const scale = random_values(static_cast<std::size_t>(columns), 2, 0.01F, 3);
    OnDevice<T> const d_data(ctx, data, {table.rows, c.width});
    OnDevice<std::int32_t> const d_row(ctx, row, {c.batch});
    OnDevice<std::int64_t> const first(ctx, table.first, {c.events});
    OnDevice<std::int32_t> const count(ctx, table.count, {c.events});
    OnDevice<float> const d_mean(ctx, mean, {columns}), d_scale(ctx, scale, {columns});
    OnDevice<std::int32_t> const ptr(ctx, std::vector<std::int32_t>(row.size() + 1, -9),
                                     {c.batch + 1});
    OnDevice<Y> const y(ctx, std::vector<Y>(static_cast<std::size_t>(capacity * c.width), -7),
                        {capacity, c.width});
    take_row_ptr(ctx, {.row = d_row.ref(), .count = count.ref(), .row_ptr = ptr.ref()});
    TakeRaggedArgs args{.row = d_row.ref(),
                        .first = first.ref(),
                        .row_ptr = ptr.ref(),
                        .data = d_data.ref(),
                        .y = y.ref()};
    if (columns > 0) args.mean = d_mean.ref(), args.scale_inverse = d_scale.ref();
    take_ragged(ctx, args);
    EXPECT_EQ(ptr.fetch(), want_ptr);
    std::vector<double> want;
    for (std::int32_t const r : row) {
        if (r < 0) continue;
        auto const e = static_cast<std::size_t>(r);
        for (std::int64_t i = 0; i < table.count[e] * c.width; ++i) {
            auto const column = static_cast<std::size_t>(columns > 1 ? i % c.width : 0);
            auto v = static_cast<double>(data[table.first[e] * c.width + i]);
            if (columns > 0) v = (v - mean[column]) * static_cast<double>(scale[column]);
            want.push_back(v);
        }
    }
    want.resize(static_cast<std::size_t>(capacity * c.width), -7);  // untouched
    expect_close(y.fetch(), want, 1e-30, columns > 0 ? 2 * kEps : 1e-30);
    return y.fetch();
}
}  // namespace

TEST_P(TakeRaggedOf, is_the_definition_for_every_type)
{
    Case const c = GetParam();
    for (std::int64_t const columns : {std::int64_t{0}, std::int64_t{1}, c.width}) {
        auto const one = expect_taken<float, float>(c, columns, 1);
        auto const three = expect_taken<float, float>(c, columns, 3);
        EXPECT_EQ(one, three);
        expect_taken<std::uint8_t, float>(c, columns, 1);
        expect_taken<std::uint16_t, float>(c, columns, 2);
        expect_taken<std::int32_t, float>(c, columns, 3);
        expect_taken<std::int64_t, float>(c, columns, 1);
    }
    expect_taken<std::uint8_t, std::int32_t>(c, 0, 1);
    expect_taken<std::int32_t, std::int32_t>(c, 0, 1);
}
INSTANTIATE_TEST_SUITE_P(Shapes,
                         TakeRaggedOf,
                         testing::Values(Case{1, 1, 3, 1},
                                         Case{0, 5, 2, 3},
                                         Case{3, 0, 1, 2},  // no events: all padding
                                         Case{4, 2, 0, 3},  // events without rows
                                         Case{9, 5, 3, 7},
                                         Case{33, 21, 60, 5},
                                         Case{1100, 50, 2, 1}));

/// A graph is captured once; what it reads may be another batch each time.
TEST(TakeRagged, a_captured_call_follows_the_batch)
{
    Context ctx = make_context();
    Table const table(40, 6, 0);
    std::int64_t const capacity = 100;
    Buffer<std::int32_t> row(ctx, 4), ptr(ctx, 5);
    OnDevice<std::int64_t> const first(ctx, table.first, {40});
    OnDevice<std::int32_t> const count(ctx, table.count, {40});
    std::vector<float> values(static_cast<std::size_t>(table.rows));
    std::iota(values.begin(), values.end(), 0.0F);
    OnDevice<float> const data(ctx, values, {table.rows, 1});
    Buffer<float> y(ctx, capacity);
    auto const work = [&] {
        take_row_ptr(ctx, {.row = row.ref(), .count = count.ref(), .row_ptr = ptr.ref()});
        take_ragged(ctx, {.row = row.ref(),
                          .first = first.ref(),
                          .row_ptr = ptr.ref(),
                          .data = data.ref(),
                          .y = y.ref({capacity, 1})});
    };
    work();
    Capture captured(ctx, work);
    auto const before = ctx.num_allocations();
    for (std::vector<std::int32_t> const& batch :
         {std::vector<std::int32_t>{1, 5, 9, 13}, {-1, -1, -1, -1}, {3, 10, 11, -1}}) {
        row.upload(batch);
        y.zero();
        captured.replay();
        auto const want_ptr = row_ptr_of(table, batch);
        EXPECT_EQ(ptr.download(), want_ptr);
        std::vector<float> want;
        for (std::int32_t const r : batch)
            for (std::int32_t i = 0; r >= 0 && i < table.count[static_cast<std::size_t>(r)]; ++i)
                want.push_back(static_cast<float>(table.first[static_cast<std::size_t>(r)] + i));
        want.resize(static_cast<std::size_t>(capacity));
        EXPECT_EQ(y.download(), want);
    }
    EXPECT_EQ(ctx.num_allocations(), before);
}

TEST(TakeRagged, wrong_shapes_are_refused)
{
    Context ctx = make_context(1);
    OnDevice<std::int32_t> const row(ctx, {1, -1}, {2}), ptr(ctx, {0, 0, 0}, {3}),
        count(ctx, {1, 2}, {2});
    OnDevice<std::int64_t> const first(ctx, {0, 1}, {2});
    OnDevice<float> const data(ctx, std::vector<float>(6), {3, 2}),
        y(ctx, std::vector<float>(6), {3, 2}), flat(ctx, std::vector<float>(3), {3});
    EXPECT_THROW(take_row_ptr(ctx, {.row = row.ref(), .count = count.ref(), .row_ptr = row.ref()}),
                 Error);
    EXPECT_THROW(take_row_ptr(ctx, {.row = row.ref(), .count = first.ref(), .row_ptr = ptr.ref()}),
                 Error);
    TakeRaggedArgs const good{.row = row.ref(),
                              .first = first.ref(),
                              .row_ptr = ptr.ref(),
                              .data = data.ref(),
                              .y = y.ref()};
    EXPECT_NO_THROW(take_ragged(ctx, good));
    auto args = good;
    args.row_ptr = row.ref();
    EXPECT_THROW(take_ragged(ctx, args), Error);
    args = good;
    args.first = count.ref();
    EXPECT_THROW(take_ragged(ctx, args), Error);
    args = good;
    args.y = flat.ref();
    EXPECT_THROW(take_ragged(ctx, args), Error);
    args = good;
    args.mean = flat.ref();
    EXPECT_THROW(take_ragged(ctx, args), Error);
}
}  // namespace calofuse::test
