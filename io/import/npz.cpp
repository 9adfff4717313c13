/// \file io/import/npz.cpp
/// .npz: a zip archive of .npy files, through libzip (stored, deflated, zip64).
#include <fmt/format.h>
#include <zip.h>

#include "io/import/source.hpp"
#include "io/input_file.hpp"
#include "runtime/error.hpp"

namespace calofuse::recipe {
namespace {
constexpr std::string_view kEnding = ".npy";
constexpr std::uint64_t kMaxRatio = 1040;  ///< deflate cannot do better than 1032
constexpr std::uint64_t kSlack = 1024;
constexpr char const* kHintAgain = "file is damaged; copy it again";

struct CloseArchive {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseMember {
    void operator()(zip_file_t* member) const { zip_fclose(member); }
};

class NpzSource final : public Source {
  public:
    explicit NpzSource(std::string path) : path_(std::move(path))
    {
        file_bytes_ = static_cast<std::uint64_t>(InputFile(path_).size());
        int code = 0;
        archive_.reset(zip_open(path_.c_str(), ZIP_RDONLY, &code));
        if (archive_ == nullptr) {
            zip_error_t error;
            zip_error_init_with_code(&error, code);
            std::string const reason = zip_error_strerror(&error);
            zip_error_fini(&error);
            throw Error(Exit::data, "CF-NPZ-01",
                        fmt::format("{}: is not a whole zip archive ({})", quoted(path_), reason),
                        kHintAgain);
        }
    }

    std::vector<std::string> names() const override
    {
        std::vector<std::string> out;
        zip_int64_t const n = zip_get_num_entries(archive_.get(), 0);
        for (zip_int64_t i = 0; i < n; ++i) {
            char const* const name =
                zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
            std::string const text = name == nullptr ? "" : name;
            if (text.ends_with(kEnding)) out.push_back(text.substr(0, text.size() - 4));
        }
        return out;
    }

    SourceArray read(std::string const& name) const override
    {
        std::string const where = fmt::format("array {} of {}", quoted(name, 60), quoted(path_));
        zip_stat_t stat = stat_of(name, where);
        std::unique_ptr<zip_file_t, CloseMember> const member(
            zip_fopen_index(archive_.get(), stat.index, 0));
        if (member == nullptr) fail("02", where, zip_strerror(archive_.get()));
        std::string bytes(stat.size, '\0');
        std::size_t have = 0;
        while (have < bytes.size()) {
            zip_int64_t const n = zip_fread(member.get(), bytes.data() + have, bytes.size() - have);
            if (n < 0) fail("02", where, zip_error_strerror(zip_file_get_error(member.get())));
            if (n == 0)
                fail("02", where, fmt::format("{} bytes of {} are there", have, bytes.size()));
            have += static_cast<std::size_t>(n);
        }
        char beyond = 0;  // the checksum is compared at the end
        zip_int64_t const n = zip_fread(member.get(), &beyond, 1);
        if (n < 0) fail("02", where, zip_error_strerror(zip_file_get_error(member.get())));
        if (n > 0) fail("02", where, fmt::format("goes on after its {} bytes", bytes.size()));
        return array_of_npy(std::move(bytes), where);
    }

  private:
    [[noreturn]] static void fail(char const* number,
                                  std::string const& where,
                                  std::string const& what,
                                  char const* hint = kHintAgain)
    {
        throw Error(Exit::data, std::string("CF-NPZ-") + number, where + ": " + what, hint);
    }
    zip_stat_t stat_of(std::string const& name, std::string const& where) const
    {
        zip_stat_t stat;
        zip_stat_init(&stat);
        std::string const member = name + std::string(kEnding);
        if (zip_stat(archive_.get(), member.c_str(), ZIP_FL_ENC_RAW, &stat) != 0)
            fail("02", where, zip_strerror(archive_.get()));
        if (stat.encryption_method != ZIP_EM_NONE)
            fail("04", where, "is encrypted", "write it with numpy.savez_compressed");
        if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
            fail("04", where, fmt::format("has compression method {}", stat.comp_method),
                 "write it with numpy.savez_compressed");
        std::uint64_t const packed = std::min<std::uint64_t>(stat.comp_size, file_bytes_);
        std::uint64_t const most =
            stat.comp_method == ZIP_CM_STORE ? packed : packed * kMaxRatio + kSlack;
        if (stat.size > most || stat.size > static_cast<std::uint64_t>(kMaxArrayBytes))
            fail("03", where,
                 fmt::format("claims {} bytes, {} are stored", stat.size, stat.comp_size));
        return stat;
    }

    std::string path_;
    std::uint64_t file_bytes_ = 0;
    std::unique_ptr<zip_t, CloseArchive> archive_;
};
}  // namespace

std::unique_ptr<Source> open_npz(std::string const& path)
{
    return std::make_unique<NpzSource>(path);
}
}  // namespace calofuse::recipe
