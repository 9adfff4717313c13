/// \file io/hdf5/read.cpp
/// The reading half of io/hdf5/hdf5.hpp: what came from outside is checked before it is used.
#include <array>
#include <cstring>
#include <fmt/core.h>

#include "io/hdf5/hdf5.hpp"
#include "io/input_file.hpp"

namespace calofuse::h5 {
namespace {
constexpr std::int64_t kMaxChunkBytes = 64 << 20;
constexpr std::int64_t kFreeBytes = 64 << 20;  ///< below, any ratio of declared to stored is fine
constexpr std::int64_t kMaxRatio = 1000;
constexpr std::int64_t kMaxStringBytes = 4096;
constexpr hsize_t kMaxLinks = 1000;
constexpr char const* kHintConvert = "run calofuse convert again";

[[noreturn]] void fail(std::string const& path,
                       char const* code,
                       std::string const& what,
                       char const* hint = kHintConvert)
{
    throw Error(Exit::data, code, fmt::format("{}: {}", calofuse::quoted(path), what), hint);
}

/// Every step of `name` is a hard link; false if one does not exist.
bool follows_hard_links(File const& file, std::string const& name, std::string const& path)
{
    for (std::size_t at = 0; at != std::string::npos;) {
        at = name.find('/', at + 1);
        std::string const step = name.substr(0, at);
        htri_t const exists = H5Lexists(file.get(), step.c_str(), H5P_DEFAULT);
        if (exists < 0)
            fail(path, "CF-H5-12", fmt::format("cannot read {}{}", step, last_reason()));
        if (exists == 0) return false;
        H5L_info_t info{};
        if (H5Lget_info(file.get(), step.c_str(), &info, H5P_DEFAULT) < 0)
            fail(path, "CF-H5-12", fmt::format("cannot read {}{}", step, last_reason()));
        if (info.type != H5L_TYPE_HARD)
            fail(path, "CF-H5-09", step + " is a soft or external link");
    }
    return true;
}

Dataset open_dataset(File const& file, std::string const& name, std::string const& path)
{
    if (!follows_hard_links(file, name, path)) fail(path, "CF-H5-04", "has no dataset " + name);
    H5O_info_t info{};
    if (H5Oget_info_by_name(file.get(), name.c_str(), &info, H5P_DEFAULT) < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read {}{}", name, last_reason()));
    if (info.type != H5O_TYPE_DATASET) fail(path, "CF-H5-05", name + " is not a dataset");
    Dataset dataset(H5Dopen2(file.get(), name.c_str(), H5P_DEFAULT));
    if (!dataset) fail(path, "CF-H5-12", fmt::format("cannot open {}{}", name, last_reason()));
    return dataset;
}

void check_filters(hid_t creation, std::string const& name, std::string const& path)
{
    bool has_checksum = false;
    int const filters = H5Pget_nfilters(creation);
    for (int i = 0; i < filters; ++i) {
        unsigned flags = 0;
        std::size_t values = 0;
        H5Z_filter_t const filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags,
                                                   &values, nullptr, 0, nullptr, nullptr);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE
            && filter != H5Z_FILTER_FLETCHER32)
            fail(path, "CF-H5-10", fmt::format("{} uses filter {}", name, filter));
        has_checksum |= filter == H5Z_FILTER_FLETCHER32;
    }
    if (!has_checksum) fail(path, "CF-H5-05", name + " has no checksums (fletcher32)");
}

/// Layout, chunks and filters; `element` and `rows` decide what size is plausible.
void check_storage(Dataset const& dataset,
                   std::int64_t declared_bytes,
                   std::int64_t element_bytes,
                   int rank,
                   std::string const& name,
                   std::string const& path)
{
    PropertyList const creation(H5Dget_create_plist(dataset.get()));
    if (!creation) fail(path, "CF-H5-12", fmt::format("cannot read {}{}", name, last_reason()));
    H5D_layout_t const layout = H5Pget_layout(creation.get());
    if (layout == H5D_VIRTUAL) fail(path, "CF-H5-09", name + " is a virtual dataset");
    if (H5Pget_external_count(creation.get()) != 0)
        fail(path, "CF-H5-09", name + " keeps its data in other files");
    if (layout != H5D_CHUNKED) fail(path, "CF-H5-05", name + " is not chunked");
    std::array<hsize_t, 2> chunk{};
    if (H5Pget_chunk(creation.get(), rank, chunk.data()) != rank)
        fail(path, "CF-H5-14", name + " has no readable chunk size");
    std::int64_t bytes = element_bytes;
    for (int d = 0; d < rank; ++d) {
        auto const extent = static_cast<std::int64_t>(chunk[static_cast<std::size_t>(d)]);
        if (extent <= 0 || __builtin_mul_overflow(bytes, extent, &bytes) || bytes > kMaxChunkBytes)
            fail(path, "CF-H5-14", name + " has chunks of more than 64 MiB");
    }
    check_filters(creation.get(), name, path);
    auto const stored = static_cast<std::int64_t>(H5Dget_storage_size(dataset.get()));
    if (declared_bytes > kFreeBytes && declared_bytes / kMaxRatio > stored)
        fail(path, "CF-H5-11",
             fmt::format("{} declares {} bytes, {} are stored", name, declared_bytes, stored));
}

struct Shape {
    int rank = 0;
    std::array<hsize_t, 2> dims = {};
};
Shape shape_of(Dataset const& dataset, std::string const& name, std::string const& path)
{
    Space const space(H5Dget_space(dataset.get()));
    Shape shape;
    shape.rank = space ? H5Sget_simple_extent_ndims(space.get()) : -1;
    if (shape.rank < 1 || shape.rank > 2)
        fail(path, "CF-H5-05", fmt::format("{} has {} dimensions", name, shape.rank));
    H5Sget_simple_extent_dims(space.get(), shape.dims.data(), nullptr);
    if (shape.dims[0] > hsize_t{1} << 40U)
        fail(path, "CF-H5-11", fmt::format("{} declares {} rows", name, shape.dims[0]));
    return shape;
}

void check_links(File const& file, char const* group, std::string const& path)
{
    H5G_info_t info{};
    // Asked first: the call below would follow a link into another file.
    if (std::strcmp(group, "/") != 0 && !follows_hard_links(file, group, path)) return;
    if (H5Gget_info_by_name(file.get(), group, &info, H5P_DEFAULT) < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read {}{}", group, last_reason()));
    if (info.nlinks > kMaxLinks)
        fail(path, "CF-H5-13", fmt::format("{} holds {} objects", group, info.nlinks));
}

std::string trimmed(std::string text)
{
    std::size_t const end = text.find('\0');
    if (end != std::string::npos) text.resize(end);
    return text;
}

Attribute open_attribute(File const& file, char const* name, std::string const& path)
{
    htri_t const exists = H5Aexists(file.get(), name);
    if (exists < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read attribute {}{}", name, last_reason()));
    if (exists == 0) fail(path, "CF-H5-04", fmt::format("has no attribute {}", name));
    Attribute attribute(H5Aopen(file.get(), name, H5P_DEFAULT));
    Space const space(attribute ? H5Aget_space(attribute.get()) : -1);
    if (!space)
        fail(path, "CF-H5-12", fmt::format("cannot read attribute {}{}", name, last_reason()));
    if (H5Sget_simple_extent_npoints(space.get()) != 1)
        fail(path, "CF-H5-05", fmt::format("attribute {} is not one value", name));
    return attribute;
}

/// Size of a fixed-length string type; anything else is refused.
std::size_t string_bytes(hid_t type, std::string const& name, std::string const& path)
{
    if (H5Tget_class(type) != H5T_STRING) fail(path, "CF-H5-05", name + " is not a string");
    if (H5Tis_variable_str(type) != 0 || H5Tcommitted(type) != 0)
        fail(path, "CF-H5-09", name + " is a string of variable length");
    std::size_t const bytes = H5Tget_size(type);
    if (bytes == 0 || static_cast<std::int64_t>(bytes) > kMaxStringBytes)
        fail(path, "CF-H5-13", fmt::format("{} has strings of {} bytes", name, bytes));
    return bytes;
}
}  // namespace

void check_superblock(std::string const& path)
{
    InputFile const file(path);
    constexpr std::size_t kBytes = 48;
    constexpr unsigned char kSignature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    std::array<unsigned char, kBytes> head{};
    file.read_at(0, head.data(),
                 std::min<std::size_t>(kBytes, static_cast<std::size_t>(file.size())));
    if (std::memcmp(head.data(), kSignature, sizeof kSignature) != 0) {
        for (std::int64_t at = 512; at + 8 <= file.size() && at <= (1 << 20); at *= 2) {
            std::array<unsigned char, 8> there{};
            file.read_at(at, there.data(), there.size());
            if (std::memcmp(there.data(), kSignature, there.size()) == 0)
                fail(path, "CF-H5-15", fmt::format("HDF5 data begin at byte {}, not at 0", at));
        }
        fail(path, "CF-H5-01", "is not an HDF5 file", "is this the right file?");
    }
    if (file.size() < static_cast<std::int64_t>(kBytes))
        fail(path, "CF-H5-02", fmt::format("has {} bytes", file.size()),
             "file is truncated; copy it again");
    if (head[8] != 3 || head[9] != 8 || head[10] != 8)
        fail(path, "CF-H5-16", fmt::format("HDF5 superblock version {}, a store has 3", head[8]));
    if (head[11] != 0) fail(path, "CF-H5-03", "was not closed by the program that wrote it");
    std::uint64_t base = 0, end = 0;
    std::memcpy(&base, &head[12], sizeof base);
    std::memcpy(&end, &head[28], sizeof end);
    if (base != 0) fail(path, "CF-H5-15", "has a user block");
    if (end != static_cast<std::uint64_t>(file.size()))
        fail(path, "CF-H5-02", fmt::format("has {} bytes, its header says {}", file.size(), end),
             "file is truncated or damaged; copy it again");
}

File open_file(std::string const& path)
{
    PropertyList const access = file_access();
    File file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
    if (!file)
        fail(path, "CF-H5-12", "cannot be opened" + last_reason(),
             "file is damaged; copy it again or run calofuse convert again");
    for (char const* const group : {"/", "/events", "/files", "/detector"})
        check_links(file, group, path);
    return file;
}

bool has_dataset(File const& file, std::string const& name, std::string const& path)
{
    return follows_hard_links(file, name, path);
}

Reader::Reader(
    File const& file, std::string name, Kind kind, std::int64_t columns, std::string const& path)
    : name_(std::move(name)), path_(path), dataset_(open_dataset(file, name_, path)), kind_(kind)
{
    Type const type(H5Dget_type(dataset_.get()));
    if (!type || H5Tcommitted(type.get()) != 0 || H5Tequal(type.get(), file_type(kind)) <= 0)
        fail(path, "CF-H5-05", name_ + " has the wrong type");
    Shape const shape = shape_of(dataset_, name_, path);
    int const want_rank = columns > 0 ? 2 : 1;
    if (shape.rank != want_rank || (columns > 0 && shape.dims[1] != static_cast<hsize_t>(columns)))
        fail(path, "CF-H5-05",
             fmt::format("{} has the shape ({}{})", name_, shape.dims[0],
                         shape.rank == 2 ? fmt::format(", {}", shape.dims[1]) : ""));
    rows_ = static_cast<std::int64_t>(shape.dims[0]);
    std::int64_t const width = std::max<std::int64_t>(columns, 1) * size_of(kind);
    check_storage(dataset_, rows_ * width, size_of(kind), shape.rank, name_, path);
}

void Reader::read(void* out) const
{
    if (rows_ == 0) return;
    Type const type(H5Tget_native_type(file_type(kind_), H5T_DIR_ASCEND));
    if (H5Dread(dataset_.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
        fail(path_, "CF-H5-12", fmt::format("cannot read {}{}", name_, last_reason()),
             "file is damaged; copy it again or run calofuse convert again");
}

std::vector<std::string> read_strings(File const& file,
                                      std::string const& name,
                                      std::string const& path)
{
    Dataset const dataset = open_dataset(file, name, path);
    Type const type(H5Dget_type(dataset.get()));
    std::size_t const bytes = string_bytes(type.get(), name, path);
    Shape const shape = shape_of(dataset, name, path);
    if (shape.rank != 1) fail(path, "CF-H5-05", name + " is not a list of strings");
    auto const rows = static_cast<std::int64_t>(shape.dims[0]);
    auto const width = static_cast<std::int64_t>(bytes);
    check_storage(dataset, rows * width, width, 1, name, path);
    std::string table(static_cast<std::size_t>(rows * width), '\0');
    if (rows > 0
        && H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, table.data()) < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read {}{}", name, last_reason()));
    std::vector<std::string> out;
    for (std::size_t at = 0; at < table.size(); at += bytes)
        out.push_back(trimmed(table.substr(at, bytes)));
    return out;
}

std::string read_text_attribute(File const& file, char const* name, std::string const& path)
{
    Attribute const attribute = open_attribute(file, name, path);
    Type const type(H5Aget_type(attribute.get()));
    std::string text(string_bytes(type.get(), name, path), '\0');
    if (H5Aread(attribute.get(), type.get(), text.data()) < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read attribute {}{}", name, last_reason()));
    return trimmed(std::move(text));
}

std::int64_t read_int_attribute(File const& file, char const* name, std::string const& path)
{
    Attribute const attribute = open_attribute(file, name, path);
    Type const type(H5Aget_type(attribute.get()));
    std::int64_t value = 0;
    if (!type || H5Tget_class(type.get()) != H5T_INTEGER)
        fail(path, "CF-H5-05", fmt::format("attribute {} is not an integer", name));
    if (H5Aread(attribute.get(), H5T_NATIVE_INT64, &value) < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read attribute {}{}", name, last_reason()));
    return value;
}
}  // namespace calofuse::h5
