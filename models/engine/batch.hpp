/// \file models/engine/batch.hpp
/// One batch of events, as a model and a loss get it: row numbers, and the columns they point into.
/// Nothing is gathered before the step; the input layer of a model and the loss of a task do that
/// (kernels/data/take.hpp, take_ragged.hpp, or an operator that reads rows itself).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "runtime/tensor.hpp"

namespace calofuse {
/// Where columns lie while a GPU computes; the results are the same bits.
enum class DataOn : std::uint8_t {
    device,  ///< resident: copied once
    host,    ///< streamed: a batch is copied while the one before it computes
};

/// A column on the tape's backend.
struct ColumnRef {
    TensorRef data = {};  ///< (rows, ...) of all events, or of those in the ring of a streamed feed
    TensorRef first = {};  ///< (N) i64 first row of each event; empty: a column of the events
    TensorRef count = {};  ///< (N) i32 rows of each event; empty with `first`

    bool ragged() const { return !first.empty(); }
};

struct Batch {
    TensorRef row;        ///< (B) i32 where each event of the batch lies; -1 = padding
    TensorRef num_valid;  ///< (1) i64 events that are no padding: the first ones
    TensorRef position;   ///< (2) i64 step, first event: what dropout reads
    std::map<std::string, ColumnRef, std::less<>> columns;
    /// Rows of a ragged table that the B longest events have together: room for any batch.
    std::map<std::string, std::int64_t, std::less<>> capacity;

    std::int64_t size() const { return row.shape[0]; }
    /// Throws CF-INT-01 for a column that the feed was not asked for.
    ColumnRef const& at(std::string_view name) const;
    /// Capacity of the table of a ragged column.
    std::int64_t capacity_of(std::string_view column) const;
};
}  // namespace calofuse
