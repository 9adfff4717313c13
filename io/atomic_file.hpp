/// \file io/atomic_file.hpp
/// Every output of the program: written to a temporary beside its place, synced, renamed. A path
/// holds nothing, the old complete file, or the new complete file, whatever happens in between.
/// Errors: CF-IO-02 no such folder, -03 exists, -04 not a regular file, -05 write failed,
/// -06 permission.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace calofuse {
enum class Overwrite : std::uint8_t { no, yes };

class AtomicFile {
  public:
    /// Creates `.NAME.part-HOST-PID-K` in the folder of `path`, after removing those that dead
    /// processes of this host left there. A symbolic link is followed: its target is replaced.
    explicit AtomicFile(std::string path, Overwrite overwrite = Overwrite::no);
    AtomicFile(AtomicFile const&) = delete;
    AtomicFile& operator=(AtomicFile const&) = delete;
    /// Removes the temporary unless it was committed.
    ~AtomicFile();

    /// Appends; EINTR and short writes are retried.
    void write(void const* data, std::size_t bytes);
    void write(std::string_view text) { write(text.data(), text.size()); }

    /// For a library that opens files by itself: it may truncate and fill this one, close it, and
    /// then `commit` publishes what it wrote.
    std::string const& temp_path() const { return temp_; }
    /// As the caller gave it.
    std::string const& path() const { return path_; }

    /// Lets the disk begin with what is written so far, so that `commit` has less to wait for.
    void start_writeback() const;

    /// fsync, rename, fsync of the folder. Nothing may be written afterwards.
    void commit();

  private:
    [[noreturn]] void fail(char const* what, int error) const;
    void publish();

    std::string path_;    ///< as given, for messages
    std::string target_;  ///< links followed
    std::string temp_;
    Overwrite overwrite_;
    int fd_ = -1;
};

void write_file_atomically(std::string const& path,
                           std::string_view bytes,
                           Overwrite overwrite = Overwrite::no);

/// Throws what `AtomicFile` would throw for this path, and creates nothing: commands call it before
/// they start to work.
void check_output(std::string const& path, Overwrite overwrite);
}  // namespace calofuse
