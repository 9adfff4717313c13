/// \file models/engine/placed.hpp
/// Columns of a data set on a backend, once for all feeds of a training: on a CPU they are used in
/// place; on a GPU they are copied once, or stay on the host and are streamed, batch by batch, with the
/// computation. All columns go the same way, small ones too: then one row number serves them all.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/engine/batch.hpp"
#include "runtime/buffer.hpp"
#include "runtime/dataset.hpp"

namespace calofuse {
class Placed {
  public:
    /// `data` must outlive this on the CPU, and where it stays on the host. A column may be named twice.
    /// Throws CF-DAT-01 for a column that there is not, CF-FED-01 for an event of 2^31 rows or more.
    Placed(Context& ctx,
           Dataset const& data,
           std::vector<std::string> const& columns,
           DataOn data_on = DataOn::device);

    std::int64_t num_events() const { return num_events_; }
    bool streamed() const { return streamed_; }
    /// On the backend; without memory if they are streamed.
    std::map<std::string, ColumnRef, std::less<>> const& columns() const { return columns_; }

    /// On the host.
    std::map<std::string, Column const*, std::less<>> const& host_columns() const { return host_; }
    /// (N + 1) of each ragged table that the columns are of.
    std::map<std::string, std::span<std::int64_t const>, std::less<>> const& starts() const
    {
        return starts_;
    }
    /// Rows that the `events` longest events of a ragged table have together, at least 1.
    /// Throws CF-FED-01 if that does not fit an i32, the type of row_ptr.
    std::int64_t capacity(std::string const& table, std::int64_t events) const;

  private:
    ColumnRef place(Context& ctx, Column const& column);
    void place_table(Context& ctx, std::string const& name);

    std::int64_t num_events_;
    bool streamed_, resident_copies_;
    std::map<std::string, Column const*, std::less<>> host_;
    std::map<std::string, std::span<std::int64_t const>, std::less<>> starts_;
    std::map<std::string, ColumnRef, std::less<>> columns_;
    std::map<std::string, ColumnRef, std::less<>> tables_;  ///< first and count of each
    std::vector<std::unique_ptr<Buffer<std::byte>>> bytes_;
    std::vector<std::unique_ptr<Buffer<std::int64_t>>> firsts_;
    std::vector<std::unique_ptr<Buffer<std::int32_t>>> counts_;
};
}  // namespace calofuse
