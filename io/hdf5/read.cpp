/// \file io/hdf5/read.cpp
/// The reading half of io/hdf5/hdf5.hpp: what came from outside is checked before it is used.
#include <array>
#include <cmath>
#include <cstring>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "io/hdf5/hdf5.hpp"

namespace calofuse::h5 {
namespace {
constexpr std::int64_t kMaxChunkBytes = 64 << 20;
constexpr std::int64_t kFreeBytes = 64 << 20;  ///< below, any ratio of declared to stored is fine
constexpr std::int64_t kMaxRatio = 1000;
constexpr std::int64_t kMaxStringBytes = 4096;
constexpr hsize_t kMaxLinks = 1000;
constexpr std::size_t kMaxName = 256;
constexpr int kMaxRank = 5;
constexpr char const* kHintConvert = "run calofuse convert again, or write it as io/README.md says";

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
    int const filters = H5Pget_nfilters(creation);
    for (int i = 0; i < filters; ++i) {
        unsigned flags = 0;
        std::size_t values = 0;
        H5Z_filter_t const filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags,
                                                   &values, nullptr, 0, nullptr, nullptr);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE
            && filter != H5Z_FILTER_FLETCHER32)
            fail(path, "CF-H5-10", fmt::format("{} uses filter {}", name, filter),
                 "write it with gzip, shuffle and fletcher32, or without filters");
    }
}

void check_chunks(hid_t creation,
                  std::int64_t element_bytes,
                  int rank,
                  std::string const& name,
                  std::string const& path)
{
    std::array<hsize_t, kMaxRank> chunk{};
    if (H5Pget_chunk(creation, rank, chunk.data()) != rank)
        fail(path, "CF-H5-14", name + " has no readable chunk size");
    std::int64_t bytes = element_bytes;
    for (int d = 0; d < rank; ++d) {
        auto const extent = static_cast<std::int64_t>(chunk[static_cast<std::size_t>(d)]);
        if (extent <= 0 || __builtin_mul_overflow(bytes, extent, &bytes) || bytes > kMaxChunkBytes)
            fail(path, "CF-H5-14", name + " has chunks of more than 64 MiB");
    }
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
    if (layout == H5D_CHUNKED) check_chunks(creation.get(), element_bytes, rank, name, path);
    check_filters(creation.get(), name, path);
    auto const stored = static_cast<std::int64_t>(H5Dget_storage_size(dataset.get()));
    if (declared_bytes > kFreeBytes && declared_bytes / kMaxRatio > stored)
        fail(path, "CF-H5-11",
             fmt::format("{} declares {} bytes, {} are stored", name, declared_bytes, stored));
}

/// (rows, ...)
std::vector<std::int64_t> shape_of(Dataset const& dataset,
                                   std::string const& name,
                                   std::string const& path)
{
    Space const space(H5Dget_space(dataset.get()));
    int const rank = space ? H5Sget_simple_extent_ndims(space.get()) : -1;
    if (rank < 1 || rank > kMaxRank)
        fail(path, "CF-H5-05",
             fmt::format("{} has {} dimensions, possible are 1 to {}", name, rank, kMaxRank),
             "the first one counts rows, up to four are those of a row");
    std::array<hsize_t, kMaxRank> dims{};
    H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr);
    std::vector<std::int64_t> out;
    std::int64_t size = 1;
    for (int d = 0; d < rank; ++d) {
        hsize_t const extent = dims[static_cast<std::size_t>(d)];
        if (extent > hsize_t{1} << 40U
            || __builtin_mul_overflow(size, static_cast<std::int64_t>(extent), &size))
            fail(path, "CF-H5-11", fmt::format("{} declares {} rows", name, dims[0]));
        if (d > 0 && extent == 0)
            fail(path, "CF-H5-05", fmt::format("{} has rows without numbers in them", name));
        out.push_back(static_cast<std::int64_t>(extent));
    }
    if (size > std::int64_t{1} << 50U)
        fail(path, "CF-H5-11", fmt::format("{} declares {} numbers", name, size));
    return out;
}

/// "i16", "f64 (big endian)", "text": what stands in the file.
std::string describe_type(hid_t type)
{
    std::size_t const bits = 8 * H5Tget_size(type);
    std::string const order = H5Tget_order(type) == H5T_ORDER_BE ? " (big endian)" : "";
    switch (H5Tget_class(type)) {
        case H5T_INTEGER:
            return fmt::format("{}{}{}", H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "i", bits,
                               order);
        case H5T_FLOAT:
            return fmt::format("f{}{}", bits, order);
        case H5T_STRING:
            return "text";
        case H5T_ENUM:
            return "an enumeration";
        default:
            return "compound or opaque";
    }
}

std::string trimmed(std::string text)
{
    std::size_t const end = text.find('\0');
    if (end != std::string::npos) text.resize(end);
    return text;
}

Attribute open_attribute(hid_t object, char const* name, std::string const& path)
{
    htri_t const exists = H5Aexists(object, name);
    if (exists < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read attribute {}{}", name, last_reason()));
    if (exists == 0) fail(path, "CF-H5-04", fmt::format("has no attribute {}", name));
    Attribute attribute(H5Aopen(object, name, H5P_DEFAULT));
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
        fail(path, "CF-H5-09", name + " is a string of variable length",
             "write strings of fixed length: numpy.array([...], 'S')");
    std::size_t const bytes = H5Tget_size(type);
    if (bytes == 0 || static_cast<std::int64_t>(bytes) > kMaxStringBytes)
        fail(path, "CF-H5-13", fmt::format("{} has strings of {} bytes", name, bytes));
    return bytes;
}
}  // namespace

File open_file(std::string const& path)
{
    PropertyList const access = file_access();
    File file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
    if (!file)
        fail(path, "CF-H5-12", "cannot be opened" + last_reason(),
             "file is damaged; copy it again or run calofuse convert again");
    return file;
}

bool is_group(File const& file, std::string const& name, std::string const& path)
{
    if (!follows_hard_links(file, name, path)) return false;
    H5O_info_t info{};
    if (H5Oget_info_by_name(file.get(), name.c_str(), &info, H5P_DEFAULT) < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read {}{}", name, last_reason()));
    return info.type == H5O_TYPE_GROUP;
}

std::vector<std::string> names_in(File const& file,
                                  std::string const& group,
                                  std::string const& path)
{
    // Asked first: the call below would follow a link into another file.
    if (group != "/" && !is_group(file, group, path)) return {};
    H5G_info_t info{};
    if (H5Gget_info_by_name(file.get(), group.c_str(), &info, H5P_DEFAULT) < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read {}{}", group, last_reason()));
    if (info.nlinks > kMaxLinks)
        fail(path, "CF-H5-13", fmt::format("{} holds {} objects", group, info.nlinks));
    std::vector<std::string> out;
    for (hsize_t i = 0; i < info.nlinks; ++i) {
        std::array<char, kMaxName> name{};
        ssize_t const length =
            H5Lget_name_by_idx(file.get(), group.c_str(), H5_INDEX_NAME, H5_ITER_INC, i,
                               name.data(), name.size(), H5P_DEFAULT);
        if (length <= 0 || length >= static_cast<ssize_t>(kMaxName))
            fail(path, "CF-H5-22",
                 fmt::format("{} holds a name of {} bytes, possible are 1 to {}", group, length,
                             kMaxName - 1));
        out.emplace_back(name.data());
    }
    return out;
}

bool has_dataset(File const& file, std::string const& name, std::string const& path)
{
    return follows_hard_links(file, name, path);
}

Reader::Reader(File const& file, std::string name, std::string const& path, Doubles doubles)
    : name_(std::move(name)), path_(path), dataset_(open_dataset(file, name_, path))
{
    Type const type(H5Dget_type(dataset_.get()));
    if (!type || H5Tcommitted(type.get()) != 0)
        fail(path, "CF-H5-05", name_ + " has a type of its own (committed)");
    bool const wide = H5Tequal(type.get(), H5T_IEEE_F64LE) > 0;
    narrowed_ = wide && doubles == Doubles::as_f32;
    if (wide && !narrowed_) kind_ = Kind::f64;
    bool known = wide;
    for (Kind const kind : {Kind::u8, Kind::u16, Kind::u32, Kind::i32, Kind::i64, Kind::f32})
        if (H5Tequal(type.get(), file_type(kind)) > 0) {
            kind_ = kind;
            known = true;
        }
    if (!known)
        fail(path, "CF-H5-05", fmt::format("{} is {}", name_, describe_type(type.get())),
             "write it little endian as u8, u16, i32, i64, f32 or f64, e.g. .astype('<i4')");
    std::vector<std::int64_t> const shape = shape_of(dataset_, name_, path);
    rows_ = shape.front();
    row_shape_.assign(shape.begin() + 1, shape.end());
    check_storage(dataset_, static_cast<std::int64_t>(bytes()), size_of(kind_),
                  static_cast<int>(shape.size()), name_, path);
}

std::size_t Reader::bytes() const
{
    std::int64_t bytes = rows_ * size_of(kind_);
    for (std::int64_t const extent : row_shape_)
        bytes *= extent;
    return static_cast<std::size_t>(bytes);
}

void Reader::expect(Kind kind, std::vector<std::int64_t> const& row_shape) const
{
    if (kind_ == kind && row_shape_ == row_shape) return;
    auto const text = [](std::vector<std::int64_t> const& shape, Kind k) {
        return shape.empty() ? std::string(h5::name_of(k))
                             : fmt::format("({}) {}", fmt::join(shape, ", "), h5::name_of(k));
    };
    fail(path_, "CF-H5-05",
         fmt::format("{} has rows of {}, expected {}", name_, text(row_shape_, kind_),
                     text(row_shape, kind)));
}

void Reader::read(void* out) const
{
    if (rows_ == 0) return;
    Type const type(H5Tget_native_type(file_type(kind_), H5T_DIR_ASCEND));
    if (H5Dread(dataset_.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
        fail(path_, "CF-H5-12", fmt::format("cannot read {}{}", name_, last_reason()),
             "file is damaged; copy it again or run calofuse convert again");
    if (!narrowed_) return;
    auto const* const values = static_cast<float const*>(out);
    std::size_t const n = bytes() / sizeof(float);
    std::size_t const row = n / static_cast<std::size_t>(rows_);
    for (std::size_t i = 0; i < n; ++i)
        if (std::isinf(values[i]))
            fail(
                path_, "CF-H5-23",
                fmt::format("row {} of {} (f64) is infinite, or too large for f32", i / row, name_),
                "scale it, or leave the row out");
}

std::vector<std::string> read_strings(File const& file,
                                      std::string const& name,
                                      std::string const& path)
{
    Dataset const dataset = open_dataset(file, name, path);
    Type const type(H5Dget_type(dataset.get()));
    std::size_t const bytes = string_bytes(type.get(), name, path);
    std::vector<std::int64_t> const shape = shape_of(dataset, name, path);
    if (shape.size() != 1) fail(path, "CF-H5-05", name + " is not a list of strings");
    std::int64_t const rows = shape.front();
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

bool has_attribute(hid_t object, char const* name)
{
    return H5Aexists(object, name) > 0;
}

std::string read_text_attribute(hid_t object, char const* name, std::string const& path)
{
    Attribute const attribute = open_attribute(object, name, path);
    Type const type(H5Aget_type(attribute.get()));
    bool const varies =
        H5Tget_class(type.get()) == H5T_STRING && H5Tis_variable_str(type.get()) > 0;
    char* held = nullptr;  // h5py writes a text as a string of variable length
    std::string text(varies ? 0 : string_bytes(type.get(), name, path), '\0');
    if (H5Aread(attribute.get(), type.get(), varies ? static_cast<void*>(&held) : text.data()) < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read attribute {}{}", name, last_reason()));
    if (held != nullptr) text.assign(held, ::strnlen(held, kMaxStringBytes));
    if (varies) H5free_memory(held);
    return trimmed(std::move(text));
}

std::int64_t read_int_attribute(hid_t object, char const* name, std::string const& path)
{
    Attribute const attribute = open_attribute(object, name, path);
    Type const type(H5Aget_type(attribute.get()));
    std::int64_t value = 0;
    if (!type || H5Tget_class(type.get()) != H5T_INTEGER)
        fail(path, "CF-H5-05", fmt::format("attribute {} is not an integer", name));
    if (H5Aread(attribute.get(), H5T_NATIVE_INT64, &value) < 0)
        fail(path, "CF-H5-12", fmt::format("cannot read attribute {}{}", name, last_reason()));
    return value;
}
}  // namespace calofuse::h5
