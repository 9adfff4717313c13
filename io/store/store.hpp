/// \file io/store/store.hpp
/// The event store: one HDF5 file of whole test-beam runs, and `FILE.h5.sha256` beside it.
///   /events/adc u16 (N, 256), label u8 (N), energy_gev f32 (N), file_id u16 (N), event_index u32 (N)
///   /files/path, sha256 (fixed-length strings), num_events i64, energy_gev f32, label u8, num_read
///          i64, dropped i64 (F, 3) by reason, clipped i64, empty_triggers i64
///   /detector/channel_map i32 (249, 4) channel module row col, pedestals f32 (256) if there are any
/// Latest file format (checksummed metadata), fletcher32 on every dataset, no time stamps: the same
/// input gives the same bytes, and a flipped bit is an error. Errors: CF-H5-01..21 (hdf5.hpp).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/sha256.hpp"
#include "runtime/event_set.hpp"

namespace calofuse {
inline constexpr int kStoreVersion = 1;

enum class Compression : std::uint8_t { none, deflate };  ///< deflate = shuffle + deflate level 1

struct StoreWriteOptions {
    Overwrite overwrite = Overwrite::no;
    Compression compression = Compression::none;
};

/// Some events of one file, to be appended.
struct EventBlock {
    std::span<std::uint16_t const> adc = {};          ///< (n, 256)
    std::span<std::uint32_t const> event_index = {};  ///< (n)
    std::uint16_t file_id = 0;
    Label label = Label::unknown;
    float energy_gev = 0;
};

class StoreWriter {
  public:
    explicit StoreWriter(std::string path, StoreWriteOptions options = {});
    ~StoreWriter();  ///< without `finish`, nothing is left
    void append(EventBlock const& block);
    std::int64_t num_events() const;
    /// Writes the tables, publishes the store, then its manifest: the store and `inputs`.
    /// Returns the digest of the store.
    std::string finish(std::vector<SourceFile> const& files,
                       ChannelMap const& map,
                       std::span<float const> pedestals,
                       Manifest const& inputs);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// A whole set at once. `files[].num_events` must match the events.
std::string write_store(EventSet const& events,
                        std::string const& path,
                        StoreWriteOptions options = {},
                        Manifest const& inputs = {});

enum class DigestCheck : std::uint8_t { if_manifest, skip };
struct StoreReadOptions {
    DigestCheck digest = DigestCheck::if_manifest;
};

/// Everything in memory, everything checked.
EventSet read_store(std::string const& path, StoreReadOptions options = {});

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
