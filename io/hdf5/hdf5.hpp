/// \file io/hdf5/hdf5.hpp
/// HDF5's C interface behind owners, with what the store needs and no more. The library's own
/// messages never reach stderr; every failure is an `Error`:
///   CF-H5-01 not HDF5             02 truncated or trailing bytes    03 not closed by its writer
///   04 missing object             05 wrong rank, size or type       06 row counts differ
///   07 label outside its classes  08 energy not finite or negative  09 links, virtual or external data
///   10 filter not allowed         11 declared size is implausible   12 checksum or read failure
///   13 too many objects           14 chunk size                     15 user block
///   16 format version             18 tables contradict each other   19 store of format 1
///   20 channel map in the store   21 cannot write                   22 data outside a table, bad name
///   23 no room for a number in f32
#pragma once

#include <algorithm>
#include <cstdint>
#include <hdf5.h>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/error.hpp"

namespace calofuse::h5 {
/// Owns an identifier; `kClose` is the call that gives it back.
template <herr_t (*kClose)(hid_t)>
class Handle {
  public:
    Handle() = default;
    explicit Handle(hid_t id) : id_(id) {}
    Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
    Handle& operator=(Handle&& other) noexcept
    {
        std::swap(id_, other.id_);
        return *this;
    }
    Handle(Handle const&) = delete;
    Handle& operator=(Handle const&) = delete;
    ~Handle()
    {
        if (id_ >= 0) kClose(id_);
    }
    hid_t get() const { return id_; }
    explicit operator bool() const { return id_ >= 0; }
    /// Closes now; false if that failed.
    bool close() { return kClose(std::exchange(id_, -1)) >= 0; }

  private:
    hid_t id_ = -1;
};
using File = Handle<H5Fclose>;
using Group = Handle<H5Gclose>;
using Dataset = Handle<H5Dclose>;
using Space = Handle<H5Sclose>;
using Type = Handle<H5Tclose>;
using Attribute = Handle<H5Aclose>;
using PropertyList = Handle<H5Pclose>;

/// Element types of the store: what they are in memory and, little endian, in the file.
enum class Kind : std::uint8_t { u8, u16, u32, i32, i64, f32, f64 };
template <class T>
constexpr Kind kind_of();
std::int64_t size_of(Kind kind);
char const* name_of(Kind kind);

// ---- Both ways. ------------------------------------------------------------------------------

hid_t file_type(Kind kind);
/// Latest format, no locks, everything closed with the file; errors are silenced, plugins off.
PropertyList file_access();
/// Innermost message of the library's last failure, in brackets; "" if it has none.
std::string last_reason();

// ---- Writing. `path` is for messages. --------------------------------------------------------

/// A new file: latest format, no time stamps. Replaces what is at `temp`.
File create_file(std::string const& temp, std::string const& path);
Group create_group(File const& file, char const* name, std::string const& path);

struct DatasetLayout {
    std::vector<std::int64_t> row_shape = {};  ///< (): one-dimensional
    std::int64_t chunk_rows = 1;
    bool deflate = false;
};
/// Chunked, extendible in its rows, fletcher32.
Dataset create_dataset(File const& file,
                       std::string const& name,
                       Kind kind,
                       DatasetLayout const& layout,
                       std::string const& path);
/// Appends `rows` rows after the `have` that are there.
void append(Dataset const& dataset,
            Kind kind,
            std::vector<std::int64_t> const& row_shape,
            std::int64_t have,
            std::int64_t rows,
            void const* data,
            std::string const& path);
/// Writes the chunk that starts at row `first` and makes the data set end at row `end`, past the
/// library's filters: three times as fast. `chunk` holds a whole chunk (zeros behind the end), an even
/// number of bytes, and room for the 4 bytes of its checksum, which are filled in here.
void write_chunk(Dataset const& dataset,
                 std::vector<std::int64_t> const& row_shape,
                 std::int64_t first,
                 std::int64_t end,
                 std::span<std::byte> chunk,
                 std::string const& path);
/// The checksum that HDF5's fletcher32 filter stores: sums of 16-bit words, read as big endian,
/// modulo 65535, in which 65535 stands for 0 unless every word is 0.
std::uint32_t fletcher32(std::span<std::uint16_t const> words);
void write_strings(File const& file,
                   char const* name,
                   std::vector<std::string> const& values,
                   std::string const& path);
/// Of a file or a data set.
void write_attribute(hid_t object,
                     char const* name,
                     std::string const& value,
                     std::string const& path);
void write_attribute(hid_t object, char const* name, std::int64_t value, std::string const& path);
/// Closes with everything written out.
void close_file(File& file, std::string const& path);

// ---- Reading. Everything is checked before it is used. ---------------------------------------

/// What can be known without the library: signature, version, writer flag, size (codes 01, 02, 03,
/// 15, 16). The library is not safe on damaged files, so little of what is wrong should reach it.
void check_superblock(std::string const& path);
/// Read only, no locks, no plugins.
File open_file(std::string const& path);

bool has_dataset(File const& file, std::string const& name, std::string const& path);
/// Names in a group ("/" or "events"), sorted; none where there is no such group.
std::vector<std::string> names_in(File const& file,
                                  std::string const& group,
                                  std::string const& path);
bool is_group(File const& file, std::string const& name, std::string const& path);

/// What is made of 64-bit floats.
enum class Doubles : std::uint8_t { as_f32, as_they_are };

/// A data set of numbers behind hard links only, with allowed filters and plausible size.
class Reader {
  public:
    Reader(File const& file,
           std::string name,
           std::string const& path,
           Doubles doubles = Doubles::as_f32);
    std::string const& name() const { return name_; }
    Kind kind() const { return kind_; }  ///< of what `read` gives
    std::int64_t rows() const { return rows_; }
    std::vector<std::int64_t> const& row_shape() const { return row_shape_; }
    hid_t dataset() const { return dataset_.get(); }
    std::size_t bytes() const;
    /// CF-H5-05 unless it is of this kind and shape.
    void expect(Kind kind, std::vector<std::int64_t> const& row_shape) const;
    /// `bytes()` bytes. CF-H5-23 for an f64 that f32 cannot hold.
    void read(void* out) const;

  private:
    std::string name_, path_;
    Dataset dataset_;
    Kind kind_ = Kind::f32;
    bool narrowed_ = false;  ///< f64
    std::int64_t rows_ = 0;
    std::vector<std::int64_t> row_shape_;
};
/// A data set of this type and shape.
template <class T>
std::vector<T> read_rows(File const& file,
                         std::string const& name,
                         std::vector<std::int64_t> const& row_shape,
                         std::string const& path);
std::vector<std::string> read_strings(File const& file,
                                      std::string const& name,
                                      std::string const& path);
bool has_attribute(hid_t object, char const* name);
std::string read_text_attribute(hid_t object, char const* name, std::string const& path);
std::int64_t read_int_attribute(hid_t object, char const* name, std::string const& path);

template <class T>
constexpr Kind kind_of()
{
    if constexpr (std::is_same_v<T, std::uint8_t>)
        return Kind::u8;
    else if constexpr (std::is_same_v<T, std::uint16_t>)
        return Kind::u16;
    else if constexpr (std::is_same_v<T, std::uint32_t>)
        return Kind::u32;
    else if constexpr (std::is_same_v<T, std::int32_t>)
        return Kind::i32;
    else if constexpr (std::is_same_v<T, std::int64_t>)
        return Kind::i64;
    else if constexpr (std::is_same_v<T, double>)
        return Kind::f64;
    else
        return Kind::f32;
}
template <class T>
std::vector<T> read_rows(File const& file,
                         std::string const& name,
                         std::vector<std::int64_t> const& row_shape,
                         std::string const& path)
{
    Reader const reader(file, name, path);
    reader.expect(kind_of<T>(), row_shape);
    std::vector<T> out(reader.bytes() / sizeof(T));
    reader.read(out.data());
    return out;
}
}  // namespace calofuse::h5
