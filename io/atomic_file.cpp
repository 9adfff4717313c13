#include "io/atomic_file.hpp"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
namespace fs = std::filesystem;

[[noreturn]] void throw_output(std::string const& path, char const* what, int error)
{
    std::string const message = calofuse::quoted(path) + ": " + what + ": " + std::strerror(error);
    if (error == EACCES || error == EPERM)
        throw Error(Exit::permission, "CF-IO-06", message, "check the rights of the folder");
    if (error == ENOENT || error == ENOTDIR)
        throw Error(Exit::cannot_create, "CF-IO-02", message, "create the folder first");
    if (error == EROFS || error == ENAMETOOLONG || error == ELOOP || error == EISDIR)
        throw Error(Exit::cannot_create, "CF-IO-02", message, "choose another place");
    throw Error(Exit::io, "CF-IO-05", message,
                error == ENOSPC || error == EDQUOT ? "free some space or choose another disk"
                                                   : "check the disk");
}

/// The path with links followed; throws if it cannot become a file.
std::string resolved_target(std::string const& path, Overwrite overwrite)
{
    if (path.empty() || path.back() == '/')
        throw Error(Exit::cannot_create, "CF-IO-04", calofuse::quoted(path) + ": names no file",
                    "give a file name");
    std::string target = path;
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0 && S_ISLNK(st.st_mode)) {
        char real[PATH_MAX];
        if (::realpath(path.c_str(), real) == nullptr)
            throw_output(path, "cannot follow the link", errno);
        target = real;
    }
    if (::stat(target.c_str(), &st) == 0) {
        if (!S_ISREG(st.st_mode))
            throw Error(Exit::cannot_create, "CF-IO-04",
                        calofuse::quoted(path) + ": exists and is not a regular file",
                        "choose another name");
        if (overwrite == Overwrite::no)
            throw Error(Exit::cannot_create, "CF-IO-03",
                        calofuse::quoted(path) + ": exists already",
                        "pass --overwrite to replace it");
    } else if (errno != ENOENT) {
        throw_output(path, "cannot create", errno);
    }
    return target;
}

std::string host_name()
{
    char name[HOST_NAME_MAX + 1] = {};
    ::gethostname(name, sizeof name - 1);
    std::string out = name;
    for (char& c : out)
        if (c == '/' || c == '-') c = '_';
    return out;
}

/// Removes `prefix` + PID + "-K" files in `folder` whose process is no more.
void remove_leftovers(fs::path const& folder, std::string const& prefix)
{
    std::error_code ignored;
    for (auto it = fs::directory_iterator(folder, ignored); it != fs::directory_iterator();
         it.increment(ignored)) {
        std::string const name = it->path().filename().string();
        if (name.compare(0, prefix.size(), prefix) != 0) continue;
        int pid = 0;
        auto const [end, error] =
            std::from_chars(name.data() + prefix.size(), name.data() + name.size(), pid);
        bool const is_ours = error == std::errc() && pid > 0 && *end == '-';
        if (is_ours && ::kill(pid, 0) != 0 && errno == ESRCH) fs::remove(it->path(), ignored);
        if (ignored) return;
    }
}

std::string folder_of(std::string const& target)
{
    auto const slash = target.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : target.substr(0, slash);
}
}  // namespace

AtomicFile::AtomicFile(std::string path, Overwrite overwrite)
    : path_(std::move(path)), target_(resolved_target(path_, overwrite)), overwrite_(overwrite)
{
    static std::atomic<int> counter{0};
    std::string const folder = folder_of(target_);
    std::string const name = fs::path(target_).filename().string();
    // The whole name would not fit beside the suffix if it used all 255 bytes.
    std::string const prefix = fmt::format(".{}.part-{}-", name.substr(0, 120), host_name());
    remove_leftovers(folder, prefix);
    temp_ = fmt::format("{}/{}{}-{}", folder, prefix, ::getpid(), counter++);
    fd_ = ::open(temp_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd_ < 0) throw_output(path_, "cannot create", errno);
}

AtomicFile::~AtomicFile()
{
    if (fd_ >= 0) {
        ::close(fd_);
        ::unlink(temp_.c_str());
    }
}

void AtomicFile::fail(char const* what, int error) const
{
    throw_output(path_, what, error);
}

void AtomicFile::write(void const* data, std::size_t bytes)
{
    CALOFUSE_CHECK(fd_ >= 0, "write after commit");
    auto const* at = static_cast<char const*>(data);
    while (bytes > 0) {
        ssize_t const done = ::write(fd_, at, bytes);
        if (done < 0) {
            if (errno == EINTR) continue;
            fail("cannot write", errno);
        }
        at += done;
        bytes -= static_cast<std::size_t>(done);
    }
}

void AtomicFile::start_writeback() const
{
    ::sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);  // a hint: failures show in commit
}

void AtomicFile::publish()
{
    if (overwrite_ == Overwrite::no) {
        // Another process may have made the file since the constructor looked.
        if (::renameat2(AT_FDCWD, temp_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) == 0)
            return;
        if (errno == EEXIST)
            throw Error(Exit::cannot_create, "CF-IO-03",
                        calofuse::quoted(path_) + ": exists already",
                        "pass --overwrite to replace it");
        if (errno != EINVAL && errno != ENOSYS) fail("cannot rename", errno);
    }
    if (::rename(temp_.c_str(), target_.c_str()) != 0) fail("cannot rename", errno);
}

void AtomicFile::commit()
{
    CALOFUSE_CHECK(fd_ >= 0, "commit twice");
    if (::fsync(fd_) != 0) fail("cannot sync", errno);
    publish();
    int const fd = std::exchange(fd_, -1);  // from here on there is no temporary to remove
    if (::close(fd) != 0 && errno != EINTR) fail("cannot close", errno);
    int const folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;  // a folder that can be written but not read: nothing to sync through
    int const result = ::fsync(folder);
    int const error = errno;
    ::close(folder);
    if (result != 0 && error != EINVAL) fail("cannot sync the folder", error);
}

void write_file_atomically(std::string const& path, std::string_view bytes, Overwrite overwrite)
{
    AtomicFile file(path, overwrite);
    file.write(bytes);
    file.commit();
}

void check_output(std::string const& path, Overwrite overwrite)
{
    std::string const folder = folder_of(resolved_target(path, overwrite));
    struct stat st {};
    if (::stat(folder.c_str(), &st) != 0) throw_output(path, "cannot create", errno);
    if (!S_ISDIR(st.st_mode)) throw_output(path, "cannot create", ENOTDIR);
    if (::access(folder.c_str(), W_OK | X_OK) != 0) throw_output(path, "cannot create", errno);
}
}  // namespace calofuse
