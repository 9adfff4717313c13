/// \file runtime/error.hpp
/// Every failure is an exception of type `Error`: a stable code, one line, one hint, an exit code.
/// Only `main` catches. Input errors are thrown with their catalogue code; CALOFUSE_CHECK guards API
/// edges (a failure is a bug of the caller, CF-INT-01); CALOFUSE_ASSERT guards loops in debug builds.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace calofuse {
/// Exit codes of sysexits.h and ours, so that shells and Slurm can act on them.
enum class Exit : int {
    ok = 0,
    usage = 64,          ///< bad command line
    data = 65,           ///< bad data in an input file
    no_input = 66,       ///< input missing or unreadable
    unavailable = 69,    ///< device unavailable or failed
    internal = 70,       ///< our bug
    os = 71,             ///< memory, threads, file descriptors
    cannot_create = 73,  ///< output exists or cannot be created
    io = 74,             ///< ENOSPC, EIO, short write
    interrupted = 75,    ///< checkpoint saved, run again
    permission = 77,
    config = 78,
    numerical = 79,  ///< NaN guard stopped the run
};

class Error : public std::runtime_error {
  public:
    Error(Exit exit, std::string code, std::string const& message, std::string hint = {})
        : std::runtime_error(message), exit_(exit), code_(std::move(code)), hint_(std::move(hint))
    {}
    Exit exit() const { return exit_; }
    std::string const& code() const { return code_; }
    std::string const& hint() const { return hint_; }

  private:
    Exit exit_;
    std::string code_;
    std::string hint_;
};

[[noreturn]] void throw_check(char const* file, int line, char const* what, std::string const& why);
[[noreturn]] void throw_not_built(char const* op, char const* backend);

/// Text from a file or a command line, fit for one line of a log: control characters escaped,
/// at most `max_bytes` long, in single quotes.
std::string quoted(std::string const& text, std::size_t max_bytes = 120);
}  // namespace calofuse

/// Always on, host only. `message` is streamed: CALOFUSE_CHECK(k > 0, "k=" << k << " (must be > 0)").
#define CALOFUSE_CHECK(condition, message)                                              \
    do {                                                                                \
        if (!(condition)) [[unlikely]] {                                                \
            std::ostringstream calofuse_os;                                             \
            calofuse_os << message;                                                     \
            ::calofuse::throw_check(__FILE__, __LINE__, #condition, calofuse_os.str()); \
        }                                                                               \
    } while (false)

#if CALOFUSE_ASSERT_ON
#    define CALOFUSE_ASSERT(condition) CALOFUSE_CHECK(condition, "assertion")
#else
#    define CALOFUSE_ASSERT(condition) static_cast<void>(0)
#endif
