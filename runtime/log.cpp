#include "runtime/log.hpp"

#include <atomic>
#include <cstdio>

#include "runtime/error.hpp"

namespace calofuse::log {
namespace {
std::atomic<Level> g_level{Level::info};
std::atomic<void (*)()> g_before_line{nullptr};

void before_line()
{
    if (auto* const hook = g_before_line.load()) hook();
}
}  // namespace

void set_level(Level level)
{
    g_level = level;
}

Level level()
{
    return g_level;
}

void set_before_line(void (*hook)())
{
    g_before_line = hook;
}

void write(Level level, std::string_view message)
{
    if (level > g_level) return;
    before_line();
    char const* const prefix = level == Level::warning ? "calofuse: warning: " : "calofuse: ";
    fmt::print(stderr, "{}{}\n", prefix, message);
}

void error(Error const& e)
{
    before_line();
    fmt::print(stderr, "calofuse: error[{}]: {}\n", e.code(), e.what());
    if (!e.hint().empty()) fmt::print(stderr, "  hint: {}\n", e.hint());
}
}  // namespace calofuse::log
