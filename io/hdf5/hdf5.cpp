#include "io/hdf5/hdf5.hpp"

#include <cstring>
#include <fmt/core.h>

namespace calofuse::h5 {
namespace {
constexpr unsigned kMaxCompactLinks = 1000;

herr_t keep_innermost(unsigned n, H5E_error2_t const* error, void* out)
{
    if (n == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
    return 0;
}

void check(bool good, std::string const& path, char const* what)
{
    if (good) return;
    throw Error(Exit::io, "CF-H5-21",
                fmt::format("{}: cannot write {}{}", calofuse::quoted(path), what, last_reason()),
                "is there space on the disk?");
}

hid_t native_type(Kind kind)
{
    switch (kind) {
        case Kind::u8:
            return H5T_NATIVE_UINT8;
        case Kind::u16:
            return H5T_NATIVE_UINT16;
        case Kind::u32:
            return H5T_NATIVE_UINT32;
        case Kind::i32:
            return H5T_NATIVE_INT32;
        case Kind::i64:
            return H5T_NATIVE_INT64;
        case Kind::f64:
            return H5T_NATIVE_DOUBLE;
        default:
            return H5T_NATIVE_FLOAT;
    }
}

Type string_type(std::size_t bytes)
{
    Type type(H5Tcopy(H5T_C_S1));
    if (H5Tset_size(type.get(), std::max<std::size_t>(bytes, 1)) < 0
        || H5Tset_strpad(type.get(), H5T_STR_NULLPAD) < 0)
        return Type();
    return type;
}

/// `rows`, then the shape of a row.
std::vector<hsize_t> extents(std::int64_t rows, std::vector<std::int64_t> const& row_shape)
{
    std::vector<hsize_t> out = {static_cast<hsize_t>(rows)};
    out.insert(out.end(), row_shape.begin(), row_shape.end());
    return out;
}

Dataset create_chunked(File const& file,
                       std::string const& name,
                       hid_t type,
                       DatasetLayout const& layout,
                       std::string const& path)
{
    auto const none = extents(0, layout.row_shape),
               chunk = extents(layout.chunk_rows, layout.row_shape);
    auto any = none;
    any[0] = H5S_UNLIMITED;
    auto const rank = static_cast<int>(none.size());
    Space const space(H5Screate_simple(rank, none.data(), any.data()));
    PropertyList const creation(H5Pcreate(H5P_DATASET_CREATE));
    bool good = space && creation && H5Pset_chunk(creation.get(), rank, chunk.data()) >= 0
                && H5Pset_obj_track_times(creation.get(), false) >= 0;
    if (layout.deflate)
        good =
            good && H5Pset_shuffle(creation.get()) >= 0 && H5Pset_deflate(creation.get(), 1) >= 0;
    good = good && H5Pset_fletcher32(creation.get()) >= 0;
    Dataset out;
    if (good)
        out = Dataset(H5Dcreate2(file.get(), name.c_str(), type, space.get(), H5P_DEFAULT,
                                 creation.get(), H5P_DEFAULT));
    check(static_cast<bool>(out), path, name.c_str());
    return out;
}

void append_rows(Dataset const& dataset,
                 hid_t type,
                 std::vector<std::int64_t> const& row_shape,
                 std::int64_t have,
                 std::int64_t rows,
                 void const* data,
                 std::string const& path)
{
    if (rows == 0) return;
    auto const size = extents(have + rows, row_shape), count = extents(rows, row_shape);
    std::vector<hsize_t> start(size.size(), 0);
    start[0] = static_cast<hsize_t>(have);
    bool good = H5Dset_extent(dataset.get(), size.data()) >= 0;
    Space const file_space(good ? H5Dget_space(dataset.get()) : -1);
    Space const memory_space(
        H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr));
    good = file_space && memory_space
           && H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, start.data(), nullptr,
                                  count.data(), nullptr)
                  >= 0
           && H5Dwrite(dataset.get(), type, memory_space.get(), file_space.get(), H5P_DEFAULT, data)
                  >= 0;
    check(good, path, "events");
}

void write_attribute_of(hid_t object,
                        char const* name,
                        hid_t file_type,
                        hid_t memory_type,
                        void const* value,
                        std::string const& path)
{
    Space const space(H5Screate(H5S_SCALAR));
    Attribute const attribute(
        H5Acreate2(object, name, file_type, space.get(), H5P_DEFAULT, H5P_DEFAULT));
    check(attribute && H5Awrite(attribute.get(), memory_type, value) >= 0, path, name);
}
}  // namespace

std::string last_reason()
{
    std::string text;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &text);
    return text.empty() ? text : " (" + text.substr(0, 80) + ")";
}

std::int64_t size_of(Kind kind)
{
    constexpr std::int64_t kSizes[] = {1, 2, 4, 4, 8, 4, 8};
    return kSizes[static_cast<int>(kind)];
}

char const* name_of(Kind kind)
{
    constexpr char const* kNames[] = {"u8", "u16", "u32", "i32", "i64", "f32", "f64"};
    return kNames[static_cast<int>(kind)];
}

hid_t file_type(Kind kind)
{
    switch (kind) {
        case Kind::u8:
            return H5T_STD_U8LE;
        case Kind::u16:
            return H5T_STD_U16LE;
        case Kind::u32:
            return H5T_STD_U32LE;
        case Kind::i32:
            return H5T_STD_I32LE;
        case Kind::i64:
            return H5T_STD_I64LE;
        case Kind::f64:
            return H5T_IEEE_F64LE;
        default:
            return H5T_IEEE_F32LE;
    }
}

void prepare_library()
{
    // Per thread in a thread-safe build of the library, so not once for all.
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5PLset_loading_state(0);
}

PropertyList file_access()
{
    prepare_library();
    PropertyList access(H5Pcreate(H5P_FILE_ACCESS));
    bool const good =
        access && H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST) >= 0
        && H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG) >= 0
        && H5Pset_file_locking(access.get(), false, true) >= 0;
    CALOFUSE_CHECK(good, "HDF5 refuses a file access list");
    return access;
}

File create_file(std::string const& temp, std::string const& path)
{
    PropertyList const access = file_access();
    PropertyList const creation(H5Pcreate(H5P_FILE_CREATE));
    File file;
    if (creation && H5Pset_obj_track_times(creation.get(), false) >= 0)
        file = File(H5Fcreate(temp.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()));
    check(static_cast<bool>(file), path, "the store");
    return file;
}

Group create_group(File const& file, char const* name, std::string const& path)
{
    PropertyList const creation(H5Pcreate(H5P_GROUP_CREATE));
    Group group;
    // All links stay in the checksummed header: the library dies of a damaged heap of links, which it
    // would make of more than eight.
    if (creation && H5Pset_obj_track_times(creation.get(), false) >= 0
        && H5Pset_link_phase_change(creation.get(), kMaxCompactLinks, 0) >= 0)
        group = Group(H5Gcreate2(file.get(), name, H5P_DEFAULT, creation.get(), H5P_DEFAULT));
    check(static_cast<bool>(group), path, name);
    return group;
}

Dataset create_dataset(File const& file,
                       std::string const& name,
                       Kind kind,
                       DatasetLayout const& layout,
                       std::string const& path)
{
    return create_chunked(file, name, file_type(kind), layout, path);
}

void append(Dataset const& dataset,
            Kind kind,
            std::vector<std::int64_t> const& row_shape,
            std::int64_t have,
            std::int64_t rows,
            void const* data,
            std::string const& path)
{
    append_rows(dataset, native_type(kind), row_shape, have, rows, data, path);
}

std::uint32_t fletcher32(std::span<std::uint16_t const> words)
{
    constexpr std::size_t kBlock = 256;  // sums of a block fit into 32 bits: 256 * 257 / 2 * 65535
    constexpr std::uint64_t kModulus = 65535;
    std::uint64_t sum = 0, weighted = 0;  // weighted: word i counts n - i times
    for (std::size_t at = 0; at < words.size(); at += kBlock) {
        std::size_t const n = std::min(kBlock, words.size() - at);
        std::uint32_t block_sum = 0, block_weighted = 0;
        for (std::size_t i = 0; i < n; ++i) {
            std::uint16_t const v = words[at + i];
            auto const word = static_cast<std::uint16_t>(v << 8U | v >> 8U);
            block_sum += word;
            block_weighted += word * static_cast<std::uint32_t>(n - i);
        }
        weighted = (weighted + n * sum + block_weighted) % (kModulus << 32U);
        sum += block_sum;
    }
    auto const folded = [](std::uint64_t total) {
        std::uint64_t const rest = total % kModulus;
        return static_cast<std::uint32_t>(rest == 0 && total != 0 ? kModulus : rest);
    };
    return folded(weighted + (sum != 0 ? kModulus : 0)) << 16U | folded(sum);
}

void write_chunk(Dataset const& dataset,
                 std::vector<std::int64_t> const& row_shape,
                 std::int64_t first,
                 std::int64_t end,
                 std::span<std::byte> chunk,
                 std::string const& path)
{
    std::size_t const bytes = chunk.size() - sizeof(std::uint32_t);
    CALOFUSE_CHECK(bytes % sizeof(std::uint16_t) == 0, bytes << " bytes");
    std::uint32_t const checksum =
        fletcher32({reinterpret_cast<std::uint16_t const*>(chunk.data()), bytes / 2});
    std::memcpy(&chunk[bytes], &checksum, sizeof checksum);
    auto const size = extents(end, row_shape);
    std::vector<hsize_t> offset(size.size(), 0);
    offset[0] = static_cast<hsize_t>(first);
    check(H5Dset_extent(dataset.get(), size.data()) >= 0
              && H5Dwrite_chunk(dataset.get(), H5P_DEFAULT, 0, offset.data(), chunk.size_bytes(),
                                chunk.data())
                     >= 0,
          path, "events");
}

void write_strings(File const& file,
                   char const* name,
                   std::vector<std::string> const& values,
                   std::string const& path)
{
    std::size_t width = 1;
    for (std::string const& value : values)
        width = std::max(width, value.size());
    std::string table;
    for (std::string const& value : values)
        table += value + std::string(width - value.size(), '\0');
    Type const type = string_type(width);
    auto const rows = static_cast<std::int64_t>(values.size());
    Dataset const dataset = create_chunked(file, name, type.get(),
                                           {.chunk_rows = std::max<std::int64_t>(rows, 1)}, path);
    append_rows(dataset, type.get(), {}, 0, rows, table.data(), path);
}

void write_attribute(hid_t object,
                     char const* name,
                     std::string const& value,
                     std::string const& path)
{
    Type const type = string_type(value.size());
    std::string const padded = value.empty() ? std::string(1, '\0') : value;
    write_attribute_of(object, name, type.get(), type.get(), padded.data(), path);
}

void write_attribute(hid_t object, char const* name, std::int64_t value, std::string const& path)
{
    write_attribute_of(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value, path);
}

void close_file(File& file, std::string const& path)
{
    bool const flushed = H5Fflush(file.get(), H5F_SCOPE_GLOBAL) >= 0;
    bool const closed = file.close();
    check(flushed && closed, path, "the store");
}
}  // namespace calofuse::h5
