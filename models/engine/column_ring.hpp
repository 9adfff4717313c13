/// \file models/engine/column_ring.hpp
/// The rows of streamed columns on their way to a GPU: a pass is cut into chunks of so many events,
/// and each chunk goes into one of three slots of device memory while the one before it is read.
/// To a kernel the slots of a column are one tensor, and the events are rows of it; of a ragged table,
/// `first` and `count` come along and point into the tensor of its rows.
#pragma once

#include <memory>

#include "kernels/data/cursor.hpp"
#include "models/engine/placed.hpp"
#include "runtime/device/upload_ring.hpp"

namespace calofuse {
class ColumnRing {
  public:
    static constexpr int kSlots = 3;  ///< being read, ready, being filled

    /// Pinned memory that chunks of so many events take: slots have room for the longest events.
    static std::int64_t bytes(Placed const& data, std::int64_t events_per_chunk);
    /// Throws CF-DEV-06 where the host has not so much memory to pin.
    ColumnRing(Context& ctx, Placed const& data, std::int64_t events_per_chunk);

    /// Where the events of a pass are: what kernels/data/cursor.hpp makes row numbers of.
    RowRing rows() const { return {.chunk = events_, .slots = kSlots, .stride = stride(events_)}; }
    std::map<std::string, ColumnRef, std::less<>> columns() const;

    /// A pass over the events in this order, from one of its chunks on.
    void begin(std::vector<std::int32_t> order, std::int64_t first_chunk);
    /// Sends a chunk, unless it was sent, is none of the pass, or not the next.
    void send(std::int64_t chunk);
    /// What is launched from here on reads this chunk; it is sent if it was not.
    void use(std::int64_t chunk);

  private:
    /// Rows of a slot that is to hold so many: no two slots share a word, whatever the type.
    static std::int64_t stride(std::int64_t rows) { return (rows + 3) / 4 * 4; }

    /// One array of a slot: rows of a column, or `first` or `count` of a table.
    struct Region {
        Column const* column = nullptr;  ///< of the array; or none
        std::size_t row_bytes = 0;
        std::int64_t rows = 0;   ///< room of one slot
        std::size_t offset = 0;  ///< in a slot; on the device all slots of a region are together
        std::size_t slot_bytes() const { return row_bytes * static_cast<std::size_t>(rows); }
    };
    struct Table {
        std::span<std::int64_t const> start;
        Region first, count;
        std::vector<std::pair<std::string, Region>> columns;
    };
    struct Layout {
        std::vector<std::pair<std::string, Region>> columns;  ///< of the events
        std::map<std::string, Table, std::less<>> tables;
        std::size_t slot_bytes = 0;

        Layout(Placed const& data, std::int64_t events);

      private:
        Region add(Column const* column, std::size_t row_bytes, std::int64_t rows);
    };
    void fill(Table const& table, std::span<std::int32_t const> events, int slot, std::byte* to);
    void note(Region const& region, int slot, std::int64_t rows);
    void* on_device(Region const& region) const;
    TensorRef tensor_of(Region const& region) const;

    std::int64_t events_;
    Layout layout_;
    UploadRing ring_;
    std::vector<UploadRing::Piece> pieces_;  ///< of the chunk that is being sent
    std::vector<std::int32_t> order_;
    std::int64_t sent_ = 0;   ///< chunks
    std::int64_t used_ = -1;  ///< chunk that is being read
};
}  // namespace calofuse
