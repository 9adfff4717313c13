#include "io/input_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kImplausibleBytes = std::int64_t{1} << 46;

std::int64_t change_time_ns(struct stat const& st)
{
    return st.st_mtim.tv_sec * 1'000'000'000LL + st.st_mtim.tv_nsec;
}
}  // namespace

InputFile::InputFile(std::string path, char const* special_code) : path_(std::move(path))
{
    fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd_ < 0) {
        int const error = errno;
        std::string const message =
            calofuse::quoted(path_) + ": cannot open: " + std::strerror(error);
        if (error == EACCES || error == EPERM)
            throw Error(Exit::permission, "CF-IO-06", message, "check the rights of the file");
        if (error == EMFILE || error == ENFILE || error == ENOMEM)
            throw Error(Exit::os, "CF-IO-11", message, "raise the limit (ulimit -n)");
        bool const special = error == ELOOP || error == ENXIO || error == ENODEV;
        throw Error(Exit::no_input, special ? special_code : "CF-IO-01", message, "check the path");
    }
    struct stat st {};
    bool const known = ::fstat(fd_, &st) == 0;
    size_ = st.st_size;
    changed_ns_ = change_time_ns(st);
    if (!known || !S_ISREG(st.st_mode) || size_ > kImplausibleBytes) {
        ::close(fd_);
        throw Error(
            Exit::no_input, special_code,
            calofuse::quoted(path_)
                + (known && S_ISREG(st.st_mode) ? ": claims " + std::to_string(size_) + " bytes"
                                                : std::string(": is not a regular file")),
            "give a regular file");
    }
}

InputFile::~InputFile()
{
    ::close(fd_);
}

void InputFile::read_at(std::int64_t offset, void* data, std::size_t bytes) const
{
    CALOFUSE_CHECK(offset >= 0 && static_cast<std::int64_t>(bytes) <= size_ - offset,
                   "read of " << bytes << " at " << offset << " in a file of " << size_);
    auto* at = static_cast<char*>(data);
    while (bytes > 0) {
        ssize_t const got = ::pread(fd_, at, bytes, offset);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw Error(Exit::io, "CF-IO-07",
                        calofuse::quoted(path_) + ": cannot read: " + std::strerror(errno),
                        "check the disk");
        }
        if (got == 0)
            throw Error(Exit::data, "CF-IO-09",
                        calofuse::quoted(path_) + ": ended at byte " + std::to_string(offset)
                            + " of " + std::to_string(size_) + " while it was read",
                        "another process changes this file; wait for it to finish");
        at += got;
        offset += got;
        bytes -= static_cast<std::size_t>(got);
    }
}

void InputFile::check_unchanged() const
{
    struct stat st {};
    if (::fstat(fd_, &st) != 0 || st.st_size != size_ || change_time_ns(st) != changed_ns_)
        throw Error(Exit::data, "CF-IO-09", calofuse::quoted(path_) + ": changed while it was read",
                    "another process changes this file; wait for it to finish");
}

std::string read_file(std::string const& path, std::int64_t max_bytes)
{
    InputFile const file(path);
    if (file.size() > max_bytes)
        throw Error(Exit::data, "CF-IO-10",
                    calofuse::quoted(path) + ": has " + std::to_string(file.size())
                        + " bytes, at most " + std::to_string(max_bytes)
                        + " make sense for such a file",
                    "is this the right file?");
    std::string text(static_cast<std::size_t>(file.size()), '\0');
    file.read_at(0, text.data(), text.size());
    return text;
}
}  // namespace calofuse
