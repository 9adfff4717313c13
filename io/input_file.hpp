/// \file io/input_file.hpp
/// Reading of files that others made: regular files only (a pipe never blocks us), by offset,
/// without memory maps (a file that shrinks under us is an error, not a signal).
/// Errors: CF-IO-01 missing or unreadable, -07 read failed, -08 not a regular file, -09 changed
/// while it was read, -10 larger than what this kind of file may be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace calofuse {
class InputFile {
  public:
    /// `special_code`: the code for folders, pipes, devices, and files too large to be true.
    explicit InputFile(std::string path, char const* special_code = "CF-IO-08");
    InputFile(InputFile const&) = delete;
    InputFile& operator=(InputFile const&) = delete;
    ~InputFile();

    std::string const& path() const { return path_; }
    /// In bytes, when it was opened.
    std::int64_t size() const { return size_; }

    /// Exactly `bytes` bytes from `offset` on, which must lie inside `size()`.
    void read_at(std::int64_t offset, void* data, std::size_t bytes) const;
    /// Throws CF-IO-09 if size or time of change are not those of the opening any more.
    void check_unchanged() const;

  private:
    std::string path_;
    int fd_ = -1;
    std::int64_t size_ = 0;
    std::int64_t changed_ns_ = 0;
};

/// A whole file of at most `max_bytes` (else CF-IO-10, exit 65).
std::string read_file(std::string const& path, std::int64_t max_bytes);
}  // namespace calofuse
