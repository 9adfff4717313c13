/// \file io/store/verify.cpp
/// Where a damaged store is damaged (io/store/store.hpp). The library may die of such a file, so it is
/// asked in a process of its own.
#include <cerrno>
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/hdf5/hdf5.hpp"
#include "io/store/store.hpp"

namespace calofuse {
namespace {
constexpr char const* kWholeFile = "(file)";

std::vector<DamagedDataset> try_datasets(std::string const& path)
{
    std::vector<DamagedDataset> out;
    h5::check_superblock(path);
    h5::File const file = h5::open_file(path);
    for (std::string const& group : h5::names_in(file, "/", path))
        for (std::string const& name : h5::names_in(file, group, path)) {
            std::string const object = group + "/" + name;
            try {
                if (object == "files/path" || object == "files/sha256") {
                    h5::read_strings(file, object, path);
                } else {
                    h5::Reader const reader(file, object, path);
                    std::vector<std::byte> bytes(reader.bytes());
                    reader.read(bytes.data());
                }
            } catch (Error const& e) {
                out.push_back({object, e.what()});
            }
        }
    return out;
}

/// In the child: a line `name TAB reason` for each damaged dataset.
[[noreturn]] void report_to(int pipe, std::string const& path)
{
    std::string text;
    try {
        for (DamagedDataset const& d : try_datasets(path))
            text += d.name + "\t" + d.reason + "\n";
    } catch (Error const& e) {
        text = fmt::format("{}\t{}\n", kWholeFile, e.what());
    } catch (...) {
        text = fmt::format("{}\tout of memory\n", kWholeFile);
    }
    std::size_t done = 0;
    while (done < text.size()) {
        ssize_t const n = ::write(pipe, text.data() + done, text.size() - done);
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    ::_exit(0);
}

std::string read_all(int pipe)
{
    std::string text;
    char buffer[4096];
    for (;;) {
        ssize_t const n = ::read(pipe, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return text;
        text.append(buffer, static_cast<std::size_t>(n));
    }
}
}  // namespace

std::vector<DamagedDataset> damaged_datasets(std::string const& path)
{
    int ends[2];
    pid_t child = -1;
    if (::pipe(ends) != 0 || (child = ::fork()) < 0)
        throw Error(Exit::os, "CF-IO-13", "cannot start a process to look into the file",
                    "raise the limits (ulimit -u, ulimit -n)");
    if (child == 0) {
        rlimit const seconds{60, 60};
        rlimit const none{0, 0};
        ::setrlimit(RLIMIT_CPU, &seconds);
        ::setrlimit(RLIMIT_CORE, &none);
        ::close(ends[0]);
        report_to(ends[1], path);
    }
    ::close(ends[1]);
    std::string const text = read_all(ends[0]);
    ::close(ends[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    std::vector<DamagedDataset> out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t const tab = text.find('\t', at), end = text.find('\n', at);
        out.push_back({text.substr(at, tab - at), text.substr(tab + 1, end - tab - 1)});
        at = end + 1;
    }
    if (WIFSIGNALED(status))
        out.push_back({kWholeFile, fmt::format("CF-H5-90 the HDF5 library died of it (signal {})",
                                               WTERMSIG(status))});
    return out;
}
}  // namespace calofuse
