/// \file io/import/source.hpp
/// Files that hold arrays, by the ending of their name: .npy (one array without a name), .npz (its
/// members), .h5 .hdf5 .hdf (plain datasets, "group/name"), .csv .csv.gz (a 1-D array per column).
/// Errors, all Exit::data:
///   CF-NPZ-01 not a zip archive or its table of contents is damaged   02 a member is damaged
///   03 a member claims more bytes than its compressed size can hold   04 encrypted, or compressed
/// in
///      a way that is not built in
///   CF-SRC-01 unknown ending   02 no such array (with what there is)   03 not a plain array of
/// numbers
///   04 an HDF5 file or dataset that cannot be read   05 more bytes than an array may have
///   CF-CSV-01 empty   02 header   03 not plain text   04 number of columns   05 not a number
///   06 not a gzip file, or damaged
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/import/source_array.hpp"

namespace calofuse::recipe {
/// The largest array, and the largest text of a CSV file, that is read: 64 GiB and 1 GiB.
inline constexpr std::int64_t kMaxArrayBytes = std::int64_t{64} << 30;
inline constexpr std::int64_t kMaxCsvBytes = std::int64_t{1} << 30;

class Source {
  public:
    virtual ~Source() = default;
    /// Of the arrays; {""} of a file that is one array.
    virtual std::vector<std::string> names() const = 0;
    /// One of `names()`.
    virtual SourceArray read(std::string const& name) const = 0;
};

std::unique_ptr<Source> open_source(std::string const& path);
/// `source.read(name)`; CF-SRC-02, with what there is, if it has no such array. An empty name is
/// the
/// only array of a file that has one.
SourceArray read_array(Source const& source, std::string const& name, std::string const& path);

// One each, in a file of its own.
std::unique_ptr<Source> open_npz(std::string const& path);
std::unique_ptr<Source> open_hdf5(std::string const& path);
std::unique_ptr<Source> open_csv(std::string const& path);
}  // namespace calofuse::recipe
