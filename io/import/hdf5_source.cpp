/// \file io/import/hdf5_source.cpp
/// Plain datasets of HDF5 files that others wrote (any superblock), as arrays. Only what hangs on
/// hard
/// links is seen; virtual and external data are refused, filters are those of the library (no
/// plugins).
#include <fmt/format.h>

#include "io/hdf5/hdf5.hpp"
#include "io/import/source.hpp"
#include "io/input_file.hpp"

namespace calofuse::recipe {
namespace {
constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxNames = 10000;
constexpr int kMaxArrayRank = 8;
constexpr std::int64_t kFreeBytes = 64 << 20;  ///< below, any ratio of declared to stored is fine
constexpr std::int64_t kMaxRatio = 1040;

/// What the elements become in memory; the library converts byte orders, halves and h5py's bool.
struct MemoryType {
    Element element;
    hid_t type;
};

class Hdf5Source final : public Source {
  public:
    explicit Hdf5Source(std::string path) : path_(std::move(path))
    {
        h5::PropertyList const access = h5::file_access();
        file_ = h5::File(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access.get()));
        if (!file_)
            fail("04", fmt::format("{}: cannot be opened{}", quoted(path_), h5::last_reason()),
                 "is it an HDF5 file, and whole?");
        list("", 0);
    }
    std::vector<std::string> names() const override { return names_; }
    SourceArray read(std::string const& name) const override;

  private:
    [[noreturn]] static void fail(char const* number, std::string const& what, char const* hint)
    {
        throw Error(Exit::data, std::string("CF-SRC-") + number, what, hint);
    }
    void list(std::string const& group, int depth);
    static MemoryType memory_type(h5::Dataset const& dataset, std::string const& where);
    static void check_storage(h5::Dataset const& dataset,
                              SourceArray const& array,
                              std::int64_t bytes);

    std::string path_;
    h5::File file_;
    std::vector<std::string> names_;
};

/// Adds the datasets below `group` ("" = root), which ends without a slash.
void Hdf5Source::list(std::string const& group, int depth)
{
    std::string const at = group.empty() ? "/" : group;
    H5G_info_t info{};
    if (H5Gget_info_by_name(file_.get(), at.c_str(), &info, H5P_DEFAULT) < 0)
        fail("04",
             fmt::format("{}: cannot list {}{}", quoted(path_), quoted(at), h5::last_reason()),
             "file is damaged; copy it again");
    for (hsize_t i = 0; i < info.nlinks && names_.size() < kMaxNames; ++i) {
        char text[256];
        ssize_t const n = H5Lget_name_by_idx(file_.get(), at.c_str(), H5_INDEX_NAME, H5_ITER_INC, i,
                                             text, sizeof text, H5P_DEFAULT);
        if (n <= 0 || n >= static_cast<ssize_t>(sizeof text)) continue;
        std::string const name = group.empty() ? text : group + "/" + text;
        H5L_info_t link{};
        H5O_info_t object{};
        if (H5Lget_info(file_.get(), name.c_str(), &link, H5P_DEFAULT) < 0
            || link.type != H5L_TYPE_HARD
            || H5Oget_info_by_name(file_.get(), name.c_str(), &object, H5P_DEFAULT) < 0)
            continue;
        if (object.type == H5O_TYPE_DATASET) names_.push_back(name);
        if (object.type == H5O_TYPE_GROUP && depth < kMaxDepth) list(name, depth + 1);
    }
}

MemoryType Hdf5Source::memory_type(h5::Dataset const& dataset, std::string const& where)
{
    h5::Type const type(H5Dget_type(dataset.get()));
    H5T_class_t const kind = type ? H5Tget_class(type.get()) : H5T_NO_CLASS;
    std::size_t const bytes = type ? H5Tget_size(type.get()) : 0;
    if (kind == H5T_FLOAT && bytes == 8) return {Element::f8, H5T_NATIVE_DOUBLE};
    if (kind == H5T_FLOAT && bytes <= 4) return {Element::f4, H5T_NATIVE_FLOAT};
    if (kind == H5T_ENUM && bytes == 1) return {Element::i1, H5T_NATIVE_INT8};
    if (kind == H5T_INTEGER) {
        bool const is_signed = H5Tget_sign(type.get()) != H5T_SGN_NONE;
        if (bytes == 1)
            return is_signed ? MemoryType{Element::i1, H5T_NATIVE_INT8}
                             : MemoryType{Element::u1, H5T_NATIVE_UINT8};
        if (bytes == 2)
            return is_signed ? MemoryType{Element::i2, H5T_NATIVE_INT16}
                             : MemoryType{Element::u2, H5T_NATIVE_UINT16};
        if (bytes == 4)
            return is_signed ? MemoryType{Element::i4, H5T_NATIVE_INT32}
                             : MemoryType{Element::u4, H5T_NATIVE_UINT32};
        if (bytes == 8)
            return is_signed ? MemoryType{Element::i8, H5T_NATIVE_INT64}
                             : MemoryType{Element::u8, H5T_NATIVE_UINT64};
    }
    fail("03", where + " is no array of plain numbers (a table of records, text or objects)",
         "write each column as an array of its own");
}

void Hdf5Source::check_storage(h5::Dataset const& dataset,
                               SourceArray const& array,
                               std::int64_t bytes)
{
    h5::PropertyList const creation(H5Dget_create_plist(dataset.get()));
    if (!creation) fail("04", array.where + ": cannot be read", "file is damaged; copy it again");
    if (H5Pget_layout(creation.get()) == H5D_VIRTUAL || H5Pget_external_count(creation.get()) != 0)
        fail("03", array.where + " keeps its data in other files", "copy them into this file");
    int const filters = H5Pget_nfilters(creation.get());
    for (int i = 0; i < filters; ++i) {
        unsigned flags = 0;
        std::size_t values = 0;
        H5Z_filter_t const filter = H5Pget_filter2(creation.get(), static_cast<unsigned>(i), &flags,
                                                   &values, nullptr, 0, nullptr, nullptr);
        if (H5Zfilter_avail(filter) <= 0)
            fail("03",
                 fmt::format("{} is packed by filter {}, which is not built in", array.where,
                             static_cast<int>(filter)),
                 "write it again, with compression=\"gzip\" or none");
    }
    auto const stored = static_cast<std::int64_t>(H5Dget_storage_size(dataset.get()));
    if (bytes > kMaxArrayBytes || (bytes > kFreeBytes && bytes / kMaxRatio > stored))
        fail("05", fmt::format("{} declares {} bytes, {} are stored", array.where, bytes, stored),
             "is the file whole?");
}

SourceArray Hdf5Source::read(std::string const& name) const
{
    SourceArray array;
    array.where = fmt::format("dataset {} of {}", quoted(name, 60), quoted(path_));
    h5::Dataset const dataset(H5Dopen2(file_.get(), name.c_str(), H5P_DEFAULT));
    h5::Space const space(dataset ? H5Dget_space(dataset.get()) : -1);
    int const rank = space ? H5Sget_simple_extent_ndims(space.get()) : -1;
    if (rank < 0)
        fail("04", fmt::format("{}: cannot be read{}", array.where, h5::last_reason()),
             "file is damaged; copy it again");
    if (rank > kMaxArrayRank)
        fail("05", fmt::format("{} has {} axes (at most {})", array.where, rank, kMaxArrayRank),
             "is this the right dataset?");
    MemoryType const memory = memory_type(dataset, array.where);
    array.type = memory.element;
    hsize_t dims[kMaxArrayRank] = {};
    H5Sget_simple_extent_dims(space.get(), dims, nullptr);
    std::int64_t bytes = static_cast<std::int64_t>(bytes_of(array.type));
    for (int d = 0; d < rank; ++d) {
        array.shape.push_back(static_cast<std::int64_t>(dims[d]));
        if (__builtin_mul_overflow(bytes, array.shape.back(), &bytes))
            fail("05", array.where + ": its shape overflows 2^63 bytes", "is the file whole?");
    }
    check_storage(dataset, array, bytes);
    array.buffer.assign(static_cast<std::size_t>(bytes), '\0');
    if (bytes > 0
        && H5Dread(dataset.get(), memory.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.buffer.data())
               < 0)
        fail("04", fmt::format("{}: cannot be read{}", array.where, h5::last_reason()),
             "file is damaged; copy it again");
    return array;
}
}  // namespace

std::unique_ptr<Source> open_hdf5(std::string const& path)
{
    return std::make_unique<Hdf5Source>(path);
}
}  // namespace calofuse::recipe
