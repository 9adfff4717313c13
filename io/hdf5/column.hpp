/// \file io/hdf5/column.hpp
/// A data set that grows: collects rows and writes whole chunks, so that the bytes of the file do not
/// depend on how the rows came in.
#pragma once

#include "io/hdf5/hdf5.hpp"

namespace calofuse::h5 {
class Column {
  public:
    Column(File const& file,
           std::string const& name,
           Kind kind,
           DatasetLayout layout,
           std::string const& path);

    /// Whole rows.
    void add(std::span<std::byte const> rows);
    template <class T>
    void add(std::vector<T> const& values)
    {
        add(std::as_bytes(std::span<T const>(values)));
    }
    void flush();
    hid_t dataset() const { return dataset_.get(); }

  private:
    std::string path_;
    Kind kind_;
    DatasetLayout layout_;
    std::size_t row_bytes_, chunk_bytes_;
    bool direct_;  ///< past the library's filters
    std::int64_t have_ = 0;
    Dataset dataset_;
    std::vector<std::byte> pending_;
};
}  // namespace calofuse::h5
