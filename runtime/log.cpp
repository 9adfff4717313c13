#include "runtime/log.hpp"

#include <atomic>
#include <cstdio>

#include "runtime/error.hpp"

namespace calofuse::log {
namespace {
std::atomic<Level> g_level{Level::info};
std::atomic<void (*)()> g_before_line{nullptr};

/// Where standard error cannot be written there is nobody to tell: fmt::print would throw.
void put(std::string const& text)
{
    std::fwrite(text.data(), 1, text.size(), stderr);
}

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
    put(fmt::format("{}{}\n", prefix, message));
}

void error(Error const& e)
{
    before_line();
    put(fmt::format("calofuse: error[{}]: {}\n", e.code(), e.what()));
    if (!e.hint().empty()) put(fmt::format("  hint: {}\n", e.hint()));
}
}  // namespace calofuse::log
