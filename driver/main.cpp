/// \file driver/main.cpp
/// The only place that catches: an Error becomes one line on stderr and its exit code.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "driver/commands/register.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace {
using calofuse::Error;
using calofuse::Exit;

/// libgomp's threads spin for milliseconds before they sleep. On a machine that is shared they take
/// the processor from the very thread they wait for: training steps get ten times slower. It reads
/// its limits before main begins, so the program starts again with one, unless the user set any.
void limit_spinning(char** argv)
{
    constexpr char kSpins[] = "10000";  // some 30 us, longer than most gaps between two operators
    if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr)
        return;
    if (setenv("GOMP_SPINCOUNT", kSpins, 1) == 0) execv("/proc/self/exe", argv);
    // Still here: it could not be started again, and goes on as it is.
}

int fail(Error const& e)
{
    calofuse::log::error(e);
    return static_cast<int>(e.exit());
}

Exit exit_of(std::error_code const& code)
{
    auto const is = [&](std::errc what) {
        return code == what;
    };
    if (is(std::errc::permission_denied) || is(std::errc::operation_not_permitted))
        return Exit::permission;
    if (is(std::errc::no_such_file_or_directory)) return Exit::no_input;
    if (is(std::errc::no_space_on_device) || is(std::errc::io_error)) return Exit::io;
    if (is(std::errc::read_only_file_system)) return Exit::cannot_create;
    return Exit::os;
}

/// A result that could not be written is a failure, even if everything before went well.
void flush_results()
{
    errno = 0;
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        throw Error(
            Exit::io, "CF-IO-12",
            std::string("cannot write the result: ") + std::strerror(errno != 0 ? errno : EIO),
            "check where standard output goes");
}
}  // namespace

int main(int argc, char** argv)
{
    limit_spinning(argv);
    std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is a write error, not a silent end
    try {
        calofuse::CommandLine line;
        calofuse::commands::register_all(line);
        int const code = line.run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
        flush_results();
        return code;
    } catch (Error const& e) {
        return fail(e);
    } catch (std::bad_alloc const&) {
        return fail(Error(Exit::os, "CF-OS-01", "out of memory",
                          "use a smaller --batch-size or a machine with more memory"));
    } catch (std::system_error const& e) {  // of the standard library: threads, folders
        return fail(Error(exit_of(e.code()), "CF-OS-02", calofuse::quoted(e.what(), 300),
                          "free what the operating system says is short, and run it again"));
    } catch (std::exception const& e) {
        return fail(Error(Exit::internal, "CF-INT-02", calofuse::quoted(e.what()),
                          "this is a bug of CaloFuse; please report it"));
    }
}
