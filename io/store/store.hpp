/// \file io/store/store.hpp
/// The store, format 2: one HDF5 file of events, of any detector and of none, and `FILE.h5.sha256`.
///   /                       attributes format_version = 2, kind ("columns" where it is missing)
///   /events/<column>        (N, ...) u8 u16 i32 i64 f32; f64 is read as f32. Attributes: unit; classes
///                           ("quark,gluon", of a whole number) or names (of the last axis)
///   /events/file_id u16, event_index u32      0 and 0, 1, .. where they are missing
///   /<table>/start i64 (N + 1), /<table>/<column> (R, ...)     ragged: row r is event e's if
///                           start[e] <= r < start[e + 1]
///   /files/path, sha256 (strings of fixed length), num_events, num_read, clipped i64, dropped i64
///          (F, 3), and columns of what is constant in a file; all may be missing
///   /constants/<name>       without rows: channel maps, pedestals
/// That is also how other programs bring their data: ten lines of h5py write such a file. What this
/// program writes has, besides, checksummed metadata, fletcher32 on every data set and no time stamps:
/// the same input gives the same bytes, and a flipped bit is an error. Errors: hdf5.hpp, CF-DAT-02..05
/// (runtime/dataset.hpp), and those of the kind (kinds.cpp).
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/sha256.hpp"
#include "runtime/dataset.hpp"

namespace calofuse {
inline constexpr int kStoreVersion = 2;

enum class Compression : std::uint8_t { none, deflate };  ///< deflate = shuffle + deflate level 1

struct StoreWriteOptions {
    Overwrite overwrite = Overwrite::no;
    Compression compression = Compression::none;
};

/// Some events, to be appended.
struct EventBlock {
    std::span<std::uint16_t const> file_id = {};      ///< (n)
    std::span<std::uint32_t const> event_index = {};  ///< (n)
    /// Rows of each column, in the order of the specs that the writer was made with.
    std::vector<std::span<std::byte const>> columns = {};
    /// (n + 1) of each ragged table, counted from any row: only the differences matter.
    std::map<std::string, std::span<std::int64_t const>, std::less<>> start = {};
};

/// Writes events as they come; memory does not depend on how many there are.
class StoreWriter {
  public:
    StoreWriter(std::string path,
                std::vector<ColumnSpec> const& columns,
                StoreWriteOptions options = {});
    ~StoreWriter();  ///< without `finish`, nothing is left
    void append(EventBlock const& block);
    std::int64_t num_events() const;
    /// Writes kind, files, file columns and constants of `rest` (its events are not looked at), publishes
    /// the store, then its manifest: the store and `inputs`. Returns the digest of the store.
    std::string finish(Dataset const& rest, Manifest const& inputs);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// A whole set at once. `files[].num_events` must match the events.
std::string write_store(Dataset const& data,
                        std::string const& path,
                        StoreWriteOptions options = {},
                        Manifest const& inputs = {});

enum class DigestCheck : std::uint8_t { if_manifest, skip };
struct StoreReadOptions {
    DigestCheck digest = DigestCheck::if_manifest;
};

/// Everything in memory, everything checked.
Dataset read_store(std::string const& path, StoreReadOptions options = {});

/// What a kind asks of a data set beyond that its columns fit together; throws CF-H5-24 for a kind that
/// this program does not know. One table: kinds.cpp.
void check_kind(Dataset const& data, std::string const& source);

/// `FILE.h5.sha256`
inline std::string manifest_path_of(std::string const& store)
{
    return store + ".sha256";
}

/// Which datasets of a store cannot be read back, with the reason; for `verify`, after a digest
/// differed. Empty if the damage hits none of them.
struct DamagedDataset {
    std::string name, reason;
};
std::vector<DamagedDataset> damaged_datasets(std::string const& path);
}  // namespace calofuse
