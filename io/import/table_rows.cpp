#include "io/import/table_rows.hpp"

#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/error.hpp"

namespace calofuse::recipe {
namespace {
[[noreturn]] void fail(char const* number,
                       TableRecipe const& table,
                       std::string const& what,
                       char const* hint)
{
    throw Error(Exit::data, std::string("CF-IMP-") + number,
                fmt::format("table {}: {}", quoted(table.name, 60), what), hint);
}

std::int64_t whole(SourceArray const& array, std::int64_t i, TableRecipe const& table)
{
    std::int64_t out = 0;
    if (!array.integer(i, out))
        fail("05", table,
             fmt::format("entry {} of {} is {}, no whole number of 64 bits", i, array.where,
                         array.number(i)),
             "starts and counts are whole numbers");
    return out;
}

void need_one_axis(SourceArray const& array, TableRecipe const& table)
{
    if (array.shape.size() != 1)
        fail("10", table, array.describe() + " has not one axis", "is this the right array?");
}

void take_starts(TableRecipe const& table, SourceArray const& array, TableRows& out)
{
    need_one_axis(array, table);
    char const* const hint =
        "event e has the rows starts[e] .. starts[e + 1]; N + 1 numbers from 0 on";
    if (array.rows() == 0) fail("04", table, array.where + " is empty", hint);
    std::int64_t before = 0;
    for (std::int64_t i = 0; i < array.rows(); ++i) {
        std::int64_t const here = whole(array, i, table);
        if (i == 0 && here != 0)
            fail("04", table, fmt::format("{} begins at {}, not at 0", array.where, here), hint);
        if (here < before)
            fail("03", table,
                 fmt::format("{} falls at event {}: from {} to {}", array.where, i - 1, before,
                             here),
                 hint);
        out.start.push_back(before = here);
    }
}

/// `most`: of an event; negative: any.
void take_counts(TableRecipe const& table,
                 SourceArray const& array,
                 std::int64_t most,
                 TableRows& out)
{
    need_one_axis(array, table);
    out.start = {0};
    for (std::int64_t i = 0; i < array.rows(); ++i) {
        std::int64_t const count = whole(array, i, table);
        if (count < 0)
            fail("03", table, fmt::format("event {} of {} has {} rows", i, array.where, count),
                 "counts are 0 or more");
        if (most >= 0 && count > most)
            fail("11", table,
                 fmt::format("event {} of {} has {} rows, the padded arrays have {}", i,
                             array.where, count, most),
                 "is this the right array of counts?");
        std::int64_t end = 0;
        if (__builtin_add_overflow(out.start.back(), count, &end))
            fail("05", table, fmt::format("the sum of {} overflows at event {}", array.where, i),
                 "is this the right array of counts?");
        out.start.push_back(end);
    }
    if (most < 0) return;
    for (std::int64_t e = 0; e < array.rows(); ++e) {
        auto const event = static_cast<std::size_t>(e);
        for (std::int64_t m = 0; m < out.start[event + 1] - out.start[event]; ++m)
            out.source.push_back(e * most + m);
    }
}

/// Rows of (N, M) for which `is_row(n * M + m)` holds.
template <class F>
void take_marked(SourceArray const& array, TableRows& out, F&& is_row)
{
    out.padded = array.shape[1];
    out.start = {0};
    for (std::int64_t e = 0; e < array.rows(); ++e) {
        for (std::int64_t at = e * out.padded; at < (e + 1) * out.padded; ++at)
            if (is_row(at)) out.source.push_back(at);
        out.start.push_back(std::ssize(out.source));
    }
}

void take_pad(TableRecipe const& table, SourceArray const& array, TableRows& out)
{
    std::size_t const rank = array.shape.size();
    std::int64_t const features = rank == 3 ? array.shape[2] : 1;
    if (rank < 2 || rank > 3)
        fail("10", table, array.describe() + " is not (events, rows) or (events, rows, features)",
             "`pad` looks at one feature of a padded array");
    if (table.feature < 0 || table.feature >= features)
        fail("10", table, fmt::format("feature {} of {}", table.feature, array.describe()),
             "features count from 0, along the last axis");
    take_marked(array, out, [&](std::int64_t at) {
        double const v = array.number(at * features + table.feature);
        return std::isnan(table.pad) ? !std::isnan(v) : v != table.pad;
    });
}
}  // namespace

TableRows table_rows(TableRecipe const& table, Part& part, SourceArray const* first_column)
{
    TableRows out;
    if (table.starts.given()) {
        ArrayPtr const array = part.array(table.starts);
        out.where = array->describe();
        take_starts(table, *array, out);
    } else if (table.counts.given()) {
        ArrayPtr const array = part.array(table.counts);
        out.where = array->describe();
        if (table.padded) {
            if (first_column == nullptr || first_column->shape.size() < 2)
                fail("10", table, "has no padded array (events, rows, ...)",
                     "give its columns, or leave `padded` out");
            out.padded = first_column->shape[1];
        }
        take_counts(table, *array, table.padded ? out.padded : -1, out);
    } else if (table.mask.given()) {
        ArrayPtr const array = part.array(table.mask);
        out.where = array->describe();
        if (array->shape.size() != 2)
            fail("10", table, array->describe() + " is not (events, rows)",
                 "a mask is nonzero where there is a row");
        take_marked(*array, out, [&](std::int64_t at) { return array->number(at) != 0; });
    } else {
        ArrayPtr const array = part.array(table.pad_array);
        out.where = array->describe();
        take_pad(table, *array, out);
    }
    return out;
}
}  // namespace calofuse::recipe
