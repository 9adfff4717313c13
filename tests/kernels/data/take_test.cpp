#include "kernels/data/take.hpp"

#include <limits>

#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();

/// Elements that f32 holds exactly, so that only the arithmetic rounds.
template <class T>
std::vector<T> elements(std::int64_t count)
{
    std::vector<T> out;
    for (float const v : random_values(static_cast<std::size_t>(count), 5, 0, 250))
        out.push_back(static_cast<T>(std::is_signed_v<T> ? v - 100 : v));
    return out;
}

/// Every third event of the batch is padding; events come twice and in any order.
std::vector<std::int32_t> rows_of(std::int64_t batch, std::int64_t events)
{
    std::vector<std::int32_t> out;
    for (std::int64_t b = 0; b < batch; ++b)
        out.push_back(events == 0 || b % 3 == 2 ? -1 : static_cast<std::int32_t>(b * 7 % events));
    return out;
}

struct Case {
    std::int64_t batch, events, width;
};
class TakeOf : public testing::TestWithParam<Case> {};

/// columns of mean and scale; 0: none.
template <class T>
void expect_taken(Case const& c, std::int64_t columns, int threads)
{
    SCOPED_TRACE(testing::Message() << name_of(kDTypeOf<T>) << ", " << columns << " means");
    Context ctx = make_context(threads);
    auto const data = elements<T>(c.events * c.width);
    auto const row = rows_of(c.batch, c.events);
    auto const mean = random_values(static_cast<std::size_t>(columns), 1, -30, 30);
    auto const scale = random_values(static_cast<std::size_t>(columns), 2, 0.01F, 3);
    OnDevice<T> const d_data(ctx, data, {c.events, c.width});
    OnDevice<std::int32_t> const d_row(ctx, row, {c.batch});
    OnDevice<float> const d_mean(ctx, mean, {columns}), d_scale(ctx, scale, {columns});
    auto const size = static_cast<std::size_t>(c.batch * c.width);
    OnDevice<float> const y(ctx, std::vector<float>(size, -7), {c.batch, c.width});
    TakeArgs args{.row = d_row.ref(), .data = d_data.ref(), .y = y.ref()};
    if (columns > 0) args.mean = d_mean.ref(), args.scale_inverse = d_scale.ref();
    take(ctx, args);
    std::vector<double> want;
    for (std::int32_t const r : row)
        for (std::int64_t i = 0; i < c.width; ++i) {
            auto const column = static_cast<std::size_t>(columns > 1 ? i : 0);
            double v = r < 0 ? 0 : static_cast<double>(data[r * c.width + i]);
            if (columns > 0 && r >= 0) v = (v - mean[column]) * static_cast<double>(scale[column]);
            want.push_back(v);
        }
    expect_close(y.fetch(), want, 1e-30, columns > 0 ? 2 * kEps : 1e-30);
}

template <class T>
void expect_class_numbers(Case const& c)
{
    Context ctx = make_context();
    auto const data = elements<T>(c.events * c.width);
    auto const row = rows_of(c.batch, c.events);
    OnDevice<T> const d_data(ctx, data, {c.events, c.width});
    OnDevice<std::int32_t> const d_row(ctx, row, {c.batch});
    auto const size = static_cast<std::size_t>(c.batch * c.width);
    OnDevice<std::int32_t> const y(ctx, std::vector<std::int32_t>(size, -7), {c.batch, c.width});
    take(ctx, {.row = d_row.ref(), .data = d_data.ref(), .y = y.ref()});
    std::vector<std::int32_t> want;
    for (std::int32_t const r : row)
        for (std::int64_t i = 0; i < c.width; ++i)
            want.push_back(r < 0 ? 0 : static_cast<std::int32_t>(data[r * c.width + i]));
    EXPECT_EQ(y.fetch(), want);
}
}  // namespace

TEST_P(TakeOf, is_the_definition_for_every_type)
{
    Case const c = GetParam();
    for (std::int64_t const columns : {std::int64_t{0}, std::int64_t{1}, c.width}) {
        expect_taken<std::uint8_t>(c, columns, 1);
        expect_taken<std::uint16_t>(c, columns, 2);
        expect_taken<std::int32_t>(c, columns, 3);
        expect_taken<std::int64_t>(c, columns, 1);
        expect_taken<float>(c, columns, 2);
    }
}

TEST_P(TakeOf, class_numbers_stay_whole)
{
    expect_class_numbers<std::uint8_t>(GetParam());
    expect_class_numbers<std::uint16_t>(GetParam());
    expect_class_numbers<std::int32_t>(GetParam());
    expect_class_numbers<std::int64_t>(GetParam());
}
INSTANTIATE_TEST_SUITE_P(Shapes,
                         TakeOf,
                         testing::Values(Case{1, 1, 1},
                                         Case{0, 5, 3},
                                         Case{4, 0, 3},  // a data set of no events: all padding
                                         Case{5, 9, 7},
                                         Case{37, 11, 19},
                                         Case{300, 40, 1},
                                         Case{7, 3, 4099}));

TEST(Take, an_image_keeps_its_shape_and_threads_change_no_bit)
{
    std::vector<std::vector<float>> got;
    for (int const threads : {1, 2, 3}) {
        Context ctx = make_context(threads);
        OnDevice<float> const data(ctx, random_values(40 * 60, 3), {40, 5, 4, 3});
        OnDevice<std::int32_t> const row(ctx, rows_of(900, 40), {900});
        OnDevice<float> const mean(ctx, random_values(60, 4), {60});
        OnDevice<float> const scale(ctx, random_values(60, 5), {60});
        OnDevice<float> const y(ctx, std::vector<float>(900 * 60), {900, 5, 4, 3});
        take(ctx, {.row = row.ref(),
                   .data = data.ref(),
                   .mean = mean.ref(),
                   .scale_inverse = scale.ref(),
                   .y = y.ref()});
        got.push_back(y.fetch());
    }
    EXPECT_EQ(got[0], got[1]);
    EXPECT_EQ(got[0], got[2]);
}

TEST(Take, wrong_shapes_are_refused)
{
    Context ctx = make_context(1);
    OnDevice<float> const data(ctx, std::vector<float>(12), {4, 3}),
        y(ctx, {0, 0, 0, 0, 0, 0}, {2, 3});
    OnDevice<float> const three(ctx, {1, 2, 3}, {3}), two(ctx, {1, 2}, {2});
    OnDevice<std::int32_t> const row(ctx, {3, -1}, {2}), whole(ctx, {0, 0, 0, 0, 0, 0}, {2, 3});
    OnDevice<std::int32_t> const long_row(ctx, {3, -1, 0}, {3});
    TakeArgs const good{.row = row.ref(),
                        .data = data.ref(),
                        .mean = three.ref(),
                        .scale_inverse = three.ref(),
                        .y = y.ref()};
    EXPECT_NO_THROW(take(ctx, good));
    auto args = good;
    args.mean = two.ref();
    EXPECT_THROW(take(ctx, args), Error);
    args = good;
    args.scale_inverse = {};
    EXPECT_THROW(take(ctx, args), Error);
    args = good;
    args.row = long_row.ref();
    EXPECT_THROW(take(ctx, args), Error);
    args = good;
    args.data = three.ref();
    EXPECT_THROW(take(ctx, args), Error);
    args = good;
    args.y = whole.ref();  // f32 is no class number
    EXPECT_THROW(take(ctx, args), Error);
    args.data = whole.ref();  // nor is a class number scaled
    EXPECT_THROW(take(ctx, args), Error);
}
}  // namespace calofuse::test
