#include "driver/cli/signals.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <fmt/format.h>
#include <unistd.h>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::array kSignals = {SIGINT, SIGTERM, SIGUSR1};
constexpr std::int64_t kSameEventNs = 100'000'000;

std::atomic<int> g_signal{0};
std::atomic<std::int64_t> g_first_ns{0};
std::array<struct sigaction, kSignals.size()> g_before;
static_assert(std::atomic<std::int64_t>::is_always_lock_free, "used in a signal handler");

std::int64_t now_ns()
{
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void on_signal(int number)  // async-signal-safe calls only
{
    int const keep = errno;
    int none = 0;
    if (g_signal.compare_exchange_strong(none, number))
        g_first_ns = now_ns();
    else if (now_ns() - g_first_ns >= kSameEventNs)
        _exit(static_cast<int>(Exit::interrupted));
    errno = keep;
}
}  // namespace

StopSignals::StopSignals()
{
    g_signal = 0;
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < kSignals.size(); ++i)
        sigaction(kSignals[i], &action, &g_before[i]);
}

StopSignals::~StopSignals()
{
    for (std::size_t i = 0; i < kSignals.size(); ++i)
        sigaction(kSignals[i], &g_before[i], nullptr);
}

bool stop_requested()
{
    return g_signal != 0;
}

char const* stop_signal()
{
    switch (g_signal) {
        case 0:
            return "";
        case SIGINT:
            return "SIGINT";
        case SIGTERM:
            return "SIGTERM";
        default:
            return "SIGUSR1";
    }
}

void throw_if_stopped(std::string const& what, std::string const& how)
{
    if (stop_requested())
        throw Error(Exit::interrupted, "CF-STOP-01",
                    fmt::format("stopped by {}: {}", stop_signal(), what), how);
}
}  // namespace calofuse
