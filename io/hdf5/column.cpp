#include "io/hdf5/column.hpp"

namespace calofuse::h5 {
namespace {
constexpr std::size_t kChecksumBytes = 4;

std::size_t bytes_of_row(Kind kind, std::vector<std::int64_t> const& row_shape)
{
    std::int64_t bytes = size_of(kind);
    for (std::int64_t const extent : row_shape)
        bytes *= extent;
    CALOFUSE_CHECK(bytes > 0, "a row without elements");
    return static_cast<std::size_t>(bytes);
}
}  // namespace

Column::Column(File const& file,
               std::string const& name,
               Kind kind,
               DatasetLayout layout,
               std::string const& path)
    : path_(path)
    , kind_(kind)
    , layout_(std::move(layout))
    , row_bytes_(bytes_of_row(kind, layout_.row_shape))
    , chunk_bytes_(row_bytes_ * static_cast<std::size_t>(layout_.chunk_rows))
    , direct_(!layout_.deflate && chunk_bytes_ % 2 == 0)  // the checksum is one of 16-bit words
    , dataset_(create_dataset(file, name, kind, layout_, path))
{
    pending_.reserve(chunk_bytes_ + kChecksumBytes);
}

void Column::add(std::span<std::byte const> rows)
{
    CALOFUSE_CHECK(rows.size() % row_bytes_ == 0, rows.size()
                                                      << " bytes, " << row_bytes_ << " a row");
    while (!rows.empty()) {
        std::size_t const taken = std::min(rows.size(), chunk_bytes_ - pending_.size());
        pending_.insert(pending_.end(), rows.begin(),
                        rows.begin() + static_cast<std::ptrdiff_t>(taken));
        if (pending_.size() == chunk_bytes_) flush();
        rows = rows.subspan(taken);
    }
}

void Column::flush()
{
    auto const rows = static_cast<std::int64_t>(pending_.size() / row_bytes_);
    if (rows == 0) return;
    if (direct_) {
        pending_.resize(chunk_bytes_ + kChecksumBytes);
        write_chunk(dataset_, layout_.row_shape, have_, have_ + rows, pending_, path_);
    } else {
        append(dataset_, kind_, layout_.row_shape, have_, rows, pending_.data(), path_);
    }
    have_ += rows;
    pending_.clear();
}
}  // namespace calofuse::h5
