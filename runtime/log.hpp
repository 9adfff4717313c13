/// \file runtime/log.hpp
/// Lines for people, on stderr. Results go to stdout and are not logged.
#pragma once

#include <fmt/core.h>
#include <string>
#include <string_view>

namespace calofuse {
class Error;

namespace log {
enum class Level : int { error = 0, warning = 1, info = 2, detail = 3 };
void set_level(Level level);
Level level();

/// `hook` runs before every line: whoever draws a line that is redrawn clears it there. May be null.
void set_before_line(void (*hook)());

/// One line `calofuse: <message>` (warnings: `calofuse: warning: ...`), if the level lets it through.
void write(Level level, std::string_view message);

template <class... Args>
void info(fmt::format_string<Args...> text, Args&&... args)
{
    write(Level::info, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void detail(fmt::format_string<Args...> text, Args&&... args)
{
    write(Level::detail, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> text, Args&&... args)
{
    write(Level::warning, fmt::format(text, std::forward<Args>(args)...));
}
/// `calofuse: error[CODE]: message` and `  hint: ...`.
void error(Error const& e);
}  // namespace log
}  // namespace calofuse
