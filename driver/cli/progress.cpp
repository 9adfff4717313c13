#include "driver/cli/progress.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "driver/train/clock.hpp"
#include "runtime/log.hpp"

namespace calofuse {
namespace {
constexpr double kPlainInterval = 5;
constexpr double kTerminalInterval = 0.1;

Progress* g_on_terminal = nullptr;  // whose line log lines have to clear

int terminal_columns()
{
    char const* const wish = std::getenv("COLUMNS");
    int const columns = wish == nullptr ? 0 : std::atoi(wish);
    if (columns >= 20) return columns;
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
    return 80;
}

Progress::Settings settings_of_stderr()
{
    Progress::Settings settings;
    char const* const term = std::getenv("TERM");
    bool const terminal =
        isatty(STDERR_FILENO) == 1 && std::string_view(term ? term : "") != "dumb";
    if (log::level() < log::Level::info) {
        settings.style = Progress::Style::off;
    } else if (terminal) {
        settings.style = Progress::Style::terminal;
        settings.interval_s = kTerminalInterval;
        settings.columns = terminal_columns();
    } else {
        settings.style = Progress::Style::plain;
        settings.interval_s = kPlainInterval;
    }
    settings.now = now_s;
    settings.put = [](std::string const& text) {
        std::fwrite(text.data(), 1, text.size(), stderr);
        std::fflush(stderr);
    };
    return settings;
}
}  // namespace

std::string format_duration(double seconds)
{
    auto const s = static_cast<long>(std::clamp(seconds, 0.0, 3.6e6) + 0.5);
    if (s < 60) return fmt::format("{}s", s);
    if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
    return fmt::format("{}h{:02}m", s / 3600, s % 3600 / 60);
}

std::string progress_line(std::string_view task,
                          std::string_view status,
                          double begin,
                          double fraction,
                          double elapsed,
                          int columns)
{
    fraction = std::clamp(fraction, 0.0, 1.0);
    std::string tail = fmt::format("  {:.0f}%", 100 * fraction);
    double const done = fraction - begin;
    if (done >= 0.01 && elapsed >= 1 && fraction < 1)
        tail += fmt::format("  ETA {}", format_duration(elapsed * (1 - fraction) / done));
    std::string line = fmt::format("{}  {}", task, status);
    if (columns > 0) {  // the status gives way first
        auto const room = static_cast<std::size_t>(columns);
        line.resize(std::min(line.size(), room - std::min(room, tail.size())));
        tail.resize(std::min(tail.size(), room));
    }
    return line + tail;
}

Progress::Progress(std::string task) : Progress(std::move(task), settings_of_stderr()) {}

Progress::Progress(std::string task, Settings settings)
    : task_(std::move(task))
    , settings_(std::move(settings))
    , last_s_(settings_.now ? settings_.now() : 0)
{
    if (settings_.style != Style::terminal) return;
    g_on_terminal = this;
    log::set_before_line([] {
        if (g_on_terminal != nullptr) g_on_terminal->clear();
    });
}

Progress::~Progress()
{
    clear();
    if (g_on_terminal != this) return;
    g_on_terminal = nullptr;
    log::set_before_line(nullptr);
}

bool Progress::due() const
{
    return settings_.style != Style::off && settings_.now() - last_s_ >= settings_.interval_s;
}

void Progress::update(double fraction, std::string_view status)
{
    if (begin_ < 0) {
        begin_ = fraction;
        start_s_ = settings_.now ? settings_.now() : 0;
    }
    if (!due()) return;
    last_s_ = settings_.now();
    bool const terminal = settings_.style == Style::terminal;
    // the last column stays free: some terminals wrap when it is written
    std::string line = progress_line(task_, status, begin_, fraction, last_s_ - start_s_,
                                     terminal ? settings_.columns - 1 : 0);
    std::size_t const length = line.size();
    if (terminal) {
        line.resize(std::max(length, drawn_), ' ');
        settings_.put("\r" + line);
        drawn_ = length;
    } else {
        settings_.put("calofuse: " + line + "\n");
    }
}

void Progress::clear()
{
    if (drawn_ == 0) return;
    settings_.put("\r" + std::string(drawn_, ' ') + "\r");
    drawn_ = 0;
}
}  // namespace calofuse
