/// \file io/hdf5/column.hpp
/// A data set that grows: collects rows and writes whole chunks, so that the bytes of the file do not
/// depend on how the rows came in.
#pragma once

#include <type_traits>

#include "io/hdf5/hdf5.hpp"

namespace calofuse::h5 {
template <class T>
class Column {
  public:
    Column(File const& file, char const* name, DatasetLayout const& layout, std::string const& path)
        : path_(path)
        , columns_(layout.columns)
        , width_(std::max<std::int64_t>(layout.columns, 1))
        , chunk_rows_(layout.chunk_rows)
        , direct_(std::is_same_v<T, std::uint16_t> && layout.columns > 0 && !layout.deflate)
        , dataset_(create_dataset(file, name, kind_of<T>(), layout, path))
    {
        if (direct_)
            pending_.reserve(static_cast<std::size_t>(chunk_rows_ * width_) + kChecksumWords);
    }

    /// Whole rows.
    void add(std::span<T const> values)
    {
        T const* data = values.data();
        std::int64_t rows = std::ssize(values) / width_;
        while (rows > 0) {
            std::int64_t const pending = std::ssize(pending_) / width_;
            std::int64_t taken = 0;
            if (pending == 0 && rows >= chunk_rows_ && !direct_) {
                taken = rows / chunk_rows_ * chunk_rows_;
                write(data, taken);
            } else {
                taken = std::min(rows, chunk_rows_ - pending);
                pending_.insert(pending_.end(), data, data + taken * width_);
                if (pending + taken == chunk_rows_) flush();
            }
            data += taken * width_;
            rows -= taken;
        }
    }
    void flush()
    {
        std::int64_t const rows = std::ssize(pending_) / width_;
        if constexpr (std::is_same_v<T, std::uint16_t>) {
            if (direct_ && rows > 0) {
                pending_.resize(static_cast<std::size_t>(chunk_rows_ * width_) + kChecksumWords);
                write_chunk_u16(dataset_, columns_, have_, have_ + rows, pending_, path_);
                have_ += rows;
                return pending_.clear();
            }
        }
        write(pending_.data(), rows);
        pending_.clear();
    }

  private:
    static constexpr std::size_t kChecksumWords = 2;

    void write(T const* data, std::int64_t rows)
    {
        append(dataset_, kind_of<T>(), columns_, have_, rows, data, path_);
        have_ += rows;
    }

    std::string path_;
    std::int64_t columns_, width_, chunk_rows_;
    bool direct_;  ///< past the library's filters
    std::int64_t have_ = 0;
    Dataset dataset_;
    std::vector<T> pending_;
};
}  // namespace calofuse::h5
