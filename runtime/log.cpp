#include "runtime/log.hpp"

#include <atomic>
#include <cstdio>

#include "runtime/error.hpp"

namespace calofuse::log {
namespace {
std::atomic<Level> g_level{Level::info};
}  // namespace

void set_level(Level level)
{
    g_level = level;
}

Level level()
{
    return g_level;
}

void write(Level level, std::string_view message)
{
    if (level > g_level) return;
    char const* const prefix = level == Level::warning ? "calofuse: warning: " : "calofuse: ";
    fmt::print(stderr, "{}{}\n", prefix, message);
}

void error(Error const& e)
{
    fmt::print(stderr, "calofuse: error[{}]: {}\n", e.code(), e.what());
    if (!e.hint().empty()) fmt::print(stderr, "  hint: {}\n", e.hint());
}
}  // namespace calofuse::log
